//! What stands around the one long list of a document, which is left for later.

use std::io::Read;

use xxhash_rust::xxh3::Xxh3;

use super::scan::Scanner;
use super::{Path, RequestError};

/// A document without its list.
pub struct Around {
    /// Of the other members.
    pub json: Vec<u8>,
    /// How much is in the list; none where there is no list.
    pub listed: Option<u64>,
    /// Of all bytes of the document.
    pub hash: u128,
}

/// Reads the whole document as a stream, so that one that is cut off is known.
pub fn around(reader: impl Read, list: &'static str) -> Result<Around, RequestError> {
    let mut reader = Hashing::new(reader);
    let mut json = b"{".to_vec();
    let mut listed = None;
    Scanner::new(&mut reader).document(|scanner, member| {
        if member == list {
            let mut items = 0;
            scanner.list(|scanner| {
                items += 1;
                scanner.skip()
            })?;
            return match listed.replace(items) {
                None => Ok(()),
                Some(_) => Err(Path::root(list).invalid("is there twice; keep one").into()),
            };
        }
        if json.len() > 1 {
            json.push(b',');
        }
        serde_json::to_writer(&mut json, member)?;
        json.push(b':');
        scanner.value(&mut json)
    })?;
    json.push(b'}');
    Ok(Around { json, listed, hash: reader.hash() })
}

/// Hashes what is read through it.
struct Hashing<R> {
    reader: R,
    hash: Xxh3,
}

impl<R> Hashing<R> {
    fn new(reader: R) -> Hashing<R> {
        Hashing { reader, hash: Xxh3::new() }
    }

    fn hash(&self) -> u128 {
        self.hash.digest128()
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.hash.update(&buffer[..read]);
        Ok(read)
    }
}
