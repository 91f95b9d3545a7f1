//! Committed records of chosen partitions, without a group.

use std::sync::Arc;
use std::time::Duration;

use super::fetch::{Fetch, Flow};
use super::interference::{CallKind, Fault};
use super::shared::{Shared, unavailable};
use crate::engine::batch::{Batch, Room};
use crate::engine::broker::{Bounds, BrokerError, Reader, TopicPartition};

pub(super) struct MemoryReader {
    shared: Arc<Shared>,
    fetch: Fetch,
}

impl MemoryReader {
    pub fn new(shared: Arc<Shared>) -> MemoryReader {
        MemoryReader { shared, fetch: Fetch::default() }
    }
}

impl Reader for MemoryReader {
    fn assign(&mut self, partitions: &[(TopicPartition, i64)]) -> Result<(), BrokerError> {
        self.fetch = Fetch::default();
        self.fetch.add(partitions, Flow::Running);
        Ok(())
    }

    fn poll(&mut self, wait: Duration, room: Room, batch: &mut Batch) -> Result<(), BrokerError> {
        let fault = self.shared.fault("", CallKind::ReaderPoll);
        if fault == Fault::NotDone {
            return Err(unavailable(CallKind::ReaderPoll));
        }
        let (fetch, before) = (&mut self.fetch, batch.len());
        let read = self.shared.wait_for(wait, |cluster, _| match fetch.read(cluster, room, batch) {
            Ok(()) => (batch.len() > before).then_some(Ok(())),
            Err(error) => Some(Err(error)),
        });
        match fault {
            Fault::AnswerLost => Err(unavailable(CallKind::ReaderPoll)),
            _ => read.unwrap_or(Ok(())),
        }
    }

    fn position(&self, partition: TopicPartition) -> Option<i64> {
        self.fetch.position(partition)
    }

    fn bounds(&mut self, partition: TopicPartition) -> Result<Bounds, BrokerError> {
        self.shared.attempt("", CallKind::Bounds)?;
        self.shared.with(|cluster, _| match cluster.log(partition) {
            Ok(log) => Ok(Bounds { start: log.start, end: log.stable_end() }),
            Err(refusal) => Err(refusal.told("ask for bounds")),
        })
    }
}
