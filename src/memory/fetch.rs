//! Positions of what is read: in turn over the partitions, so that none starves.

use super::cluster::Cluster;
use crate::engine::batch::{Batch, Room};
use crate::engine::broker::{BrokerError, ErrorKind, TopicPartition};

#[derive(Default)]
pub(super) struct Fetch {
    partitions: Vec<Fetched>,
    /// Who is asked first next time.
    first: usize,
}

struct Fetched {
    at: TopicPartition,
    position: i64,
    flow: Flow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Running,
    Paused,
}

impl Fetch {
    pub fn add(&mut self, partitions: &[(TopicPartition, i64)], flow: Flow) {
        for &(at, position) in partitions {
            self.remove(&[at]);
            self.partitions.push(Fetched { at, position, flow });
        }
    }

    pub fn remove(&mut self, partitions: &[TopicPartition]) {
        self.partitions.retain(|fetched| !partitions.contains(&fetched.at));
    }

    pub fn set(&mut self, partitions: &[TopicPartition], flow: Flow) {
        for fetched in self.partitions.iter_mut().filter(|fetched| partitions.contains(&fetched.at)) {
            fetched.flow = flow;
        }
    }

    pub fn seek(&mut self, partition: TopicPartition, offset: i64) -> Result<(), BrokerError> {
        let found = self.partitions.iter_mut().find(|fetched| fetched.at == partition).ok_or_else(|| {
            BrokerError::new(ErrorKind::Fatal, format!("cannot move in {partition}: it is not assigned"))
        })?;
        found.position = offset;
        Ok(())
    }

    pub fn position(&self, partition: TopicPartition) -> Option<i64> {
        self.partitions.iter().find(|fetched| fetched.at == partition).map(|fetched| fetched.position)
    }

    /// Appends what there is within `room`. An offset that is not in the log is told once nothing else was read.
    pub fn read(&mut self, cluster: &mut Cluster, room: Room, batch: &mut Batch) -> Result<(), BrokerError> {
        let before = (batch.len(), batch.bytes());
        let count = self.partitions.len();
        let mut lost = Vec::new();
        for step in 0..count {
            let fetched = &mut self.partitions[(self.first + step) % count];
            let (records, bytes) = (batch.len() - before.0, batch.bytes() - before.1);
            let left = Room { records: room.records.saturating_sub(records), bytes: room.bytes.saturating_sub(bytes) };
            if fetched.flow == Flow::Paused || left.records == 0 || left.bytes == 0 {
                continue;
            }
            let log = cluster.log(fetched.at).map_err(|refusal| refusal.told("read"))?;
            if log.read(fetched.at, &mut fetched.position, left, batch).is_err() {
                let bounds = log.bounds();
                lost.push(format!("{} at {} (has {} to {})", fetched.at, fetched.position, bounds.start, bounds.end));
            }
        }
        self.first = if count == 0 { 0 } else { (self.first + 1) % count };
        if lost.is_empty() || batch.len() > before.0 {
            return Ok(());
        }
        let message = format!("offsets that are not in the log: {}", lost.join(", "));
        Err(BrokerError::new(ErrorKind::OffsetOutOfRange, message))
    }
}
