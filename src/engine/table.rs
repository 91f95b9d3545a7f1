//! State: typed entries in memory, undoable until their turn is committed, published at the latest with its end, each change once.
//!
//! Values over an undo log: reading costs one look-up, a turn that commits forgets its log, a record or a turn that fails
//! is rolled back. A `Table` is also its changelog topic; what is derived from tables is an `Index`. Of a table that ages, what no turn has
//! touched for a while leaves memory for segments (`older.rs`), and comes back when it is changed.

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

    /// Writes what has not been touched for longest to a segment, so that memory has no more than so many entries. Answers how many have left. Only
    /// between turns.
    fn spill(&mut self, _keep: usize, _files: &Files<'_>) -> Result<usize, CopyError> {
        Ok(0)
    }

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
}

struct Slot<V> {
    /// `None`: deleted, or gone.
    value: Option<V>,
    /// Place in `dirty`, or `CLEAN`, or `DENIED`.
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

impl<V> Default for Slot<V> {
    fn default() -> Self {
        Slot { value: None, dirty: CLEAN, touched: 0 }
    }
}

impl<K: Hash + Eq + Clone, V> Table<K, V> {
    pub fn new(topic: &'static str, codec: impl Codec<K, V> + 'static) -> Self {
        let codec = Box::new(codec);
        let (dirty, unsaid, replaced) = (Vec::new(), Vec::new(), Vec::new());
        let (slots, older) = (Slots::default(), None);
        Table { topic, prompt: false, codec, slots, dirty, unsaid, record: 0, replaced, older, now: 0, ceiling: 0 }
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

    /// Leaves a tombstone in the changelog, or nothing where nothing was. Answers what the entry was before.
    pub fn delete(&mut self, key: &impl AsKey<K>, cause: Cause) -> Option<&V> {
        self.bring_back(key);
        let entry = self.slots.find(key)?;
        self.slots[entry].value.as_ref()?;
        self.change(entry, None, cause)
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
        oldest.iter().for_each(|&(_, entry)| self.slots.remove(entry));
        self.ceiling = 0;
        Ok(leaving)
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
        self.ceiling = 0;
        self.older = self.older.is_some().then(Box::default);
        self.begin_record();
    }

    fn len(&self) -> usize {
        self.slots.len()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::engine::index::Index;
    use crate::engine::segments::Segment;
    use crate::engine::segments::shelf::{Shelf, identity};

    /// Keys and values of one byte each; 255 is a value that cannot be written.
    struct Bytes;

    impl Codec<u8, u8> for Bytes {
        fn write_key(&self, key: &u8, out: &mut Vec<u8>) {
            out.push(*key);
        }

        fn write_value(&self, _: &u8, value: &u8, _: Cause, out: &mut Vec<u8>) -> Result<(), String> {
            out.push(*value);
            if *value == 255 { Err("255 cannot be written".into()) } else { Ok(()) }
        }

        fn read_key(&self, key: &[u8]) -> Result<u8, String> {
            key.first().copied().ok_or("no key".into())
        }

        fn read(&self, key: &[u8], value: &[u8]) -> Result<(u8, u8), String> {
            Ok((self.read_key(key)?, value.first().copied().ok_or("no value")?))
        }

        /// By value; a 0 stands nowhere.
        fn order(&self, key: &u8, value: &u8, out: &mut Vec<u8>) {
            if *value > 0 {
                out.extend([*value, *key]);
            }
        }
    }

    /// Nothing of it travels.
    struct Wide;

    impl Codec<u32, u32> for Wide {
        fn write_key(&self, _: &u32, _: &mut Vec<u8>) {}

        fn write_value(&self, _: &u32, _: &u32, _: Cause, _: &mut Vec<u8>) -> Result<(), String> {
            Ok(())
        }

        fn read_key(&self, _: &[u8]) -> Result<u32, String> {
            Err("nothing travels".into())
        }

        fn read(&self, _: &[u8], _: &[u8]) -> Result<(u32, u32), String> {
            Err("nothing travels".into())
        }
    }

    const CAUSE: Cause = Cause { topic: "numbers", partition: 0, offset: 7 };

    fn table() -> Table<u8, u8> {
        Table::new("numbers", Bytes).ageing()
    }

    fn content(table: &Table<u8, u8>) -> BTreeMap<u8, u8> {
        let recent: BTreeMap<_, _> = table.iter().map(|(_, &key, &value)| (key, value)).collect();
        let (recent_len, mut all) = (recent.len(), recent);
        let older: Vec<_> = table.older().collect();
        let (older_len, _) = (older.len(), all.extend(older));
        assert_eq!(all.len(), recent_len + older_len, "an entry is in memory or it is not");
        all
    }

    fn changes(table: &mut Table<u8, u8>) -> Vec<(u8, Option<u8>)> {
        let mut changes = Vec::new();
        table
            .changes(&mut |key, value| changes.push((key[0], value.map(|value| value[0]))))
            .expect("all can be written");
        changes
    }

    #[derive(Clone, Debug)]
    enum Step {
        Put(u8, u8),
        Delete(u8),
        BeginRecord,
        UndoRecord,
        UndoTurn,
        KeepTurn,
        /// What has changed leaves between two records.
        Publish,
        /// Between two turns, if the last one changed nothing.
        Spill,
        Copy,
        /// The open turn is lost, and the task begins again with the copy and the changelog since, or with all of that.
        Crash {
            lost: bool,
        },
    }

    /// A local copy: where the changelog was, entries, and segments.
    type Kept = (usize, Vec<(u8, Option<u8>)>, Vec<SegmentStamp>);

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => (0..6u8, 0..9u8).prop_map(|(key, value)| Step::Put(key, value)),
            2 => (0..6u8).prop_map(Step::Delete),
            2 => Just(Step::BeginRecord),
            1 => Just(Step::UndoRecord),
            1 => Just(Step::UndoTurn),
            1 => Just(Step::KeepTurn),
            1 => Just(Step::Publish),
            2 => Just(Step::Spill),
            1 => Just(Step::Copy),
            1 => any::<bool>().prop_map(|lost| Step::Crash { lost }),
        ];
        prop::collection::vec(step, 0..100)
    }

