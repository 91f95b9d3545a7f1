//! Calculation requests through the real broker: outcomes, requests that come again, chunks that never come.

use std::thread;
use std::time::{Duration, Instant};

use bookflow::domain::jobs::chunk::Chunk;
use bookflow::domain::jobs::job::{Job, Lane, Started};
use bookflow::domain::jobs::split::{Cut, Plan, SplitLimits, Splitter};
use bookflow::domain::key::Timestamp;
use bookflow::engine::broker::{Broker, Outgoing, TopicPartition};
use bookflow::engine::clock::{Clock, SystemClock};
use bookflow::messages::job_control::{ControlWord, JobControl};
use bookflow::messages::key::{chunk_key, partition};
use bookflow::messages::request::{read_contracts, read_request};
use bookflow::messages::schemas::Schemas;
use bookflow::pipeline::topics::{CALCULATION_CHUNKS_REALTIME, CHUNK_RESULTS_REALTIME, JOB_CASH_FLOWS, JOB_CONTROL};
use serde_json::{Value, json};

use crate::cluster;
use crate::program::{Ended, Installation, Running, argument};

/// What a command ends with when a job did not complete without errors.
pub const WITH_ERRORS: i32 = 7;
pub const PRECONDITION: i32 = 3;
const FENCED: i32 = 8;
pub const PARTITIONS: i32 = 2;

/// Three contracts, AAPL at 150.00: one of two positions, one of 12 lots, and one whose quantity is a word.
pub fn request(id: &str) -> Value {
    let lot = |number: usize, quantity: Value, cost: &str| {
        json!({
            "lotId": format!("L{number}"), "quantity": quantity, "costPrice": cost, "costDate": "2024-01-10",
            "settlementDate": "2024-01-12", "lotType": "NEW_LOT", "status": "ACTIVE"
        })
    };
    let position = |id: &str, leg: &str, lots: Value| json!({ "positionId": id, "underlying": "AAPL", "currency": "USD", "type": leg, "lots": lots });
    let contract = |id: &str, positions: Value| {
        json!({
            "contractId": id, "underlying": "AAPL", "index": "SOFR", "type": "EQUITY_SWAP", "currency": "USD",
            "startDate": "2024-01-01", "endDate": "2024-12-31", "positions": positions
        })
    };
    let many: Vec<_> = (1..=12).map(|number| lot(number, 10.into(), "145.5")).collect();
    let two = [
        position("P1", "EQUITY_LEG", json!([lot(1, 100.into(), "140")])),
        position("P2", "INTEREST_LEG", json!([lot(1, 100.into(), "140")])),
    ];
    json!({
        "requestId": id,
        "calculationDate": "2024-01-19",
        "calculationType": "REAL_TIME_PROCESSING",
        "marketDataStrategy": { "mode": "SELF_CONTAINED" },
        "contractPositions": [
            contract("TWO", json!(two)),
            contract("MANY", json!([position("P3", "EQUITY_LEG", json!(many))])),
            contract("BAD", json!([position("P4", "EQUITY_LEG", json!([lot(1, "some".into(), "140")]))])),
        ],
        "marketData": { "data": {
            "securities": [{ "symbol": "AAPL", "basePrice": 150, "baseDate": "2024-01-02", "changes": [] }],
            "rates": [{ "index": "SOFR", "baseRate": 0.054, "baseDate": "2024-01-02", "changes": [] }],
            "dividends": []
        }}
    })
}

pub fn submit(installation: &Installation, request: &Value) -> Ended {
    let path = installation.file("request.json", request);
    installation.run(&["submit", "job", argument(&path), "--wait", "--json"])
}

pub fn outcome(ended: &Ended) -> Value {
    serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("no outcome: {ended:?}"))
}

/// The sums of an outcome as kind and minor units.
pub fn sums(outcome: &Value) -> Vec<(&str, &str)> {
    let text = |value: &'_ Value| value.as_str().map(str::to_owned);
    let sums = outcome["totals"]["sums"].as_array().expect("sums");
    assert!(sums.iter().all(|sum| text(&sum["currency"]).as_deref() == Some("USD")), "{outcome:#}");
    sums.iter().filter_map(|sum| Some((sum["kind"].as_str()?, sum["minor"].as_str()?))).collect()
}

