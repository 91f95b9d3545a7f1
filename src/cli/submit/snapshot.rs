//! `submit snapshot`: a name for what is known now of contracts, market and reference data. The same name again is answered, not given anew.

use serde_json::json;
use xxhash_rust::xxh3::xxh3_128;

use super::sender::Sender;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::parts;
use crate::cli::session::Session;
use crate::cli::snapshots::{self, Numbered};
use crate::cli::tail::partitions;
use crate::domain::market::snapshot::{MarketSnapshot, SnapshotName};
use crate::engine::broker::Broker;
use crate::messages::schemas::Schemas;
use crate::pipeline::topics::MARKET_SNAPSHOTS;

/// Names what is known now of contracts, market and reference data, for jobs by reference
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The name, as in EOD-2025-03-10
    name: String,
}

pub fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let name = SnapshotName::new(&arguments.name).map_err(|error| Failure::usage(error.to_string()))?;
    let config = session.config()?;
    let (broker, schemas) = (parts::broker(&config)?, parts::schemas(&config)?);
    let (Numbered { number, snapshot }, new) = take(broker.as_ref(), &schemas, name)?;
    let MarketSnapshot { name, moment } = snapshot;
    let known = moment.known;
    let json = json!({
        "snapshot": name.as_str(), "number": number, "new": new, "day": moment.day.to_string(),
        "contracts": known.contracts, "market_data": known.market_data, "reference_data": known.reference_data,
    });
    let what = if new { "taken" } else { "known already" };
    let text = format!(
        "{name} {what}: number {number}, end of {}, contracts to {}, market data to {}, reference data to {}",
        moment.day, known.contracts, known.market_data, known.reference_data
    );
    session.output.say(json, text)?;
    Ok(Exit::Ok)
}

/// The snapshot of a name, taken now if there is none, and whether it was.
pub fn take(broker: &dyn Broker, schemas: &Schemas, name: SnapshotName) -> Result<(Numbered, bool), Failure> {
    if let Some(known) = snapshots::named(broker, schemas, &name)? {
        return Ok((known, false));
    }
    // Whoever takes a snapshot of this name at the same time is fenced: what they have not committed by now never will be.
    let id = format!("bookflow.submit-snapshot-{:032x}", xxh3_128(name.as_str().as_bytes()));
    let mut sender = Sender::open_as(broker, &id)?;
    if let Some(known) = snapshots::named(broker, schemas, &name)? {
        return Ok((known, false));
    }
    let snapshot = MarketSnapshot { name: name.clone(), moment: snapshots::now(broker, schemas)? };
    let mut value = Vec::new();
    let encoded = schemas.encode(&snapshot, None, &mut value);
    encoded.map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
    sender.send(MARKET_SNAPSHOTS, partitions(broker, MARKET_SNAPSHOTS)?, name.as_str().as_bytes(), &value)?;
    sender.finish()?;
    let taken = snapshots::named(broker, schemas, &name)?;
    taken.map(|taken| (taken, true)).ok_or_else(|| {
        Failure::new(Exit::Failed, format!("snapshot {name} was committed and is not there"))
            .next("run `bookflow verify`")
    })
}
