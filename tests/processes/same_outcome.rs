//! One job, cut into chunks of any size or by reference, through any number of workers that are killed and restarted: one outcome, to the byte.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use bookflow::engine::broker::{Broker, Reader, TopicPartition};
use bookflow::pipeline::topics::{CALCULATION_OUTCOMES, HISTORICAL_FLOWS};

use crate::program::{Installation, Running, argument};

/// 12,000 positions: the batch lane, 6 to 240 chunks, so that it is not over when `submit` is.
const CONTRACTS: &str = "3000";
const PARTITIONS: i32 = 4;
const STAGE: &str = "calculate.batch";
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn an_outcome_is_the_same_through_any_workers_any_chunks_restarts_and_deaths() {
    let (undisturbed, _) = outcome(1, "2000", in_peace);
    assert!(undisturbed.contains("\"COMPLETED\""), "{undisturbed}");
    for (count, positions, disturb) in [(2, "90", restarts as Disturb), (4, "50", deaths)] {
        assert_eq!(outcome(count, positions, disturb), (undisturbed.clone(), true), "{count} workers, {positions}");
    }
}

#[test]
#[ignore = "long: cargo test --release --test processes -- --ignored every_size"]
fn an_outcome_is_the_same_for_every_size_of_chunks_and_number_of_workers() {
    let (undisturbed, _) = outcome(1, "2000", in_peace);
    let mut in_the_middle = 0;
    for count in [1, 2, 4] {
        for positions in ["50", "173", "500", "2000"] {
            for disturb in [restarts as Disturb, deaths] {
                let (disturbed, ran) = outcome(count, positions, disturb);
                assert_eq!(disturbed, undisturbed, "{count} workers, {positions}");
                in_the_middle += u32::from(ran);
            }
        }
    }
    // Two chunks may both be done before the first blow.
    assert!(in_the_middle >= 12, "the job was over before the first blow in all but {in_the_middle} of 24");
}

/// What happens to workers while the job runs, and whether it still ran when they were hit first.
type Disturb = fn(&Installation, &mut Vec<Running>) -> bool;

fn in_peace(_: &Installation, _: &mut Vec<Running>) -> bool {
    false
}

fn restarts(installation: &Installation, workers: &mut Vec<Running>) -> bool {
    one_by_one(installation, workers, |mut worker| worker.drain())
}

fn deaths(installation: &Installation, workers: &mut Vec<Running>) -> bool {
    one_by_one(installation, workers, Running::kill)
}

/// Hits each worker once it has worked on the job, and starts it again.
fn one_by_one(installation: &Installation, workers: &mut Vec<Running>, hit: fn(Running)) -> bool {
    let mut reader = installation.broker().reader().expect("a reader");
    let mut ran = false;
    for number in 0..workers.len() {
        // Whoever comes late to a job of few chunks has none.
        wait(&mut workers[number], "chunk", |worker| {
            worker.processed(STAGE) > 0 || begun(&mut *reader, CALCULATION_OUTCOMES)
        });
        hit(workers.remove(number));
        ran |= number == 0 && !begun(&mut *reader, CALCULATION_OUTCOMES);
        workers.insert(number, start(installation, number));
    }
    ran
}

/// 300 positions on 57 days.
const HISTORY: &str =
    r#"{"requestId": "HISTORY", "type": "HISTORICAL", "selection": "ALL", "from": "2024-01-01", "to": "2024-03-19"}"#;

#[test]
fn a_job_by_reference_is_the_same_through_any_workers_and_deaths() {
    let undisturbed = history(1, |_, _| ());
    let killed = history(2, |installation, workers| {
        let mut reader = installation.broker().reader().expect("a reader");
        for number in 0..workers.len() {
            wait(&mut workers[number], "flow of the job", |_| begun(&mut *reader, HISTORICAL_FLOWS));
            workers.remove(number).kill();
            assert!(number > 0 || !begun(&mut *reader, CALCULATION_OUTCOMES), "over before the first death");
            workers.insert(number, start(installation, number));
        }
    });
    assert!(undisturbed.contains("COMPLETED"), "{undisturbed}");
    assert_eq!(undisturbed, killed);
}

