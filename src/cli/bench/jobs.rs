//! `bench batch-65k`, `batch-160k`, `lots-6k5`: a job from `submit` to the outcome that a read_committed reader sees.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::alone::{self, Alone};
use super::client::Client;
use super::process::{CpuByThread, Process};
use super::rounds::Rounds;
use super::times::rounded;
use crate::cli::config::Config;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::generate::request::RequestShape;
use crate::cli::session::Session;
use crate::domain::jobs::job::{JobId, Outcome};

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Contracts, if not as many as the scenario is named after
    #[arg(long)]
    contracts: Option<u32>,
    #[arg(long, default_value_t = 8)]
    partitions: i32,
    /// Jobs one after another, each on topics of its own; the middle one is the result
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Worker processes
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Threads of each stage in a worker
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    threads: u8,
}

/// What is asked for, and by whom.
#[derive(Clone, Copy)]
pub struct Scenario {
    pub name: &'static str,
    pub contracts: u32,
    pub positions: u32,
    pub lots: u32,
}

pub const BATCH_65K: Scenario = Scenario { name: "batch-65k", contracts: 65_000, positions: 4, lots: 5 };
pub const BATCH_160K: Scenario = Scenario { name: "batch-160k", contracts: 160_000, positions: 4, lots: 5 };
/// One contract of 6,500 lots, asked for over a connection that stands: a real-time request.
pub const LOTS_6K5: Scenario = Scenario { name: "lots-6k5", contracts: 1, positions: 4, lots: 1_625 };

struct Round {
    seconds: f64,
    /// Of the workers.
    cpu: CpuByThread,
    worker_rss_mb: f64,
    submit: Option<Submitted>,
}

/// What the process that submitted took.
struct Submitted {
    seconds: f64,
    cpu_seconds: f64,
    peak_rss_mb: f64,
}

pub fn run(scenario: Scenario, aim_seconds: f64, arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let scenario = Scenario { contracts: arguments.contracts.unwrap_or(scenario.contracts), ..scenario };
    let config = session.config()?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("request.json");
    scenario.write(scenario.name, &mut BufWriter::new(File::create(&path)?))?;
    let (mut topics, mut rounds) = (Rounds::of(&config), Vec::new());
    for number in 1..=arguments.rounds.max(1) {
        let config = topics.fresh(arguments.partitions)?;
        let round = round(scenario, &path, arguments, &config, session)?;
        session.output.note(format!("round {number}: {:.3} s", round.seconds));
        rounds.push(round);
    }
    rounds.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    let alone = alone::measure(&path, &config)?;
    let conditions = topics.conditions(conditions(scenario, arguments, &config, &alone, path.metadata()?.len()))?;
    let answer = answer(scenario, aim_seconds, &rounds, &alone, conditions);
    session.output.say(answer.clone(), serde_json::to_string_pretty(&answer).unwrap_or_default())?;
    Ok(Exit::Ok)
}

fn round(
    scenario: Scenario,
    path: &Path,
    arguments: &Arguments,
    config: &Config,
    session: &Session,
) -> Result<Round, Failure> {
    let mut client = Client::open(config)?;
    let mut workers = workers(arguments.workers, arguments.threads, config, session)?;
    warm_up(&mut client)?;
    let before = cpu(&workers)?;
    let (seconds, submit) = match scenario.realtime() {
        true => (asked(scenario, path, &mut client)?, None),
        false => {
            let (seconds, submit) = submitted(scenario, path, &mut client, config, session)?;
            (seconds, Some(submit))
        }
    };
    let worker_rss_mb = workers.iter_mut().map(Process::peak_rss_mb).fold(0.0, f64::max);
    Ok(Round { seconds, cpu: since(&before, &cpu(&workers)?), worker_rss_mb, submit })
}

/// The middle one of many: a job this small is soon over.
fn asked(scenario: Scenario, path: &Path, client: &mut Client) -> Result<f64, Failure> {
    let request = std::fs::read_to_string(path)?;
    let mut seconds = Vec::new();
    for number in 0..REQUESTS {
        let json = request.replacen(scenario.name, &format!("{}-{number}", scenario.name), 1);
        let began = Instant::now();
        let outcome = client.ask(json.as_bytes())?;
        seconds.push(began.elapsed().as_secs_f64());
        scenario.check(&outcome)?;
    }
    seconds.sort_by(f64::total_cmp);
    Ok(seconds[seconds.len() / 2])
}

/// By a process of its own, from its start.
fn submitted(
    scenario: Scenario,
    path: &Path,
    client: &mut Client,
    config: &Config,
    session: &Session,
) -> Result<(f64, Submitted), Failure> {
    let began = Instant::now();
    let mut submit = Process::start(config, session, &["submit", "job", &path.to_string_lossy()])?;
    thread::scope(|scope| {
        let submission = scope.spawn(|| -> Result<Submitted, Failure> {
            submit.wait()?;
            let seconds = began.elapsed().as_secs_f64();
            Ok(Submitted { seconds, cpu_seconds: submit.cpu_seconds(), peak_rss_mb: submit.peak_rss_mb() })
        });
        let outcome = client.outcome(&job(scenario.name)?)?;
        let seconds = began.elapsed().as_secs_f64();
        scenario.check(&outcome)?;
        let submitted = submission.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok((seconds, submitted))
    })
}

