//! Everything that can go wrong while the chunks of a job come in: it ends once, with the right totals.

use std::time::{Duration, Instant};

use bookflow::cli::config::{Config, layers::Layers};
use bookflow::cli::exit::Exit;
use bookflow::cli::failure::Failure;
use bookflow::cli::jobs::list;
use bookflow::cli::known_job;
use bookflow::cli::submit::job::{HandOver, Submission};
use bookflow::domain::jobs::chunk::{Chunk, ChunkResult};
use bookflow::domain::jobs::collect::Progress;
use bookflow::domain::jobs::job::{Ending, Lane, Missing, Outcome, Started};
use bookflow::domain::jobs::split::Plan;
use bookflow::domain::jobs::totals::Counts;
use bookflow::domain::key::Timestamp;
use bookflow::engine::batch::Batch;
use bookflow::engine::broker::{Broker, Header, Outgoing, TopicPartition};
use bookflow::engine::settings::Settings as EngineSettings;
use bookflow::memory::LogEntry;
use bookflow::memory::interference::CallKind;
use bookflow::messages::job_control::{ControlWord, JobControl};
use bookflow::messages::key::{chunk_key, key_within, partition};
use bookflow::pipeline::topics::*;
use bookflow::pipeline::topology::{CALCULATE_BATCH, COLLECT, Settings, topology_with};
use metrics_exporter_prometheus::PrometheusBuilder;

use crate::cluster::{ROOM, at};
use crate::damage::Raw;
use crate::house::*;
use crate::samples::*;
use crate::turns::idle;

const JOB: &str = "JOB-1";
const CHUNKS: u32 = 4;
const TIMEOUT: Duration = Duration::from_secs(1_800);
/// `jobs.kept`, and less than the broker keeps offsets.
const KEPT: Duration = Duration::from_secs(3_600);

/// A job of four chunks of a contract each is announced and planned.
fn house() -> House {
    let mut house = House::new();
    house.topology = topology_with(house.schemas.clone(), Settings { jobs_kept: KEPT, ..Settings::default() });
    let deadline = Timestamp(TIMEOUT.as_micros() as i64);
    say(&house, ControlWord::Started(Started { request: 7, deadline, predecessor: None }));
    let counts = Counts { contracts: CHUNKS.into(), ..Counts::default() };
    say(&house, ControlWord::Planned { chunks: CHUNKS, counts: Some(counts) });
    house
}

fn say(house: &House, word: ControlWord) {
    house.put(JOB_CONTROL, &house.raw(&JobControl { job: job(JOB), word }, JOB));
}

fn put(house: &House, numbers: impl IntoIterator<Item = u32>) {
    for number in numbers {
        let chunk = Chunk { contracts: vec![contract_part(&format!("C{number}"))], ..chunk(JOB, number) };
        house.put(CALCULATION_CHUNKS_BATCH, &house.raw(&chunk, &chunk_key(&chunk)));
    }
}

fn config(settings: &[&str]) -> Config {
    let settings: Vec<_> = settings.iter().map(|setting| setting.to_string()).collect();
    let layers = Layers::read(Some("/dev/null".as_ref()), std::iter::empty(), &settings).expect("settings");
    Config::read(&layers).expect("they are valid")
}

/// A job of so many chunks of a contract each, as the command line submits it.
fn submit(house: &House, name: &str, chunks: u32, config: &Config) -> Result<Plan, Failure> {
    let mut submission = Submission::open(&house.stand.broker, house.schemas.clone(), &job(name)).expect("opens");
    submission.run(7, config, move |hand_over: &HandOver| {
        for number in 1..=chunks {
            let chunk = Chunk { contracts: vec![contract_part(&format!("C{number}"))], ..chunk(name, number) };
            let nobody = |_| Failure::new(Exit::Failed, "nobody takes it");
            hand_over.send((Lane::Batch, chunk.into())).map_err(nobody)?;
        }
        let counts = Counts { contracts: chunks.into(), ..Counts::default() };
        Ok(Plan { lane: Lane::Batch, chunks, counts })
    })
}

fn work(house: &House) {
    house.work(CALCULATE_BATCH);
    house.work(COLLECT);
}

/// Lets time pass, and `collect` notice it.
fn pass(house: &House, time: Duration) {
    house.stand.pass(time);
    let mut worker = house.worker(COLLECT);
    idle(&mut worker);
    house.stand.pass(Duration::from_secs(1));
    idle(&mut worker);
    worker.close().expect("closes");
}

