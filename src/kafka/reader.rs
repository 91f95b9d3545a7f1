//! Committed records of chosen partitions, without joining a group.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};

use super::bounds;
use super::brokers::Brokers;
use super::consumer::offsets;
use super::context::Silent;
use super::failure::broker_error;
use super::fetch::{Unfilled, fill, position};
use super::missing::Missing;
use super::settings::{Settings, Use};
use crate::engine::batch::{Batch, Room};
use crate::engine::broker::{Bounds, BrokerError, ErrorKind, Reader, TopicPartition};

/// Between two looks at whether a client has closed, which takes about as long.
const CLOSING: Duration = Duration::from_millis(1);

pub(super) struct KafkaReader {
    client: BaseConsumer<Silent>,
    brokers: Brokers,
    assigned: BTreeMap<TopicPartition, i64>,
    missing: Missing,
}

impl KafkaReader {
    pub(super) fn new(settings: &Settings) -> Result<Self, BrokerError> {
        let client = settings
            .client(Use::Reading)?
            .create_with_context(Silent::default())
            .map_err(|error| broker_error("create a reader", &error))?;
        Ok(KafkaReader {
            client,
            brokers: Brokers::of(settings),
            assigned: BTreeMap::new(),
            missing: Missing::default(),
        })
    }

    fn failed(&self, failure: Unfilled) -> BrokerError {
        match failure {
            Unfilled::OutOfRange => {
                let places: Vec<_> = self
                    .assigned
                    .keys()
                    .map(|partition| format!("{partition} at {:?}", self.position(*partition)))
                    .collect();
                let message = format!("one of these is not in the log any more: {}", places.join(", "));
                BrokerError::new(ErrorKind::OffsetOutOfRange, message)
            }
            Unfilled::Other(error) => error,
        }
    }
}

/// Left to itself, the client waits a tenth of a second for an event after its end: an audit reads a hundred partitions one by one.
impl Drop for KafkaReader {
    fn drop(&mut self) {
        if self.client.close_queue().is_ok() {
            while !self.client.closed() {
                self.client.poll(CLOSING);
            }
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
        self.brokers.keep(self.client.client());
        self.missing.look(self.client.client(), self.assigned.keys().map(|partition| partition.topic))?;
        // What was read before an error is good and has been handed out; a reader starts again from a position.
        fill(&self.client, &self.assigned, wait, room, batch, &mut self.missing, || false)
            .map_err(|error| self.failed(error))
    }

    fn position(&self, partition: TopicPartition) -> Option<i64> {
        position(&self.client, &self.assigned, partition)
    }

    fn bounds(&mut self, partition: TopicPartition) -> Result<Bounds, BrokerError> {
        bounds(&self.client, partition)
    }
}
