//! A segment: one immutable file of entries sorted by name, with a filter and the first name of each block in memory.

use std::cmp::Ordering;
use std::io::{self, Write};
use std::vec::IntoIter;

use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

use super::ENTRY;
use super::block::{self, Pair, damaged};
use super::filter::Filter;
use crate::engine::copy::{CopyError, Files, SegmentStamp, StateFile};

/// A look-up reads a block: large enough that few first names stand in memory, small enough to be read in microseconds.
const BLOCK_BYTES: usize = 16 << 10;

pub struct Segment {
    stamp: SegmentStamp,
    file: Box<dyn StateFile>,
    directory: Directory,
}

/// What is known of a file without reading it.
struct Directory {
    filter: Filter,
    /// Where each block begins.
    starts: Vec<u64>,
    /// The first name of each block, one after another, and where each ends.
    firsts: Vec<u8>,
    ends: Vec<usize>,
}

/// Follows a file from its first block to its last, while it is written and while it is checked.
struct Survey {
    directory: Directory,
    keys: u64,
    bytes: u64,
    hash: Xxh3Default,
}

impl Segment {
    /// Writes what comes sorted by name, with so many entries at most; `None` when there is nothing to write.
    pub fn write(
        files: &Files<'_>,
        keys: u64,
        pairs: &mut dyn Iterator<Item = io::Result<Pair>>,
    ) -> Result<Option<Segment>, CopyError> {
        let mut survey = Survey::of(keys);
        let (number, file) = files.write(&mut |out| {
            let mut content = Vec::new();
            for pair in &mut *pairs {
                let (name, value) = pair?;
                block::push(&mut content, &name, value.as_deref())?;
                if content.len() >= BLOCK_BYTES {
                    survey.write(&content, out)?;
                    content.clear();
                }
            }
            if content.is_empty() { Ok(()) } else { survey.write(&content, out) }
        })?;
        let Survey { directory, keys, bytes, hash } = survey;
        let stamp = SegmentStamp { number, keys, bytes, hash: hash.digest() };
        Ok((bytes > 0).then_some(Segment { stamp, file, directory }))
    }

    /// Reads the whole file once, before anything in it is believed.
    pub fn open(files: &Files<'_>, stamp: SegmentStamp) -> Result<Segment, CopyError> {
        let file = files.open(stamp.number)?;
        let mut survey = Survey::of(stamp.keys);
        while survey.bytes < stamp.bytes {
            let (head, content) = block::read(file.as_ref(), survey.bytes, stamp.bytes)?;
            survey.pass(&head, &content)?;
        }
        if (survey.keys, survey.hash.digest()) != (stamp.keys, stamp.hash) {
            return Err(CopyError::Corrupt(format!("segment {} is not the one that was written", stamp.number)));
        }
        Ok(Segment { stamp, file, directory: survey.directory })
    }

    pub fn stamp(&self) -> SegmentStamp {
        self.stamp
    }

    pub fn may_have(&self, hash: u64) -> bool {
        self.directory.filter.may_have(hash)
    }

    /// `Some(None)` is a tombstone.
    pub fn find(&self, name: &[u8]) -> io::Result<Option<Option<Vec<u8>>>> {
        let Some(number) = self.directory.last_block(|first| first <= name) else { return Ok(None) };
        let content = self.content(number)?;
        for entry in block::entries(&content) {
            let (other, value) = entry?;
            match other.cmp(name) {
                Ordering::Less => {}
                Ordering::Equal => return Ok(Some(value.map(<[u8]>::to_vec))),
                Ordering::Greater => return Ok(None),
            }
        }
        Ok(None)
    }

    fn content(&self, block: usize) -> io::Result<Vec<u8>> {
        block::read(self.file.as_ref(), self.directory.starts[block], self.stamp.bytes).map(|(_, content)| content)
    }