/// The one outcome of the job.
fn outcome(house: &House) -> Outcome {
    let outcomes = house.read::<Outcome>(CALCULATION_OUTCOMES);
    assert_eq!(outcomes.len(), 1, "a job ends once: {outcomes:?}");
    house.audit();
    outcomes.into_iter().next().expect("there is one").1
}

fn complete(house: &House) {
    let outcome = outcome(house);
    assert_eq!((&outcome.ending, outcome.totals.counts.contracts), (&Ending::Completed, CHUNKS.into()));
}

fn late(house: &House) -> u32 {
    house.read::<Progress>(JOB_PROGRESS).last().expect("the job is kept").1.late
}

#[test]
fn the_worker_with_the_last_chunk_may_die() {
    let house = house();
    put(&house, 1..CHUNKS);
    work(&house);
    put(&house, [CHUNKS]);
    house.stand.happen(CallKind::Commit, Default::default); // the attempt's
    house.stand.happen(CallKind::Commit, || panic!("killed with the last chunk in hand"));
    assert_eq!(house.survive(CALCULATE_BATCH), 1);
    house.work(COLLECT);
    complete(&house);
}

#[test]
fn the_worker_that_ends_the_job_may_die() {
    let house = house();
    put(&house, 1..=CHUNKS);
    house.work(CALCULATE_BATCH);
    house.stand.happen(CallKind::Commit, Default::default); // the attempt's
    house.stand.happen(CallKind::Commit, || panic!("killed with the outcome in hand"));
    assert_eq!(house.survive(COLLECT), 1);
    complete(&house);
}

#[test]
fn a_last_chunk_that_comes_twice_counts_once() {
    let house = house();
    put(&house, (1..=CHUNKS).chain([CHUNKS]));
    work(&house);
    complete(&house);
    // Within one turn the plan may be read last, which ends the job behind both.
    let before = late(&house);
    put(&house, [CHUNKS]);
    work(&house);
    complete(&house);
    assert_eq!(late(&house), before + 1);
}

#[test]
fn a_chunk_that_is_missing_is_named_and_coming_late_changes_nothing() {
    let house = house();
    put(&house, [1, 3, 4]);
    work(&house);
    assert!(house.read::<Outcome>(CALCULATION_OUTCOMES).is_empty());
    pass(&house, TIMEOUT);
    let ended = outcome(&house);
    assert_eq!(ended.ending, Ending::TimedOut { missing: Missing::Chunks(vec![(2, 2)]) });
    assert_eq!(ended.totals.counts.contracts, 3);
    put(&house, [2]);
    work(&house);
    assert_eq!(outcome(&house), ended);
    assert_eq!(late(&house), 1);
}

#[test]
fn a_job_may_be_cancelled_twice_and_its_chunks_come_in_afterwards() {
    let house = house();
    put(&house, [1]);
    work(&house);
    for reason in ["first", "second"] {
        say(&house, ControlWord::Cancelled { reason: reason.into() });
    }
    put(&house, 2..=CHUNKS);
    work(&house);
    let ended = outcome(&house);
    assert_eq!(ended.ending, Ending::Cancelled { reason: "first".into() });
    assert_eq!((ended.totals.counts.contracts, late(&house)), (1, 3));
}

#[test]
fn chunks_that_wait_when_a_job_ends_are_not_calculated_and_those_of_others_are() {
    let house = house();
    put(&house, [1]);
    work(&house);
    put(&house, [2, 3]);
    house.stand.pass(Duration::from_secs(1));
    say(&house, ControlWord::Cancelled { reason: "enough".into() });
    house.work(COLLECT);
    let ended = outcome(&house);
    let other = chunk("JOB-2", 1);
    house.put(CALCULATION_CHUNKS_BATCH, &house.raw(&other, &chunk_key(&other)));
    work(&house);
    let results = house.read::<ChunkResult>(CHUNK_RESULTS_BATCH);
    let mut calculated: Vec<_> = results.iter().map(|(_, result)| (result.job.as_str(), result.number)).collect();
    calculated.sort();
    assert_eq!(calculated, [(JOB, 1), ("JOB-2", 1)]);
    assert_eq!(outcome(&house), ended);
}

#[test]
fn a_job_whose_announcement_is_a_dead_letter_ends_rejected_and_one_that_was_announced_goes_on() {
    let house = House::new();
    let dead = Raw { key: Some(JOB.into()), value: Some(b"no message".to_vec()), astray: 0 };
    house.put(JOB_CONTROL, &dead);
    house.work(COLLECT);
    let Ending::Rejected { reason } = outcome(&house).ending else { panic!("nobody announced it") };
    assert!(reason.starts_with("a word about it is a dead letter, wrong_magic: "), "{reason}");
    // What comes later finds it ended, and once.
    house.put(JOB_CONTROL, &dead);
    say(&house, ControlWord::Planned { chunks: 1, counts: None });
    house.work(COLLECT);
    outcome(&house);

    let house = self::house();
    house.put(JOB_CONTROL, &dead);
    put(&house, 1..=CHUNKS);
    work(&house);
    complete(&house);
}

