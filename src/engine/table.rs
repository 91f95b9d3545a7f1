//! State: typed entries in memory, undoable until their turn is committed, published at the latest with its end, each change once.
//!
//! Values over an undo log: reading costs one look-up, a turn that commits forgets its log, a record or a turn that fails
//! is rolled back. A `Table` is also its changelog topic; what is derived from tables is an `Index`, and `Ordered` where an order stands in a table
//! already. Of a table that ages, what no turn has touched for a while leaves memory for segments (`older.rs`), and comes back when it is changed.

use std::cmp::Reverse;
use std::hash::Hash;
use std::mem;

use hashbrown::Equivalent;

use super::copy::{CopyError, Files, SegmentStamp};
use super::older::Older;
use super::segments::Segment;
use super::slots::{Number, Slots};
use super::stage::Cause;

/// How one table's entries travel: the changelog topic is a result topic at the same time.
pub trait Codec<K, V>: Send {
    /// Writes the record key. It must be enough for `read_key`, because a tombstone has nothing else.
    fn write_key(&self, key: &K, out: &mut Vec<u8>);

    /// Writes the record value; the error says which bound the entry breaks.
    fn write_value(&self, key: &K, value: &V, cause: Cause, out: &mut Vec<u8>) -> Result<(), String>;

    fn read_key(&self, key: &[u8]) -> Result<K, String>;
    fn read(&self, key: &[u8], value: &[u8]) -> Result<(K, V), String>;

    /// Where an entry stands among others, in bytes that sort as they do; nothing for one that stands nowhere. For tables that age.
    fn order(&self, _key: &K, _value: &V, _out: &mut Vec<u8>) {}
}

/// A key or a borrowed form of it, which hashes as the key does.
pub trait AsKey<K>: Hash + Equivalent<K> {
    fn to_key(&self) -> K;
}

impl<K: Hash + Eq + Clone> AsKey<K> for K {
    fn to_key(&self) -> K {
        self.clone()
    }
}

/// What the engine does with a table, whatever its types.
pub trait Undoable {
    /// The changelog topic; `None` for an index, which then needs nothing of what is about a changelog.
    fn topic(&self) -> Option<&'static str> {
        None
    }

    /// Remembers the present as the point to which `undo_record` returns.
    fn begin_record(&mut self);
    fn undo_record(&mut self);
    fn undo_turn(&mut self);
    fn keep_turn(&mut self);
    fn changed(&self) -> bool;

    /// Whether its changes leave with the records that make them instead of at the turn's end.
    fn prompt(&self) -> bool {
        false
    }

    /// Hands out a changelog record per entry that has changed since the last call in this turn, in the order of their first change.
    fn changes(&mut self, _emit: Emit<'_>) -> Result<(), String> {
        Ok(())
    }

    /// Hands out every entry in memory, for a local copy; no value denies what a segment says.
    fn entries(&self, _emit: Emit<'_>) -> Result<(), String> {
        Ok(())
    }

    /// Takes a changelog record; nothing to undo.
    fn restore(&mut self, _key: &[u8], _value: Option<&[u8]>) -> Result<(), String> {
        Err("there is no changelog".into())
    }

    /// Whether `spill` has something to do.
    fn overfull(&self, _keep: usize) -> bool {
        false
    }

    /// Writes what has not been touched for longest to a segment, so that memory has no more than so many entries after `part`. Answers how many
    /// leave. Only between turns.
    fn spill(&mut self, _keep: usize, _files: &Files<'_>) -> Result<usize, CopyError> {
        Ok(0)
    }

    /// Lets go of what has been spilled.
    fn part(&mut self) {}

    /// Its segments, oldest first.
    fn segments(&self) -> Vec<SegmentStamp> {
        Vec::new()
    }

    /// Takes a segment of a local copy, before the copy's entries; none that is there already is newer.
    fn adopt(&mut self, _segment: Segment) -> Result<(), String> {
        Err("the table does not age".into())
    }

    /// Why a segment cannot be read: the turn saw less than there is.
    fn damage(&self) -> Option<&str> {
        None
    }

    fn clear(&mut self);
    /// In memory.
    fn len(&self) -> usize;
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Receives key and value of a changelog record; no value is a tombstone.
pub type Emit<'a> = &'a mut dyn FnMut(&[u8], Option<&[u8]>);

/// Finds an entry again without its key, while it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry(Number);

