//! What a stage is to the engine: handlers over tables, and a context through which all effects go.

use std::fmt;
use std::time::Duration;

use super::batch::Record;
use super::broker::{Header, Outgoing, TopicPartition};
use super::table::Undoable;
use super::task::guarded;
use super::topology::Routes;
use super::trace::trace;
use super::view::{Past, Views};

/// One stage on one partition. Its state lives in its tables and nowhere else.
pub trait Stage: Send {
    /// Shows every table and index, always in the same order.
    fn tables(&mut self, visit: &mut dyn FnMut(&mut dyn Undoable));

    /// Called once the tables are as the turn mark says: the place to build indexes.
    fn on_restored(&mut self) {}

    /// Called when entries are about to leave memory, between turns: what is derived from tables must not name them by `Entry` any more.
    fn on_spilled(&mut self) {}

    /// Views as they once were that its next turns need; asked between turns, and kept while they are asked for.
    fn pasts(&self, _ask: &mut dyn FnMut(&Past)) {}

    /// All or nothing: what it wrote and sent counts only when it answers `Ok`.
    fn on_record(&mut self, record: &Record<'_>, context: &mut Context<'_>) -> Result<(), ProcessError>;

    /// Called once a record has been rejected and undone, whatever for: what this sends leaves beside the dead letter, so that
    /// whoever waits for an answer gets one. All or nothing, too.
    fn on_rejected(
        &mut self,
        _record: &Record<'_>,
        _reason: &'static str,
        _message: &str,
        _context: &mut Context<'_>,
    ) -> Result<(), ProcessError> {
        Ok(())
    }

    /// Called once at the end of every turn that had a record or a tick of this task in it: for what is due once for all of them. All of it counts
    /// with the turn; what it rejects is the fault of one of the turn's records, which is looked for.
    fn on_turn_end(&mut self, _context: &mut Context<'_>) -> Result<(), ProcessError> {
        Ok(())
    }

    /// Called every `StageSpec::tick`; a rejection of a tick is a broken invariant and stops the worker.
    fn on_tick(&mut self, _context: &mut Context<'_>) -> Result<(), ProcessError> {
        Ok(())
    }
}

/// What is rejected, or panics, has changed no table and sent nothing. For a record, and at the turn's end or in a tick for a part of what a stage
/// does there: what came before is then not undone with it.
pub fn all_or_nothing<S: Stage + ?Sized>(
    stage: &mut S,
    context: &mut Context<'_>,
    work: impl FnOnce(&mut S, &mut Context<'_>) -> Result<(), ProcessError>,
) -> Result<(), ProcessError> {
    stage.tables(&mut |table| table.begin_record());
    let point = context.outbox.point();
    let outcome = guarded(|| work(stage, context));
    if outcome.is_err() {
        stage.tables(&mut |table| table.undo_record());
        context.outbox.cut_back(point);
    }
    outcome
}

/// Which record made something happen: the first field of every output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cause {
    pub topic: &'static str,
    pub partition: i32,
    pub offset: i64,
}

impl Cause {
    /// For copies of state, which nobody audits.
    pub const NONE: Cause = Cause { topic: "", partition: -1, offset: -1 };
}

impl Record<'_> {
    pub fn cause(&self) -> Cause {
        Cause { topic: self.from.topic, partition: self.from.partition, offset: self.offset }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProcessError {
    /// The record can never be processed: one dead letter, go on.
    #[error("{message}")]
    Rejected {
        /// A stable code such as `wrong_key`; operators group by it.
        reason: &'static str,
        message: String,
    },
    /// Something else must come back first: the turn is undone, the task waits, the same records come again.
    #[error("{what}")]
    Unavailable { what: String },
}

impl ProcessError {
    pub fn rejected(reason: &'static str, message: impl fmt::Display) -> Self {
        ProcessError::Rejected { reason, message: message.to_string() }
    }

    pub fn unavailable(what: impl fmt::Display) -> Self {
        ProcessError::Unavailable { what: what.to_string() }
    }
}

/// What a handler may know and do beyond its record and its tables.
pub struct Context<'a> {
    pub partition: i32,
    /// The turn and the group generation in which this happens; a blotter answer names them.
    pub turn: u64,
    pub generation: i32,
    /// Wall time, microseconds since 1970 UTC; for deadlines only, never for money.
    pub now_us: i64,
    pub(super) views: &'a Views,
    pub(super) routes: &'a Routes,
    pub(super) outbox: &'a mut Outbox,
}

