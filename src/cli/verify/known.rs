//! Contracts, the market and reference data: as they are known at the moment of the audit, and as they were at some time before.

use std::sync::Arc;

use chrono::NaiveDate;

use super::cursor::Cursor;
use super::snapshot::Snapshot;
use crate::cli::failure::Failure;
use crate::domain::flows::row;
use crate::engine::broker::{Broker, TopicPartition};
use crate::engine::view::ViewTable;
use crate::messages::schemas::Schemas;
use crate::pipeline::knowledge::{Knowledge, TOPICS, end};

/// Costs one reading of the topics, and one more for each time that is asked for after a later one.
pub struct Known<'a> {
    broker: &'a dyn Broker,
    schemas: &'a Arc<Schemas>,
    snapshot: &'a Snapshot,
    now: Knowledge,
    /// By topic, the offsets after its records.
    ends: [Vec<i64>; TOPICS.len()],
    /// Since which end of reference data which business date counts.
    days: Vec<(i64, Option<NaiveDate>)>,
    past: Option<Past>,
}

/// Knowledge on its way from the beginning to now.
struct Past {
    knowledge: Knowledge,
    topics: [Cursor; TOPICS.len()],
}

impl<'a> Known<'a> {
    pub fn read(
        broker: &'a dyn Broker,
        schemas: &'a Arc<Schemas>,
        snapshot: &'a Snapshot,
    ) -> Result<Known<'a>, Failure> {
        let mut all = Past::open(broker, schemas, snapshot)?;
        let (mut ends, mut days) = (<[Vec<i64>; TOPICS.len()]>::default(), Vec::new());
        for (records, ends) in all.topics.iter_mut().zip(&mut ends) {
            while let Some(record) = records.peek()? {
                let (end, day) = (record.offset + 1, all.knowledge.day());
                // What the stage could not read counted for nothing there either.
                let _ = all.knowledge.apply(&record);
                // Compaction's tombstones are no part of what is known.
                ends.extend(record.value.map(|_| end));
                if all.knowledge.day() != day {
                    days.push((end, all.knowledge.day()));
                }
                records.step();
            }
        }
        Ok(Known { broker, schemas, snapshot, now: all.knowledge, ends, days, past: None })
    }

    pub fn now(&self) -> &Knowledge {
        &self.now
    }

    /// How much of it there was at a time; who names more than that names what was never there.
    pub fn until(&self, then: &row::Snapshot) -> row::Snapshot {
        let [contracts, market_data, reference_data] = TOPICS.map(|topic| end(then, topic));
        let last = |ends: &[i64], then: i64| ends[..ends.partition_point(|end| *end <= then)].last().copied();
        let [of_contracts, of_market_data, of_reference_data] = &self.ends;
        row::Snapshot {
            contracts: last(of_contracts, contracts).unwrap_or(0),
            market_data: last(of_market_data, market_data).unwrap_or(0),
            reference_data: last(of_reference_data, reference_data).unwrap_or(0),
        }
    }

    /// The business date that counted at a time.
    pub fn day(&self, then: &row::Snapshot) -> Option<NaiveDate> {
        let before = self.days.partition_point(|(end, _)| *end <= then.reference_data);
        self.days[..before].last().and_then(|(_, day)| *day)
    }

    /// All of it at a time.
    pub fn then(&mut self, then: &row::Snapshot) -> Result<&Knowledge, Failure> {
        let past = match self.past.take().filter(|past| !past.knowledge.snapshot().ahead_of(*then)) {
            Some(past) => past,
            None => Past::open(self.broker, self.schemas, self.snapshot)?,
        };
        let past = self.past.insert(past);
        past.advance(then)?;
        Ok(&past.knowledge)
    }
}

impl Past {
    fn open(broker: &dyn Broker, schemas: &Arc<Schemas>, snapshot: &Snapshot) -> Result<Past, Failure> {
        let open = |topic| {
            let partition = TopicPartition { topic, partition: 0 };
            let bounds = snapshot.bounds(partition);
            Cursor::open(broker, partition, bounds.start, bounds.end)
        };
        let [contracts, market_data, reference_data] = TOPICS.map(open);
        let topics = [contracts?, market_data?, reference_data?];
        Ok(Past { knowledge: Knowledge::new(schemas.clone()), topics })
    }

    fn advance(&mut self, then: &row::Snapshot) -> Result<(), Failure> {
        for (topic, records) in TOPICS.into_iter().zip(&mut self.topics) {
            let end = end(then, topic);
            while let Some(record) = records.peek()?.filter(|record| record.offset < end) {
                let _ = self.knowledge.apply(&record);
                records.step();
            }
        }
        Ok(())
    }
}