/// The outcome of a historical series over captured trades, after `disturb` has had its way with the workers.
fn history(count: usize, disturb: impl FnOnce(&Installation, &mut Vec<Running>)) -> String {
    let mut installation = Installation::new("history", PARTITIONS as u32);
    installation.set("worker.static_membership", "true");
    let market = installation.folder.path().join("market.json");
    installation.ok(&["generate", "market", "--keys", "300", "--records", "120000", "--out", argument(&market)]);
    for part in ["reference-data", "contracts", "market-data"] {
        installation.ok(&["submit", part, argument(&market)]);
    }
    let mut workers: Vec<_> = (0..count).map(|number| start(&installation, number)).collect();
    workers.iter_mut().for_each(|worker| joined(worker, "book"));
    installation.ok(&["generate", "trades", "--keys", "300", "--records", "3000", "--poison", "0"]);
    installation.consumed(PATIENCE);
    let job = installation.folder.path().join("job.json");
    std::fs::write(&job, HISTORY).expect("a file can be written");
    installation.ok(&["submit", "job", argument(&job)]);
    disturb(&installation, &mut workers);
    let outcome = installation.ok(&["submit", "job", argument(&job), "--wait", "--json"]);
    installation.ok(&["verify", "--job", "HISTORY"]);
    workers.iter_mut().for_each(Running::drain);
    installation.verified();
    outcome
}

/// The outcome as it is printed, after `disturb` has had its way with the workers.
fn outcome(count: usize, positions: &str, disturb: Disturb) -> (String, bool) {
    let mut installation = Installation::new("same", PARTITIONS as u32);
    installation.set("jobs.chunk_positions", positions);
    installation.set("jobs.chunk_lots", "100000");
    // One chunk a turn, so that there is a middle to be disturbed in; static members, who are back at once.
    installation.set("worker.turn_records", "1");
    installation.set("worker.poll_records", "1");
    installation.set("worker.static_membership", "true");
    let request = request(&installation);
    let mut workers: Vec<_> = (0..count).map(|number| start(&installation, number)).collect();
    // Whoever comes first would else have done the job before the others have joined.
    workers.iter_mut().for_each(|worker| joined(worker, STAGE));
    installation.ok(&["submit", "job", argument(&request)]);
    let ran = disturb(&installation, &mut workers);
    let outcome = installation.ok(&["submit", "job", argument(&request), "--wait", "--json"]);
    // One that has only just been started cannot drain yet.
    workers.iter_mut().for_each(|worker| joined(worker, STAGE));
    workers.iter_mut().for_each(Running::drain);
    assert_eq!(installation.verified()["jobs"], 1);
    (outcome, ran)
}

fn request(installation: &Installation) -> PathBuf {
    let path = installation.folder.path().join("request.json");
    installation.ok(&["generate", "job", "--id", "JOB", "--contracts", CONTRACTS, "--out", argument(&path)]);
    path
}

fn start(installation: &Installation, number: usize) -> Running {
    installation.worker(&format!("worker-{number}"), &["--first-start"])
}

/// Waits until a worker has partitions of the stage.
fn joined(worker: &mut Running, stage: &str) {
    wait(worker, "partitions", |worker| {
        worker.lines("rebalance").iter().any(|line| line["stage"] == stage && line["partitions"] != "[]")
    });
}

fn wait(worker: &mut Running, what: &str, mut ask: impl FnMut(&mut Running) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !ask(worker) {
        assert!(Instant::now() < deadline, "no {what} in {PATIENCE:?}: {}", worker.said());
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Whether anything is on a topic, asked often.
fn begun(reader: &mut dyn Reader, topic: &'static str) -> bool {
    (0..PARTITIONS).any(|partition| reader.bounds(TopicPartition { topic, partition }).expect("bounds").end > 0)
}
