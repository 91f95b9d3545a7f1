//! `bench recovery`: one of two workers is killed; how long until each partition is answered again.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::probe::{Answers, Source};
use super::rounds::Rounds;
use super::stock;
use super::times::rounded;
use crate::cli::config::Config;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::generate::load::{Load, Mix};
use crate::cli::parts;
use crate::cli::session::Session;
use crate::domain::key::TradeId;
use crate::domain::trade::Trade;
use crate::pipeline::topics::TRADES;

/// From `kill -9` of a worker to the first committed answer of each partition it had
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Open lots of all partitions together
    #[arg(long, default_value_t = 1_000_000)]
    lots: u64,
    #[arg(long, default_value_t = 8)]
    partitions: i32,
    /// Threads of each worker
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    threads: u8,
}

/// A trade to every partition so often, before and after the kill.
const RHYTHM: Duration = Duration::from_millis(50);
/// What is answered again so soon was never taken away.
const UNMOVED: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(300);

pub fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let mut topics = Rounds::of(&session.config()?);
    let config = topics.fresh(arguments.partitions)?;
    let limits = parts::time_limits(&config);
    let mut workers = stock::workers(2, arguments.threads, &config, session)?;
    let trades = stock::put(&config, stock::lots(arguments.lots)?)?;
    session.output.note(format!("{trades} lots are sent; the workers capture them"));
    stock::consumed(&config, PATIENCE)?;
    let times = watch(&config, || drop(workers.pop()))?;
    let moved: Vec<_> = times.values().copied().filter(|time| *time > UNMOVED).collect();
    let (first, last) = (moved.iter().min().copied(), moved.iter().max().copied());
    let seconds = |time: Option<Duration>| time.map(|time| rounded(time.as_secs_f64()));
    let bound = limits.session + limits.broker_cleanup;
    let answer = json!({
        "scenario": "recovery", "first_seconds": seconds(first), "all_seconds": seconds(last),
        "partitions_moved": moved.len(), "bound_seconds": rounded(bound.as_secs_f64()),
        "beyond_bound_seconds": last.map(|last| rounded(last.as_secs_f64() - bound.as_secs_f64())), "aim_beyond_bound_seconds": 1,
        "conditions": topics.conditions(json!({
            "lots": arguments.lots, "positions": stock::KEYS, "partitions": arguments.partitions, "workers": 2,
            "threads": arguments.threads, "membership": "dynamic", "local_copies": false,
            "session_timeout_seconds": limits.session.as_secs_f64(), "coordinator_cleanup_seconds": limits.broker_cleanup.as_secs_f64(),
            "bound_seconds": "session timeout + the interval in which the coordinator looks for transactions that are over their time",
        }))?,
    });
    session.output.say(answer.clone(), serde_json::to_string_pretty(&answer).unwrap_or_default())?;
    Ok(Exit::Ok)
}

/// Keeps a trade coming to each partition, lets `kill` happen, and answers how long after it each partition answered a trade
/// that was sent after it.
fn watch(config: &Config, kill: impl FnOnce()) -> Result<BTreeMap<i32, Duration>, Failure> {
    let (source, mut answers) = (Source::open(config, TRADES)?, Answers::open(config)?);
    let over = AtomicBool::new(false);
    let sent: Mutex<BTreeMap<String, (i32, Instant)>> = Mutex::default();
    let sent = || sent.lock().unwrap_or_else(PoisonError::into_inner);
    thread::scope(|scope| {
        let sender = scope.spawn(|| -> Result<(), Failure> {
            let of_partition = one_of_each(&source)?;
            for number in 0.. {
                for trade in of_partition.iter().take_while(|_| !over.load(Ordering::Relaxed)) {
                    let trade = Trade { id: id(number), ..trade.clone() };
                    let partition = source.partition(&trade);
                    sent().insert(format!("{} {}", trade.key, trade.id), (partition, Instant::now()));
                    source.send(&trade)?;
                }
                if over.load(Ordering::Relaxed) {
                    break;
                }
                thread::sleep(RHYTHM);
            }
            Ok(())
        });
        let result = answered(&mut answers, &source, kill, |name| sent().remove(name));
        over.store(true, Ordering::Relaxed);
        sender.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        result
    })
}

fn answered(
    answers: &mut Answers,
    source: &Source,
    kill: impl FnOnce(),
    mut sent: impl FnMut(&str) -> Option<(i32, Instant)>,
) -> Result<BTreeMap<i32, Duration>, Failure> {
    let all = source.partitions as usize;
    let mut seen = BTreeMap::new();
    let mut wait = |since: Instant| -> Result<BTreeMap<i32, Duration>, Failure> {
        seen.clear();
        while seen.len() < all {
            answers.round(|row| {
                let name = format!("{} {}", row.answer.key, row.answer.id);
                if let Some((partition, _)) = sent(&name).filter(|(_, at)| *at > since) {
                    seen.entry(partition).or_insert_with(|| since.elapsed());
                }
            })?;
            if since.elapsed() > PATIENCE {
                let message = format!("{} of {all} partitions answer after {PATIENCE:?}", seen.len());
                return Err(Failure::new(Exit::Failed, message));
            }
        }
        Ok(seen.clone())
    };
    wait(Instant::now())?; // every partition answers, and only then
    let killed = Instant::now();
    kill();
    wait(killed)
}

/// A new trade of a key of each partition.
fn one_of_each(source: &Source) -> Result<Vec<Trade>, Failure> {
    let mut found = BTreeMap::new();
    let load = Load { zipf: 0.0, mix: Mix::PLAIN, keys: stock::KEYS, ..Load::new(3, u64::MAX) };
    for trade in stock::trades(&load)? {
        found.entry(source.partition(&trade)).or_insert(trade);
        if found.len() == source.partitions as usize {
            break;
        }
    }
    Ok(found.into_values().collect())
}

fn id(number: u64) -> TradeId {
    TradeId::new("PROBE", &number.to_string()).expect("a number is a name")
}
