//! The Broker port: Kafka's consume-process-produce protocol, step by step, because the faults live between the steps.
//!
//! Two implementations: `kafka` (Apache Kafka through librdkafka) and `memory` (in process, with the same transactions).
//! Offsets are Kafka's: growing, not dense, because transaction markers take offsets too.

use std::fmt;
use std::time::Duration;

use super::batch::{Batch, Room};

/// One partition of one topic. Topic names are the topology's constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    pub topic: &'static str,
    pub partition: i32,
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// Makes clients. One worker thread owns one consumer and one producer.
pub trait Broker: Send + Sync {
    /// A member-to-be of `group`; it joins with its first poll after `subscribe`.
    fn consumer(&self, member: &Member) -> Result<Box<dyn Consumer>, BrokerError>;

    /// A transactional producer, after `init_transactions`: earlier transactions of this id are resolved when this returns.
    fn producer(&self, transactional_id: &str) -> Result<Box<dyn Producer>, BrokerError>;

    /// A `read_committed` reader without a group, for restore, views, the auditor and people.
    fn reader(&self) -> Result<Box<dyn Reader>, BrokerError>;

    /// The cluster's id: a local copy of state is only valid in the cluster that it came from.
    fn cluster_id(&self) -> Result<String, BrokerError>;

    /// Identity and size of a topic; `None` when it does not exist.
    fn topic(&self, name: &str) -> Result<Option<TopicInfo>, BrokerError>;
}

/// Who wants to consume.
#[derive(Clone, Debug)]
pub struct Member {
    pub group: String,
    /// Names the client in the broker's logs and in `group.instance.id` when membership is static.
    pub client_id: String,
    /// Static membership: quicker restarts, but the member does not leave on close.
    pub instance_id: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicInfo {
    /// Changes when the topic is deleted and created again.
    pub id: String,
    pub partitions: i32,
}

/// The consuming side of a worker thread.
pub trait Consumer {
    /// Joins the group for this one topic; companions follow by `assign`.
    fn subscribe(&mut self, lead: &'static str) -> Result<(), BrokerError>;

    /// Appends what has been fetched to `batch`, waiting at most `wait` for the first record and never taking more than `room`.
    /// A rebalance is only reported, never answered: the worker answers with `assign` or `unassign`, and until then no
    /// further rebalance happens. Records and an event may come back together; the records were fetched before it.
    fn poll(&mut self, wait: Duration, room: Room, batch: &mut Batch) -> Result<Option<Rebalance>, BrokerError>;

    /// Adds partitions at their start offsets (incremental, paused). Answers `Rebalance::Assigned`; may be empty.
    fn assign(&mut self, partitions: &[(TopicPartition, i64)]) -> Result<(), BrokerError>;

    /// Removes partitions (incremental). Answers `Rebalance::Revoked` and `Rebalance::Lost`.
    fn unassign(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError>;

    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError>;
    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError>;

    /// Moves the next fetch; what had been fetched before and not been handed out is dropped.
    fn seek(&mut self, partition: TopicPartition, offset: i64) -> Result<(), BrokerError>;

    /// The offset after all that has been handed out since the last `assign` or `seek`: passes markers, which "last record + 1" does not.
    /// `None` when the partition is not assigned.
    fn position(&self, partition: TopicPartition) -> Option<i64>;

    /// The group's view of this member, to be taken once when a turn opens.
    fn membership(&self) -> GroupMembership;

    /// True once the group has taken the assignment away without asking, even before the event is polled.
    fn assignment_lost(&self) -> bool;

    /// Stable committed offsets with their metadata, one entry per partition asked, `None` where nothing was ever committed.
    /// An error (time-out included) means "still pending or unknown": ask again, never conclude "none".
    fn committed(
        &mut self,
        partitions: &[TopicPartition],
        wait: Duration,
    ) -> Result<Vec<Option<CommittedOffset>>, BrokerError>;

    /// The oldest offset that can still be read, and the end of the log, open transactions included.
    fn bounds(&mut self, partition: TopicPartition) -> Result<Bounds, BrokerError>;

    /// Leaves the group (dynamic membership) and closes; answers its own rebalances.
    fn close(self: Box<Self>);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The oldest offset that can be read.
    pub start: i64,
    /// For a `Reader` the last stable offset, for a `Consumer` the end of the log itself.
    pub end: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    pub offset: i64,
    pub metadata: String,
}

/// What the group decided about the lead topic's partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rebalance {
    /// Newly given to us; empty when a rebalance left us as we were.
    Assigned(Vec<i32>),
    /// To be given up; ours until `unassign`.
    Revoked(Vec<i32>),
    /// Gone already: others may own them.
    Lost(Vec<i32>),
}

impl Rebalance {
    /// Its word for log and metric, and its partitions.
    pub fn described(&self) -> (&'static str, &[i32]) {
        match self {
            Rebalance::Assigned(partitions) => ("assigned", partitions),
            Rebalance::Revoked(partitions) => ("revoked", partitions),
            Rebalance::Lost(partitions) => ("lost", partitions),
        }
    }
}

/// Generation and member id, sent with the offsets so that the broker can fence a zombie (KIP-447).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMembership {
    pub group: String,
    /// Below 0: not a member.
    pub generation: i32,
    pub member_id: String,
    pub instance_id: Option<String>,
}

impl GroupMembership {
    /// A broker accepts offsets from nobody, (-1, ""), even in a live group: such a membership must never open a turn.
    pub fn valid(&self) -> bool {
        self.generation >= 0 && !self.member_id.is_empty()
    }
}

/// The producing side of a worker thread. Any error of `drain`, `send_offsets`, `commit` or `abort` leaves the producer
/// doubtful: what it did is unknown, and only a new producer with the same id plus the committed turn mark can tell.
pub trait Producer {
    fn begin(&mut self) -> Result<(), BrokerError>;