    proptest! {
        #[test]
        fn a_table_is_what_plain_copies_of_a_map_would_be(steps in steps()) {
            let (mut table, mut index) = (table(), Index::<(), u8, u8>::default());
            let (mut now, mut record, mut turn) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
            // What a reader of the changelog has, the open turn included.
            let mut replica = BTreeMap::new();
            let (shelf, identity) = (Shelf::default(), identity());
            let files = shelf.files(&identity);
            let (mut log, mut copy): (Vec<(u8, Option<u8>)>, Kept) = Default::default();
            for step in steps {
                match step {
                    Step::Spill | Step::Copy if table.changed() => {}
                    Step::Spill => {
                        table.spill(2, &files).expect("it can be written");
                        prop_assert!(table.len() <= 2);
                    }
                    Step::Copy => {
                        let mut entries = Vec::new();
                        let mut give = |key: &[u8], value: Option<&[u8]>| entries.push((key[0], value.map(|value| value[0])));
                        table.entries(&mut give).expect("all can be written");
                        copy = (log.len(), entries, table.segments());
                    }
                    Step::Crash { lost } => {
                        if lost {
                            copy = Kept::default();
                        }
                        table.clear();
                        for &stamp in &copy.2 {
                            table.adopt(Segment::open(&files, stamp).expect("it is whole")).expect("it ages");
                        }
                        for (key, value) in copy.1.iter().chain(&log[copy.0..]) {
                            table.restore(&[*key], value.as_ref().map(std::slice::from_ref)).expect("readable");
                            table.spill(2, &files).expect("it can be written");
                        }
                        table.keep_turn();
                        index.undo_turn();
                        now.clone_from(&turn);
                        record.clone_from(&turn);
                        replica.clone_from(&turn);
                    }
                    Step::Put(key, value) => {
                        table.put(key, value, CAUSE);
                        index.put(&(), key, value);
                        now.insert(key, value);
                    }
                    Step::Delete(key) => {
                        table.delete(&key, CAUSE);
                        index.delete(&(), &key);
                        now.remove(&key);
                    }
                    Step::BeginRecord => {
                        table.begin_record();
                        index.begin_record();
                        record.clone_from(&now);
                    }
                    Step::UndoRecord => {
                        table.undo_record();
                        index.undo_record();
                        now.clone_from(&record);
                    }
                    Step::Publish => {
                        table.begin_record();
                        index.begin_record();
                        record.clone_from(&now);
                        read(&mut table, &mut replica);
                        prop_assert_eq!(&replica, &now);
                    }
                    Step::UndoTurn => {
                        table.undo_turn();
                        index.undo_turn();
                        now.clone_from(&turn);
                        record.clone_from(&turn);
                        replica.clone_from(&turn);
                    }
                    Step::KeepTurn => {
                        read(&mut table, &mut replica);
                        prop_assert_eq!(&replica, &now);
                        table.keep_turn();
                        index.keep_turn();
                        log.extend((0..6).filter(|key| turn.get(key) != now.get(key)).map(|key| (key, now.get(&key).copied())));
                        turn.clone_from(&now);
                        record.clone_from(&now);
                    }
                }
                prop_assert_eq!(content(&table), now.clone());
                (0..6).for_each(|key| assert_eq!(table.get(&key), now.get(&key)));
                let aged: Vec<_> = table.aged_from_latest(&[]).copied().collect();
                prop_assert!(aged.is_sorted_by(|latest, next| latest >= next));
                for (key, value) in table.older().filter(|(_, value)| *value > 0) {
                    prop_assert!(aged.contains(&value) && now[&key] == value);
                }
                prop_assert_eq!(table.damage(), None);
                prop_assert_eq!(index.scan(&()).map(|(&key, &value)| (key, value)).collect::<BTreeMap<_, _>>(), now.clone());
            }
        }
    }

