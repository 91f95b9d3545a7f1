//! `bench scale`: the same load through 1, 2 and 4 workers, beside as many copying loops; what a trade costs must not grow with their number.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::copying::{Output, outputs};
use super::process::Process;
use super::rounds::Rounds;
use super::times::rounded;
use super::{ours, stock};
use crate::cli::config::Config;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::generate::command::Shape;
use crate::cli::parts;
use crate::cli::session::Session;
use crate::cli::verify::snapshot::Snapshot;
use crate::pipeline::topics::TRADES;

/// CPU time per trade of 1, 2 and 4 workers
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Trades of a round
    #[arg(long, default_value_t = 500_000)]
    trades: u64,
    #[arg(long, default_value_t = 8)]
    partitions: i32,
    /// Numbers of worker processes, one round each
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 4])]
    workers: Vec<usize>,
    #[command(flatten)]
    shape: Shape,
}

/// What one number of workers came to.
struct Round {
    workers: usize,
    per_second: f64,
    cpu_us_per_record: f64,
    /// Of a worker's turn.
    turn_records: f64,
    /// Of as many loops that only copy.
    limit_cpu_us_per_record: f64,
}

/// A group whose members have all joined is still for this long.
const SETTLES: Duration = Duration::from_secs(4);
/// At most this many times the cost of the first round.
const AIM: f64 = 1.1;
const PATIENCE: Duration = Duration::from_secs(300);

pub fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let config = session.config()?;
    let (mut topics, mut rounds) = (Rounds::of(&config), Vec::new());
    for workers in &arguments.workers {
        let round = round(*workers, arguments, &mut topics, session)?;
        session.output.note(told(&round));
        rounds.push(round);
    }
    let Some(first) = rounds.first() else { return Err(Failure::usage("--workers names no number")) };
    let shown: Vec<Value> = rounds
        .iter()
        .map(|round| {
            json!({
                "workers": round.workers, "rate": round.per_second.round(), "cpu_us_per_record": rounded(round.cpu_us_per_record),
                "cost_ratio": rounded(round.cpu_us_per_record / first.cpu_us_per_record), "turn_records": round.turn_records.round(),
                "limit_cpu_us_per_record": rounded(round.limit_cpu_us_per_record),
                "limit_cost_ratio": rounded(round.limit_cpu_us_per_record / first.limit_cpu_us_per_record),
            })
        })
        .collect();
    let answer = json!({
        "scenario": "scale", "rounds": shown, "aim_cost_ratio": AIM,
        "conditions": topics.conditions(json!({
            "trades": arguments.trades, "partitions": arguments.partitions, "keys": arguments.shape.keys,
            "zipf": arguments.shape.zipf, "plain": arguments.shape.plain, "seed": arguments.shape.seed,
            "turn_records": "of a worker's turn, by the turn marks, as if each turn had some of each of its partitions",
            "limit": "as many loops as workers, in one process and after them, that only copy the same load, in records of the same number and sizes",
            "cost_ratio": format!("CPU time of a trade against that of {} worker(s); the workers' alone, without the broker's", first.workers),
        }))?,
    });
    session.output.say(answer.clone(), serde_json::to_string_pretty(&answer).unwrap_or_default())?;
    Ok(Exit::Ok)
}

/// Workers that have their partitions before the load comes, so that neither their start nor a rebalance is measured; then loops over topics of their own.
fn round(count: usize, arguments: &Arguments, topics: &mut Rounds, session: &Session) -> Result<Round, Failure> {
    let config = topics.fresh(arguments.partitions)?;
    let mut workers = stock::workers(count, 1, &config, session)?;
    stock::consumed(&config, PATIENCE)?;
    thread::sleep(SETTLES);
    let (before, turns_before) = (cpu(&mut workers), turns(&config)?);
    let began = Instant::now();
    let sent = put(arguments, &config)?;
    stock::consumed(&config, PATIENCE)?;
    let seconds = began.elapsed().as_secs_f64();
    let records = sent as f64;
    let cpu_us_per_record = (cpu(&mut workers) - before) * 1e6 / records;
    let turns = turns(&config)? - turns_before;
    let turn_records = records / turns.max(1) as f64 * f64::from(arguments.partitions) / count as f64;
    drop(workers);
    let volumes = ours::volumes(parts::broker(&config)?.as_ref(), arguments.partitions)?;
    let config = topics.fresh(arguments.partitions)?;
    let outputs = outputs(&config, arguments.partitions, &volumes, sent)?;
    let limit_cpu_us_per_record = limit(count, sent, &outputs, arguments, &config, session)?;
    Ok(Round {
        workers: count,
        per_second: records / seconds,
        cpu_us_per_record,
        turn_records,
        limit_cpu_us_per_record,
    })
}

/// CPU time a trade of as many loops, over the same load, which has `records`.
fn limit(
    loops: usize,
    records: u64,
    outputs: &[Output],
    arguments: &Arguments,
    config: &Config,
    session: &Session,
) -> Result<f64, Failure> {
    let mut loops = Process::copying(loops, records, outputs, config, session)?;
    thread::sleep(SETTLES);
    let before = loops.cpu_seconds();
    put(arguments, config)?;
    loops.wait()?;
    Ok((loops.cpu_seconds() - before) * 1e6 / records as f64)
}

fn put(arguments: &Arguments, config: &Config) -> Result<u64, Failure> {
    stock::put(config, arguments.shape.load(arguments.trades).trades()?)
}

/// Of all tasks together.
fn turns(config: &Config) -> Result<u64, Failure> {
    let snapshot = Snapshot::take(parts::broker(config)?.as_ref())?;
    Ok(snapshot.partitions(TRADES).map(|input| snapshot.stand(input).mark.turn).sum())
}

fn cpu(workers: &mut [Process]) -> f64 {
    workers.iter_mut().map(Process::cpu_seconds).sum()
}

fn told(round: &Round) -> String {
    let Round { workers, per_second, cpu_us_per_record, turn_records, limit_cpu_us_per_record } = round;
    format!(
        "{workers} worker(s): {per_second:.0} trades/s, {cpu_us_per_record:.2} µs CPU a trade, {turn_records:.0} trades a turn; as many copying loops \
         {limit_cpu_us_per_record:.2} µs"
    )
}
