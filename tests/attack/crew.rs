//! A job through one, two and four workers that are restarted and die, in chunks of any size: one outcome, to the byte.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use bookflow::cli::generate::request::RequestShape;
use bookflow::domain::jobs::chunk::Chunk;
use bookflow::domain::jobs::job::{Lane, Outcome, Started};
use bookflow::domain::jobs::split::{Cut, Plan, SplitLimits, Splitter};
use bookflow::domain::key::Timestamp;
use bookflow::domain::trade::captured::Place;
use bookflow::engine::settings::Settings;
use bookflow::engine::worker::Worker;
use bookflow::memory::interference::CallKind;
use bookflow::messages::job_control::{ControlWord, JobControl};
use bookflow::messages::key::chunk_key;
use bookflow::messages::request::{read_contracts, read_request};
use bookflow::pipeline::topics::*;
use bookflow::pipeline::topology::{CALCULATE_BATCH, COLLECT};

use crate::house::*;

const JOB: &str = "JOB-1";
/// 2,400 positions: 2 to 48 chunks.
const CONTRACTS: u32 = 600;
const SIZES: [usize; 4] = [50, 173, 500, 2_000];
/// In each round every worker has a turn, and this passes: a group notices within 45 that a member is gone.
const ROUND: Duration = Duration::from_secs(1);
const ROUNDS_MAX: usize = 5_000;

#[test]
fn chunks_of_any_size_through_any_workers_that_die_come_to_the_same_bytes() {
    let outcomes: Vec<_> =
        SIZES.iter().flat_map(|&size| [1, 2, 4].map(|crew| (size, crew, outcome(size, crew)))).collect();
    let (.., first) = &outcomes[0];
    for (size, crew, outcome) in &outcomes {
        assert!(outcome == first, "chunks of {size} through {crew} workers");
    }
}

/// As it is written, but for its cause.
fn outcome(size: usize, crew: usize) -> Vec<u8> {
    let house = House::new();
    submit(&house, size);
    let mut seats: Vec<_> = [CALCULATE_BATCH, COLLECT]
        .into_iter()
        .flat_map(|stage| {
            (0..crew).map(move |number| Seat { stage, instance: format!("worker-{number}"), worker: None })
        })
        .collect();
    // The first commit fails, the fourth, the eighth and so on: whoever makes it dies with the transaction open.
    for passing in [0, 2, 3, 8, 13] {
        (0..passing).for_each(|_| house.stand.happen(CallKind::Commit, Default::default));
        house.stand.happen(CallKind::Commit, || panic!("killed with a transaction open"));
    }
    let mut deaths = 0;
    for round in 0..ROUNDS_MAX {
        if let Some(outcome) = house.read::<Outcome>(CALCULATION_OUTCOMES).pop() {
            assert!(deaths >= 2, "the job was over before anybody could die");
            seats.into_iter().filter_map(|seat| seat.worker).for_each(|worker| worker.close().expect("closes"));
            house.work(COLLECT);
            assert_eq!(house.audit().counts.jobs, 1);
            return encoded(&house, &outcome.1);
        }
        if round % 100 == 30 {
            let worker = seats[round / 100 % crew].worker.take();
            worker.into_iter().for_each(|worker| worker.close().expect("closes"));
        }
        deaths += seats.iter_mut().map(|seat| seat.turn(&house)).filter(|lived| !lived).count();
        house.stand.pass(ROUND);
    }
    panic!("chunks of {size} through {crew} workers: no outcome");
}

/// A worker's place: who is gone there is started again under the same name.
struct Seat {
    stage: &'static str,
    instance: String,
    worker: Option<Worker>,
}

impl Seat {
    /// One turn; false if the worker dies of it.
    fn turn(&mut self, house: &House) -> bool {
        let (stage, instance) = (self.stage, &self.instance);
        let worker = &mut self.worker;
        let lived = catch_unwind(AssertUnwindSafe(|| {
            // One chunk a turn, so that there is a middle to die in.
            let settings =
                Settings { instance: instance.clone(), turn_records: 1, poll_records: 1, ..Settings::default() };
            let worker = worker.get_or_insert_with(|| house.worker_with(stage, settings));
            worker.run_once().expect("turn");
        }));
        if lived.is_err() {
            self.worker = None;
        }
        lived.is_ok()
    }
}

fn submit(house: &House, size: usize) {
    let (chunks, plan, request) = cut(size);
    let say = |word| house.put(JOB_CONTROL, &house.raw(&JobControl { job: crate::samples::job(JOB), word }, JOB));
    say(ControlWord::Started(Started { request, deadline: Timestamp(i64::MAX / 2), predecessor: None }));
    for (_, chunk) in &chunks {
        house.put(CALCULATION_CHUNKS_BATCH, &house.raw(chunk, &chunk_key(chunk)));
    }
    say(ControlWord::Planned { chunks: plan.chunks, counts: Some(plan.counts) });
}

fn cut(size: usize) -> (Vec<(Lane, Chunk)>, Plan, u128) {
    let mut json = Vec::new();
    RequestShape::new(JOB, CONTRACTS, 4, 1).write(&mut json).expect("memory takes everything");
    let request = read_request(&json[..]).expect("a request");
    let limits = SplitLimits { chunk_positions: size, chunk_lots: 100_000, ..SplitLimits::default() };
    let mut splitter = Splitter::new(request.job.clone(), &request.market, limits);
    let mut chunks = Vec::new();
    let read = read_contracts(&json[..], |contract| -> Result<(), String> {
        chunks.extend(splitter.take(contract));
        Ok(())
    });
    read.expect("all are readable");
    let (last, plan) = splitter.finish();
    chunks.extend(last);
    (chunks, plan, request.job.request)
}

fn encoded(house: &House, outcome: &Outcome) -> Vec<u8> {
    let mut bytes = Vec::new();
    house.schemas.encode(outcome, Place { topic: 0, partition: 0, offset: 0 }, &mut bytes).expect("it fits");
    bytes
}