/// As `submit` tells it; none when nothing was submitted.
fn chunks(ended: &Ended) -> Option<u32> {
    let line = ended.err.lines().find(|line| line.contains(" chunks in the "))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn records(installation: &Installation, topic: &str) -> usize {
    installation.ok(&["watch", topic, "--json"]).lines().count()
}

#[test]
fn an_outcome_does_not_depend_on_the_size_of_chunks_and_a_request_that_comes_again_is_answered() {
    let mut outcomes = Vec::new();
    for (positions, lots, expected) in [("500", "2500", 1), ("1", "5", 5)] {
        let mut installation = Installation::new("chunks", PARTITIONS as u32);
        installation.set("jobs.chunk_positions", positions);
        installation.set("jobs.chunk_lots", lots);
        let mut worker = installation.worker("one", &["--first-start"]);
        let ended = submit(&installation, &request("JOB"));
        assert_eq!(ended.status.code(), Some(WITH_ERRORS), "{ended:?}");
        assert!(chunks(&ended) >= Some(expected), "{ended:?}");
        assert_eq!(chunks(&ended) == Some(1), expected == 1, "{ended:?}");

        let written = records(&installation, CALCULATION_CHUNKS_REALTIME);
        let again = submit(&installation, &request("JOB"));
        assert_eq!((again.status.code(), &again.out), (Some(WITH_ERRORS), &ended.out));
        assert_eq!((chunks(&again), records(&installation, CALCULATION_CHUNKS_REALTIME)), (None, written));

        let mut other = request("JOB");
        other["calculationDate"] = "2024-01-18".into();
        let refused = submit(&installation, &other);
        assert_eq!(refused.status.code(), Some(PRECONDITION), "{refused:?}");
        assert!(refused.err.contains("another request"), "{refused:?}");

        worker.drain();
        let report = installation.verified();
        assert_eq!((&report["jobs"], &report["chunks"]), (&json!(1), &json!(written)), "{report:#}");
        outcomes.push(ended);
    }
    let [whole, cut] = &outcomes[..] else { panic!("two installations") };
    assert_eq!(whole.out, cut.out);
    let outcome = outcome(whole);
    assert_eq!(outcome["ending"], "COMPLETED_WITH_ERRORS", "{outcome:#}");
    // 100 x (150 - 140) + 12 x 10 x (150 - 145.50) = 1,540.00; 14,000 x 5.4 % x 7/360 = 14.70, paid
    assert_eq!(sums(&outcome), [("EQUITY_PERFORMANCE", "154000"), ("INTEREST", "-1470")], "{outcome:#}");
    assert_eq!(outcome["totals"]["errors"], 1, "{outcome:#}");
    assert_eq!(outcome["rows"][0]["contract"], "BAD", "{outcome:#}");
}

/// What `submit` would have written, to be written with a fault.
fn cut(request: &Value) -> (Job, Vec<(Lane, Chunk)>, Plan) {
    let bytes = serde_json::to_vec(request).expect("a value is JSON");
    let read = read_request(&bytes[..]).expect("the request can be read");
    let limits = SplitLimits { chunk_positions: 1, ..SplitLimits::default() };
    let mut splitter = Splitter::new(read.job.clone(), &read.market, limits);
    let mut chunks = Vec::new();
    let contracts = read_contracts(&bytes[..], |contract| -> Result<(), String> {
        chunks.extend(splitter.take(contract));
        Ok(())
    });
    contracts.expect("the contracts can be read");
    let (last, plan) = splitter.finish();
    chunks.extend(last);
    (read.job, chunks, plan)
}

/// Writes a job as `submit` would, but for what is wrong with its chunks; `planned` goes last.
fn send(
    installation: &Installation,
    request: &Value,
    timeout: Duration,
    spoil: impl FnOnce(&mut Vec<(String, Vec<u8>)>),
) -> (Job, Vec<(Lane, Chunk)>) {
    let (job, chunks, plan) = cut(request);
    let schemas = Schemas::embedded();
    let deadline = Timestamp(SystemClock::start().now_us() + timeout.as_micros() as i64);
    let word = |word| {
        let mut value = Vec::new();
        schemas.encode(&JobControl { job: job.id.clone(), word }, None, &mut value).expect("it can be written");
        (job.id.to_string(), value)
    };
    let record = |(_, chunk): &(Lane, Chunk)| {
        let mut value = Vec::new();
        schemas.encode(chunk, None, &mut value).expect("it can be written");
        (chunk_key(chunk), value)
    };
    let mut spoilt = chunks.iter().map(record).collect();
    spoil(&mut spoilt);
    let started = word(ControlWord::Started(Started { request: job.request, deadline, predecessor: None }));
    let planned = word(ControlWord::Planned { chunks: plan.chunks, counts: Some(plan.counts) });
    put(installation, JOB_CONTROL, &[started]);
    put(installation, CALCULATION_CHUNKS_REALTIME, &spoilt);
    put(installation, JOB_CONTROL, &[planned]);
    (job, chunks)
}

/// Returns when readers see them: a broker answers a commit before it has marked the partitions.
pub fn put(installation: &Installation, topic: &'static str, records: &[(String, Vec<u8>)]) {
    let broker = installation.broker();
    let mut producer = broker.producer("test").expect("a producer");
    producer.begin().expect("begin");
    let at = |key: &String| TopicPartition { topic, partition: partition(key.as_bytes(), PARTITIONS) };
    for (key, value) in records {
        let record = Outgoing { to: at(key), key: Some(key.as_bytes()), value: Some(value), headers: &[] };
        producer.send(record).expect("send");
    }
    producer.drain().and_then(|()| producer.commit()).expect("commit");
    let (mut reader, began) = (broker.reader().expect("a reader"), Instant::now());
    for (key, _) in records {
        while reader.bounds(at(key)).ok().map(|bounds| bounds.end) < producer.delivered(at(key)) {
            assert!(began.elapsed() < Duration::from_secs(30), "{} cannot be read", at(key));
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Follows a job to its end, by its name alone.
fn watched(installation: &Installation, job: &str) -> Value {
    let ended = installation.run(&["watch", job, "--json"]);
    assert!(matches!(ended.status.code(), Some(0 | WITH_ERRORS)), "{ended:?}");
    serde_json::from_str(ended.out.lines().last().expect("the outcome")).expect("JSON")
}

/// A worker of a test that writes with the schemas' own ids; afterwards every stage is known to run.
fn ready(installation: &mut Installation) -> Running {
    installation.set("registry.url", "");
    let worker = installation.worker("one", &["--first-start"]);
    submit(installation, &request("BEFORE"));
    worker
}

#[test]
fn a_chunk_that_became_a_dead_letter_is_a_row_of_the_outcome() {
    let mut installation = Installation::new("letters", PARTITIONS as u32);
    let mut worker = ready(&mut installation);
    let (_, chunks) = send(&installation, &request("JOB"), Duration::from_secs(600), |records| {
        let damaged = records.len() / 2;
        records[damaged].1.truncate(20);
    });
    let outcome = watched(&installation, "JOB");
    assert_eq!(outcome["ending"], "COMPLETED_WITH_ERRORS", "{outcome:#}");
    let rows = outcome["rows"].as_array().expect("rows");
    let codes: Vec<_> = rows.iter().filter_map(|row| row["code"].as_str()).collect();
    assert_eq!(codes, ["TOTALS_DIFFER", "UNREADABLE", "NOT_CALCULATED"], "{outcome:#}");
    let damaged = &chunks[chunks.len() / 2].1;
    assert_eq!(rows[2]["contract"], damaged.contracts[0].id.as_str(), "{outcome:#}");
    let letters: Value = serde_json::from_str(&installation.ok(&["dlq", "list", "--json"])).expect("JSON");
    assert_eq!(letters["dead_letters"], 1, "{letters:#}");
    assert_eq!(letters["groups"][0]["stage"], "calculate.realtime", "{letters:#}");
    worker.drain();
    assert_eq!(installation.verified()["jobs"], 2);
}

#[test]
fn a_job_ends_once_whatever_happens_to_its_chunks() {
    let mut installation = Installation::new("aggregation", PARTITIONS as u32);
    let worker = ready(&mut installation);
    let long = Duration::from_secs(600);

    // The last chunk's worker dies, and the chunk comes a second time.
    let mut last = Vec::new();
    send(&installation, &request("DIES"), long, |records| last.extend(records.pop()));
    installation.consumed(Duration::from_secs(60));
    worker.kill();
    last.extend(last.clone());
    put(&installation, CALCULATION_CHUNKS_REALTIME, &last);
    let mut worker = installation.worker("one", &[]);
    let whole = watched(&installation, "DIES");
    assert_eq!(whole["ending"], "COMPLETED_WITH_ERRORS", "the request has an unreadable contract: {whole:#}");
    assert_eq!(sums(&whole), [("EQUITY_PERFORMANCE", "154000"), ("INTEREST", "-1470")], "{whole:#}");
    let added_up: Value = serde_json::from_str(&installation.ok(&["verify", "--job", "DIES", "--json"])).expect("JSON");
    assert_eq!(added_up["clean"], true, "{added_up:#}");

    // A chunk is missing at the deadline and comes late.
    let mut missing = Vec::new();
    send(&installation, &request("LATE"), Duration::from_secs(5), |records| missing.push(records.remove(1)));
    let ended = watched(&installation, "LATE");
    assert_eq!((&ended["ending"], &ended["missing"]), (&json!("TIMED_OUT"), &json!([{ "first": 2, "last": 2 }])));
    put(&installation, CALCULATION_CHUNKS_REALTIME, &missing);
    installation.consumed(Duration::from_secs(60));
    assert_eq!(watched(&installation, "LATE"), ended);
    let described: Value =
        serde_json::from_str(&installation.ok(&["jobs", "describe", "LATE", "--json"])).expect("JSON");
    assert_eq!(described["progress"]["late_chunks"], 1, "{described:#}");
    let totals = installation.run(&["flows", "--job", "LATE", "--totals"]);
    assert!(totals.status.success() && totals.err.contains("published after its end"), "{totals:?}");

    // Cancelled twice.
    let (_, chunks) = send(&installation, &request("STOP"), long, |records| records.truncate(1));
    installation.consumed(Duration::from_secs(60));
    let running: Value = serde_json::from_str(&installation.ok(&["jobs", "describe", "STOP", "--json"])).expect("JSON");
    let Value::Object(progress) = &running["progress"] else { panic!("{running:#}") };
    assert_eq!((&progress["state"], &progress["chunks_done"]), (&json!("RUNNING"), &json!(1)), "{running:#}");
    assert_eq!(progress["percent"], 100 / chunks.len(), "{running:#}");
    let first = installation.ok(&["jobs", "cancel", "STOP", "--reason", "wrong day", "--json"]);
    let second = installation.ok(&["jobs", "cancel", "STOP", "--json"]);
    assert_eq!(first, second);
    assert_eq!(watched(&installation, "STOP")["reason"], "wrong day");
    let complete = installation.run(&["jobs", "cancel", "DIES"]);
    assert_eq!(complete.status.code(), Some(PRECONDITION), "{complete:?}");

    // Tried again with what is there: all of LATE by now, and not all of STOP.
    let retried = installation.run(&["jobs", "retry", "LATE", "--wait", "--json"]);
    let again = outcome(&retried);
    assert_eq!((&again["job"], &again["predecessor"]), (&json!("LATE.2"), &json!("LATE")), "{again:#}");
    assert_eq!((&again["ending"], &again["totals"]["sums"]), (&whole["ending"], &whole["totals"]["sums"]));
    let same = installation.run(&["jobs", "retry", "LATE", "--wait", "--json"]);
    assert_eq!((same.status.code(), same.out), (retried.status.code(), retried.out), "answered, not run again");
    let not_all = installation.run(&["jobs", "retry", "STOP"]);
    assert_eq!(not_all.status.code(), Some(PRECONDITION), "{not_all:?}");

    // What commands show of it, and of a job that nobody knows.
    for command in
        [&["flows", "--job"][..], &["verify", "--job"], &["jobs", "describe"], &["jobs", "cancel"], &["jobs", "retry"]]
    {
        let unknown = installation.run(&[command, &["NOBODY"]].concat());
        assert_eq!(unknown.status.code(), Some(PRECONDITION), "{command:?}: {unknown:?}");
    }
    let listed: Value = serde_json::from_str(&installation.ok(&["jobs", "list", "--json"])).expect("JSON");
    let names: Vec<_> = listed["jobs"].as_array().expect("jobs").iter().map(|job| &job["job"]).collect();
    assert_eq!(names, ["LATE.2", "STOP", "LATE", "DIES", "BEFORE"]);
    let one = installation.ok(&["jobs", "list", "--state", "cancelled", "--json"]);
    let one: Value = serde_json::from_str(&one).expect("JSON");
    assert_eq!(one["jobs"].as_array().map(Vec::len), Some(1), "{one:#}");
    let flows = |more: &[&str]| {
        let shown = installation.ok(&[&["flows", "--json", "--job", "LATE.2"], more].concat());
        shown.lines().count()
    };
    assert_eq!(flows(&[]), 14, "13 lots with performance, one with interest");
    assert_eq!(flows(&["--contract", "TWO"]), 2);
    assert_eq!(flows(&["--position", "P2", "--date", "2024-01-19", "--kind", "interest"]), 1);
    assert_eq!(flows(&["--status", "realised"]), 0);

    worker.drain();
    assert_eq!(installation.verified()["jobs"], 5);
}

#[test]
fn a_job_that_is_cancelled_is_not_calculated_and_its_retry_is() {
    let installation = Installation::new("stopped", PARTITIONS as u32);
    let mut collector = installation.worker("one", &["--first-start", "--stages", "collect"]);
    let path = installation.file("request.json", &request("STOP"));
    installation.ok(&["submit", "job", argument(&path)]);
    installation.ok(&["jobs", "cancel", "STOP"]);
    let mut worker = installation.worker("two", &["--first-start"]);
    installation.consumed(Duration::from_secs(60));
    let nothing = [JOB_CASH_FLOWS, CHUNK_RESULTS_REALTIME].map(|topic| records(&installation, topic));
    assert_eq!(nothing, [0, 0]);
    let retried = outcome(&installation.run(&["jobs", "retry", "STOP", "--wait", "--json"]));
    assert_eq!(sums(&retried), [("EQUITY_PERFORMANCE", "154000"), ("INTEREST", "-1470")], "{retried:#}");
    worker.drain();
    collector.drain();
    assert_eq!(installation.verified()["jobs"], 2);
}

#[test]
fn waiting_has_a_limit_and_the_job_goes_on() {
    let installation = Installation::new("waiting", PARTITIONS as u32);
    let path = installation.file("request.json", &request("SLOW"));
    let submit = ["submit", "job", argument(&path), "--idempotency-key", "KEY", "--wait", "--json"];
    let nobody = installation.run(&[&submit[..], &["--timeout", "1s"]].concat());
    assert_eq!(nobody.status.code(), Some(75), "{nobody:?}");
    let mut worker = installation.worker("one", &["--first-start"]);
    let ended = installation.run(&submit);
    assert_eq!(ended.status.code(), Some(WITH_ERRORS), "{ended:?}");
    assert_eq!(outcome(&ended)["job"], "KEY");
    worker.drain();
}

#[test]
fn of_submissions_of_one_job_at_the_same_time_the_last_goes_on_and_the_others_say_so() {
    let mut installation = Installation::new("race", PARTITIONS as u32);
    installation.set("jobs.chunk_positions", "1");
    let path = installation.folder.path().join("request.json");
    installation.ok(&["generate", "job", "--id", "JOB", "--contracts", "200", "--out", argument(&path)]);
    let submit = ["submit", "job", argument(&path)];
    let mut all: Vec<_> = (0..5).map(|number| installation.start(&format!("submit-{number}"), &submit)).collect();
    let mut sent = 0;
    for submission in &mut all {
        let status = submission.wait();
        assert!(matches!(status.code(), Some(0 | FENCED)), "{status}: {}", submission.said());
        sent += u32::from(status.success());
    }
    assert!(sent > 0, "nobody has gone on");
    let mut worker = installation.worker("one", &["--first-start"]);
    let outcome = outcome(&installation.run(&[&submit[..], &["--wait", "--json"]].concat()));
    assert_eq!((&outcome["ending"], &outcome["totals"]["counts"]["contracts"]), (&json!("COMPLETED"), &json!(200)));
    worker.drain();
    assert_eq!(installation.verified()["jobs"], 1);
}

#[test]
fn a_job_that_brings_the_same_as_another_one_is_answered_from_kept_results() {
    let mut installation = Installation::new("kept", PARTITIONS as u32);
    installation.set("cache.results", "true");
    installation.set("cache.results_prefix", &format!("{}:", cluster::unique("results")));
    installation.set("cache.market_data_prefix", &format!("{}:", cluster::unique("market")));
    installation.set("redis.url", &cluster::variable("BOOKFLOW_REDIS_URL"));
    let mut worker = installation.worker("one", &["--first-start"]);
    let first = outcome(&submit(&installation, &request("FIRST")));
    // Another process, so that only Redis can know.
    worker.drain();
    let mut worker = installation.worker("two", &[]);
    let second = outcome(&submit(&installation, &request("SECOND")));
    assert_eq!(first["totals"], second["totals"]);
    let cleared: Value = serde_json::from_str(&installation.ok(&["cache", "clear", "--json"])).expect("an answer");
    assert_eq!(cleared["deleted"], 1, "one chunk, kept once for both jobs");
    worker.drain();
    assert_eq!(installation.verified()["jobs"], 2);
}
