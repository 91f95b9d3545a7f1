//! `bench latency`: from when a trade is due at its source to when a read_committed reader has its answer, beside the copying loop.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::copying::{COPY_BLOTTER, Copying, outputs};
use super::probe::{Source, answered};
use super::rounds::{self, Rounds};
use super::times::{Times, rounded};
use super::{ours, stock};
use crate::cli::config::Config;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::generate::load::{Load, Mix};
use crate::cli::parts;
use crate::cli::session::Session;
use crate::cli::tail::{From, Tail};
use crate::domain::trade::Trade;
use crate::pipeline::topics::{BLOTTER, TRADES};

/// Produce to visible at several rates, beside a loop that only copies in the same rhythm
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Trades a second, one round each; the quickest first, because the broker's code is compiled meanwhile
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 184, 23])]
    rates: Vec<u64>,
    /// How long each is measured
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    #[arg(long, default_value_t = 8)]
    partitions: i32,
    /// Positions that the trades are spread over
    #[arg(long, default_value_t = 10_000)]
    keys: u32,
    /// Threads of the worker; the loop has one
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    threads: u8,
}

/// What the loop reads: a round of its own beside ours.
const COPY_TRADES: &str = "copy.trades";
/// Sent and answered before anything is measured.
const WARM_UP: Duration = Duration::from_secs(3);
/// At most this many times the loop's median and 99th percentile.
const AIM: f64 = 1.3;

pub fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let config = session.config()?;
    let (mut topics, mut rounds) = (Rounds::of(&config), Vec::new());
    for per_second in &arguments.rates {
        let config = topics.fresh(arguments.partitions)?;
        let round = round(*per_second, arguments, &config, session)?;
        session.output.note(round.to_string());
        rounds.push(round);
    }
    let answer = json!({
        "scenario": "latency", "rounds": rounds, "aim_ratio": AIM,
        "conditions": topics.conditions(json!({
            "seconds": arguments.seconds, "partitions": arguments.partitions, "keys": arguments.keys, "threads": arguments.threads,
            "latency": "from when a trade was due, whether or not the source was late, to when a read_committed reader had its answer",
            "limit": "a loop on the same broker that copies as many records of the same sizes, after us in each round",
        }))?,
    });
    session.output.say(answer.clone(), serde_json::to_string_pretty(&answer).unwrap_or_default())?;
    Ok(Exit::Ok)
}

/// The worker, what it wrote, and then the loop that writes as much.
fn round(per_second: u64, arguments: &Arguments, config: &Config, session: &Session) -> Result<Value, Failure> {
    let (warm_up, count) = (per_second * WARM_UP.as_secs(), per_second * arguments.seconds);
    let load = || -> Result<_, Failure> {
        let load = Load { zipf: 0.0, mix: Mix::PLAIN, keys: arguments.keys, ..Load::new(1, warm_up + count) };
        stock::trades(&load)
    };
    let ours = {
        let _worker = stock::workers(1, arguments.threads, config, session)?;
        let mut trades = load()?;
        measured(config, (TRADES, BLOTTER), per_second, trades.by_ref().take(warm_up as usize), warm_up)?;
        measured(config, (TRADES, BLOTTER), per_second, trades, count)?
    };
    let volumes = ours::volumes(parts::broker(config)?.as_ref(), arguments.partitions)?;
    let outputs = outputs(config, arguments.partitions, &volumes, warm_up + count)?;
    rounds::create_copies(config, arguments.partitions, &[TRADES])?;
    rounds::await_leaders(config, [COPY_TRADES, COPY_BLOTTER])?;
    let copying = Copying::new(config, COPY_TRADES, outputs, warm_up + count);
    let limit = thread::scope(|scope| {
        let copying = scope.spawn(|| copying.run());
        let mut trades = load()?;
        let topics = (COPY_TRADES, COPY_BLOTTER);
        measured(config, topics, per_second, trades.by_ref().take(warm_up as usize), warm_up)?;
        let limit = measured(config, topics, per_second, trades, count);
        copying.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        limit
    })?;
    let ratio = |quantile| rounded(ours.quantile_ms(quantile) / limit.quantile_ms(quantile));
    Ok(json!({
        "per_second": per_second, "ours": ours.figures(), "limit": limit.figures(), "ratio_p50": ratio(0.5), "ratio_p99": ratio(0.99),
    }))
}

/// Sends in a steady rhythm, and reads the answers beside it. Both topics keep the order of a partition and have one
/// record for each: the n-th answer is that of the n-th trade, so that nobody has to look into it.
fn measured(
    config: &Config,
    (trades_topic, answers_topic): (&'static str, &'static str),
    per_second: u64,
    trades: impl Iterator<Item = Trade> + Send,
    count: u64,
) -> Result<Times, Failure> {
    let source = Source::open(config, trades_topic)?;
    let mut answers = Tail::open(parts::broker(config)?.as_ref(), answers_topic, From::End)?;
    let unanswered: Vec<_> = (0..source.partitions).map(|_| Mutex::new(VecDeque::new())).collect();
    let unanswered = |partition: i32| unanswered[partition as usize].lock().unwrap_or_else(PoisonError::into_inner);
    let before = |trade: &Trade, due| unanswered(source.partition(trade)).push_back(due);
    answered(&source, per_second, trades, count, before, |times| {
        answers.round(|record| {
            let due = unanswered(record.from.partition).pop_front();
            let due = due.ok_or_else(|| Failure::new(Exit::Failed, "an answer to a trade that was not sent"))?;
            times.record(due.elapsed());
            Ok(())
        })
    })
}
