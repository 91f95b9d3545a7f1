//! Rule 17: entries that have left memory are as good as those in it, or the task is restored.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use bookflow::engine::broker::{Broker, Outgoing};
use bookflow::engine::copy::NoCopies;
use bookflow::engine::settings::Settings;
use bookflow::engine::worker::{Turn, Worker};
use bookflow::store::DiskStore;
use tempfile::TempDir;

use crate::cluster::*;
use crate::house::*;

/// Sums of which four stay in memory, one of each key.
struct Ageing {
    house: House,
    folder: TempDir,
}

const KEYS: usize = 40;

impl Ageing {
    fn new() -> Ageing {
        let folder = tempfile::tempdir().expect("a folder");
        let mut house = House::new();
        house.store = Arc::new(DiskStore::open(folder.path()).expect("it can be written"));
        house.settings = Settings { recent_entries: 4, turn_records: 2, poll_records: 2, ..house.settings };
        Ageing { house, folder }
    }

    /// All keys have this added.
    fn add(&self, value: &str) {
        (0..KEYS).for_each(|key| self.add_to(key, value));
    }

    fn add_to(&self, key: usize, value: &str) {
        let (to, key) = (at(self.house.topics.numbers, 0), format!("key-{key:03}"));
        let record = Outgoing { to, key: Some(key.as_bytes()), value: Some(value.as_bytes()), headers: &[] };
        self.house.stand.broker.append(record).expect("append");
    }

    fn work(&self) {
        let mut worker = self.house.worker();
        idle(&mut worker);
        worker.close().expect("closes");
    }

    fn segments(&self) -> Vec<PathBuf> {
        let folder = self.folder.path().join(self.house.topology.stages[0].name).join("0");
        let files = fs::read_dir(folder).into_iter().flatten().map(|file| file.expect("it can be read").path());
        let mut segments: Vec<_> = files.filter(|path| path.to_string_lossy().contains("segment-")).collect();
        segments.sort();
        segments
    }

    fn all_are(&self, sum: i64) {
        let sums = self.house.sums(0);
        assert_eq!(sums.len(), KEYS);
        assert!(sums.values().all(|known| *known == sum), "{sums:?}");
    }

    fn no_changelog(&self) {
        let sums = at(self.house.topics.sums, 0);
        let end = self.house.stand.broker.reader().expect("reader").bounds(sums).expect("bounds").end;
        self.house.stand.broker.delete_before(sums, end).expect("deleted");
    }
}

/// Changes each segment in its middle, without its file being another one.
fn spoil(segments: &[PathBuf]) {
    assert!(!segments.is_empty());
    for segment in segments {
        let mut bytes = fs::read(segment).expect("it is there");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(segment, bytes).expect("it can be written");
    }
}

fn restarted(worker: &mut Worker) -> bool {
    (0..200).any(|_| worker.run_once().expect("turn") == Turn::Aborted("a segment cannot be read"))
}

#[test]
fn entries_that_have_left_memory_are_found_and_changed() {
    let ageing = Ageing::new();
    let mut worker = ageing.house.worker();
    for round in 1..=3 {
        ageing.add("1");
        idle(&mut worker);
        ageing.all_are(round);
    }
    // Some files were made one on the way, and none is kept that is not needed.
    worker.close().expect("closes");
    assert!((1..=5).contains(&ageing.segments().len()), "{:?}", ageing.segments());
}

#[test]
fn a_copy_with_its_segments_is_enough_without_the_changelog() {
    let ageing = Ageing::new();
    ageing.add("1");
    ageing.work();
    ageing.no_changelog();
    ageing.add("4");
    ageing.work();
    ageing.all_are(5);
}

#[test]
fn without_any_file_the_changelog_is_enough_and_entries_leave_memory_on_the_way() {
    let ageing = Ageing::new();
    ageing.add("1");
    ageing.work();
    fs::remove_dir_all(ageing.folder.path().join(ageing.house.topology.stages[0].name)).expect("it is there");
    let mut worker = ageing.house.worker();
    idle(&mut worker);
    assert!(!ageing.segments().is_empty());
    ageing.add("2");
    idle(&mut worker);
    ageing.all_are(3);
}

#[test]
fn a_lost_segment_makes_its_copy_worthless() {
    let ageing = Ageing::new();
    ageing.add("1");
    ageing.work();
    fs::remove_file(&ageing.segments()[0]).expect("it is there");
    ageing.add("1");
    ageing.work();
    ageing.all_are(2);
}

#[test]
fn a_segment_of_another_time_makes_the_copy_worthless() {
    let ageing = Ageing::new();
    ageing.add("1");
    ageing.work();
    let earlier = fs::read(&ageing.segments()[0]).expect("it is there");
    ageing.add("1");
    ageing.work();
    fs::write(&ageing.segments()[0], earlier).expect("it can be written");
    ageing.add("1");
    ageing.work();
    ageing.all_are(3);
}

#[test]
fn a_turn_that_reads_a_damaged_segment_is_not_committed_and_the_task_is_restored() {
    let ageing = Ageing::new();
    let mut worker = ageing.house.worker();
    ageing.add("1");
    idle(&mut worker);
    spoil(&ageing.segments());
    ageing.add("1");
    assert!(restarted(&mut worker));
    idle(&mut worker);
    ageing.all_are(2);
    assert!(ageing.house.dead().is_empty());
}

#[test]
fn a_new_key_does_not_read_what_it_cannot_be_in() {
    let ageing = Ageing::new();
    let mut worker = ageing.house.worker();
    ageing.add("1");
    idle(&mut worker);
    spoil(&ageing.segments());
    // One of a hundred would be allowed: the first that is not takes no notice of the damage.
    ageing.add_to(KEYS, "7");
    idle(&mut worker);
    assert_eq!(ageing.house.sums(0)["key-040"], 7);
}

#[test]
fn where_nothing_is_kept_all_stays_in_memory() {
    let mut ageing = Ageing::new();
    ageing.house.store = Arc::new(NoCopies);
    ageing.add("1");
    ageing.add("1");
    ageing.work();
    ageing.all_are(2);
    assert!(ageing.segments().is_empty());
}