pub struct Table<K, V> {
    topic: &'static str,
    prompt: bool,
    codec: Box<dyn Codec<K, V>>,
    slots: Slots<K, Slot<V>>,
    /// The entries that this turn has changed, in the order of their first change.
    dirty: Vec<Dirty<V>>,
    /// Places in `dirty` of what has not been handed out as it is now.
    unsaid: Vec<u32>,
    /// How many entries were dirty when the record began.
    record: usize,
    /// What this record has replaced in entries that were dirty already. What earlier records of the turn replaced is of no
    /// more use: a turn is undone as a whole.
    replaced: Vec<Replaced<V>>,
    /// Of a table that ages.
    older: Option<Box<Older<V>>>,
    /// Counts turns.
    now: u32,
    /// Nothing is spilled before there are more entries than this: the last attempt has failed.
    ceiling: usize,
    /// What is in a segment now and in memory until `part`.
    leaving: Vec<Number>,
}

struct Slot<V> {
    /// `None`: deleted, or gone.
    value: Option<V>,
    /// Place in `dirty`, or `CLEAN`, `DENIED` or `LEAVING`.
    dirty: u32,
    /// When it was changed last.
    touched: u32,
}

struct Dirty<V> {
    entry: Number,
    /// What changed it last.
    cause: Cause,
    /// What it was when the turn began; boxed because most entries are new.
    before: Option<Box<V>>,
    said: Said,
}

/// What the changelog has of a dirty entry.
#[derive(Clone, Copy, PartialEq)]
enum Said {
    Nothing,
    /// A value of this turn that has been replaced since.
    Past,
    Now,
}

struct Replaced<V> {
    entry: Number,
    value: Option<V>,
    cause: Cause,
}

const CLEAN: u32 = u32::MAX;
/// Deleted for good, while a segment may say something else.
const DENIED: u32 = CLEAN - 1;
/// In a segment now, and in memory until `part`.
const LEAVING: u32 = CLEAN - 2;

impl<V> Default for Slot<V> {
    fn default() -> Self {
        Slot { value: None, dirty: CLEAN, touched: 0 }
    }
}

impl<K: Hash + Eq + Clone, V> Table<K, V> {
    pub fn new(topic: &'static str, codec: impl Codec<K, V> + 'static) -> Self {
        let codec = Box::new(codec);
        let (dirty, unsaid, replaced, leaving) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (slots, older) = (Slots::default(), None);
        Table {
            topic,
            prompt: false,
            codec,
            slots,
            dirty,
            unsaid,
            record: 0,
            replaced,
            older,
            now: 0,
            ceiling: 0,
            leaving,
        }
    }

    /// For entries that mostly change once: their way to the broker need not begin with the end of the turn. One that changes again leaves again.
    pub fn promptly(self) -> Self {
        Table { prompt: true, ..self }
    }

    /// For entries that only grow in number: what is not touched for a while may leave memory.
    pub fn ageing(self) -> Self {
        Table { older: Some(Box::default()), ..self }
    }

    pub fn get(&self, key: &impl AsKey<K>) -> Option<&V> {
        match self.slots.find(key) {
            Some(entry) => self.slots[entry].value.as_ref(),
            None => self.has_segments()?.get(self.codec.as_ref(), &key.to_key()),
        }
    }

    pub fn at(&self, Entry(entry): Entry) -> Option<&V> {
        self.slots[entry].value.as_ref()
    }

    /// Answers the entry, and what it was before.
    pub fn put(&mut self, key: K, value: V, cause: Cause) -> (Entry, Option<&V>) {
        self.bring_back(&key);
        let entry = self.slots.find_or_add(key);
        (Entry(entry), self.change(entry, Some(value), cause))
    }

    /// Leaves a tombstone in the changelog, or nothing where nothing was. Answers the entry, and what it was before.
    pub fn delete(&mut self, key: &impl AsKey<K>, cause: Cause) -> Option<(Entry, &V)> {
        self.bring_back(key);
        let entry = self.slots.find(key)?;
        self.slots[entry].value.as_ref()?;
        self.change(entry, None, cause).map(|before| (Entry(entry), before))
    }

    /// What has been spilled and is still there.
    pub fn leaving(&self) -> impl Iterator<Item = (&K, &V)> {
        self.leaving.iter().filter_map(|&entry| Some((self.slots.key(entry), self.slots[entry].value.as_ref()?)))
    }

    /// Whether an entry is one of those.
    pub fn leaves(&self, Entry(entry): Entry) -> bool {
        self.slots[entry].dirty == LEAVING
    }

    /// Every entry in memory, in no order: for building an index and for counting, never for results.
    pub fn iter(&self) -> impl Iterator<Item = (Entry, &K, &V)> {
        self.slots.iter().filter_map(|(entry, key, slot)| Some((Entry(entry), key, slot.value.as_ref()?)))
    }

