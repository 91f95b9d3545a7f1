//! What goes wrong with a call, decided from outside: by nobody in the demo, by a test, by the simulation's seed.

use std::time::Duration;

use super::settings::MarkerDelays;

/// Asked before each call of a client; the default lets everything pass.
pub trait Interference: Send + Sync {
    /// No lock is held: this may block, turn the clock, or panic to kill the worker that calls.
    fn before(&self, _call: Call<'_>) -> Fault {
        Fault::None
    }
}

/// Nothing goes wrong.
pub struct Undisturbed;

impl Interference for Undisturbed {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call<'a> {
    /// The client id, for a producer its transactional id, empty for a reader.
    pub client: &'a str,
    pub kind: CallKind,
    /// `Poll`: how long it may wait for records.
    pub wait: Duration,
}

impl<'a> Call<'a> {
    /// One that waits for nothing.
    pub fn of(client: &'a str, kind: CallKind) -> Call<'a> {
        Call { client, kind, wait: Duration::ZERO }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CallKind {
    Metadata,
    Subscribe,
    Poll,
    Assign,
    Unassign,
    Committed,
    Bounds,
    Close,
    Init,
    Begin,
    Send,
    /// A partition's first record in a transaction; made by `send` and `drain`.
    AddPartitions,
    Drain,
    /// A group's first offsets in a transaction; made by `send_offsets`.
    AddOffsets,
    SendOffsets,
    Commit,
    Abort,
    ReaderPoll,
}

/// A fault that does not fit its call does nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    #[default]
    None,
    /// Nothing happened; the caller is told `Unavailable`.
    NotDone,
    /// It happened; the caller is told `Unavailable`. A reader's poll has brought records by then.
    AnswerLost,
    /// The call takes this long.
    Slow(Duration),
    /// The first copy of the request stays under way; its silent repetition is answered after the client's back-off. The
    /// first copy arrives `late` after that and acts on whatever it finds. For `AddPartitions`, `AddOffsets`, `SendOffsets`,
    /// `Commit` and `Abort`.
    Doubled { late: Duration },
    /// `Send`: what the producer has queued so far reaches the log now.
    Delivered,
    /// `Drain`: only so many records of the queue reach the log in time.
    DeliveryFailed { delivered: usize },
    /// `Commit` and `Abort`: instead of the settings' delays.
    Markers(MarkerDelays),
    /// `Poll`: the member goes on reading, but the group neither hears of it nor is heard for this long.
    Muted(Duration),
}
