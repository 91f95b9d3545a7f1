//! Work and state for a scenario: trades on the topic, lots that stay open, workers of stage `book` that have caught up.

use std::thread;
use std::time::{Duration, Instant};

use super::process::Process;
use crate::cli::config::Config;
use crate::cli::embedded::caught_up;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::generate::load::{Load, Mix};
use crate::cli::generate::send::send;
use crate::cli::generate::trades::Generated;
use crate::cli::parts;
use crate::cli::session::Session;
use crate::domain::trade::{Side, Trade, TradeEvent};

/// Positions that a million lots are spread over.
pub const KEYS: u32 = 10_000;
const LOOK: Duration = Duration::from_millis(50);

/// Puts a load on the topic; answers how many records it is.
pub fn put(config: &Config, load: impl Iterator<Item = Generated>) -> Result<u64, Failure> {
    let (broker, schemas) = (parts::broker(config)?, parts::schemas(config)?);
    let id = format!("bookflow.bench-{}", std::process::id());
    Ok(send(broker.as_ref(), &schemas, &id, load, |_| {})?.records)
}

/// The trades of a load, without what is no trade.
pub fn trades(load: &Load) -> Result<impl Iterator<Item = Trade> + use<>, Failure> {
    Ok(load.trades()?.filter_map(|generated| match generated {
        Generated::Trade(trade) => Some(trade),
        Generated::Poison { .. } => None,
    }))
}

/// New trades that all buy: each opens a lot that nothing closes.
pub fn lots(count: u64) -> Result<impl Iterator<Item = Generated>, Failure> {
    let load = Load { keys: KEYS, mix: Mix::PLAIN, ..Load::new(1, count) };
    Ok(load.trades()?.map(|generated| match generated {
        Generated::Trade(Trade { event: TradeEvent::New(mut terms), key, id, version }) => {
            terms.side = Side::Buy;
            Generated::Trade(Trade { event: TradeEvent::New(terms), key, id, version })
        }
        other => other,
    }))
}

/// Workers of `book` alone, named by number.
pub fn workers(count: usize, threads: u8, config: &Config, session: &Session) -> Result<Vec<Process>, Failure> {
    (1..=count.max(1)).map(|number| Process::book(config, session, number, threads)).collect()
}

/// Waits until everything on the topic is answered.
pub fn consumed(config: &Config, patience: Duration) -> Result<(), Failure> {
    let (broker, began) = (parts::broker(config)?, Instant::now());
    while !caught_up(broker.as_ref())? {
        if began.elapsed() > patience {
            return Err(Failure::new(Exit::Failed, format!("the workers are not through after {patience:?}")));
        }
        thread::sleep(LOOK);
    }
    Ok(())
}
