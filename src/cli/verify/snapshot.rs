//! The moment that is audited: what each stage had committed, how far the logs went, and whether a stage has moved since.

use std::collections::BTreeMap;
use std::time::Duration;

use super::cursor::Cursor;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::engine::broker::{Bounds, Broker, BrokerError, CommittedOffset, ErrorKind, Member, TopicPartition};
use crate::engine::mark::TurnMark;
use crate::messages::key;
use crate::pipeline::topics::{
    self, CALCULATION_CHUNKS_BATCH, CALCULATION_CHUNKS_REALTIME, CALCULATION_REQUESTS, CHUNK_RESULTS_BATCH,
    CHUNK_RESULTS_REALTIME, JOB_CONTROL, TRADES,
};
use crate::pipeline::topology::{BOOK, CALCULATE_BATCH, CALCULATE_REALTIME, COLLECT};

/// Every input of every stage.
const INPUTS: [(&str, &str); 7] = [
    (BOOK, TRADES),
    (BOOK, CALCULATION_REQUESTS),
    (CALCULATE_REALTIME, CALCULATION_CHUNKS_REALTIME),
    (CALCULATE_BATCH, CALCULATION_CHUNKS_BATCH),
    (COLLECT, JOB_CONTROL),
    (COLLECT, CHUNK_RESULTS_REALTIME),
    (COLLECT, CHUNK_RESULTS_BATCH),
];

const COMMITTED_WAIT: Duration = Duration::from_secs(5);
/// Offsets are pending while a transaction ends; one that does not end is timed out by the broker within a minute.
const COMMITTED_TRIES: u32 = 20;

pub struct Snapshot {
    stands: BTreeMap<TopicPartition, Stand>,
    bounds: BTreeMap<TopicPartition, Bounds>,
}

/// How far a stage has come with one input partition.
#[derive(Clone, Debug, Default)]
pub struct Stand {
    /// The next offset to be consumed; `None` when the stage has never been started.
    pub offset: Option<i64>,
    pub mark: TurnMark,
    /// Nothing was committed while the logs' ends were asked for: whatever is visible belongs to this mark.
    pub still: bool,
}

impl Snapshot {
    pub fn take(broker: &dyn Broker) -> Result<Snapshot, Failure> {
        let mut partitions = BTreeMap::new();
        for topic in topics::all() {
            partitions.insert(topic, broker.topic(topic)?.map_or(0, |info| info.partitions));
        }
        let all =
            |topic: &'static str| (0..partitions[topic]).map(move |partition| TopicPartition { topic, partition });
        let before = committed(broker, all)?;
        let mut reader = broker.reader()?;
        let mut bounds = BTreeMap::new();
        for partition in topics::all().flat_map(all) {
            bounds.insert(partition, reader.bounds(partition)?);
        }
        let after = committed(broker, all)?;
        let mut stands = BTreeMap::new();
        for (partition, committed) in before {
            let still = committed == after[&partition];
            let stand = match committed {
                None => Stand { still, ..Stand::default() },
                Some(CommittedOffset { offset, metadata }) => {
                    Stand { offset: Some(offset), mark: mark(partition, &metadata)?, still }
                }
            };
            stands.insert(partition, stand);
        }
        Ok(Snapshot { stands, bounds })
    }

    /// The partitions of a topic that exist.
    pub fn partitions(&self, topic: &'static str) -> impl Iterator<Item = TopicPartition> {
        self.bounds.keys().copied().filter(move |partition| partition.topic == topic)
    }

    /// Where a key belongs.
    pub fn home(&self, topic: &'static str, key: &str) -> TopicPartition {
        let partitions = self.partitions(topic).count() as i32;
        TopicPartition { topic, partition: key::partition(key.as_bytes(), partitions) }
    }

    /// Of an input partition of a stage.
    pub fn stand(&self, input: TopicPartition) -> &Stand {
        &self.stands[&input]
    }

    /// Whether no stage has anything left to read; markers at the end of a log are nothing.
    pub fn caught_up(&self, broker: &dyn Broker) -> Result<bool, Failure> {
        for (input, stand) in &self.stands {
            let from = stand.offset.unwrap_or_default();
            if Cursor::open(broker, *input, from, self.bounds(*input).end)?.peek()?.is_some() {
                return Ok(false);
            }
        }
        Ok(self.stands.values().all(|stand| stand.still))
    }

    /// `None` for what no stage consumes.
    pub fn known(&self, input: TopicPartition) -> Option<&Stand> {
        self.stands.get(&input)
    }

    /// A partition that does not exist is empty.
    pub fn bounds(&self, partition: TopicPartition) -> Bounds {
        self.bounds.get(&partition).copied().unwrap_or(Bounds { start: 0, end: 0 })
    }
}

type Committed = BTreeMap<TopicPartition, Option<CommittedOffset>>;

fn committed<I: Iterator<Item = TopicPartition>>(
    broker: &dyn Broker,
    partitions: impl Fn(&'static str) -> I,
) -> Result<Committed, Failure> {
    let mut found = BTreeMap::new();
    for (stage, topic) in INPUTS {
        let asked: Vec<_> = partitions(topic).collect();
        if asked.is_empty() {
            continue;
        }
        let member =
            Member { group: format!("bookflow.{stage}"), client_id: "bookflow-verify".into(), instance_id: None };
        let mut consumer = broker.consumer(&member)?;
        let mut answer = consumer.committed(&asked, COMMITTED_WAIT);
        for _ in 1..COMMITTED_TRIES {
            match &answer {
                Err(BrokerError { kind: ErrorKind::Unavailable, .. }) => {
                    answer = consumer.committed(&asked, COMMITTED_WAIT);
                }
                _ => break,
            }
        }
        consumer.close();
        found.extend(asked.into_iter().zip(answer?));
    }
    Ok(found)
}

fn mark(partition: TopicPartition, metadata: &str) -> Result<TurnMark, Failure> {
    metadata.parse().map_err(|error| {
        Failure::new(Exit::Mismatch, format!("the committed offset of {partition}: {error}")).next(
            "the group's offsets were set by something else than bookflow; find out by whom before any worker starts",
        )
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::messages::schemas::Schemas;
    use crate::pipeline::topology::topology;

    #[test]
    fn every_input_of_every_stage_is_asked_for() {
        let topology = topology(Arc::new(Schemas::embedded()));
        let inputs = topology
            .stages
            .iter()
            .flat_map(|stage| stage.inputs(0).into_iter().map(|input| (stage.name, input.topic)).collect::<Vec<_>>());
        assert_eq!(inputs.collect::<Vec<_>>(), INPUTS);
    }
}
