//! A transactional producer: queues records, says to the coordinator what it writes, ends transactions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::cluster::{Outcome, Request};
use super::interference::{CallKind, Fault};
use super::log::Content;
use super::shared::{Shared, unavailable};
use super::transactions::Identity;
use crate::engine::broker::{
    BrokerError, ErrorKind, GroupMembership, OffsetToCommit, Outgoing, Producer, TopicPartition,
};

pub(super) struct MemoryProducer {
    shared: Arc<Shared>,
    who: Identity,
    phase: Phase,
    queue: Vec<(TopicPartition, Content)>,
    queued_bytes: usize,
    /// What the coordinator has been told, as far as this client knows. It may be wrong after a late request.
    partitions: BTreeSet<TopicPartition>,
    groups: BTreeSet<String>,
    delivered: BTreeMap<TopicPartition, i64>,
}

#[derive(Clone, Debug)]
enum Phase {
    Ready,
    Open,
    /// Something failed: this transaction can only be aborted.
    Failed(BrokerError),
    /// Nothing can be done with this producer any more.
    Dead(BrokerError),
}

impl MemoryProducer {
    /// Returns when earlier transactions of this id are resolved.
    pub fn new(shared: Arc<Shared>, transactional_id: &str) -> Result<MemoryProducer, BrokerError> {
        let fault = shared.fault(transactional_id, CallKind::Init);
        if fault == Fault::NotDone {
            return Err(unavailable(CallKind::Init));
        }
        let settings = &shared.settings;
        let limit = settings.transaction + settings.transaction_check + settings.request;
        let who = shared.insist(limit, |cluster, now| cluster.initialise(transactional_id, now));
        let who = who.map_err(|refusal| refusal.told(&format!("take over transactional id {transactional_id}")))?;
        if fault == Fault::AnswerLost {
            return Err(unavailable(CallKind::Init));
        }
        Ok(MemoryProducer {
            shared,
            who,
            phase: Phase::Ready,
            queue: Vec::new(),
            queued_bytes: 0,
            partitions: BTreeSet::new(),
            groups: BTreeSet::new(),
            delivered: BTreeMap::new(),
        })
    }

    fn request(&mut self, kind: CallKind, request: Request, tried: &str) -> Result<(), BrokerError> {
        let answer = self.shared.request(&self.who.transactional_id, kind, request, tried);
        answer.map_err(|error| self.note(error))
    }

    /// Remembers what an error leaves possible.
    fn note(&mut self, error: BrokerError) -> BrokerError {
        self.phase = match error.kind {
            ErrorKind::Fenced | ErrorKind::TwinInstance => Phase::Dead(error.clone()),
            _ => Phase::Failed(error.clone()),
        };
        error
    }

    fn open(&self) -> Result<(), BrokerError> {
        match &self.phase {
            Phase::Open => Ok(()),
            Phase::Ready => Err(BrokerError::new(ErrorKind::Fatal, "no transaction is open")),
            Phase::Failed(error) | Phase::Dead(error) => Err(error.clone()),
        }
    }

    /// Hands the first records of the queue to their logs.
    fn deliver(&mut self, count: usize) -> Result<(), BrokerError> {
        let queue: Vec<_> = self.queue.drain(..count.min(self.queue.len())).collect();
        self.queued_bytes = self.queue.iter().map(|(_, content)| content.size()).sum();
        let targets: BTreeSet<_> = queue.iter().map(|(to, _)| *to).collect();
        let new: Vec<_> = targets.difference(&self.partitions).copied().collect();
        if !new.is_empty() {
            let request = Request::AddPartitions { who: self.who.clone(), partitions: new.clone() };
            self.request(CallKind::AddPartitions, request, "add partitions to the transaction")?;
            self.partitions.extend(new);
        }
        let (who, delivered) = (&self.who, &mut self.delivered);
        let failures = self.shared.change(|cluster, now| {
            let mut failures = Vec::new();
            for (to, content) in queue {
                match cluster.produce(who, to, content, now) {
                    Ok(offset) => drop(delivered.insert(to, offset + 1)),
                    Err(refusal) => failures.push(refusal.told(&format!("deliver to {to}"))),
                }
            }
            failures
        });
        failures.into_iter().next().map_or(Ok(()), |failure| Err(self.note(failure)))
    }

