//! Committed records of chosen partitions, without joining a group.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::topic_partition_list::Offset;

use super::bounds;
use super::consumer::{find, offsets, push};
use super::context::Silent;
use super::failure::{broker_error, only_news};
use super::settings::{Settings, Use};
use crate::engine::batch::{Batch, Room};
use crate::engine::broker::{Bounds, BrokerError, ErrorKind, Reader, TopicPartition};

pub(super) struct KafkaReader {
    client: BaseConsumer<Silent>,
    assigned: BTreeMap<TopicPartition, i64>,
}

impl KafkaReader {
    pub(super) fn new(settings: &Settings) -> Result<Self, BrokerError> {
        let client = settings
            .client(Use::Reading)?
            .create_with_context(Silent::default())
            .map_err(|error| broker_error("create a reader", &error))?;
        Ok(KafkaReader { client, assigned: BTreeMap::new() })
    }

    fn failed(&self, error: &rdkafka::error::KafkaError) -> BrokerError {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
                let places: Vec<_> = self
                    .assigned
                    .keys()
                    .map(|partition| format!("{partition} at {:?}", self.position(*partition)))
                    .collect();
                let message = format!("one of these is not in the log any more: {}", places.join(", "));
                BrokerError::new(ErrorKind::OffsetOutOfRange, message)
            }
            _ => broker_error("read", error),
        }
    }
}

impl Reader for KafkaReader {
    fn assign(&mut self, partitions: &[(TopicPartition, i64)]) -> Result<(), BrokerError> {
        self.client.assign(&offsets(partitions)?).map_err(|error| broker_error("read these partitions", &error))?;
        self.assigned = partitions.iter().copied().collect();
        Ok(())
    }

    fn poll(&mut self, wait: Duration, room: Room, batch: &mut Batch) -> Result<(), BrokerError> {
        let before = (batch.len(), batch.bytes());
        let deadline = Instant::now() + wait;
        let mut headers = Vec::new();
        let mut recent = None;
        while batch.len() - before.0 < room.records && batch.bytes() - before.1 < room.bytes {
            let empty = batch.len() == before.0;
            let wait = if empty { deadline.saturating_duration_since(Instant::now()) } else { Duration::ZERO };
            match self.client.poll(wait) {
                Some(Ok(message)) => {
                    let from = find(recent.iter().chain(self.assigned.keys()), &message)?;
                    recent = Some(from);
                    push(&message, from, &mut headers, batch);
                }
                Some(Err(error)) if error.rdkafka_error_code().is_some_and(only_news) => {}
                // What was read before it is good and has been handed out; a reader starts again from a position.
                Some(Err(error)) => return Err(self.failed(&error)),
                None => break,
            }
        }
        Ok(())
    }

    fn position(&self, partition: TopicPartition) -> Option<i64> {
        let start = *self.assigned.get(&partition)?;
        let known = self.client.position().ok()?;
        match known.find_partition(partition.topic, partition.partition)?.offset() {
            Offset::Offset(offset) => Some(offset),
            // Nothing has been read yet.
            _ => Some(start),
        }
    }

    fn bounds(&mut self, partition: TopicPartition) -> Result<Bounds, BrokerError> {
        bounds(&self.client, partition)
    }
}
