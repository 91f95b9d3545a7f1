//! `bench hot-key`: how much one key takes, and what the others notice of it, beside the copying loop.

use std::collections::HashSet;
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::capture::capture;
use super::copying::{COPY_BLOTTER, outputs};
use super::probe::{Source, latencies};
use super::process::Process;
use super::rounds::Rounds;
use super::times::{Times, rounded};
use super::{ours, stock};
use crate::cli::config::Config;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::generate::load::{Load, Mix};
use crate::cli::parts;
use crate::cli::session::Session;
use crate::domain::key::TradeId;
use crate::domain::trade::Trade;
use crate::pipeline::topics::{BLOTTER, TRADES};

/// Trades captured per second when all are of one key, and the latency of other keys beside it
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Trades of the one key whose rate is measured
    #[arg(long, default_value_t = 300_000)]
    trades: u64,
    /// Trades a second of the one key while the others are watched
    #[arg(long, default_value_t = 10_000)]
    flood: u64,
    /// Trades a second of all other keys together
    #[arg(long, default_value_t = 200)]
    others: u64,
    /// How long the others are watched, alone and beside the one key
    #[arg(long, default_value_t = 15)]
    seconds: u64,
    #[arg(long, default_value_t = 8)]
    partitions: i32,
    /// Threads of the worker
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    threads: u8,
}

pub fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let config = session.config()?;
    let mut topics = Rounds::of(&config);
    let first = topics.fresh(arguments.partitions)?;
    let (load, threads) = (one_key(arguments.trades).trades()?, arguments.threads.into());
    let rate = capture(load, threads, &first, parts::broker(&first)?, parts::schemas(&first)?)?.per_second;
    session.output.note(format!("one key alone: {rate:.0} trades/s"));
    let volumes = ours::volumes(parts::broker(&first)?.as_ref(), arguments.partitions)?;
    let config = topics.fresh(arguments.partitions)?;
    let [alone, beside, spread] = {
        let _worker = stock::workers(1, arguments.threads, &config, session)?;
        others(BLOTTER, arguments, &config)?
    };
    let config = topics.fresh(arguments.partitions)?;
    let outputs = outputs(&config, arguments.partitions, &volumes, arguments.trades)?;
    let [limit_alone, limit_beside, limit_spread] = {
        let _loop = Process::copying(1, u64::MAX, &outputs, &config, session)?;
        others(COPY_BLOTTER, arguments, &config)?
    };
    let answer = json!({
        "scenario": "hot-key", "rate": rate.round(), "aim_rate": AIM, "others_alone": alone.figures(), "others_beside": beside.figures(),
        "others_beside_spread": spread.figures(), "limit_alone": limit_alone.figures(), "limit_beside": limit_beside.figures(),
        "limit_beside_spread": limit_spread.figures(),
        "moved_p99_ms": rounded(beside.quantile_ms(0.99) - alone.quantile_ms(0.99)), "aim_moved_p99_ms": 0,
        "conditions": topics.conditions(json!({
            "trades": arguments.trades, "flood_per_second": arguments.flood, "others_per_second": arguments.others,
            "others_beside_spread": "the flood's trades spread over as many keys as the others have: what is not the one key's doing",
            "limit": "the same with a loop instead of the worker, in a process of its own and after it, that copies as many records of the same sizes",
            "flood_linger_ms": LINGER.as_millis() as u64, "seconds": arguments.seconds, "partitions": arguments.partitions, "threads": arguments.threads,
        }))?,
    });
    session.output.say(answer.clone(), serde_json::to_string_pretty(&answer).unwrap_or_default())?;
    Ok(Exit::Ok)
}

/// The latency of the other keys to their records on `answers`: alone, beside a flood of one key, and beside one of as many keys as
/// they are, none of them theirs or the one.
fn others(answers: &'static str, arguments: &Arguments, config: &Config) -> Result<[Times; 3], Failure> {
    let count = arguments.others * arguments.seconds;
    let load = Load { zipf: 0.0, mix: Mix::PLAIN, keys: OTHERS, ..Load::new(2, 5 * count + WARM_UP) };
    let flooded = stock::trades(&Load { keys: 1, ..load.clone() })?.next().map(|trade| trade.key);
    let others: Vec<_> = stock::trades(&load)?.filter(|trade| Some(&trade.key) != flooded.as_ref()).collect();
    // A trade that comes late to the one key's position is dear.
    let taken: HashSet<_> = others.iter().map(|trade| trade.key.clone()).chain(flooded).collect();
    let mut others = others.into_iter();
    let mut next = |count: u64| -> Vec<Trade> { others.by_ref().take(count as usize).collect() };
    latencies(config, answers, arguments.others, next(WARM_UP))?;
    let alone = latencies(config, answers, arguments.others, next(count))?;
    let flood = one_key(arguments.flood * (arguments.seconds + AHEAD.as_secs() + 1));
    let spread = Load { keys: 2 * OTHERS, records: 2 * flood.records, ..flood.clone() };
    let spread = stock::trades(&spread)?.filter(|trade| !taken.contains(&trade.key));
    let beside = self::beside(stock::trades(&flood)?, "HOT", next(count), answers, arguments, config)?;
    let spread = self::beside(spread, "SPREAD", next(count), answers, arguments, config)?;
    Ok([alone, beside, spread])
}

fn beside(
    flood: impl Iterator<Item = Trade> + Send,
    source: &str,
    others: Vec<Trade>,
    answers: &'static str,
    arguments: &Arguments,
    config: &Config,
) -> Result<Times, Failure> {
    let trades = Source::lingering(config, TRADES, LINGER)?;
    thread::scope(|scope| {
        // All loads count their trades from one.
        let named = |id: &TradeId| TradeId::new(source, id.trade_id()).expect("a generated id is a name");
        let flood = flood.map(move |trade| Trade { id: named(&trade.id), ..trade });
        let flood = scope.spawn(|| trades.steady(arguments.flood, flood, |_, _| {}));
        thread::sleep(AHEAD);
        let beside = latencies(config, answers, arguments.others, others)?;
        flood.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok(beside)
    })
}

/// Trades a second of one key.
const AIM: u64 = 20_000;
/// As long as Kafka's clients wait unless told otherwise: a request a record would measure the broker.
const LINGER: Duration = Duration::from_millis(5);
/// Keys of the others.
const OTHERS: u32 = 1_000;
/// Trades before anything is measured.
const WARM_UP: u64 = 500;
/// How long the flood runs before the others are watched.
const AHEAD: Duration = Duration::from_secs(2);

fn one_key(trades: u64) -> Load {
    Load { keys: 1, zipf: 0.0, mix: Mix::PLAIN, ..Load::new(1, trades) }
}
