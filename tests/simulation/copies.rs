//! Local copies of one machine's disk: kept as they are, lost, torn, or put back from long ago.

use std::collections::BTreeMap;
use std::sync::Mutex;

use bookflow::engine::copy::{CopyError, CopyIdentity, CopyStamp, Entry, GiveEntries, StateStore};

#[derive(Default)]
pub struct Copies {
    disk: Mutex<Disk>,
}

#[derive(Default)]
struct Disk {
    copies: BTreeMap<String, Copy>,
    first: BTreeMap<String, Copy>,
    torn: bool,
    read: u64,
    refused: u64,
}

#[derive(Clone)]
struct Copy {
    stamp: CopyStamp,
    entries: Vec<(usize, Vec<u8>, Vec<u8>)>,
}

impl Copies {
    pub fn lose(&self) {
        self.lock().copies.clear();
    }

    pub fn tear(&self) {
        self.lock().torn = true;
    }

    /// The disk is put back to the first copies ever written.
    pub fn roll_back(&self) {
        let mut disk = self.lock();
        disk.copies = disk.first.clone();
    }

    /// How many copies were read and how many refused.
    pub fn counts(&self) -> (u64, u64) {
        let disk = self.lock();
        (disk.read, disk.refused)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Disk> {
        self.disk.lock().expect("nobody panics with this lock")
    }
}

impl StateStore for Copies {
    fn save(&self, identity: &CopyIdentity, stamp: &CopyStamp, give: GiveEntries<'_>) -> Result<(), CopyError> {
        let mut entries = Vec::new();
        give(&mut |(table, key, value)| entries.push((table, key.to_vec(), value.to_vec())))
            .map_err(CopyError::Corrupt)?;
        let copy = Copy { stamp: stamp.clone(), entries };
        let mut disk = self.lock();
        disk.torn = false;
        disk.first.entry(name(identity)).or_insert_with(|| copy.clone());
        disk.copies.insert(name(identity), copy);
        Ok(())
    }

    fn load(
        &self,
        identity: &CopyIdentity,
        accept: &dyn Fn(&CopyStamp) -> bool,
        read: &mut dyn FnMut(Entry<'_>) -> Result<(), String>,
    ) -> Result<Option<CopyStamp>, CopyError> {
        let mut disk = self.lock();
        let Some(copy) = disk.copies.get(&name(identity)).cloned() else { return Ok(None) };
        if disk.torn {
            disk.refused += 1;
            return Err(CopyError::Corrupt("torn by the simulation".into()));
        }
        if !accept(&copy.stamp) {
            disk.refused += 1;
            return Ok(None);
        }
        disk.read += 1;
        for (table, key, value) in &copy.entries {
            read((*table, key, value)).map_err(CopyError::Corrupt)?;
        }
        Ok(Some(copy.stamp))
    }
}

fn name(identity: &CopyIdentity) -> String {
    format!("{identity:?}")
}
