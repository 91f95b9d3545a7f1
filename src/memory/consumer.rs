//! A member of a group: reports rebalances, never answers them. Dropped without `close` it was killed.

use std::sync::Arc;
use std::time::Duration;

use super::cluster::Refusal;
use super::fetch::{Fetch, Flow};
use super::group_client::GroupClient;
use super::interference::{Call, CallKind, Fault};
use super::settings::micros;
use super::shared::{Shared, unavailable};
use crate::engine::batch::{Batch, Room};
use crate::engine::broker::{
    Bounds, BrokerError, CommittedOffset, Consumer, GroupMembership, Member, Rebalance, TopicPartition,
};

pub(super) struct MemoryConsumer {
    shared: Arc<Shared>,
    client_id: String,
    group: String,
    number: usize,
    fetch: Fetch,
    closed: bool,
}

impl MemoryConsumer {
    pub fn new(shared: Arc<Shared>, member: &Member) -> MemoryConsumer {
        let number = shared.with(|cluster, _| {
            cluster.clients.push(GroupClient::new(member));
            cluster.clients.len() - 1
        });
        let (client_id, group) = (member.client_id.clone(), member.group.clone());
        MemoryConsumer { shared, client_id, group, number, fetch: Fetch::default(), closed: false }
    }

    fn attempt(&self, kind: CallKind) -> Result<(), BrokerError> {
        self.shared.attempt(&self.client_id, kind)
    }
}

impl Consumer for MemoryConsumer {
    fn subscribe(&mut self, lead: &'static str) -> Result<(), BrokerError> {
        self.attempt(CallKind::Subscribe)?;
        self.shared.with(|cluster, _| cluster.clients[self.number].lead = Some(lead));
        Ok(())
    }

    /// The last record may exceed `room.bytes`, as with the real broker's client.
    fn poll(&mut self, wait: Duration, room: Room, batch: &mut Batch) -> Result<Option<Rebalance>, BrokerError> {
        match self.shared.fault_of(Call { wait, ..Call::of(&self.client_id, CallKind::Poll) }) {
            Fault::NotDone | Fault::AnswerLost => return Err(unavailable(CallKind::Poll)),
            Fault::Muted(time) => {
                self.shared.with(|cluster, now| cluster.mute(self.number, now + micros(time), now));
            }
            _ => {}
        }
        let (number, fetch, before) = (self.number, &mut self.fetch, batch.len());
        let polled = self.shared.wait_for(wait, |cluster, now| {
            let event = match cluster.on_poll(number, now) {
                Ok(event) => event,
                Err(refusal) => return Some(Err(refusal.told("poll"))),
            };
            match fetch.read(cluster, room, batch) {
                Ok(()) => (event.is_some() || batch.len() > before).then_some(Ok(event)),
                // The event is handed out at once; the error will still be there.
                Err(_) if event.is_some() => Some(Ok(event)),
                Err(error) => Some(Err(error)),
            }
        });
        polled.unwrap_or(Ok(None))
    }

    fn assign(&mut self, partitions: &[(TopicPartition, i64)]) -> Result<(), BrokerError> {
        self.attempt(CallKind::Assign)?;
        self.fetch.add(partitions, Flow::Paused);
        self.shared.change(|cluster, now| cluster.on_assign(self.number, now));
        Ok(())
    }

    fn unassign(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        self.attempt(CallKind::Unassign)?;
        self.fetch.remove(partitions);
        self.shared.change(|cluster, now| cluster.on_unassign(self.number, now));
        Ok(())
    }

    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        self.fetch.set(partitions, Flow::Paused);
        Ok(())
    }

    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        self.fetch.set(partitions, Flow::Running);
        Ok(())
    }

    fn seek(&mut self, partition: TopicPartition, offset: i64) -> Result<(), BrokerError> {
        self.fetch.seek(partition, offset)
    }

    fn position(&self, partition: TopicPartition) -> Option<i64> {
        self.fetch.position(partition)
    }

    fn membership(&self) -> GroupMembership {
        self.shared.with(|cluster, now| {
            // A twin is told by the next poll; until then it goes by what it knows.
            let _ = cluster.hear(self.number, now);
            cluster.clients[self.number].membership()
        })
    }

    fn assignment_lost(&self) -> bool {
        self.shared.with(|cluster, now| cluster.hear(self.number, now).is_err() || cluster.clients[self.number].lost)
    }

    fn committed(
        &mut self,
        partitions: &[TopicPartition],
        wait: Duration,
    ) -> Result<Vec<Option<CommittedOffset>>, BrokerError> {
        self.attempt(CallKind::Committed)?;
        let stable = self.shared.wait_for(wait, |cluster, now| {
            cluster.expire_offsets(&self.group, now);
            cluster.group(&self.group).offsets.stable(partitions)
        });
        stable.ok_or_else(|| Refusal::Unstable.told("ask for committed offsets"))
    }

    fn bounds(&mut self, partition: TopicPartition) -> Result<Bounds, BrokerError> {
        self.attempt(CallKind::Bounds)?;
        let bounds = self.shared.with(|cluster, _| cluster.log(partition).map(|log| log.bounds()));
        bounds.map_err(|refusal| refusal.told("ask for bounds"))
    }

    fn close(mut self: Box<Self>) {
        self.closed = self.attempt(CallKind::Close).is_ok();
        if self.closed {
            self.shared.change(|cluster, now| cluster.on_close(self.number, now));
        }
    }
}

impl Drop for MemoryConsumer {
    fn drop(&mut self) {
        if !self.closed {
            self.shared.change(|cluster, now| cluster.on_killed(self.number, now));
        }
    }
}
