//! A copy's form on disk: magic, header, entries, end, and a checksum over all of it.
//!
//! `magic | u32 length, header as JSON | (u32 table, u32 length, key, u32 length or NONE, value)* | u32 END, u64 entries | u64 xxh3`,
//! numbers little-endian.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3Default;

use crate::engine::copy::{CopyError, CopyIdentity, CopyStamp, Entry, SegmentStamp};

const MAGIC: [u8; 8] = *b"bookflw2";
/// Where a table's number would stand: no more entries.
const END: u32 = u32::MAX;
/// Where a value's length would stand: the entry is deleted.
const NONE: u32 = u32::MAX;
const CHECKSUM_BYTES: u64 = 8;
const BUFFER_BYTES: usize = 1 << 18;

/// What a copy is of, and which moment it shows.
#[derive(Serialize, Deserialize, PartialEq)]
pub struct Header {
    cluster_id: String,
    stage: String,
    partition: i32,
    state_version: u32,
    topics: Vec<(String, String)>,
    turn: u64,
    ends: BTreeMap<String, i64>,
    saved_at_us: i64,
    /// Table, and of its segment number, keys, bytes and checksum.
    segments: Vec<(usize, [u64; 4])>,
}

/// Writes a copy from front to end.
pub struct Writer {
    out: BufWriter<File>,
    hash: Xxh3Default,
    entries: u64,
    failed: Option<io::Error>,
}

/// A copy whose checksum is right, from its first byte to its last.
pub struct Verified {
    input: BufReader<File>,
}

impl Header {
    pub fn of(identity: &CopyIdentity, stamp: &CopyStamp) -> Header {
        Header {
            cluster_id: identity.cluster_id.clone(),
            stage: identity.stage.into(),
            partition: identity.partition,
            state_version: identity.state_version,
            topics: identity.topics.clone(),
            turn: stamp.turn,
            ends: stamp.ends.clone(),
            saved_at_us: stamp.saved_at_us,
            segments: stamp.segments.iter().map(|&(table, segment)| (table, numbers(segment))).collect(),
        }
    }

    /// The moment it shows, if it is a copy of what is wanted.
    pub fn stamp(self, wanted: &CopyIdentity) -> Result<CopyStamp, CopyError> {
        let Header { turn, ends, saved_at_us, segments, .. } = &self;
        let segments = segments.iter().map(|&(table, numbers)| (table, segment(numbers))).collect();
        let stamp = CopyStamp { turn: *turn, ends: ends.clone(), saved_at_us: *saved_at_us, segments };
        if self == Header::of(wanted, &stamp) {
            return Ok(stamp);
        }
        let Header { cluster_id, stage, partition, state_version, topics, .. } = self;
        Err(CopyError::Corrupt(format!(
            "it is of {stage}-{partition}, state version {state_version}, cluster {cluster_id}, topics {topics:?}; \
             wanted is {wanted:?}"
        )))
    }
}

impl Writer {
    pub fn start(file: File, header: &Header) -> io::Result<Writer> {
        let out = BufWriter::with_capacity(BUFFER_BYTES, file);
        let mut writer = Writer { out, hash: Xxh3Default::new(), entries: 0, failed: None };
        writer.bytes(&MAGIC)?;
        writer.text(&serde_json::to_vec(header)?)?;
        Ok(writer)
    }

    /// A failure is kept and told at the end.
    pub fn entry(&mut self, (table, key, value): Entry<'_>) {
        if self.failed.is_none() {
            let table = u32::try_from(table).expect("a stage has a handful of tables");
            let named = self.bytes(&table.to_le_bytes()).and_then(|()| self.text(key));
            let written = named.and_then(|()| match value {
                Some(value) => self.text(value),
                None => self.bytes(&NONE.to_le_bytes()),
            });
            self.failed = written.err();
            self.entries += 1;
        }
    }

