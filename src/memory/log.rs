//! One partition's log: records and markers by offset, open transactions, what a `read_committed` reader sees.

use std::collections::BTreeMap;

use crate::engine::batch::{Batch, Record, Room};
use crate::engine::broker::{Bounds, Header, Outgoing, TopicPartition};

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Committed,
    Aborted,
}

/// Offsets grow and are not dense: markers take offsets, cleaning leaves holes.
#[derive(Default)]
pub(super) struct Log {
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) entries: Vec<Entry>,
    writers: BTreeMap<i64, Writer>,
}

pub(super) struct Entry {
    pub offset: i64,
    pub timestamp_us: i64,
    /// The producer's id; nobody's in particular without a transaction.
    producer: Option<i64>,
    pub what: What,
}

pub(super) enum What {
    Record(Content),
    /// Its transaction was aborted: nobody will read it.
    Aborted,
    Marker,
    /// A record without a value that has been through a cleaning; it goes at this time.
    Tombstone(Content, i64),
}

/// Key and value in one piece of memory.
pub(super) struct Content {
    body: Box<[u8]>,
    key_length: Option<usize>,
    tombstone: bool,
    headers: Box<[Header]>,
}

/// A producer as this partition knows it.
struct Writer {
    epoch: i32,
    /// Where its open transaction begins.
    open: Option<i64>,
}

/// The position is not in the log.
#[derive(Debug)]
pub(super) struct OutOfRange;

impl Log {
    pub fn append(&mut self, producer: Option<i64>, content: Content, now: i64) -> i64 {
        self.push(producer, What::Record(content), now)
    }

    /// True while this producer has a transaction open here.
    pub fn open(&self, producer: i64, epoch: i32) -> bool {
        self.writers.get(&producer).is_some_and(|writer| writer.epoch == epoch && writer.open.is_some())
    }

    pub fn open_transaction(&mut self, producer: i64, epoch: i32) {
        self.writers.insert(producer, Writer { epoch, open: Some(self.end) });
    }

    /// Writes the marker, with or without records before it.
    pub fn end_transaction(&mut self, producer: i64, epoch: i32, outcome: Outcome, now: i64) {
        let open = self.writers.insert(producer, Writer { epoch, open: None }).and_then(|writer| writer.open);
        if let (Some(first), Outcome::Aborted) = (open, outcome) {
            let first = self.entry_at(first);
            for entry in self.entries[first..].iter_mut().filter(|entry| entry.producer == Some(producer)) {
                if matches!(entry.what, What::Record(_)) {
                    entry.what = What::Aborted;
                }
            }
        }
        self.push(Some(producer), What::Marker, now);
    }

    /// The last stable offset: everything before it is decided.
    pub fn stable_end(&self) -> i64 {
        self.writers.values().filter_map(|writer| writer.open).min().unwrap_or(self.end)
    }

    pub fn bounds(&self) -> Bounds {
        Bounds { start: self.start, end: self.end }
    }

    /// Appends committed records to `batch` and moves `position` past what was looked at, markers included.
    pub fn read(
        &self,
        from: TopicPartition,
        position: &mut i64,
        room: Room,
        batch: &mut Batch,
    ) -> Result<(), OutOfRange> {
        if *position < self.start || *position > self.end {
            return Err(OutOfRange);
        }
        let (last_count, last_bytes) = (batch.len() + room.records, batch.bytes() + room.bytes);
        let stable_end = self.stable_end();
        for entry in &self.entries[self.entry_at(*position)..] {
            if entry.offset >= stable_end {
                break;
            }
            if let What::Record(content) | What::Tombstone(content, _) = &entry.what {
                if batch.len() >= last_count || batch.bytes() >= last_bytes {
                    *position = entry.offset;
                    return Ok(());
                }
                batch.push(entry.record(from, content));
            }
        }
        *position = stable_end.max(*position);
        Ok(())
    }

    /// Forgets what lies before, as retention does.
    pub fn delete_before(&mut self, offset: i64) {
        self.start = offset.clamp(self.start, self.end);
        self.entries.drain(..self.entry_at(self.start));
    }

    /// Loses what lies from there on, as an unclean election does.
    pub fn lose_from(&mut self, offset: i64) {
        self.end = offset.clamp(self.start, self.end);
        self.entries.truncate(self.entry_at(self.end));
        let end = self.end;
        for writer in self.writers.values_mut() {
            writer.open = writer.open.filter(|first| *first < end);
        }
    }

    fn push(&mut self, producer: Option<i64>, what: What, now: i64) -> i64 {
        let offset = self.end;
        self.entries.push(Entry { offset, timestamp_us: now, producer, what });
        self.end += 1;
        offset
    }

    fn entry_at(&self, offset: i64) -> usize {
        self.entries.partition_point(|entry| entry.offset < offset)
    }
}

impl Entry {
    fn record<'a>(&'a self, from: TopicPartition, content: &'a Content) -> Record<'a> {
        Record {
            from,
            offset: self.offset,
            timestamp_us: self.timestamp_us,
            key: content.key(),
            value: content.value(),
            headers: &content.headers,
        }
    }
}

impl Content {
    pub fn of(record: &Outgoing<'_>) -> Content {
        let (key, value) = (record.key.unwrap_or_default(), record.value.unwrap_or_default());
        Content {
            body: [key, value].concat().into(),
            key_length: record.key.map(<[u8]>::len),
            tombstone: record.value.is_none(),
            headers: record.headers.into(),
        }
    }

    pub fn key(&self) -> Option<&[u8]> {
        self.key_length.map(|length| &self.body[..length])
    }

    pub fn value(&self) -> Option<&[u8]> {
        (!self.tombstone).then(|| &self.body[self.key_length.unwrap_or(0)..])
    }

    pub fn size(&self) -> usize {
        // What a record costs besides its bytes, roughly as on the wire.
        const FRAME: usize = 70;
        let headers: usize = self.headers.iter().map(|header| header.name.len() + header.value.len()).sum();
        FRAME + self.body.len() + headers
    }
}
