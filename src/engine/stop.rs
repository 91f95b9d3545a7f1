//! Why a worker stops by itself. Each message ends with what to do next.

use super::broker::{BrokerError, ErrorKind, TopicPartition};
use super::mark::NotAMark;
use super::topology::TopologyError;

#[derive(Debug, thiserror::Error)]
pub enum Stop {
    #[error(
        "fenced twice within the session time-out: another process uses this worker's transactional id {id}; \
         give every worker its own `worker.instance`"
    )]
    Fenced { id: String },
    #[error(
        "another process joined the group as static member {instance}; give every worker its own `worker.instance`"
    )]
    Twin { instance: String },
    #[error(
        "{partition} has no committed offset: run `bookflow worker --first-start` if the group has never run or never read this topic, \
         otherwise restore the group's offsets before starting"
    )]
    NeverStarted { partition: TopicPartition },
    #[error(
        "{partition}: the next offset {wanted} is no longer in the log, which starts at {start}: retention has deleted \
         unread input; restore it, or go on without it: `bookflow worker --skip-lost-input`"
    )]
    InputLost { partition: TopicPartition, wanted: i64, start: i64 },
    #[error(
        "{partition}: the log ends at {end}, the last committed turn at {wanted}: the broker has lost committed records; \
         do not start before they are restored"
    )]
    StateLost { partition: TopicPartition, end: i64, wanted: i64 },
    #[error(
        "{partition}: records of the state before {start} have been deleted: without them all would be captured again; restore them or a local \
         copy, and see with `bookflow topics plan` whether the topic is compacted and nothing else"
    )]
    StateDeleted { partition: TopicPartition, start: i64 },
    #[error(
        "{partition}: a committed state record stands at {offset}, past the last committed turn's end {end}: \
         a transaction was torn; run `bookflow verify`"
    )]
    Torn { partition: TopicPartition, offset: i64, end: i64 },
    #[error(
        "{partition} at {offset}: the state record cannot be read ({message}): a newer version may have written it"
    )]
    UnreadableState { partition: TopicPartition, offset: i64, message: String },
    #[error("{partition}: {mark}; the group's offsets were set by something else than bookflow")]
    NotAMark { partition: TopicPartition, mark: NotAMark },
    #[error(
        "the tick of {stage} failed: {message}; no record is at fault, and it fails again after a restart: report it, and go back to the build \
         before, or raise the topic's `max.message.bytes` where a record is too large"
    )]
    TickFailed { stage: &'static str, message: String },
    #[error(
        "a rejected record of {stage} could not be written as a dead letter: {message}; see that `dead-letters` is as `bookflow topics plan` \
         wants it, then start again: the record comes again"
    )]
    NoDeadLetter { stage: &'static str, message: String },
    #[error(transparent)]
    Topology(#[from] TopologyError),
    #[error("the broker refuses us: {0}")]
    Broker(BrokerError),
}

impl Stop {
    /// What a broker error means when no retry is left to the caller.
    pub fn of(error: BrokerError, instance: &str) -> Stop {
        match error.kind {
            ErrorKind::TwinInstance => Stop::Twin { instance: instance.into() },
            _ => Stop::Broker(error),
        }
    }

    /// The process exit code, as the command line documents it.
    pub fn exit_code(&self) -> u8 {
        match self {
            Stop::Fenced { .. } | Stop::Twin { .. } => 8,
            Stop::StateLost { .. } | Stop::StateDeleted { .. } | Stop::Torn { .. } => 9,
            Stop::NeverStarted { .. } | Stop::InputLost { .. } | Stop::NotAMark { .. } | Stop::Topology(_) => 3,
            Stop::Broker(error) if error.kind == ErrorKind::Denied => 5,
            Stop::Broker(error) if error.kind == ErrorKind::Unavailable => 6,
            Stop::Broker(error) if error.kind == ErrorKind::OffsetOutOfRange => 3,
            Stop::Broker(error) if error.kind == ErrorKind::Fenced => 8,
            _ => 1,
        }
    }
}