#[test]
fn a_job_that_was_forgotten_and_comes_again_is_calculated() {
    let house = house();
    work(&house);
    pass(&house, TIMEOUT);
    pass(&house, KEPT);
    put(&house, 1..=CHUNKS);
    work(&house);
    assert_eq!(house.read::<ChunkResult>(CHUNK_RESULTS_BATCH).len() as u32, CHUNKS);
}

#[test]
fn chunks_of_a_submission_that_is_slow_are_seen_before_it_ends() {
    let house = House::new();
    let config = config(&[]);
    let mut submission = Submission::open(&house.stand.broker, house.schemas.clone(), &job(JOB)).expect("opens");
    let broker = house.stand.broker.clone();
    let slow = |hand_over: &HandOver| {
        let chunk = Chunk { contracts: vec![contract_part("C1")], ..chunk(JOB, 1) };
        hand_over.send((Lane::Batch, chunk.into())).expect("somebody takes it");
        let mut reader = broker.reader().expect("a reader");
        let mut seen = || {
            (0..PARTITIONS)
                .any(|partition| reader.bounds(at(CALCULATION_CHUNKS_BATCH, partition)).expect("bounds").end > 0)
        };
        let began = Instant::now();
        while !seen() {
            assert!(began.elapsed() < Duration::from_secs(20), "the transaction stays open");
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(Plan { lane: Lane::Batch, chunks: 1, counts: Counts { contracts: 1, ..Counts::default() } })
    };
    submission.run(7, &config, slow).expect("sent");
    work(&house);
    assert_eq!(outcome(&house).ending, Ending::Completed);
}

/// `collect` was away for longer than jobs are kept, and its inputs are read in any order.
#[test]
fn results_that_are_read_before_their_announcement_wait_for_it_however_old_they_are() {
    let mut house = House::new();
    house.topology = topology_with(house.schemas.clone(), Settings { jobs_kept: KEPT, ..Settings::default() });
    put(&house, 1..=CHUNKS);
    house.work(CALCULATE_BATCH);
    pass(&house, KEPT);
    say(&house, ControlWord::Started(Started { request: 7, deadline: Timestamp(i64::MAX), predecessor: None }));
    let counts = Counts { contracts: CHUNKS.into(), ..Counts::default() };
    say(&house, ControlWord::Planned { chunks: CHUNKS, counts: Some(counts) });
    house.work(COLLECT);
    complete(&house);
}

#[test]
fn the_state_of_a_job_is_cleaned_up_and_its_outcome_stays() {
    let house = house();
    put(&house, 1..=CHUNKS);
    work(&house);
    pass(&house, KEPT);
    assert_eq!(kept(&house), None, "a tombstone is the last word");
    // What nobody waits for is forgotten in its turn.
    put(&house, [CHUNKS]);
    work(&house);
    assert_eq!(kept(&house), Some(()));
    let known = known_job::known(&house.stand.broker, &house.schemas, &job(JOB)).expect("it can be read");
    assert_eq!(known.outcome.map(|outcome| outcome.ending), Some(Ending::Completed), "the job does not run again");
    let listed = || list::rows(None, 10, &house.stand.broker, &house.schemas).expect("they can be read");
    assert_eq!(listed().len(), 0, "it ended long ago");
    let other = chunk("JOB-2", 1);
    house.put(CALCULATION_CHUNKS_BATCH, &house.raw(&other, &chunk_key(&other)));
    work(&house);
    let listed: Vec<_> = listed().into_iter().map(|row| row.json).collect();
    assert!(matches!(&listed[..], [job] if job["job"] == "JOB-2" && job["state"] == "UNANNOUNCED"), "{listed:#?}");
    pass(&house, KEPT);
    assert_eq!(kept(&house), None);
    complete(&house);
}

#[test]
fn a_submission_that_takes_longer_than_its_job_may_sends_no_more() {
    let house = House::new();
    let config = config(&["jobs.timeout=1s"]);
    let mut submission = Submission::open(&house.stand.broker, house.schemas.clone(), &job(JOB)).expect("opens");
    submission.announce(7, None, &config).expect("sent");
    submission.chunk(Lane::Batch, &chunk(JOB, 1).into()).expect("in time");
    std::thread::sleep(Duration::from_millis(1_100));
    let late = submission.chunk(Lane::Batch, &chunk(JOB, 2).into()).expect_err("nobody waits for it");
    assert!(late.exit == Exit::Partial && late.next.is_some(), "{late:?}");
}

#[test]
fn a_job_of_more_chunks_than_it_may_have_is_rejected_once_and_what_was_sent_is_passed_over() {
    let house = House::new();
    let config = config(&["jobs.max_chunks=2"]);
    let refused = submit(&house, JOB, CHUNKS, &config).expect_err("it has four");
    assert!(refused.exit == Exit::Partial && refused.message.contains("jobs.max_chunks"), "{refused:?}");
    assert!(refused.next.is_some_and(|next| next.contains("--idempotency-key") && next.contains("jobs.chunk_lots")));
    let known = known_job::known(&house.stand.broker, &house.schemas, &job(JOB)).expect("it can be read");
    assert!(known.stopped && known.outcome.is_none(), "whoever submits it again before it has ended only waits");

    submit(&house, JOB, CHUNKS, &config).expect_err("the same again");
    house.stand.pass(Duration::from_secs(1));
    house.work(COLLECT);
    let ended = outcome(&house);
    let reason = "it comes to more than 2 chunks (jobs.max_chunks)".into();
    assert_eq!((&ended.ending, ended.request), (&Ending::Rejected { reason }, Some(7)));
    work(&house);
    assert_eq!(house.read::<ChunkResult>(CHUNK_RESULTS_BATCH).len(), 0, "two chunks were sent, twice");
    assert_eq!(outcome(&house), ended);

    submit(&house, "JOB-2", 2, &config).expect("as many as it may");
    work(&house);
    assert_eq!(house.read::<ChunkResult>(CHUNK_RESULTS_BATCH).len(), 2);
}

/// How much of a large job is calculated once a small one is that was submitted after it.
fn calculated_before(setting: &str) -> usize {
    const LARGE: u32 = 60;
    let (house, config) = (House::new(), config(&[setting]));
    let [large, small] = names_apart();
    submit(&house, &large, LARGE, &config).expect("sent");
    submit(&house, &small, 2, &config).expect("sent");
    let settings =
        EngineSettings { instance: "one".into(), turn_records: 4, poll_records: 4, ..EngineSettings::default() };
    let mut worker = house.worker_with(CALCULATE_BATCH, settings);
    let of = |name: &str| {
        let results = house.read::<ChunkResult>(CHUNK_RESULTS_BATCH);
        results.iter().filter(|(_, result)| result.job.as_str() == name).count()
    };
    for _ in 0..1_000 {
        worker.run_once().expect("a turn");
        if of(&small) == 2 {
            break;
        }
    }
    let before = of(&large);
    idle(&mut worker);
    worker.close().expect("closes");
    house.work(COLLECT);
    assert_eq!((of(&large), of(&small)), (LARGE as usize, 2));
    let endings = house.read::<Outcome>(CALCULATION_OUTCOMES);
    assert!(
        endings.len() == 2 && endings.iter().all(|(_, outcome)| outcome.ending == Ending::Completed),
        "{endings:?}"
    );
    house.audit();
    before
}

/// Names of two jobs that have a partition each, where one is all that they may have.
fn names_apart() -> [String; 2] {
    let place =
        |name: &str| partition(key_within(&job(name), String::new(), PARTITIONS, Some(1)).as_bytes(), PARTITIONS);
    let mut names = (1..).map(|number| format!("JOB-{number}"));
    let first = names.next().expect("there are more");
    let second = names.find(|name| place(name) != place(&first)).expect("the next or the one after it");
    [first, second]
}

#[test]
fn a_job_that_keeps_to_its_part_of_the_partitions_does_not_keep_others_waiting() {
    let fair = calculated_before("jobs.max_parallel_chunks=1");
    let unfair = calculated_before("jobs.max_parallel_chunks=0");
    assert!(fair <= 12 && unfair > 30, "{fair} chunks before the small job with a limit, {unfair} without");
}

#[test]
fn a_submission_that_is_repeated_with_another_limit_counts_no_chunk_twice() {
    let house = House::new();
    submit(&house, JOB, CHUNKS, &config(&["jobs.max_parallel_chunks=1"])).expect("sent");
    let holds = |partition| {
        let chunks = house.stand.broker.entries(at(CALCULATION_CHUNKS_BATCH, partition)).expect("the topic is there");
        chunks.iter().filter(|entry| matches!(entry, LogEntry::Record { .. })).count()
    };
    let held = (0..PARTITIONS).map(holds).filter(|chunks| *chunks > 0).collect::<Vec<_>>();
    assert_eq!(held, [CHUNKS as usize], "one partition has them all");
    submit(&house, JOB, CHUNKS, &config(&[])).expect("sent");
    assert!((0..PARTITIONS).map(holds).filter(|chunks| *chunks > 0).count() > 1);
    work(&house);
    complete(&house);
}

#[test]
fn what_becomes_of_jobs_is_counted_once_however_often_a_turn_is_done() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let shows = |line: &str| {
        let shown = recorder.handle().render();
        assert!(shown.lines().any(|shown| shown == line), "{line}: {shown}");
    };
    let house = house();
    metrics::with_local_recorder(&recorder, || {
        put(&house, 1..CHUNKS);
        house.work(CALCULATE_BATCH);
        let mut collector = house.worker(COLLECT);
        idle(&mut collector);
        shows("bookflow_jobs_active 1");
        collector.close().expect("closes");
        shows("bookflow_jobs_active 0");
        put(&house, [CHUNKS, CHUNKS]);
        house.work(CALCULATE_BATCH);
        house.stand.happen(CallKind::Commit, Default::default); // the attempt's
        house.stand.happen(CallKind::Commit, || panic!("killed with the outcome in hand"));
        assert_eq!(house.survive(COLLECT), 1);
    });
    shows("bookflow_jobs_active 0");
    shows("bookflow_jobs_total{state=\"COMPLETED\",size_class=\"1k\"} 1");
    shows("bookflow_job_duration_seconds_count{size_class=\"1k\"} 1");
    shows("bookflow_job_chunks_total{state=\"counted\"} 4");
    shows("bookflow_job_chunks_total{state=\"late\"} 1");
    complete(&house);
}

