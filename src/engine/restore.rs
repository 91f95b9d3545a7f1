//! Restore: the tables of a task become what its turn mark names, no more and no less.

use std::cell::RefCell;
use std::time::Duration;

use super::batch::{Batch, Room};
use super::broker::{Broker, ErrorKind, Reader, TopicPartition};
use super::copy::{CopyError, CopyIdentity, CopyStamp, Entry, Files, StateStore};
use super::mark::TurnMark;
use super::segments::Segment;
use super::settings::{Planted, Settings};
use super::stage::Stage;
use super::stop::Stop;
use super::table::Undoable;
use crate::telemetry;

/// Reads the state topics from a local copy's offsets, or from their start, until the reader's position has reached
/// the mark. Not to the last stable offset: commit markers reach partitions one by one, so committed records may still
/// be invisible when the offsets are stable already.
pub struct Restore {
    reader: Box<dyn Reader>,
    /// Of which it is not known yet where they begin and end.
    unasked: Vec<StateTopic>,
    topics: Vec<StateTopic>,
    batch: Batch,
    read: u64,
    started: Duration,
    /// When the position moved last: after a while it is worth asking where the log ends.
    moved: Duration,
    /// A planted bug.
    to_stable: bool,
}

struct StateTopic {
    at: TopicPartition,
    from: i64,
    position: i64,
    end: i64,
    /// What is visible beyond `end` was torn from its turn: it is looked for up to here.
    stable: i64,
}

/// How far a restore is, for the health answer and the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub read: u64,
    /// Offsets still to go; an upper bound of records, because compaction leaves holes.
    pub remaining: u64,
    pub elapsed: Duration,
}

impl Progress {
    /// Time left at the speed so far.
    pub fn eta(&self) -> Option<Duration> {
        let per_record = self.elapsed.checked_div(u32::try_from(self.read).ok()?)?;
        per_record.checked_mul(u32::try_from(self.remaining).ok()?)
    }
}

impl Restore {
    pub fn start(
        broker: &dyn Broker,
        store: &dyn StateStore,
        identity: &CopyIdentity,
        mark: &TurnMark,
        stage: &mut dyn Stage,
        settings: &Settings,
        (now_us, now): (i64, Duration),
    ) -> Result<Restore, Stop> {
        let copy = load_copy(store, identity, mark, stage, settings, now_us);
        let reader = broker.reader().map_err(Stop::Broker)?;
        let mut unasked = Vec::new();
        stage.tables(&mut |table| {
            let Some(topic) = table.topic() else { return };
            let at = TopicPartition { topic, partition: identity.partition };
            let from = copy.as_ref().and_then(|stamp| stamp.ends.get(topic)).copied().unwrap_or(0);
            unasked.push(StateTopic { at, from, position: from, end: mark.end(topic), stable: 0 });
        });
        let to_stable = settings.planted == Some(Planted::RestoreToStableOffset);
        let (topics, batch) = (Vec::new(), Batch::default());
        Ok(Restore { reader, unasked, topics, batch, read: 0, started: now, moved: now, to_stable })
    }

    /// Whether it has still to ask where its topics begin and end.
    pub fn asks(&self) -> bool {
        !self.unasked.is_empty()
    }

    /// Asks about one topic: brokers that come back take their time for each.
    fn ask(&mut self, mut topic: StateTopic) -> Result<(), Stop> {
        let bounds = self.reader.bounds(topic.at).map_err(Stop::Broker)?;
        // Compaction never moves the beginning of a log.
        if topic.from < bounds.start.min(topic.end) {
            return Err(Stop::StateDeleted { partition: topic.at, start: bounds.start });
        }
        topic.from = topic.from.max(bounds.start);
        topic.position = topic.from;
        topic.stable = bounds.end;
        if self.to_stable {
            topic.end = bounds.end;
        }
        self.topics.push(topic);
        if self.asks() {
            return Ok(());
        }
        let starts: Vec<_> = self.topics.iter().map(|topic| (topic.at, topic.from)).collect();
        self.reader.assign(&starts).map_err(Stop::Broker)
    }