    /// Queues one record; a full queue is served until there is room or the message time-out is over.
    fn send(&mut self, record: Outgoing<'_>) -> Result<(), BrokerError>;

    /// The same for many, with one time-out for all of them: neighbours of one partition are cheaper together.
    fn send_all<'a>(&mut self, records: &mut dyn Iterator<Item = Outgoing<'a>>) -> Result<(), BrokerError> {
        for record in records {
            self.send(record)?;
        }
        Ok(())
    }

    /// Waits for every delivery report of this transaction. Any record that was not delivered is an error.
    fn drain(&mut self) -> Result<(), BrokerError>;

    /// The offset after the last record delivered to this partition since `begin`; known after `drain`.
    fn delivered(&self, partition: TopicPartition) -> Option<i64>;

    /// The broker refuses the offsets of a wrong generation or an unknown member, but takes those of nobody: only the
    /// first start of a group may come from nobody, and it is for the caller to see to that.
    fn send_offsets(&mut self, offsets: &[OffsetToCommit], member: &GroupMembership) -> Result<(), BrokerError>;
    fn commit(&mut self) -> Result<(), BrokerError>;
    fn abort(&mut self) -> Result<(), BrokerError>;
}

/// A record to be produced.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    pub to: TopicPartition,
    pub key: Option<&'a [u8]>,
    /// `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    pub headers: &'a [Header],
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub name: String,
    pub value: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetToCommit {
    pub partition: TopicPartition,
    /// The next offset to consume.
    pub offset: i64,
    /// The turn mark, at most 4,096 bytes (the broker's default limit).
    pub metadata: String,
}

/// Reads committed records of chosen partitions; skips transaction markers and aborted records.
pub trait Reader: Send {
    /// Replaces what is read and from where.
    fn assign(&mut self, partitions: &[(TopicPartition, i64)]) -> Result<(), BrokerError>;

    /// Appends to `batch`, waiting at most `wait` for the first record. What it has appended before an error counts: it is not read again.
    fn poll(&mut self, wait: Duration, room: Room, batch: &mut Batch) -> Result<(), BrokerError>;

    /// The next offset to be read: passes trailing markers, which "last record + 1" does not. `None` until it is known.
    fn position(&self, partition: TopicPartition) -> Option<i64>;

    fn bounds(&mut self, partition: TopicPartition) -> Result<Bounds, BrokerError>;
}

/// What went wrong, by what can be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Network, time-out, broker not ready: the same call may work later.
    Unavailable,
    /// Another producer with our transactional id, or the coordinator timed our transaction out.
    Fenced,
    /// The group does not know this member or this generation (any more): a rebalance event follows.
    NotMember,
    /// Another process with our static group instance id.
    TwinInstance,
    /// The committed offset is not in the log any more (retention), or there is none.
    OffsetOutOfRange,
    /// The record is larger than the topic takes.
    TooLarge,
    /// Not authenticated or not authorised.
    Denied,
    /// Anything else; no retry will help.
    Fatal,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BrokerError {
    pub kind: ErrorKind,
    pub message: String,
}

impl BrokerError {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        BrokerError { kind, message: message.into() }
    }
}
