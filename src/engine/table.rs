//! State: typed entries in memory, undoable until their turn is committed, published once per entry and turn.
//!
//! Values over an undo log: reading costs one look-up, a turn that commits forgets its log, a record or a turn that fails
//! is rolled back. A `Table` is also its changelog topic; an `Index` is derived from tables and has no topic.

use std::collections::BTreeMap;
use std::hash::Hash;

use hashbrown::{Equivalent, HashMap};

use super::stage::Cause;

/// How one table's entries travel: the changelog topic is a result topic at the same time.
pub trait Codec<K, V>: Send {
    /// Writes the record key. It must be enough for `read_key`, because a tombstone has nothing else.
    fn write_key(&self, key: &K, out: &mut Vec<u8>);

    /// Writes the record value; the error says which bound the entry breaks.
    fn write_value(&self, key: &K, value: &V, cause: Cause, out: &mut Vec<u8>) -> Result<(), String>;

    fn read_key(&self, key: &[u8]) -> Result<K, String>;
    fn read(&self, key: &[u8], value: &[u8]) -> Result<(K, V), String>;
}

/// What the engine does with a table, whatever its types.
pub trait Undoable {
    /// The changelog topic; `None` for an index.
    fn topic(&self) -> Option<&'static str>;

    /// Remembers the present as the point to which `undo_record` returns.
    fn begin_record(&mut self);
    fn undo_record(&mut self);
    fn undo_turn(&mut self);
    fn keep_turn(&mut self);
    fn changed(&self) -> bool;

