//! `bench jobs-latency`: real-time requests of one lot, alone and while a large job is worked off beside them.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::BufWriter;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::Client;
use super::jobs::{BATCH_160K, Scenario, job, warm_up};
use super::process::Process;
use super::rounds::Rounds;
use super::times::{Times, rounded};
use crate::cli::config::Config;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::parts;
use crate::cli::session::Session;
use crate::cli::tail::{From, Tail};
use crate::engine::clock::{Clock, SystemClock};
use crate::pipeline::topics::{CALCULATION_OUTCOMES, CHUNK_RESULTS_REALTIME};

/// Real-time requests of one lot, alone and beside a job of 160,000 contracts
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Contracts of the large job
    #[arg(long, default_value_t = BATCH_160K.contracts)]
    contracts: u32,
    /// Requests that are measured alone in a round
    #[arg(long, default_value_t = 200)]
    requests: usize,
    /// Times that both are measured, one after the other, after a first one that does not count: the broker's code is compiled in it. All requests together are the
    /// result: of those beside one job, the 99th percentile is one of the worst ten
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    #[arg(long, default_value_t = 8)]
    partitions: i32,
    /// Threads of each stage
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    threads: u8,
}

const ONE_LOT: Scenario = Scenario { name: "one-lot", contracts: 1, positions: 1, lots: 1 };

pub fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let mut topics = Rounds::of(&session.config()?);
    let config = topics.fresh(arguments.partitions)?;
    let mut client = Client::open(&config)?;
    let _workers = Process::of_each_stage(&config, session, arguments.threads)?;
    warm_up(&mut client)?;
    let (mut alone, mut beside, mut large) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=arguments.rounds.max(1) {
        for number in 0..arguments.requests.max(1) {
            alone.push(Request::make(&mut client, format!("alone-{round}-{number}"))?);
        }
        let earlier = beside.len();
        let took = beside_large(round, arguments.contracts, &mut client, &mut beside, &config, session)?;
        large.push(rounded(took.as_secs_f64()));
        let round_alone = &alone[alone.len() - arguments.requests.max(1)..];
        let (before, then) = (p99(round_alone), p99(&beside[earlier..]));
        session.output.note(format!("round {round}: p99 {before:.1} ms alone, {then:.1} ms beside {took:.1?}"));
        if round == 0 {
            (alone, beside, large) = Default::default();
        }
        thread::sleep(SETTLES);
    }
    let (results, outcomes) = (written(&config, CHUNK_RESULTS_REALTIME)?, written(&config, CALCULATION_OUTCOMES)?);
    let figures = |requests: &[Request]| steps(requests, &results, &outcomes);
    let answer = json!({
        "scenario": "jobs-latency", "alone": figures(&alone), "beside": figures(&beside),
        "moved_p99_ms": rounded(p99(&beside) - p99(&alone)), "aim_moved_p99_ms": 20, "large_seconds": large,
        "conditions": topics.conditions(json!({
            "contracts": arguments.contracts, "partitions": arguments.partitions, "threads": arguments.threads, "rounds": arguments.rounds.max(1),
            "sched_autogroup": autogroup(), "spare_processors": config.jobs.spare_processors,
            "steps": "to the chunk's result, from there to the outcome, from there to its reader: by the records' time stamps, in whole milliseconds",
        }))?,
    });
    session.output.say(answer.clone(), serde_json::to_string_pretty(&answer).unwrap_or_default())?;
    Ok(Exit::Ok)
}

/// Requests for as long as a large job takes, from its submission to its outcome. Answers how long that was.
fn beside_large(
    round: usize,
    contracts: u32,
    client: &mut Client,
    beside: &mut Vec<Request>,
    config: &Config,
    session: &Session,
) -> Result<Duration, Failure> {
    let large = Scenario { contracts, ..BATCH_160K };
    let id = format!("{}-{round}", large.name);
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("request.json");
    large.write(&id, &mut BufWriter::new(File::create(&path)?))?;
    let id = job(&id)?;
    let mut follower = Client::open(config)?;
    let began = Instant::now();
    let mut submit = Process::apart(config, session, &["submit", "job", &path.to_string_lossy()])?;
    let mut ended = false;
    while !ended {
        beside.push(Request::make(client, format!("beside-{round}-{}", beside.len()))?);
        ended = follower.look(&id)?.is_some();
    }
    let took = began.elapsed();
    submit.wait()?;
    Ok(took)
}

/// What the broker does after a large job is none of the next round's.
const SETTLES: Duration = Duration::from_secs(2);

fn p99(requests: &[Request]) -> f64 {
    requests.iter().map(|request| request.took).collect::<Times>().quantile_ms(0.99)
}

/// Whether Linux shares the processors among sessions first: then a broker in a session of its own gets no more of them than all others together,
/// whoever of them gives way.
fn autogroup() -> bool {
    fs::read_to_string("/proc/sys/kernel/sched_autogroup_enabled").is_ok_and(|enabled| enabled.trim() == "1")
}

/// One that was answered.
struct Request {
    id: String,
    began_us: i64,
    ended_us: i64,
    took: Duration,
}

impl Request {
    fn make(client: &mut Client, id: String) -> Result<Request, Failure> {
        let mut json = Vec::new();
        ONE_LOT.write(&id, &mut json)?;
        let clock = SystemClock::start();
        let (began_us, began) = (clock.now_us(), Instant::now());
        client.ask(&json)?;
        Ok(Request { id, began_us, ended_us: clock.now_us(), took: began.elapsed() })
    }
}

/// When the first record of each job was written.
fn written(config: &Config, topic: &'static str) -> Result<HashMap<Vec<u8>, i64>, Failure> {
    let mut first = HashMap::new();
    Tail::open(parts::broker(config)?.as_ref(), topic, From::Start)?.to_end(|record| {
        first.entry(record.key.unwrap_or_default().to_vec()).or_insert(record.timestamp_us);
        Ok(())
    })?;
    Ok(first)
}

/// The whole, and each step of it alone.
fn steps(requests: &[Request], results: &HashMap<Vec<u8>, i64>, outcomes: &HashMap<Vec<u8>, i64>) -> Value {
    let (mut whole, mut to_result, mut to_outcome, mut to_reader) =
        (Times::new(), Times::new(), Times::new(), Times::new());
    let between = |from: i64, to: i64| Duration::from_micros(u64::try_from(to - from).unwrap_or(0));
    for request in requests {
        whole.record(request.took);
        let id = request.id.as_bytes();
        let (Some(&result), Some(&outcome)) = (results.get(id), outcomes.get(id)) else { continue };
        to_result.record(between(request.began_us, result));
        to_outcome.record(between(result, outcome));
        to_reader.record(between(outcome, request.ended_us));
    }
    let mut figures = whole.figures();
    figures["steps"] = json!({ "to_result": to_result.figures(), "to_outcome": to_outcome.figures(), "to_reader": to_reader.figures() });
    figures
}