impl<'a> Context<'a> {
    /// Sends a record to the partition that its key belongs to. `write` fills in the value.
    pub fn send<E: fmt::Display>(
        &mut self,
        topic: &'static str,
        key: &[u8],
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), ProcessError> {
        let partition = self.routes.partition(topic, key).map_err(ProcessError::unavailable)?;
        self.outbox.write(TopicPartition { topic, partition }, key, write)
    }

    /// The partition of the stage's inputs that a key belongs to.
    pub fn home(&self, key: &[u8]) -> i32 {
        self.routes.task(key)
    }

    /// A view that the stage declared, as this turn sees it.
    pub fn view<T: 'static>(&self, name: &'static str) -> Result<&'a T, ProcessError> {
        self.views.get(name).ok_or_else(|| ProcessError::unavailable(format!("{name} is not a view of this stage")))
    }

    /// A view as it once was; none before all of it is read, which is begun once [`Stage::pasts`] asks for it.
    pub fn past<T: 'static>(&self, past: &Past) -> Option<&'a T> {
        self.views.past(past)
    }
}

/// Records on their way out, in one arena; what a failed record added is cut off again.
#[derive(Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    queued: Vec<Queued>,
    headers: Vec<Header>,
    /// Of the record that is worked on: whatever is sent for it belongs to the same trace.
    trace: Vec<Header>,
}

struct Queued {
    to: TopicPartition,
    key: (usize, usize),
    value: Option<(usize, usize)>,
    headers: (usize, usize),
}

/// A point to cut back to.
#[derive(Clone, Copy)]
pub struct OutboxPoint {
    bytes: usize,
    queued: usize,
    headers: usize,
}

impl OutboxPoint {
    pub fn differs(self, other: OutboxPoint) -> bool {
        self.queued != other.queued
    }
}

impl Outbox {
    pub fn point(&self) -> OutboxPoint {
        OutboxPoint { bytes: self.bytes.len(), queued: self.queued.len(), headers: self.headers.len() }
    }

    pub fn cut_back(&mut self, point: OutboxPoint) {
        self.bytes.truncate(point.bytes);
        self.queued.truncate(point.queued);
        self.headers.truncate(point.headers);
    }

    pub fn clear(&mut self) {
        self.cut_back(OutboxPoint { bytes: 0, queued: 0, headers: 0 });
        self.trace.clear();
    }

    pub fn is_empty(&self) -> bool {
        self.queued.is_empty()
    }

    /// Of keys and values.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// What is sent from now on is for a record with these headers.
    pub fn follow(&mut self, headers: &[Header]) {
        self.trace.clear();
        if headers.is_empty() {
            return; // as nearly always
        }
        let given = |name: &str| headers.iter().find(|header| header.name == name).map(|header| &header.value);
        self.trace.extend(trace(given));
    }

    pub fn iter(&self) -> impl Iterator<Item = Outgoing<'_>> {
        self.queued.iter().map(|queued| Outgoing {
            to: queued.to,
            key: Some(&self.bytes[queued.key.0..queued.key.1]),
            value: queued.value.map(|(start, end)| &self.bytes[start..end]),
            headers: &self.headers[queued.headers.0..queued.headers.1],
        })
    }

    /// Queues a finished record.
    pub fn push(&mut self, to: TopicPartition, key: &[u8], value: Option<&[u8]>, headers: Vec<Header>) {
        let key = self.append(key);
        let value = value.map(|value| self.append(value));
        let first = self.headers.len();
        self.headers.extend(headers);
        self.queued.push(Queued { to, key, value, headers: (first, self.headers.len()) });
    }

    fn write<E: fmt::Display>(
        &mut self,
        to: TopicPartition,
        key: &[u8],
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), ProcessError> {
        let key = self.append(key);
        let start = self.bytes.len();
        write(&mut self.bytes).map_err(|error| ProcessError::rejected("unencodable", error))?;
        let first = self.headers.len();
        self.headers.extend_from_slice(&self.trace);
        let headers = (first, self.headers.len());
        self.queued.push(Queued { to, key, value: Some((start, self.bytes.len())), headers });
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> (usize, usize) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        (start, self.bytes.len())
    }
}

/// How often a stage wants its tick.
pub type Tick = Option<Duration>;