    fn read(table: &mut Table<u8, u8>, replica: &mut BTreeMap<u8, u8>) {
        for (key, value) in changes(table) {
            match value {
                Some(value) => replica.insert(key, value),
                None => replica.remove(&key),
            };
        }
    }

    #[test]
    fn what_has_been_published_is_published_again_when_it_changes_and_goes_with_a_tombstone() {
        let mut table = table();
        table.put(1, 1, CAUSE);
        table.put(2, 2, CAUSE);
        assert_eq!(changes(&mut table), [(1, Some(1)), (2, Some(2))]);
        assert_eq!(changes(&mut table), []);
        table.begin_record();
        table.put(1, 3, CAUSE);
        table.delete(&2, CAUSE);
        assert_eq!(changes(&mut table), [(1, Some(3)), (2, None)]);
    }

    #[test]
    fn an_entry_is_published_once_a_turn() {
        let mut table = table();
        for value in 0..5 {
            table.put(1, value, CAUSE);
        }
        assert_eq!(changes(&mut table), [(1, Some(4))]);
        table.keep_turn();
        assert_eq!(changes(&mut table), []);
    }

    #[test]
    fn a_deletion_leaves_a_tombstone_only_where_something_was() {
        let mut table = table();
        table.put(1, 1, CAUSE);
        table.keep_turn();
        table.delete(&1, CAUSE);
        table.delete(&2, CAUSE);
        assert_eq!(changes(&mut table), [(1, None)]);
    }

    #[test]
    fn what_comes_and_goes_within_a_turn_is_not_published() {
        let mut table = table();
        table.put(1, 1, CAUSE);
        table.delete(&1, CAUSE);
        assert_eq!(changes(&mut table), []);
        table.keep_turn();
        assert_eq!((content(&table), table.len()), (BTreeMap::new(), 0));
    }

    #[test]
    fn a_change_answers_what_was_before() {
        let mut table = table();
        let (entry, before) = table.put(1, 1, CAUSE);
        assert_eq!(before, None);
        assert_eq!(table.put(1, 2, CAUSE), (entry, Some(&1)));
        assert_eq!(table.at(entry), Some(&2));
        assert_eq!(table.delete(&1, CAUSE), Some(&2));
        assert_eq!(table.delete(&1, CAUSE), None);
        assert_eq!(table.at(entry), None);
    }

    #[test]
    fn a_table_outgrows_its_pieces_and_fills_the_gaps_again() {
        let mut table = Table::new("numbers", Wide);
        for round in 0..3 {
            for key in 0..5_000 {
                table.put(key, key + round, CAUSE);
            }
            table.keep_turn();
            (0..5_000)
                .filter(|key| key % 3 == round)
                .for_each(|key| assert_eq!(table.delete(&key, CAUSE), Some(&(key + round))));
            table.keep_turn();
            let left = (0..5_000).filter(|key| key % 3 != round);
            assert!(left.clone().all(|key| table.get(&key) == Some(&(key + round))));
            assert_eq!((table.len(), table.iter().count()), (left.clone().count(), left.count()));
        }
    }

    #[test]
    fn an_entry_out_of_bounds_is_an_error_of_the_turn() {
        let mut table = table();
        table.put(1, 255, CAUSE);
        assert!(table.changes(&mut |_, _| {}).is_err());
    }

    #[test]
    fn a_table_is_restored_from_its_own_changelog() {
        let (mut original, mut replica) = (table(), table());
        original.put(1, 1, CAUSE);
        original.put(2, 2, CAUSE);
        for (key, value) in changes(&mut original) {
            replica.restore(&[key], value.map(|value| [value]).as_ref().map(|value| &value[..])).expect("readable");
        }
        replica.restore(&[1], None).expect("readable");
        assert_eq!(content(&replica), BTreeMap::from([(2, 2)]));
        assert!(replica.restore(&[3], Some(&[])).is_err());
    }
}
