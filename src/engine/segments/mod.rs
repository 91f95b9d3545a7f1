//! Segments: entries that have left memory, in immutable files sorted by name; what a newer file says of a name counts.
//!
//! A look-up that no filter allows, which is that of every new name, reads nothing. In reading order:

mod filter; // which names a file cannot have
mod block; // entries one after another behind a checksum
mod segment; // one file
#[cfg(test)]
pub mod shelf; // files of tests

use std::io;
use std::iter::Peekable;

use xxhash_rust::xxh3::xxh3_64;

pub use self::block::Pair;
pub use self::segment::Segment;
use self::segment::{Backward, Forward};
use super::copy::{CopyError, Files, SegmentStamp};

/// First byte of the name of an entry, before its record key.
pub const ENTRY: u8 = 0;
/// First byte of a name under which an entry stands in order; its value is the record key. It says where the entry stood when it was written.
pub const ORDER: u8 = 1;

/// Beyond so many entries files are not merged any more: a turn waits for it.
const MERGED_MAX: u64 = 1 << 20;

/// Oldest first.
#[derive(Default)]
pub struct Segments(Vec<Segment>);

impl Segments {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// False only where the name is in no file.
    pub fn may_have(&self, name: &[u8]) -> bool {
        let hash = xxh3_64(name);
        self.0.iter().any(|segment| segment.may_have(hash))
    }

    /// `Some(None)` is a tombstone.
    pub fn get(&self, name: &[u8]) -> io::Result<Option<Option<Vec<u8>>>> {
        let hash = xxh3_64(name);
        for segment in self.0.iter().rev().filter(|segment| segment.may_have(hash)) {
            if let Some(found) = segment.find(name)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Every name once, in order, with what counts of it.
    pub fn iter(&self) -> impl Iterator<Item = io::Result<Pair>> {
        merged(&self.0)
    }

    /// The names with this beginning, each once, last one first.
    pub fn backward<'a>(&'a self, prefix: &[u8]) -> impl Iterator<Item = io::Result<Pair>> + use<'a> {
        let mut sources: Vec<_> = self.0.iter().map(|segment| Backward::new(segment, prefix).peekable()).collect();
        std::iter::from_fn(move || next(&mut sources, |name, other| name > other))
    }

    /// Takes over a file that is newer than all others.
    pub fn push(&mut self, segment: Segment) {
        self.0.push(segment);
    }

    /// Makes the newest files one, as long as the next older one is not much larger: so there are few of them, and an entry is written again a
    /// few times only.
    pub fn merge(&mut self, files: &Files<'_>) -> Result<(), CopyError> {
        let Some(mut from) = self.0.len().checked_sub(1) else { return Ok(()) };
        let mut keys = self.0[from].stamp().keys;
        while let Some(older) = from.checked_sub(1).map(|older| self.0[older].stamp().keys)
            && older <= 2 * keys
            && older + keys <= MERGED_MAX
        {
            (from, keys) = (from - 1, keys + older);
        }
        if from + 1 == self.0.len() {
            return Ok(());
        }
        // What the oldest file does not have need not be denied.
        let says = |pair: &io::Result<Pair>| from > 0 || !matches!(pair, Ok((_, None)));
        let one = Segment::write(files, keys, &mut merged(&self.0[from..]).filter(says))?;
        self.0.truncate(from);
        self.0.extend(one);
        Ok(())
    }

    pub fn stamps(&self) -> impl Iterator<Item = SegmentStamp> {
        self.0.iter().map(|segment| segment.stamp())
    }
}

fn merged(segments: &[Segment]) -> impl Iterator<Item = io::Result<Pair>> {
    let mut sources: Vec<_> = segments.iter().map(|segment| Forward::new(segment).peekable()).collect();
    std::iter::from_fn(move || next(&mut sources, |name, other| name < other))
}

/// The next name of several sources, as the last of them says it. A failure comes as soon as it is seen.
fn next<S>(sources: &mut [Peekable<S>], before: fn(&[u8], &[u8]) -> bool) -> Option<io::Result<Pair>>
where
    S: Iterator<Item = io::Result<Pair>>,
{
    let mut first: Option<(usize, Vec<u8>)> = None;
    for (number, source) in sources.iter_mut().enumerate() {
        match source.peek() {
            None => {}
            Some(Err(_)) => return source.next(),
            Some(Ok((name, _))) => match &first {
                Some((_, other)) if before(other, name) => {}
                _ => first = Some((number, name.clone())),
            },
        }
    }
    let (number, name) = first?;
    for source in &mut sources[..number] {
        source.next_if(|pair| matches!(pair, Ok((other, _)) if *other == name));
    }
    sources[number].next()
}
