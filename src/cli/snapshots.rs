//! Named moments of contracts, market and reference data: what a name stands for, and what is known now.

use super::exit::Exit;
use super::failure::{Failure, chain};
use super::tail::{From, Tail};
use crate::domain::flows::row::Snapshot;
use crate::domain::market::snapshot::{MarketSnapshot, Moment, SnapshotName};
use crate::engine::broker::{Broker, TopicPartition};
use crate::messages::data_point::DataPoint;
use crate::messages::schemas::Schemas;
use crate::pipeline::topics::{CONTRACTS, MARKET_DATA, MARKET_SNAPSHOTS, REFERENCE_DATA};

/// A snapshot and its number.
pub struct Numbered {
    pub number: i64,
    pub snapshot: MarketSnapshot,
}

/// Looks a name up; the first record of it counts.
pub fn named(broker: &dyn Broker, schemas: &Schemas, name: &SnapshotName) -> Result<Option<Numbered>, Failure> {
    let mut found = None;
    Tail::open(broker, MARKET_SNAPSHOTS, From::Start)?.to_end(|record| {
        let value = record.value.filter(|_| found.is_none() && record.key == Some(name.as_str().as_bytes()));
        if let Some(value) = value {
            let read = schemas.decode::<MarketSnapshot>(value);
            let (_, snapshot) =
                read.map_err(|error| Failure::new(Exit::Failed, chain(&error)).during(MARKET_SNAPSHOTS))?;
            found = Some(Numbered { number: record.offset, snapshot });
        }
        Ok(())
    })?;
    Ok(found)
}

/// Everything that is committed now, and the business date in it.
pub fn now(broker: &dyn Broker, schemas: &Schemas) -> Result<Moment, Failure> {
    let mut reader = broker.reader()?;
    let mut end = |topic| Ok::<_, Failure>(reader.bounds(TopicPartition { topic, partition: 0 })?.end);
    let known =
        Snapshot { contracts: end(CONTRACTS)?, market_data: end(MARKET_DATA)?, reference_data: end(REFERENCE_DATA)? };
    let mut day = None;
    Tail::open(broker, REFERENCE_DATA, From::Start)?.to_end(|record| {
        let value = record.value.filter(|_| record.offset < known.reference_data);
        // What nobody can read, workers pass over, too.
        if let Some(Ok((_, point))) = value.map(|value| schemas.decode::<DataPoint>(value)) {
            day = point.business_date().or(day);
        }
        Ok(())
    })?;
    let day = day.ok_or_else(|| {
        Failure::new(Exit::Precondition, "no business date is known")
            .next("send it: `bookflow submit reference-data --business-date DATE`")
    })?;
    Ok(Moment { known, day })
}