    /// Reads on; true once the state is what the mark names.
    pub fn advance(&mut self, stage: &mut dyn Stage, room: Room, wait: Duration, now: Duration) -> Result<bool, Stop> {
        if let Some(topic) = self.unasked.pop() {
            self.moved = now;
            return self.ask(topic).map(|()| self.done());
        }
        if self.done() {
            return Ok(true);
        }
        self.batch.clear();
        match self.reader.poll(wait, room, &mut self.batch) {
            Err(error) if error.kind == ErrorKind::Unavailable => {}
            other => other.map_err(Stop::Broker)?,
        }
        self.take(stage)?;
        for topic in &mut self.topics {
            let position = self.reader.position(topic.at).unwrap_or(topic.from).max(topic.position);
            if position > topic.position {
                topic.position = position;
                self.moved = now;
            }
        }
        Ok(self.done())
    }

    /// The partitions that have stood still for longer than `patience` below the mark. Their markers may only be late;
    /// but a log that ends below the mark has lost committed records.
    pub fn stuck(&self, now: Duration, patience: Duration) -> Vec<(TopicPartition, i64)> {
        let stuck = now.saturating_sub(self.moved) > patience;
        let behind = self.topics.iter().filter(|topic| stuck && topic.position < topic.end);
        behind.map(|topic| (topic.at, topic.end)).collect()
    }

    pub fn progress(&self, now: Duration) -> Progress {
        let remaining = self.topics.iter().map(|topic| (topic.end - topic.position).max(0) as u64).sum();
        Progress { read: self.read, remaining, elapsed: now.saturating_sub(self.started) }
    }

    fn take(&mut self, stage: &mut dyn Stage) -> Result<(), Stop> {
        for record in self.batch.iter() {
            let Some(topic) = self.topics.iter().find(|topic| topic.at == record.from) else { continue };
            if record.offset >= topic.end {
                return Err(Stop::Torn { partition: topic.at, offset: record.offset, end: topic.end });
            }
            let mut taken = Ok(());
            stage.tables(&mut |table| {
                if table.topic() == Some(topic.at.topic) {
                    taken = table.restore(record.key.unwrap_or_default(), record.value);
                }
            });
            taken.map_err(|message| Stop::UnreadableState { partition: topic.at, offset: record.offset, message })?;
            self.read += 1;
        }
        Ok(())
    }

    fn done(&self) -> bool {
        !self.asks() && self.topics.iter().all(|topic| topic.position >= topic.end.max(topic.stable))
    }
}

/// Fills the tables from the local copy where there is a good one; a bad one is as good as none.
fn load_copy(
    store: &dyn StateStore,
    identity: &CopyIdentity,
    mark: &TurnMark,
    stage: &mut dyn Stage,
    settings: &Settings,
    now_us: i64,
) -> Option<CopyStamp> {
    let stage = RefCell::new(stage);
    let refused = RefCell::new(None);
    let accept = |stamp: &CopyStamp| {
        let young = now_us.saturating_sub(stamp.saved_at_us) <= settings.copy_max_age.as_micros() as i64;
        let not_ahead = stamp.turn <= mark.turn && stamp.ends.iter().all(|(topic, &end)| end <= mark.end(topic));
        if !(young || settings.planted == Some(Planted::OldCopyTrusted)) || !not_ahead {
            return false;
        }
        let files = Files { store, identity };
        let adopted = stamp.segments.iter().try_for_each(|&(number, stamp)| {
            let segment = Segment::open(&files, stamp)?;
            in_table(&mut **stage.borrow_mut(), number, |table| table.adopt(segment)).map_err(CopyError::Corrupt)
        });
        adopted.map_err(|error| refused.replace(Some(error))).is_ok()
    };
    let mut read = |(number, key, value): Entry<'_>| {
        in_table(&mut **stage.borrow_mut(), number, |table| table.restore(key, value))
    };
    let loaded = store.load(identity, &accept, &mut read);
    let stage = stage.into_inner();
    match refused.take().map_or(loaded, Err) {
        Ok(Some(stamp)) => {
            telemetry::copy_loaded(identity.stage, identity.partition, stamp.turn);
            Some(stamp)
        }
        Ok(None) => None,
        Err(error) => {
            telemetry::copy_refused(identity.stage, identity.partition, &error);
            stage.tables(&mut |table| table.clear());
            None
        }
    }
}

/// Does something to a changelog table by its number.
fn in_table(
    stage: &mut dyn Stage,
    number: usize,
    act: impl FnOnce(&mut dyn Undoable) -> Result<(), String>,
) -> Result<(), String> {
    let (mut others, mut act, mut done) = (number, Some(act), Err(format!("no table {number}")));
    stage.tables(&mut |table| {
        if table.topic().is_none() {
            return;
        }
        match others.checked_sub(1) {
            Some(left) => others = left,
            None => act.take().into_iter().for_each(|act| done = act(table)),
        }
    });
    done
}
