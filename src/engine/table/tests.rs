//! A table against plain maps: whatever is put, undone, published, spilled and lost.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::engine::index::Index;
use crate::engine::ordered::Ordered;
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
    table.changes(&mut |key, value| changes.push((key[0], value.map(|value| value[0])))).expect("all can be written");
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
                    spill(&mut table, &files);
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
                        spill(&mut table, &files);
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

#[derive(Clone, Debug)]
enum Move {
    /// An entry to a rank; 0 is nowhere.
    To(u32, u8),
    BeginRecord,
    UndoRecord,
    UndoTurn,
    KeepTurn,
    /// An entry leaves memory, between two turns; it may come back.
    Leave(u32),
    Rebuild,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let step = prop_oneof![
        12 => (0..9u32, 0..5u8).prop_map(|(entry, rank)| Move::To(entry, rank)),
        2 => Just(Move::BeginRecord),
        1 => Just(Move::UndoRecord),
        1 => Just(Move::UndoTurn),
        1 => Just(Move::KeepTurn),
        1 => (0..9u32).prop_map(Move::Leave),
        1 => Just(Move::Rebuild),
    ];
    prop::collection::vec(step, 0..100)
}

proptest! {
    #[test]
    fn entries_stand_as_sorting_them_says(moves in moves()) {
        let mut ordered = Ordered::default();
        let group = |entry: u32| entry % 2;
        // The ranks, as they are and as they were, and what has left with its rank.
        let (mut now, mut record, mut turn) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::<u32, u8>::new());
        let (mut gone, mut open) = (BTreeMap::new(), false);
        for step in moves {
            match step {
                Move::Leave(_) | Move::Rebuild if open => {}
                Move::To(entry, rank) => {
                    let before = now.get(&entry).or(gone.get(&entry)).copied();
                    // One that comes back as it was stays where segments have it.
                    if before != Some(rank) {
                        open = true;
                        now.remove(&entry);
                        now.extend((rank > 0).then_some((entry, rank)));
                        let at = |Entry(entry)| now.get(&entry).map(|rank| (*rank, entry));
                        ordered.reorder(group(entry), Entry(entry), before.map(|rank| (rank, entry)), at);
                    }
                }
                Move::BeginRecord => {
                    ordered.begin_record();
                    record.clone_from(&now);
                }
                Move::UndoRecord => {
                    ordered.undo_record();
                    now.clone_from(&record);
                }
                Move::UndoTurn => {
                    ordered.undo_turn();
                    open = false;
                    now.clone_from(&turn);
                    record.clone_from(&turn);
                }
                Move::KeepTurn => {
                    ordered.keep_turn();
                    open = false;
                    turn.clone_from(&now);
                    record.clone_from(&now);
                }
                Move::Leave(entry) => {
                    gone.extend(now.remove(&entry).map(|rank| (entry, rank)));
                    ordered.retain(|Entry(entry)| now.contains_key(&entry));
                    turn.clone_from(&now);
                    record.clone_from(&now);
                }
                Move::Rebuild => {
                    let entries = now.keys().map(|&entry| (group(entry), Entry(entry)));
                    ordered.rebuild(entries, |Entry(entry)| (now[&entry], entry));
                }
            }
            for of in 0..2 {
                let there = now.iter().filter(|(entry, _)| group(**entry) == of);
                let sorted: BTreeSet<_> = there.map(|(&entry, &rank)| (rank, entry)).collect();
                let stands = ordered.scan(of).map(|Entry(entry)| entry);
                prop_assert!(stands.eq(sorted.into_iter().map(|(_, entry)| entry)));
            }
        }
    }
}

fn spill(table: &mut Table<u8, u8>, files: &Files<'_>) {
    table.spill(2, files).expect("it can be written");
    assert!(table.leaving().all(|(key, value)| table.get(key) == Some(value)));
    table.part();
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
    assert_eq!(table.delete(&1, CAUSE), Some((entry, &2)));
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
            .for_each(|key| assert_eq!(table.delete(&key, CAUSE).map(|(_, value)| *value), Some(key + round)));
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
