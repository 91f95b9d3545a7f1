//! Polled records in one arena: no allocation per record, and the turn can look at them again.

use super::broker::{Header, TopicPartition};

/// How much a poll may still bring.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    pub records: usize,
    pub bytes: usize,
}

/// One consumed record, borrowed from its batch.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    pub from: TopicPartition,
    pub offset: i64,
    /// The broker's or producer's timestamp, microseconds since 1970 UTC. Information only: the offset is the order.
    pub timestamp_us: i64,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: &'a [Header],
}

#[derive(Default)]
pub struct Batch {
    bytes: Vec<u8>,
    slots: Vec<Slot>,
    headers: Vec<Header>,
}

struct Slot {
    from: TopicPartition,
    offset: i64,
    timestamp_us: i64,
    key: Option<(usize, usize)>,
    value: Option<(usize, usize)>,
    headers: (usize, usize),
}

impl Batch {
    pub fn push(&mut self, record: Record<'_>) {
        let key = record.key.map(|key| self.keep(key));
        let value = record.value.map(|value| self.keep(value));
        let headers = (self.headers.len(), self.headers.len() + record.headers.len());
        self.headers.extend_from_slice(record.headers);
        self.slots.push(Slot {
            from: record.from,
            offset: record.offset,
            timestamp_us: record.timestamp_us,
            key,
            value,
            headers,
        });
    }

    pub fn len(&self) -> usize {
        self.slots.len()
    }

    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.slots.clear();
        self.headers.clear();
    }

    pub fn get(&self, index: usize) -> Option<Record<'_>> {
        self.slots.get(index).map(|slot| self.record(slot))
    }

    pub fn iter(&self) -> impl Iterator<Item = Record<'_>> {
        self.slots.iter().map(|slot| self.record(slot))
    }

    /// Gives the records from `first` on the names that this side knows their topics by.
    pub(super) fn rename(&mut self, first: usize, name: impl Fn(&'static str) -> &'static str) {
        for slot in &mut self.slots[first..] {
            slot.from.topic = name(slot.from.topic);
        }
    }

    fn keep(&mut self, bytes: &[u8]) -> (usize, usize) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        (start, self.bytes.len())
    }

    fn record(&self, slot: &Slot) -> Record<'_> {
        Record {
            from: slot.from,
            offset: slot.offset,
            timestamp_us: slot.timestamp_us,
            key: slot.key.map(|(start, end)| &self.bytes[start..end]),
            value: slot.value.map(|(start, end)| &self.bytes[start..end]),
            headers: &self.headers[slot.headers.0..slot.headers.1],
        }
    }
}