    fn pairs(&self, block: usize) -> io::Result<Vec<Pair>> {
        let content = self.content(block)?;
        let owned = |(name, value): (&[u8], Option<&[u8]>)| (name.to_vec(), value.map(<[u8]>::to_vec));
        block::entries(&content).map(|entry| entry.map(owned)).collect()
    }
}

impl Survey {
    fn of(keys: u64) -> Survey {
        let directory =
            Directory { filter: Filter::of(keys), starts: Vec::new(), firsts: Vec::new(), ends: Vec::new() };
        Survey { directory, keys: 0, bytes: 0, hash: Xxh3Default::new() }
    }

    fn write(&mut self, content: &[u8], out: &mut dyn Write) -> io::Result<()> {
        let head = block::head(content)?;
        out.write_all(&head)?;
        out.write_all(content)?;
        self.pass(&head, content)
    }

    fn pass(&mut self, head: &[u8], content: &[u8]) -> io::Result<()> {
        let mut names = block::entries(content).map(|entry| entry.map(|(name, _)| name)).peekable();
        let Some(Ok(first)) = names.peek() else { return Err(damaged("a block is empty")) };
        let Directory { filter, starts, firsts, ends } = &mut self.directory;
        starts.push(self.bytes);
        firsts.extend_from_slice(first);
        ends.push(firsts.len());
        for name in names {
            let name = name?;
            if name.first() == Some(&ENTRY) {
                filter.add(xxh3_64(name));
                self.keys += 1;
            }
        }
        self.hash.update(head);
        self.hash.update(content);
        self.bytes += (head.len() + content.len()) as u64;
        Ok(())
    }
}

impl Directory {
    fn first(&self, block: usize) -> &[u8] {
        let start = block.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.firsts[start..self.ends[block]]
    }

    /// The last block whose first name is so; first names that are so come before those that are not.
    fn last_block(&self, so: impl Fn(&[u8]) -> bool) -> Option<usize> {
        let (mut low, mut high) = (0, self.ends.len());
        while low < high {
            let middle = low.midpoint(high);
            if so(self.first(middle)) { low = middle + 1 } else { high = middle }
        }
        low.checked_sub(1)
    }
}

/// All of a segment, from the first name on.
pub struct Forward<'a> {
    segment: &'a Segment,
    next_block: usize,
    pairs: IntoIter<Pair>,
}

impl<'a> Forward<'a> {
    pub fn new(segment: &'a Segment) -> Self {
        Forward { segment, next_block: 0, pairs: IntoIter::default() }
    }
}

