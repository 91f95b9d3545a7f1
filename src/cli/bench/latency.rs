//! `bench jobs-latency`: real-time requests of one lot, alone and while a large job is worked off beside them.

use std::fs::File;
use std::io::BufWriter;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::Client;
use super::jobs::{BATCH_160K, Scenario, job, rounded, warm_up, workers};
use super::namespace;
use super::process::Process;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::session::Session;

/// Real-time requests of one lot, alone and beside a job of 160,000 contracts
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Contracts of the large job
    #[arg(long, default_value_t = BATCH_160K.contracts)]
    contracts: u32,
    /// Requests that are measured alone
    #[arg(long, default_value_t = 200)]
    requests: usize,
    #[arg(long, default_value_t = 8)]
    partitions: i32,
    /// Threads of each stage
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    threads: u8,
}

const ONE_LOT: Scenario = Scenario { name: "one-lot", contracts: 1, positions: 1, lots: 1 };

pub fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let config = namespace::fresh(&session.config()?, 1, arguments.partitions)?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("request.json");
    let large = Scenario { contracts: arguments.contracts, ..BATCH_160K };
    large.write(large.name, &mut BufWriter::new(File::create(&path)?))?;
    let mut client = Client::open(&config)?;
    let _workers = workers(1, arguments.threads, &config, session)?;
    warm_up(&mut client)?;
    let mut alone = Vec::new();
    for number in 0..arguments.requests.max(1) {
        alone.push(one(&mut client, &format!("alone-{number}"))?);
    }
    let mut beside = Vec::new();
    let mut follower = Client::open(&config)?;
    let mut submit = Process::start(&config, session, &["submit", "job", &path.to_string_lossy()])?;
    let mut ended = false;
    while !ended || beside.is_empty() {
        beside.push(one(&mut client, &format!("beside-{}", beside.len()))?);
        ended |= follower.look(&job(large.name)?)?.is_some();
    }
    submit.wait()?;
    let (alone, beside) = (figures(alone), figures(beside));
    let p99 = |figures: &Value| figures["p99_ms"].as_f64().unwrap_or(f64::NAN);
    let answer = json!({
        "scenario": "jobs-latency", "alone": alone, "beside": beside, "moved_p99_ms": rounded(p99(&beside) - p99(&alone)),
        "conditions": {
            "broker": config.kafka.bootstrap, "bookflow": env!("CARGO_PKG_VERSION"),
            "cores": std::thread::available_parallelism().map_or(0, |cores| cores.get()),
            "contracts": arguments.contracts, "partitions": arguments.partitions, "threads": arguments.threads,
        },
    });
    session.output.say(answer.clone(), serde_json::to_string_pretty(&answer).unwrap_or_default())?;
    Ok(Exit::Ok)
}

fn one(client: &mut Client, id: &str) -> Result<Duration, Failure> {
    let mut json = Vec::new();
    ONE_LOT.write(id, &mut json)?;
    let began = Instant::now();
    client.ask(&json)?;
    Ok(began.elapsed())
}

fn figures(mut times: Vec<Duration>) -> Value {
    times.sort();
    let at = |share: f64| rounded(times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3);
    json!({ "requests": times.len(), "p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": at(1.0) })
}
