//! The StateStore port: a task's state beside the changelog, so that a restart reads it and then only the tail.

use std::collections::BTreeMap;

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
}

/// One entry: the table's number among the stage's changelog tables, key and value as in its changelog.
pub type Entry<'a> = (usize, &'a [u8], &'a [u8]);

/// Takes entries one by one.
pub type TakeEntry<'a> = &'a mut dyn FnMut(Entry<'_>);
/// Hands every entry to its argument.
pub type GiveEntries<'a> = &'a mut dyn FnMut(TakeEntry<'_>) -> Result<(), String>;

pub trait StateStore: Send + Sync {
    /// Replaces the copy as a whole, or leaves the old one.
    fn save(&self, identity: &CopyIdentity, stamp: &CopyStamp, write: GiveEntries<'_>) -> Result<(), CopyError>;

    /// The stamp of a whole and matching copy, then its entries; `None` when there is none.
    /// Nothing is handed out of a copy that is torn, altered or of another identity.
    fn load(
        &self,
        identity: &CopyIdentity,
        accept: &dyn Fn(&CopyStamp) -> bool,
        read: &mut dyn FnMut(Entry<'_>) -> Result<(), String>,
    ) -> Result<Option<CopyStamp>, CopyError>;
}

#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error("the local copy is not whole: {0}")]
    Corrupt(String),
    #[error("the local copy cannot be reached")]
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
}
