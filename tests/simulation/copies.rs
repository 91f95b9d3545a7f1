//! Local copies and segments of one machine's disk: kept as they are, lost, torn, rotten, or put back from long ago.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex};

use bookflow::engine::copy::{
    CopyError, CopyIdentity, CopyStamp, Entry, GiveEntries, StateFile, StateStore, WriteFile,
};

#[derive(Default)]
pub struct Copies {
    disk: Mutex<Disk>,
}

#[derive(Default)]
struct Disk {
    copies: BTreeMap<String, Copy>,
    first: BTreeMap<String, Copy>,
    segments: BTreeMap<(String, u64), Segment>,
    torn: BTreeSet<String>,
    read: u64,
    refused: u64,
}

#[derive(Clone)]
struct Copy {
    stamp: CopyStamp,
    entries: Vec<(usize, Vec<u8>, Option<Vec<u8>>)>,
}

/// Whoever has opened it sees what becomes of it, but for its end.
#[derive(Clone, Default)]
struct Segment(Arc<Mutex<Vec<u8>>>);

impl Copies {
    pub fn lose(&self) {
        let mut disk = self.lock();
        disk.copies.clear();
        disk.segments.clear();
    }

    pub fn tear(&self) {
        let mut disk = self.lock();
        disk.torn = disk.copies.keys().cloned().collect();
    }

    /// The disk is put back to the first copies ever written; their segments may be gone.
    pub fn roll_back(&self) {
        let mut disk = self.lock();
        disk.copies = disk.first.clone();
    }

    /// Every segment loses its end, or a byte somewhere in it changes. False when there is none.
    pub fn spoil(&self, place: f64, cut: bool) -> bool {
        let disk = self.lock();
        for Segment(bytes) in disk.segments.values() {
            let mut bytes = bytes.lock().expect("nobody panics with this lock");
            let at = (bytes.len() as f64 * place) as usize;
            if cut {
                bytes.truncate(at);
            } else if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 0x20;
            }
        }
        !disk.segments.is_empty()
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
        give(&mut |(table, key, value)| entries.push((table, key.to_vec(), value.map(<[u8]>::to_vec))))
            .map_err(CopyError::Corrupt)?;
        let copy = Copy { stamp: stamp.clone(), entries };
        let (mut disk, name) = (self.lock(), name(identity));
        disk.torn.remove(&name);
        disk.segments.retain(|(of, number), _| {
            *of != name || stamp.segments.iter().any(|(_, segment)| segment.number == *number)
        });
        disk.first.entry(name.clone()).or_insert_with(|| copy.clone());
        disk.copies.insert(name, copy);
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
        if disk.torn.contains(&name(identity)) {
            disk.refused += 1;
            return Err(CopyError::Corrupt("torn by the simulation".into()));
        }
        drop(disk);
        let accepted = accept(&copy.stamp);
        let mut disk = self.lock();
        if !accepted {
            disk.refused += 1;
            return Ok(None);
        }
        disk.read += 1;
        for (table, key, value) in &copy.entries {
            read((*table, key, value.as_deref())).map_err(CopyError::Corrupt)?;
        }
        Ok(Some(copy.stamp))
    }

    fn write_segment(
        &self,
        identity: &CopyIdentity,
        write: WriteFile<'_>,
    ) -> Result<(u64, Box<dyn StateFile>), CopyError> {
        let mut bytes = Vec::new();
        write(&mut bytes)?;
        let (mut disk, name) = (self.lock(), name(identity));
        let last = disk.segments.keys().filter(|(of, _)| *of == name).map(|(_, number)| *number).max();
        let (number, segment) = (last.map_or(0, |last| last + 1), Segment(Arc::new(Mutex::new(bytes))));
        disk.segments.insert((name, number), segment.clone());
        Ok((number, Box::new(segment)))
    }

    fn open_segment(&self, identity: &CopyIdentity, number: u64) -> Result<Box<dyn StateFile>, CopyError> {
        let segment = self.lock().segments.get(&(name(identity), number)).cloned();
        segment.map(|segment| Box::new(segment) as _).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound).into())
    }
}

impl StateFile for Segment {
    fn read_at(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        let content = self.0.lock().expect("nobody panics with this lock");
        let there = content.get(at as usize..at as usize + bytes.len());
        bytes.copy_from_slice(there.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

fn name(identity: &CopyIdentity) -> String {
    format!("{identity:?}")
}
