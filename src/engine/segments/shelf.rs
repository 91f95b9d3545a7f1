//! Segments in memory, for tests of the engine.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::engine::copy::*;

/// Keeps segments, and no copies.
#[derive(Default)]
pub struct Shelf(Mutex<BTreeMap<u64, File>>);

#[derive(Clone)]
pub struct File(Arc<Mutex<Vec<u8>>>);

impl Shelf {
    pub fn files<'a>(&'a self, identity: &'a CopyIdentity) -> Files<'a> {
        Files { store: self, identity }
    }

    pub fn bytes(&self, number: u64) -> Vec<u8> {
        self.lock()[&number].lock().clone()
    }

    pub fn set(&self, number: u64, bytes: Vec<u8>) {
        *self.lock()[&number].lock() = bytes;
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, File>> {
        self.0.lock().expect("nobody panics with this lock")
    }
}

impl File {
    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().expect("nobody panics with this lock")
    }
}

pub fn identity() -> CopyIdentity {
    CopyIdentity { cluster_id: String::new(), stage: "stage", partition: 0, state_version: 1, topics: Vec::new() }
}

impl StateStore for Shelf {
    fn save(&self, _: &CopyIdentity, _: &CopyStamp, _: GiveEntries<'_>) -> Result<(), CopyError> {
        Ok(())
    }

    fn load(
        &self,
        _: &CopyIdentity,
        _: &dyn Fn(&CopyStamp) -> bool,
        _: &mut dyn FnMut(Entry<'_>) -> Result<(), String>,
    ) -> Result<Option<CopyStamp>, CopyError> {
        Ok(None)
    }

    fn write_segment(&self, _: &CopyIdentity, write: WriteFile<'_>) -> Result<(u64, Box<dyn StateFile>), CopyError> {
        let mut bytes = Vec::new();
        write(&mut bytes)?;
        let file = File(Arc::new(Mutex::new(bytes)));
        let mut files = self.lock();
        let number = files.len() as u64;
        files.insert(number, file.clone());
        Ok((number, Box::new(file)))
    }

    fn open_segment(&self, _: &CopyIdentity, number: u64) -> Result<Box<dyn StateFile>, CopyError> {
        Ok(Box::new(self.lock()[&number].clone()))
    }
}

impl StateFile for File {
    fn read_at(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        let content = self.lock();
        let there = content.get(at as usize..at as usize + bytes.len());
        bytes.copy_from_slice(there.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}