    /// Every entry that is not in memory, by record key.
    pub fn older(&self) -> impl Iterator<Item = (K, V)> {
        let all = self.has_segments().into_iter().flat_map(|older| older.iter(self.codec.as_ref()));
        all.filter(|(key, _)| self.slots.find(key).is_none())
    }

    /// Those that have ever left memory with an order that began so and is still theirs, latest first.
    pub fn aged_from_latest<'a>(&'a self, prefix: &[u8]) -> impl Iterator<Item = &'a V> + use<'a, K, V> {
        let left = self.has_segments().map(|older| older.latest_first(self.codec.as_ref(), prefix));
        left.into_iter().flatten().filter_map(|(key, order)| {
            let (value, mut now) = (self.get(&key)?, Vec::new());
            self.codec.order(&key, value, &mut now);
            (now == order).then_some(value)
        })
    }

    fn has_segments(&self) -> Option<&Older<V>> {
        self.older.as_deref().filter(|older| !older.segments.is_empty())
    }

    /// An entry that is about to change is in memory.
    fn bring_back(&mut self, key: &impl AsKey<K>) {
        let Table { older: Some(older), slots, codec, .. } = self else { return };
        if older.segments.is_empty() || slots.find(key).is_some() {
            return;
        }
        let key = key.to_key();
        if let Some(value) = older.take(codec.as_ref(), &key) {
            let entry = slots.find_or_add(key);
            slots[entry].value = Some(value);
        }
    }

    fn change(&mut self, entry: Number, value: Option<V>, cause: Cause) -> Option<&V> {
        let slot = &mut self.slots[entry];
        let before = mem::replace(&mut slot.value, value);
        if slot.dirty >= DENIED {
            slot.dirty = self.dirty.len() as u32;
            self.unsaid.push(slot.dirty);
            let dirty = self.dirty.push_mut(Dirty { entry, cause, before: before.map(Box::new), said: Said::Nothing });
            return dirty.before.as_deref();
        }
        let dirty = &mut self.dirty[slot.dirty as usize];
        if dirty.said == Said::Now {
            dirty.said = Said::Past;
            self.unsaid.push(slot.dirty);
        }
        let cause = mem::replace(&mut dirty.cause, cause);
        self.replaced.push_mut(Replaced { entry, value: before, cause }).value.as_ref()
    }

    /// Undoes first changes until so many are left.
    fn undo_to(&mut self, left: usize) {
        self.unsaid.retain(|&place| (place as usize) < left);
        for Dirty { entry, before, .. } in self.dirty.drain(left..) {
            match before {
                Some(value) => {
                    let slot = &mut self.slots[entry];
                    (slot.value, slot.dirty) = (Some(*value), CLEAN);
                }
                None => forget(&mut self.slots, entry, self.older.as_deref(), self.codec.as_ref()),
            }
        }
    }
}

/// Nothing is left of an entry, but for denying what a segment may say of it.
fn forget<K: Hash + Eq, V>(
    slots: &mut Slots<K, Slot<V>>,
    entry: Number,
    older: Option<&Older<V>>,
    codec: &dyn Codec<K, V>,
) {
    if older.is_some_and(|older| older.may_have(codec, slots.key(entry))) {
        (slots[entry].value, slots[entry].dirty) = (None, DENIED);
    } else {
        slots.remove(entry);
    }
}