    /// Hands out the changelog records of this turn, one per changed entry, in the order of their first change.
    fn changes(&self, emit: Emit<'_>) -> Result<(), String>;

    /// Hands out every entry, for a local copy.
    fn entries(&self, emit: Emit<'_>) -> Result<(), String>;

    /// Takes a changelog record; nothing to undo.
    fn restore(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), String>;

    fn clear(&mut self);
    fn len(&self) -> usize;
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Receives key and value of a changelog record; no value is a tombstone.
pub type Emit<'a> = &'a mut dyn FnMut(&[u8], Option<&[u8]>);

pub struct Table<K, V> {
    topic: &'static str,
    codec: Box<dyn Codec<K, V>>,
    slots: HashMap<K, Slot<V>>,
    undo: Vec<Undo<K, V>>,
    record: usize,
    dirty: Vec<Dirty<K>>,
}

/// Values are boxed: a growing map moves pointers, and the undo log keeps one where nothing was before.
struct Slot<V> {
    /// `None`: deleted in this turn.
    value: Option<Box<V>>,
    /// Place in `dirty`, or `CLEAN`.
    dirty: u32,
}

struct Undo<K, V> {
    key: K,
    value: Option<Box<V>>,
    /// The entry's cause before, when it had been changed in this turn already.
    cause: Option<Cause>,
}

struct Dirty<K> {
    key: K,
    cause: Cause,
}

const CLEAN: u32 = u32::MAX;

impl<K: Hash + Eq + Clone, V> Table<K, V> {
    pub fn new(topic: &'static str, codec: impl Codec<K, V> + 'static) -> Self {
        Table { topic, codec: Box::new(codec), slots: HashMap::new(), undo: Vec::new(), record: 0, dirty: Vec::new() }
    }

    /// `key` may be a borrowed form that hashes as the key does.
    pub fn get<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<&V> {
        self.slots.get(key)?.value.as_deref()
    }

    pub fn put(&mut self, key: K, value: V, cause: Cause) {
        self.change(key, Some(Box::new(value)), cause);
    }

    /// Leaves a tombstone in the changelog, or nothing where nothing was.
    pub fn delete(&mut self, key: K, cause: Cause) {
        if self.get(&key).is_some() {
            self.change(key, None, cause);
        }
    }

    /// Every entry, in no order: for building an index and for counting, never for results.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.slots.iter().filter_map(|(key, slot)| Some((key, slot.value.as_deref()?)))
    }

    fn change(&mut self, key: K, value: Option<Box<V>>, cause: Cause) {
        let slot = self.slots.entry(key.clone()).or_insert(Slot { value: None, dirty: CLEAN });
        let before = std::mem::replace(&mut slot.value, value);
        let cause_before = if slot.dirty == CLEAN {
            slot.dirty = self.dirty.len() as u32;
            self.dirty.push(Dirty { key: key.clone(), cause });
            None
        } else {
            Some(std::mem::replace(&mut self.dirty[slot.dirty as usize].cause, cause))
        };
        self.undo.push(Undo { key, value: before, cause: cause_before });
    }

    fn undo_to(&mut self, point: usize) {
        while self.undo.len() > point {
            let Some(undo) = self.undo.pop() else { return };
            let Some(slot) = self.slots.get_mut(&undo.key) else { continue };
            slot.value = undo.value;
            match undo.cause {
                Some(cause) => self.dirty[slot.dirty as usize].cause = cause,
                None => {
                    // First changes are undone in reverse order, so this entry is the last dirty one.
                    slot.dirty = CLEAN;
                    self.dirty.pop();
                    if slot.value.is_none() {
                        self.slots.remove(&undo.key);
                    }
                }
            }
        }
    }
}

impl<K: Hash + Eq + Clone, V> Undoable for Table<K, V> {
    fn topic(&self) -> Option<&'static str> {
        Some(self.topic)
    }

    fn begin_record(&mut self) {
        self.record = self.undo.len();
    }

    fn undo_record(&mut self) {
        self.undo_to(self.record);
    }

    fn undo_turn(&mut self) {
        self.undo_to(0);
        self.record = 0;
    }

    fn keep_turn(&mut self) {
        for dirty in self.dirty.drain(..) {
            if let Some(slot) = self.slots.get_mut(&dirty.key) {
                slot.dirty = CLEAN;
                if slot.value.is_none() {
                    self.slots.remove(&dirty.key);
                }
            }
        }
        self.undo.clear();
        self.record = 0;
    }

    fn changed(&self) -> bool {
        !self.dirty.is_empty()
    }

    fn changes(&self, emit: Emit<'_>) -> Result<(), String> {
        let (mut key, mut bytes) = (Vec::new(), Vec::new());
        for dirty in &self.dirty {
            key.clear();
            self.codec.write_key(&dirty.key, &mut key);
            match self.get(&dirty.key) {
                None => emit(&key, None),
                Some(value) => {
                    bytes.clear();
                    self.codec.write_value(&dirty.key, value, dirty.cause, &mut bytes)?;
                    emit(&key, Some(&bytes));
                }
            }
        }
        Ok(())
    }

    fn entries(&self, emit: Emit<'_>) -> Result<(), String> {
        let (mut key, mut bytes) = (Vec::new(), Vec::new());
        for (entry, value) in self.iter() {
            key.clear();
            bytes.clear();
            self.codec.write_key(entry, &mut key);
            self.codec.write_value(entry, value, Cause::NONE, &mut bytes)?;
            emit(&key, Some(&bytes));
        }
        Ok(())
    }

    fn restore(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), String> {
        match value {
            Some(value) => {
                let (key, value) = self.codec.read(key, value)?;
                self.slots.insert(key, Slot { value: Some(Box::new(value)), dirty: CLEAN });
            }
            None => {
                self.slots.remove(&self.codec.read_key(key)?);
            }
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.slots.clear();
        self.undo.clear();
        self.dirty.clear();
        self.record = 0;
    }

    fn len(&self) -> usize {
        self.slots.len()
    }
}

/// Ordered entries of a group, derived from tables: rebuilt after a restore, undone with its turn, never published.
pub struct Index<G, O, V> {
    groups: HashMap<G, BTreeMap<O, V>>,
    undo: Vec<(G, O, Option<V>)>,
    record: usize,
}

impl<G, O, V> Default for Index<G, O, V> {
    fn default() -> Self {
        Index { groups: HashMap::new(), undo: Vec::new(), record: 0 }
    }
}

impl<G: Hash + Eq + Clone, O: Ord + Clone, V> Index<G, O, V> {
    pub fn put(&mut self, group: &G, order: O, value: V) {
        let before = self.set(group, order.clone(), Some(value));
        self.undo.push((group.clone(), order, before));
    }

    pub fn delete(&mut self, group: &G, order: &O) {
        let before = self.set(group, order.clone(), None);
        self.undo.push((group.clone(), order.clone(), before));
    }

    /// The group's entries in order; walk it from either end.
    pub fn scan(&self, group: &G) -> impl DoubleEndedIterator<Item = (&O, &V)> {
        self.groups.get(group).into_iter().flat_map(BTreeMap::iter)
    }

    fn set(&mut self, group: &G, order: O, value: Option<V>) -> Option<V> {
        match value {
            Some(value) => match self.groups.get_mut(group) {
                Some(entries) => entries.insert(order, value),
                None => self.groups.entry(group.clone()).or_default().insert(order, value),
            },
            None => {
                let entries = self.groups.get_mut(group)?;
                let before = entries.remove(&order);
                if entries.is_empty() {
                    self.groups.remove(group);
                }
                before
            }
        }
    }

    fn undo_to(&mut self, point: usize) {
        while self.undo.len() > point {
            if let Some((group, order, before)) = self.undo.pop() {
                self.set(&group, order, before);
            }
        }
    }
}

impl<G: Hash + Eq + Clone, O: Ord + Clone, V> Undoable for Index<G, O, V> {
    fn topic(&self) -> Option<&'static str> {
        None
    }

    fn begin_record(&mut self) {
        self.record = self.undo.len();
    }

    fn undo_record(&mut self) {
        self.undo_to(self.record);
    }

    fn undo_turn(&mut self) {
        self.undo_to(0);
        self.record = 0;
    }

    fn keep_turn(&mut self) {
        self.undo.clear();
        self.record = 0;
    }

    fn changed(&self) -> bool {
        false
    }

    fn changes(&self, _: Emit<'_>) -> Result<(), String> {
        Ok(())
    }

    fn entries(&self, _: Emit<'_>) -> Result<(), String> {
        Ok(())
    }

    fn restore(&mut self, _: &[u8], _: Option<&[u8]>) -> Result<(), String> {
        Err("an index has no changelog".into())
    }

    fn clear(&mut self) {
        self.groups.clear();
        self.undo.clear();
        self.record = 0;
    }

    fn len(&self) -> usize {
        self.groups.len()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

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
    }

    const CAUSE: Cause = Cause { topic: "numbers", partition: 0, offset: 7 };

    fn table() -> Table<u8, u8> {
        Table::new("numbers", Bytes)
    }

    fn content(table: &Table<u8, u8>) -> BTreeMap<u8, u8> {
        table.iter().map(|(&key, &value)| (key, value)).collect()
    }

    fn changes(table: &Table<u8, u8>) -> Vec<(u8, Option<u8>)> {
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
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => (0..6u8, 0..9u8).prop_map(|(key, value)| Step::Put(key, value)),
            2 => (0..6u8).prop_map(Step::Delete),
            2 => Just(Step::BeginRecord),
            1 => Just(Step::UndoRecord),
            1 => Just(Step::UndoTurn),
            1 => Just(Step::KeepTurn),
        ];
        prop::collection::vec(step, 0..60)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn a_table_is_what_plain_copies_of_a_map_would_be(steps in steps()) {
            let (mut table, mut index) = (table(), Index::<(), u8, u8>::default());
            let (mut now, mut record, mut turn) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
            for step in steps {
                match step {
                    Step::Put(key, value) => {
                        table.put(key, value, CAUSE);
                        index.put(&(), key, value);
                        now.insert(key, value);
                    }
                    Step::Delete(key) => {
                        table.delete(key, CAUSE);
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
                    Step::UndoTurn => {
                        table.undo_turn();
                        index.undo_turn();
                        now.clone_from(&turn);
                        record.clone_from(&turn);
                    }
                    Step::KeepTurn => {
                        table.keep_turn();
                        index.keep_turn();
                        turn.clone_from(&now);
                        record.clone_from(&now);
                    }
                }
                prop_assert_eq!(content(&table), now.clone());
                prop_assert_eq!(index.scan(&()).map(|(&key, &value)| (key, value)).collect::<BTreeMap<_, _>>(), now.clone());
                // What is published is enough to turn the last committed state into this one.
                let mut replica = turn.clone();
                for (key, value) in changes(&table) {
                    match value {
                        Some(value) => replica.insert(key, value),
                        None => replica.remove(&key),
                    };
                }
                prop_assert_eq!(replica, now.clone());
            }
        }
    }

    #[test]
    fn an_entry_is_published_once_a_turn() {
        let mut table = table();
        for value in 0..5 {
            table.put(1, value, CAUSE);
        }
        assert_eq!(changes(&table), [(1, Some(4))]);
        table.keep_turn();
        assert_eq!(changes(&table), []);
    }

    #[test]
    fn a_deletion_leaves_a_tombstone_only_where_something_was() {
        let mut table = table();
        table.put(1, 1, CAUSE);
        table.keep_turn();
        table.delete(1, CAUSE);
        table.delete(2, CAUSE);
        assert_eq!(changes(&table), [(1, None)]);
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
        for (key, value) in changes(&original) {
            replica.restore(&[key], value.map(|value| [value]).as_ref().map(|value| &value[..])).expect("readable");
        }
        replica.restore(&[1], None).expect("readable");
        assert_eq!(content(&replica), BTreeMap::from([(2, 2)]));
        assert!(replica.restore(&[3], Some(&[])).is_err());
    }
}