const REQUESTS: usize = 21;

pub fn workers(count: usize, threads: u8, config: &Config, session: &Session) -> Result<Vec<Process>, Failure> {
    (1..=count.max(1)).map(|number| Process::jobs(config, session, number, threads)).collect()
}

/// A job in each lane, so that what is measured meets workers that have their partitions.
pub fn warm_up(client: &mut Client) -> Result<(), Failure> {
    for (name, contracts) in [("warm-realtime", 1), ("warm-batch", 300), ("warm-again", 1)] {
        let scenario = Scenario { name, contracts, positions: 4, lots: 1 };
        let mut json = Vec::new();
        scenario.write(name, &mut json)?;
        scenario.check(&client.ask(&json)?)?;
        thread::sleep(SETTLES);
    }
    Ok(())
}

/// Groups that have just been joined are assigned again within this time.
const SETTLES: Duration = Duration::from_millis(500);

impl Scenario {
    /// Small enough to be asked for over a connection that stands.
    fn realtime(&self) -> bool {
        self.contracts == 1
    }

    pub fn write(&self, id: &str, out: &mut impl Write) -> Result<(), Failure> {
        RequestShape::new(id, self.contracts, self.positions, self.lots).write(out)?;
        Ok(out.flush()?)
    }

    /// A wrong answer has no time.
    fn check(&self, outcome: &Outcome) -> Result<(), Failure> {
        let (counts, errors) = (outcome.totals.counts, outcome.totals.errors);
        match counts.contracts == u64::from(self.contracts) && errors == 0 && outcome.totals.flows > 0 {
            true => Ok(()),
            false => Err(Failure::new(Exit::Failed, format!("{:?}: {counts}, {errors} errors", outcome.ending))),
        }
    }
}

pub fn job(name: &str) -> Result<JobId, Failure> {
    JobId::new(name).map_err(|error| Failure::new(Exit::Failed, error.to_string()))
}

/// Over all workers.
fn cpu(workers: &[Process]) -> Result<CpuByThread, Failure> {
    let mut sum = CpuByThread::new();
    for worker in workers {
        for (thread, seconds) in worker.cpu_by_thread()? {
            // Threads of one stage, and threads of librdkafka, are one line each.
            let name = thread.trim_end_matches(|last: char| last.is_ascii_digit()).trim_end_matches('-');
            *sum.entry(name.to_owned()).or_default() += seconds;
        }
    }
    Ok(sum)
}

fn since(before: &CpuByThread, after: &CpuByThread) -> CpuByThread {
    let used = |(name, seconds): (&String, &f64)| (name.clone(), rounded(seconds - before.get(name).unwrap_or(&0.0)));
    after.iter().map(used).filter(|(_, seconds)| *seconds > 0.0).collect()
}

fn answer(scenario: Scenario, aim_seconds: f64, rounds: &[Round], alone: &Alone, conditions: Value) -> Value {
    let middle = &rounds[(rounds.len() - 1) / 2];
    json!({
        "scenario": scenario.name,
        "seconds": rounded(middle.seconds), "aim_seconds": aim_seconds,
        "seconds_by_stage": alone.seconds().into_iter().map(|(step, time)| (step, rounded(time))).collect::<BTreeMap<_, _>>(),
        "worker_cpu_seconds": middle.cpu,
        "peak_rss_mb": middle.worker_rss_mb.round(),
        "submit": middle.submit.as_ref().map(|submit| json!({
            "seconds": rounded(submit.seconds), "cpu_seconds": rounded(submit.cpu_seconds), "peak_rss_mb": submit.peak_rss_mb.round(),
        })),
        "rounds": rounds.iter().map(|round| rounded(round.seconds)).collect::<Vec<_>>(),
        "conditions": conditions,
    })
}

/// Of jobs alone.
fn conditions(scenario: Scenario, arguments: &Arguments, config: &Config, alone: &Alone, request_bytes: u64) -> Value {
    json!({
        "contracts": scenario.contracts, "positions": scenario.positions, "lots": scenario.lots,
        "request_bytes": request_bytes, "chunk_bytes": alone.chunk_bytes, "flow_bytes": alone.flow_bytes, "flows": alone.flows,
        "chunk_positions": config.jobs.chunk_positions, "chunk_lots": config.jobs.chunk_lots,
        "partitions": arguments.partitions, "workers": arguments.workers, "threads": arguments.threads,
        "seconds_by_stage": "CPU time of each step alone and without Kafka, after the rounds",
        "seconds": if scenario.realtime() { "of one request over an open connection" } else { "from the start of the process that submits" },
    })
}