#[test]
fn a_trace_goes_along_to_the_outcome_and_nothing_else_of_the_headers_does() {
    let parent = header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    let house = house_given(&[header("other", "1"), parent.clone(), header("tracestate", &"x".repeat(513))]);
    for topic in [JOB_CASH_FLOWS, CHUNK_RESULTS_BATCH, CALCULATION_OUTCOMES] {
        assert_eq!(traced(&house, topic), [[parent.clone()]], "{topic}");
    }
}

#[test]
fn a_trace_that_is_not_valid_goes_no_further() {
    let parent = header("traceparent", &"x".repeat(55));
    let house = house_given(&[parent, header("tracestate", "vendor=1")]);
    for topic in [JOB_CASH_FLOWS, CHUNK_RESULTS_BATCH, CALCULATION_OUTCOMES] {
        assert!(traced(&house, topic).is_empty(), "{topic}");
    }
}

fn header(name: &str, value: &str) -> Header {
    Header { name: name.into(), value: value.into() }
}

/// A house whose job is complete; its last chunk has come with these headers.
fn house_given(headers: &[Header]) -> House {
    let house = house();
    put(&house, 1..CHUNKS);
    work(&house);
    let last = Chunk { contracts: vec![contract_part("LAST")], ..chunk(JOB, CHUNKS) };
    let Raw { key, value, .. } = house.raw(&last, &chunk_key(&last));
    let to = at(CALCULATION_CHUNKS_BATCH, partition(chunk_key(&last).as_bytes(), PARTITIONS));
    let record = Outgoing { to, key: key.as_deref(), value: value.as_deref(), headers };
    house.stand.broker.append(record).expect("append");
    work(&house);
    complete(&house);
    house
}

/// The headers of all records of a topic that have any.
fn traced(house: &House, topic: &'static str) -> Vec<Vec<Header>> {
    let mut traced = Vec::new();
    let mut reader = house.stand.broker.reader().expect("a reader");
    for partition in 0..PARTITIONS {
        let (mut batch, at) = (Batch::default(), at(topic, partition));
        reader.assign(&[(at, 0)]).expect("assigned");
        while reader.position(at) < Some(reader.bounds(at).expect("bounds").end) {
            reader.poll(Duration::ZERO, ROOM, &mut batch).expect("polled");
        }
        traced.extend(batch.iter().filter(|record| !record.headers.is_empty()).map(|record| record.headers.to_vec()));
    }
    traced
}

/// Whether the last record of the job's state has a value.
fn kept(house: &House) -> Option<()> {
    let records = (0..PARTITIONS).flat_map(|partition| {
        house.stand.broker.entries(TopicPartition { topic: JOB_PROGRESS, partition }).expect("the topic is there")
    });
    let mut values = records.filter_map(|entry| match entry {
        LogEntry::Record { value, .. } => Some(value),
        _ => None,
    });
    values.next_back().expect("the job was kept").map(drop)
}