impl<K: Hash + Eq + Clone, V> Undoable for Table<K, V> {
    fn topic(&self) -> Option<&'static str> {
        Some(self.topic)
    }

    fn begin_record(&mut self) {
        self.replaced.clear();
        self.record = self.dirty.len();
    }

    fn undo_record(&mut self) {
        while let Some(Replaced { entry, value, cause }) = self.replaced.pop() {
            let slot = &mut self.slots[entry];
            slot.value = value;
            self.dirty[slot.dirty as usize].cause = cause;
        }
        self.undo_to(self.record);
    }

    fn undo_turn(&mut self) {
        self.undo_to(0);
        self.begin_record();
    }

    fn keep_turn(&mut self) {
        self.unsaid.clear();
        self.now = self.now.wrapping_add(1);
        for Dirty { entry, .. } in self.dirty.drain(..) {
            let slot = &mut self.slots[entry];
            (slot.dirty, slot.touched) = (CLEAN, self.now);
            if slot.value.is_none() {
                forget(&mut self.slots, entry, self.older.as_deref(), self.codec.as_ref());
            }
        }
        self.begin_record();
    }

    fn changed(&self) -> bool {
        !self.dirty.is_empty()
    }

    fn prompt(&self) -> bool {
        self.prompt
    }

    fn changes(&mut self, emit: Emit<'_>) -> Result<(), String> {
        let (mut bytes, mut value_bytes) = (Vec::new(), Vec::new());
        for place in self.unsaid.drain(..) {
            let Dirty { entry, cause, before, said } = &mut self.dirty[place as usize];
            let key = self.slots.key(*entry);
            bytes.clear();
            self.codec.write_key(key, &mut bytes);
            match &self.slots[*entry].value {
                Some(value) => {
                    value_bytes.clear();
                    self.codec.write_value(key, value, *cause, &mut value_bytes)?;
                    emit(&bytes, Some(&value_bytes));
                }
                // What came and went in between was never seen by anybody.
                None if before.is_none() && *said == Said::Nothing => {}
                None => emit(&bytes, None),
            }
            *said = Said::Now;
        }
        Ok(())
    }

    fn entries(&self, emit: Emit<'_>) -> Result<(), String> {
        let (mut key, mut bytes) = (Vec::new(), Vec::new());
        for (_, name, slot) in self.slots.iter() {
            if slot.value.is_none() && slot.dirty != DENIED {
                continue;
            }
            key.clear();
            bytes.clear();
            self.codec.write_key(name, &mut key);
            if let Some(value) = &slot.value {
                self.codec.write_value(name, value, Cause::NONE, &mut bytes)?;
            }
            emit(&key, slot.value.as_ref().map(|_| &bytes[..]));
        }
        Ok(())
    }

    fn restore(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), String> {
        match value {
            Some(value) => {
                let (key, value) = self.codec.read(key, value)?;
                let entry = self.slots.find_or_add(key);
                self.slots[entry] = Slot { value: Some(value), dirty: CLEAN, touched: self.now };
            }
            None => {
                let entry = self.slots.find_or_add(self.codec.read_key(key)?);
                forget(&mut self.slots, entry, self.older.as_deref(), self.codec.as_ref());
            }
        }
        Ok(())
    }

    fn overfull(&self, keep: usize) -> bool {
        let Some(older) = &self.older else { return false };
        self.slots.len() > keep.max(self.ceiling) || older.held() > keep / 4
    }

    fn spill(&mut self, keep: usize, files: &Files<'_>) -> Result<usize, CopyError> {
        let Some(older) = &mut self.older else { return Ok(0) };
        if older.held() > keep / 4 {
            older.let_go();
        }
        if self.slots.len() <= keep.max(self.ceiling) {
            return Ok(0);
        }
        self.ceiling = self.slots.len() + keep / 4;
        older.merge(files)?;
        let there = self.slots.iter().filter(|(_, _, slot)| slot.value.is_some() || slot.dirty == DENIED);
        let age = |slot: &Slot<V>| self.now.wrapping_sub(slot.touched);
        let mut oldest: Vec<_> = there.map(|(entry, _, slot)| (Reverse(age(slot)), entry)).collect();
        // A quarter makes a segment that is worth its file, and leaves time until the next one.
        let leaving = oldest.len() - (keep - keep / 4);
        oldest.select_nth_unstable(leaving - 1);
        oldest.truncate(leaving);
        let entries = oldest.iter().map(|&(_, entry)| (self.slots.key(entry), self.slots[entry].value.as_ref()));
        older.write(self.codec.as_ref(), entries, files)?;
        self.leaving = oldest.iter().map(|&(_, entry)| entry).collect();
        self.leaving.iter().for_each(|&entry| self.slots[entry].dirty = LEAVING);
        Ok(leaving)
    }

    fn part(&mut self) {
        self.leaving.drain(..).for_each(|entry| self.slots.remove(entry));
        self.ceiling = 0;
    }

    fn segments(&self) -> Vec<SegmentStamp> {
        self.older.iter().flat_map(|older| older.segments.stamps()).collect()
    }

    fn adopt(&mut self, segment: Segment) -> Result<(), String> {
        let older = self.older.as_mut().ok_or("the table does not age")?;
        older.segments.push(segment);
        Ok(())
    }

    fn damage(&self) -> Option<&str> {
        self.older.as_ref()?.damage()
    }

    fn clear(&mut self) {
        self.slots = Slots::default();
        self.dirty.clear();
        self.unsaid.clear();
        self.leaving.clear();
        self.ceiling = 0;
        self.older = self.older.is_some().then(Box::default);
        self.begin_record();
    }

    fn len(&self) -> usize {
        self.slots.len()
    }
}

#[cfg(test)]
mod tests;