    /// The whole file, flushed but not yet synced.
    pub fn finish(mut self) -> io::Result<File> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        self.bytes(&END.to_le_bytes())?;
        self.bytes(&self.entries.to_le_bytes())?;
        self.out.write_all(&self.hash.digest().to_le_bytes())?;
        self.out.into_inner().map_err(|error| error.into_error())
    }

    fn text(&mut self, text: &[u8]) -> io::Result<()> {
        let length = u32::try_from(text.len()).map_err(|_| io::Error::other("an entry is larger than 4 GiB"))?;
        self.bytes(&length.to_le_bytes())?;
        self.bytes(text)
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.out.write_all(bytes)
    }
}

impl Verified {
    /// Reads the whole file once, before anything in it is believed.
    pub fn open(file: File) -> Result<Verified, CopyError> {
        let length = file.metadata()?.len();
        let Some(content) = length.checked_sub(CHECKSUM_BYTES) else {
            return Err(CopyError::Corrupt(format!("it has {length} bytes")));
        };
        let mut input = BufReader::with_capacity(BUFFER_BYTES, file);
        let mut hash = Xxh3Default::new();
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut left = content;
        while left > 0 {
            let chunk = &mut buffer[..left.min(BUFFER_BYTES as u64) as usize];
            input.read_exact(chunk)?;
            hash.update(chunk);
            left -= chunk.len() as u64;
        }
        let mut checksum = [0; CHECKSUM_BYTES as usize];
        input.read_exact(&mut checksum)?;
        if u64::from_le_bytes(checksum) != hash.digest() {
            return Err(CopyError::Corrupt("its checksum is wrong".into()));
        }
        input.seek(SeekFrom::Start(0))?;
        Ok(Verified { input })
    }

    pub fn header(&mut self) -> Result<Header, CopyError> {
        let mut magic = [0; MAGIC.len()];
        self.input.read_exact(&mut magic)?;
        if magic != MAGIC {
            return Err(CopyError::Corrupt("it is not a copy of state".into()));
        }
        let mut header = Vec::new();
        let length = self.number()?;
        self.text(length, &mut header)?;
        serde_json::from_slice(&header).map_err(|error| CopyError::Corrupt(error.to_string()))
    }

    /// Hands out every entry, after the header.
    pub fn entries(&mut self, read: &mut dyn FnMut(Entry<'_>) -> Result<(), String>) -> Result<(), CopyError> {
        let (mut key, mut value) = (Vec::new(), Vec::new());
        let mut entries = 0;
        loop {
            let table = self.number()?;
            if table == END {
                return self.whole(entries);
            }
            entries += 1;
            let length = self.number()?;
            self.text(length, &mut key)?;
            let value = match self.number()? {
                NONE => None,
                length => {
                    self.text(length, &mut value)?;
                    Some(&value[..])
                }
            };
            read((table as usize, &key, value)).map_err(CopyError::Corrupt)?;
        }
    }

    /// Whether so many entries were written.
    fn whole(&mut self, entries: u64) -> Result<(), CopyError> {
        let mut written = [0; 8];
        self.input.read_exact(&mut written)?;
        match u64::from_le_bytes(written) {
            written if written == entries => Ok(()),
            written => Err(CopyError::Corrupt(format!("{entries} entries of {written}"))),
        }
    }

    fn text(&mut self, length: u32, text: &mut Vec<u8>) -> Result<(), CopyError> {
        text.resize(length as usize, 0);
        Ok(self.input.read_exact(text)?)
    }

    fn number(&mut self) -> Result<u32, CopyError> {
        let mut bytes = [0; 4];
        self.input.read_exact(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }
}

fn numbers(SegmentStamp { number, keys, bytes, hash }: SegmentStamp) -> [u64; 4] {
    [number, keys, bytes, hash]
}

fn segment([number, keys, bytes, hash]: [u64; 4]) -> SegmentStamp {
    SegmentStamp { number, keys, bytes, hash }
}
