//! A block: entries one after another, behind their length and their checksum.
//!
//! `u32 length | u64 xxh3 | (u32 length, name, u32 length or NONE, value)*`, numbers little-endian.

use std::io;

use xxhash_rust::xxh3::xxh3_64;

use crate::engine::copy::StateFile;

/// A name and what is said of it; nothing is a tombstone.
pub type Pair = (Vec<u8>, Option<Vec<u8>>);

const HEAD: usize = 12;
const NONE: u32 = u32::MAX;

pub fn push(content: &mut Vec<u8>, name: &[u8], value: Option<&[u8]>) -> io::Result<()> {
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).ok().filter(|&length| length != NONE);
    let too_large = || io::Error::other("an entry is larger than 4 GiB");
    content.extend_from_slice(&length(name).ok_or_else(too_large)?.to_le_bytes());
    content.extend_from_slice(name);
    match value {
        None => content.extend_from_slice(&NONE.to_le_bytes()),
        Some(value) => {
            content.extend_from_slice(&length(value).ok_or_else(too_large)?.to_le_bytes());
            content.extend_from_slice(value);
        }
    }
    Ok(())
}

/// What stands before the content.
pub fn head(content: &[u8]) -> io::Result<[u8; HEAD]> {
    let length = u32::try_from(content.len()).map_err(|_| io::Error::other("a block is larger than 4 GiB"))?;
    let mut head = [0; HEAD];
    head[..4].copy_from_slice(&length.to_le_bytes());
    head[4..].copy_from_slice(&xxh3_64(content).to_le_bytes());
    Ok(head)
}

/// The head and the content of the block at a place of a file that is so long.
pub fn read(file: &dyn StateFile, at: u64, file_length: u64) -> io::Result<([u8; HEAD], Vec<u8>)> {
    let mut found = [0; HEAD];
    if at + HEAD as u64 > file_length {
        return Err(damaged("a block has no head"));
    }
    file.read_at(at, &mut found)?;
    let length = u32::from_le_bytes([found[0], found[1], found[2], found[3]]);
    if at + HEAD as u64 + u64::from(length) > file_length {
        return Err(damaged("a block ends behind its file"));
    }
    let mut content = vec![0; length as usize];
    file.read_at(at + HEAD as u64, &mut content)?;
    if head(&content)? != found {
        return Err(damaged("the checksum of a block is wrong"));
    }
    Ok((found, content))
}

/// What a block says, entry by entry.
pub fn entries(mut content: &[u8]) -> impl Iterator<Item = io::Result<(&[u8], Option<&[u8]>)>> {
    std::iter::from_fn(move || {
        if content.is_empty() {
            return None;
        }
        let entry = entry(&mut content);
        if entry.is_none() {
            content = &[];
        }
        Some(entry.ok_or_else(|| damaged("an entry ends behind its block")))
    })
}

fn entry<'a>(content: &mut &'a [u8]) -> Option<(&'a [u8], Option<&'a [u8]>)> {
    let length = number(content)?;
    let name = content.split_off(..length as usize)?;
    match number(content)? {
        NONE => Some((name, None)),
        length => Some((name, Some(content.split_off(..length as usize)?))),
    }
}

fn number(content: &mut &[u8]) -> Option<u32> {
    let (bytes, rest) = content.split_first_chunk()?;
    *content = rest;
    Some(u32::from_le_bytes(*bytes))
}

pub fn damaged(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
