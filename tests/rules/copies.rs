//! Rule 17: a local copy shortens a restart, and is never believed against the changelog.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bookflow::engine::broker::Broker;
use bookflow::engine::copy::{
    CopyError, CopyIdentity, CopyStamp, Entry, GiveEntries, StateFile, StateStore, WriteFile,
};
use bookflow::store::DiskStore;
use tempfile::TempDir;

use crate::cluster::*;
use crate::house::*;

/// Copies on disk, and what became of them.
struct Watched {
    disk: DiskStore,
    folder: TempDir,
    /// One word for each copy that was asked for.
    loads: Mutex<Vec<&'static str>>,
    /// Added to the turn that a copy says it shows.
    ahead: u64,
}

impl Watched {
    fn new(ahead: u64) -> Arc<Watched> {
        let folder = tempfile::tempdir().expect("a folder");
        let disk = DiskStore::open(folder.path()).expect("it can be written");
        Arc::new(Watched { disk, folder, loads: Mutex::default(), ahead })
    }

    /// What was said of the first partition's copy, by the last worker.
    fn last(&self) -> &'static str {
        self.loads.lock().expect("one thread").last().copied().expect("a copy was asked for")
    }
}

impl StateStore for Watched {
    fn save(&self, identity: &CopyIdentity, stamp: &CopyStamp, write: GiveEntries<'_>) -> Result<(), CopyError> {
        let stamp = CopyStamp { turn: stamp.turn + self.ahead, ..stamp.clone() };
        self.disk.save(identity, &stamp, write)
    }

    fn load(
        &self,
        identity: &CopyIdentity,
        accept: &dyn Fn(&CopyStamp) -> bool,
        read: &mut dyn FnMut(Entry<'_>) -> Result<(), String>,
    ) -> Result<Option<CopyStamp>, CopyError> {
        let loaded = self.disk.load(identity, accept, read);
        if identity.partition == 0 {
            self.loads.lock().expect("one thread").push(match &loaded {
                Ok(Some(_)) => "loaded",
                Ok(None) => "not taken",
                Err(_) => "refused",
            });
        }
        loaded
    }

    fn write_segment(
        &self,
        identity: &CopyIdentity,
        write: WriteFile<'_>,
    ) -> Result<(u64, Box<dyn StateFile>), CopyError> {
        self.disk.write_segment(identity, write)
    }

    fn open_segment(&self, identity: &CopyIdentity, number: u64) -> Result<Box<dyn StateFile>, CopyError> {
        self.disk.open_segment(identity, number)
    }
}

/// A worker has summed up to 3 and left a copy.
fn copied(ahead: u64) -> (House, Arc<Watched>) {
    let watched = Watched::new(ahead);
    let mut house = House::new();
    house.store = watched.clone();
    house.write(0, &["1", "2"]);
    restart(&house);
    (house, watched)
}

/// The next worker adds 4 to what it restored.
fn restored(house: &House) -> i64 {
    house.write(0, &["4"]);
    restart(house);
    house.sum(0)
}

#[test]
fn a_copy_of_the_mark_is_enough_without_its_changelog() {
    let (house, watched) = copied(0);
    let sums = at(house.topics.sums, 0);
    let end = house.stand.broker.reader().expect("reader").bounds(sums).expect("bounds").end;
    house.stand.broker.delete_before(sums, end).expect("deleted");
    assert_eq!((restored(&house), watched.last()), (7, "loaded"));
}

#[test]
fn after_a_copy_only_the_rest_of_the_changelog_is_read() {
    let (mut house, watched) = copied(0);
    house.store = Arc::new(bookflow::engine::copy::NoCopies);
    assert_eq!(restored(&house), 7);
    house.store = watched.clone();
    assert_eq!((restored(&house), watched.last()), (11, "loaded"));
}

#[test]
fn a_copy_of_another_version_of_the_state_is_not_taken() {
    let (mut house, watched) = copied(0);
    house.topology.stages[0].state_version += 1;
    assert_eq!(restored(&house), 7);
    assert_ne!(watched.last(), "loaded");
}

#[test]
fn a_copy_old_enough_to_bring_deleted_entries_back_is_not_taken() {
    let (house, watched) = copied(0);
    house.stand.pass(Duration::from_secs(7 * 24 * 3_600 / 2 + 1));
    assert_eq!((restored(&house), watched.last()), (7, "not taken"));
}

#[test]
fn a_copy_ahead_of_the_mark_is_not_taken() {
    let (house, watched) = copied(1_000);
    assert_eq!((restored(&house), watched.last()), (7, "not taken"));
}

#[test]
fn a_copy_that_was_altered_is_refused() {
    let (house, watched) = copied(0);
    let copy = watched.folder.path().join(house.topology.stages[0].name).join("0/copy");
    let mut bytes = std::fs::read(&copy).expect("there is one");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&copy, bytes).expect("it can be written");
    assert_eq!((restored(&house), watched.last()), (7, "refused"));
}

#[test]
fn a_copy_that_cannot_be_written_is_told_until_one_is() {
    let watched = Watched::new(0);
    let mut house = House::new();
    house.store = watched.clone();
    let unwritten = || house.health.reports()["one"].unwritten.keys().copied().collect::<Vec<_>>();
    let in_the_way = watched.folder.path().join(house.topology.stages[0].name);
    std::fs::write(&in_the_way, "a file where a folder belongs").expect("it can be written");
    house.write(0, &["1"]);
    restart(&house);
    assert_eq!(unwritten(), (0..PARTITIONS).collect::<Vec<_>>());
    std::fs::remove_file(&in_the_way).expect("it is there");
    restart(&house);
    assert_eq!(unwritten(), [0; 0]);
}

/// A worker does all there is to do, and leaves copies.
fn restart(house: &House) {
    let mut worker = house.worker();
    idle(&mut worker);
    worker.close().expect("closes");
}
