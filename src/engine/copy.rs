//! The StateStore port: a task's state beside the changelog, so that a restart reads it and then only the tail.

use std::collections::BTreeMap;
use std::io::{self, Write};

/// What a copy must have been made of to be worth anything here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyIdentity {
    pub cluster_id: String,
    pub stage: &'static str,
    pub partition: i32,
    pub state_version: u32,
    /// Topic name and topic id of each state topic, in table order.
    pub topics: Vec<(String, String)>,
}

/// Which moment a copy shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyStamp {
    pub turn: u64,
    /// Per state topic, the offset after the last record it includes.
    pub ends: BTreeMap<String, i64>,
    pub saved_at_us: i64,
    /// The segments of each table, by its number among the stage's changelog tables, oldest first. The copy's own entries count before them.
    pub segments: Vec<(usize, SegmentStamp)>,
}

/// Which file a segment is: no other has its checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentStamp {
    pub number: u64,
    pub keys: u64,
    pub bytes: u64,
    pub hash: u64,
}

/// One entry: the table's number among the stage's changelog tables, key and value as in its changelog.
pub type Entry<'a> = (usize, &'a [u8], Option<&'a [u8]>);

/// Takes entries one by one.
pub type TakeEntry<'a> = &'a mut dyn FnMut(Entry<'_>);
/// Hands every entry to its argument.
pub type GiveEntries<'a> = &'a mut dyn FnMut(TakeEntry<'_>) -> Result<(), String>;

/// Writes a file from front to end.
pub type WriteFile<'a> = &'a mut dyn FnMut(&mut dyn Write) -> io::Result<()>;

pub trait StateStore: Send + Sync {
    /// Replaces the copy as a whole, or leaves the old one. Segments that the new one does not name are not needed any more.
    fn save(&self, identity: &CopyIdentity, stamp: &CopyStamp, write: GiveEntries<'_>) -> Result<(), CopyError>;

    /// The stamp of a whole and matching copy, then its entries; `None` when there is none.
    /// Nothing is handed out of a copy that is torn, altered or of another identity.
    fn load(
        &self,
        identity: &CopyIdentity,
        accept: &dyn Fn(&CopyStamp) -> bool,
        read: &mut dyn FnMut(Entry<'_>) -> Result<(), String>,
    ) -> Result<Option<CopyStamp>, CopyError>;

    /// Whether it takes segments.
    fn takes_segments(&self) -> bool {
        true
    }

    /// Writes a segment under a number that none of the task has; it counts once a copy names it.
    fn write_segment(
        &self,
        identity: &CopyIdentity,
        write: WriteFile<'_>,
    ) -> Result<(u64, Box<dyn StateFile>), CopyError>;

    fn open_segment(&self, identity: &CopyIdentity, number: u64) -> Result<Box<dyn StateFile>, CopyError>;
}

/// A file that never changes, open for as long as it is held.
pub trait StateFile: Send {
    /// Fills `bytes` from this place on, or fails.
    fn read_at(&self, at: u64, bytes: &mut [u8]) -> io::Result<()>;
}

/// The segments of one task.
pub struct Files<'a> {
    pub store: &'a dyn StateStore,
    pub identity: &'a CopyIdentity,
}

impl Files<'_> {
    pub fn write(&self, write: WriteFile<'_>) -> Result<(u64, Box<dyn StateFile>), CopyError> {
        self.store.write_segment(self.identity, write)
    }

    pub fn open(&self, number: u64) -> Result<Box<dyn StateFile>, CopyError> {
        self.store.open_segment(self.identity, number)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error("the local copy is not whole: {0}")]
    Corrupt(String),
    #[error(
        "the local copy cannot be read or written: {0}; see to the room, the owner and the disk of worker.state_folder"
    )]
    Io(#[from] std::io::Error),
}

/// No copies at all: every takeover reads its changelog.
pub struct NoCopies;

impl StateStore for NoCopies {
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

    fn takes_segments(&self) -> bool {
        false
    }

    fn write_segment(&self, _: &CopyIdentity, _: WriteFile<'_>) -> Result<(u64, Box<dyn StateFile>), CopyError> {
        Err(CopyError::Corrupt("nothing is kept".into()))
    }

    fn open_segment(&self, _: &CopyIdentity, _: u64) -> Result<Box<dyn StateFile>, CopyError> {
        Err(CopyError::Corrupt("nothing is kept".into()))
    }
}