    fn deliver_all(&mut self) -> Result<(), BrokerError> {
        if self.queue.is_empty() { Ok(()) } else { self.deliver(usize::MAX) }
    }

    fn end(&mut self, kind: CallKind, outcome: Outcome) -> Result<(), BrokerError> {
        let request = Request::End { who: self.who.clone(), outcome, delays: self.shared.settings.markers };
        // A client asks nobody to end a transaction in which nobody was told anything.
        if self.partitions.is_empty() && self.groups.is_empty() {
            self.shared.attempt(&self.who.transactional_id, kind)?;
        } else {
            self.request(kind, request, "end the transaction")?;
        }
        self.phase = Phase::Ready;
        Ok(())
    }
}

impl Producer for MemoryProducer {
    fn begin(&mut self) -> Result<(), BrokerError> {
        match &self.phase {
            Phase::Ready => {}
            Phase::Open => return Err(BrokerError::new(ErrorKind::Fatal, "a transaction is open already")),
            Phase::Failed(error) | Phase::Dead(error) => return Err(error.clone()),
        }
        self.shared.attempt(&self.who.transactional_id, CallKind::Begin)?;
        self.phase = Phase::Open;
        self.queue.clear();
        self.queued_bytes = 0;
        self.partitions.clear();
        self.groups.clear();
        self.delivered.clear();
        Ok(())
    }

    fn send(&mut self, record: Outgoing<'_>) -> Result<(), BrokerError> {
        self.open()?;
        let fault = self.shared.fault(&self.who.transactional_id, CallKind::Send);
        if matches!(fault, Fault::NotDone | Fault::AnswerLost) {
            return Err(self.note(unavailable(CallKind::Send)));
        }
        let content = Content::of(&record);
        self.queued_bytes += content.size();
        self.queue.push((record.to, content));
        if fault == Fault::Delivered || self.queued_bytes > self.shared.settings.queue_bytes {
            // What fails here is told by `drain`, where the delivery reports are.
            let _ = self.deliver_all();
        }
        Ok(())
    }

    fn drain(&mut self) -> Result<(), BrokerError> {
        self.open()?;
        match self.shared.fault(&self.who.transactional_id, CallKind::Drain) {
            Fault::NotDone => Err(self.note(unavailable(CallKind::Drain))),
            Fault::AnswerLost => {
                self.deliver_all()?;
                Err(self.note(unavailable(CallKind::Drain)))
            }
            Fault::DeliveryFailed { delivered } if delivered < self.queue.len() => {
                self.deliver(delivered)?;
                let message = format!("{} records were not delivered in time", self.queue.len());
                Err(self.note(BrokerError::new(ErrorKind::Unavailable, message)))
            }
            _ => self.deliver_all(),
        }
    }

    fn delivered(&self, partition: TopicPartition) -> Option<i64> {
        self.delivered.get(&partition).copied()
    }

    fn send_offsets(&mut self, offsets: &[OffsetToCommit], member: &GroupMembership) -> Result<(), BrokerError> {
        self.open()?;
        if offsets.is_empty() {
            return Ok(());
        }
        if !self.groups.contains(&member.group) {
            let request = Request::AddOffsets { who: self.who.clone(), group: member.group.clone() };
            self.request(CallKind::AddOffsets, request, "add a group to the transaction")?;
            self.groups.insert(member.group.clone());
        }
        let (who, member, offsets) = (self.who.clone(), member.clone(), offsets.to_vec());
        let request = Request::CommitOffsets { who, member, offsets };
        self.request(CallKind::SendOffsets, request, "commit offsets")
    }

    /// Delivers first what has not been drained.
    fn commit(&mut self) -> Result<(), BrokerError> {
        self.open()?;
        self.deliver_all()?;
        self.end(CallKind::Commit, Outcome::Committed)
    }

    fn abort(&mut self) -> Result<(), BrokerError> {
        match &self.phase {
            Phase::Open | Phase::Failed(_) => {}
            Phase::Ready => return Err(BrokerError::new(ErrorKind::Fatal, "no transaction is open")),
            Phase::Dead(error) => return Err(error.clone()),
        }
        self.queue.clear();
        self.end(CallKind::Abort, Outcome::Aborted)
    }
}