impl Iterator for Forward<'_> {
    type Item = io::Result<Pair>;

    fn next(&mut self) -> Option<io::Result<Pair>> {
        loop {
            if let Some(pair) = self.pairs.next() {
                return Some(Ok(pair));
            }
            if self.next_block == self.segment.directory.starts.len() {
                return None;
            }
            self.next_block += 1;
            match self.segment.pairs(self.next_block - 1) {
                Ok(pairs) => self.pairs = pairs.into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// The names of a segment with one beginning, from the last one on.
pub struct Backward<'a> {
    segment: &'a Segment,
    prefix: Vec<u8>,
    /// The blocks that may have some more, but for the one in hand.
    blocks_left: usize,
    pairs: Vec<Pair>,
}

impl<'a> Backward<'a> {
    pub fn new(segment: &'a Segment, prefix: &[u8]) -> Self {
        let not_beyond = |first: &[u8]| &first[..first.len().min(prefix.len())] <= prefix;
        let blocks_left = segment.directory.last_block(not_beyond).map_or(0, |last| last + 1);
        Backward { segment, prefix: prefix.to_vec(), blocks_left, pairs: Vec::new() }
    }
}

impl Iterator for Backward<'_> {
    type Item = io::Result<Pair>;

    fn next(&mut self) -> Option<io::Result<Pair>> {
        loop {
            if let Some(pair) = self.pairs.pop() {
                return Some(Ok(pair));
            }
            self.blocks_left = self.blocks_left.checked_sub(1)?;
            match self.segment.pairs(self.blocks_left) {
                Ok(pairs) => self.pairs = pairs,
                Err(error) => return Some(Err(error)),
            }
            if self.segment.directory.first(self.blocks_left) < &self.prefix[..] {
                self.blocks_left = 0;
            }
            self.pairs.retain(|(name, _)| name.starts_with(&self.prefix));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::segments::ORDER;
    use crate::engine::segments::shelf::{Shelf, identity};

    /// Names of entries and orders over several blocks, and a tombstone.
    fn pairs() -> Vec<Pair> {
        let name = |section: u8, number: u32| [&[section], &number.to_be_bytes()[..]].concat();
        let entries = (0..40).map(|number| (name(ENTRY, number), (number != 7).then(|| vec![number as u8; 1_000])));
        entries.chain((0..40).map(|number| (name(ORDER, number), Some(vec![number as u8; 500])))).collect()
    }

    fn written(shelf: &Shelf) -> Segment {
        let mut pairs = pairs().into_iter().map(Ok);
        Segment::write(&shelf.files(&identity()), 40, &mut pairs).expect("it can be written").expect("it is not empty")
    }

    #[test]
    fn a_segment_has_what_was_written_when_it_is_opened_again_too() {
        let shelf = Shelf::default();
        let stamp = written(&shelf).stamp();
        assert_eq!((stamp.keys, stamp.bytes), (40, shelf.bytes(stamp.number).len() as u64));
        for segment in [written(&shelf), Segment::open(&shelf.files(&identity()), stamp).expect("it is whole")] {
            let all: Vec<_> = Forward::new(&segment).collect::<Result<_, _>>().expect("it can be read");
            assert_eq!(all, pairs());
            for (name, value) in pairs() {
                assert_eq!(segment.find(&name).expect("it can be read"), Some(value));
                assert!(name[0] == ORDER || segment.may_have(xxh3_64(&name)));
            }
            assert_eq!(segment.find(&[ENTRY, 0, 0, 0, 40]).expect("it can be read"), None);
            assert_eq!(segment.find(&[]).expect("it can be read"), None);
            let mut orders: Vec<_> =
                Backward::new(&segment, &[ORDER, 0, 0, 0]).collect::<Result<_, _>>().expect("read");
            orders.reverse();
            assert_eq!(orders, pairs()[40..]);
            assert_eq!(Backward::new(&segment, &[ORDER, 1]).count() + Backward::new(&segment, &[2]).count(), 0);
            assert_eq!(Backward::new(&segment, &[ENTRY, 0, 0, 0, 7]).count(), 1);
        }
    }

    #[test]
    fn damage_at_any_byte_is_noticed_before_anything_is_believed_and_by_whoever_reads_it() {
        let shelf = Shelf::default();
        let segment = written(&shelf);
        let (stamp, whole) = (segment.stamp(), shelf.bytes(segment.stamp().number));
        for place in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[place] ^= 1 << (place % 8);
            shelf.set(stamp.number, damaged);
            assert!(Segment::open(&shelf.files(&identity()), stamp).is_err(), "byte {place}");
            let mut read = Forward::new(&segment).take(pairs().len());
            assert!(read.any(|pair| pair.is_err()), "byte {place}");
        }
        for length in [0, 1, 11, 12, 13, whole.len() / 2, whole.len() - 1] {
            shelf.set(stamp.number, whole[..length].to_vec());
            assert!(Segment::open(&shelf.files(&identity()), stamp).is_err(), "{length} bytes");
        }
        // Whole, and another one.
        shelf.set(stamp.number, whole);
        for other in [
            SegmentStamp { keys: 39, ..stamp },
            SegmentStamp { hash: 0, ..stamp },
            SegmentStamp { bytes: stamp.bytes - 1, ..stamp },
        ] {
            assert!(Segment::open(&shelf.files(&identity()), other).is_err(), "{other:?}");
        }
    }
}
