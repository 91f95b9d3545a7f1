//! The contracts of a request, handed out one after another; they are read on several threads, a bounded way ahead.

use std::io::Read;
use std::thread;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::ahead::Ahead;
use super::contract::contract;
use super::scalar::{Raw, text};
use super::scan::Scanner;
use super::{InvalidValue, Path, RequestError};
use crate::domain::jobs::contract::Contract;
use crate::domain::jobs::notice::{Notice, NoticeCode, Place};
use crate::domain::key::ContractId;

/// A contract with the rows about its lots, or the row that stands for a contract that cannot be read.
pub type ReadContract = Result<(Contract, Vec<Notice>), Box<Notice>>;

/// Why the contracts were not read to their end.
#[derive(Debug)]
pub enum Stopped<E> {
    Request(RequestError),
    /// Whoever takes the contracts said so.
    Taker(E),
}

impl<E> From<RequestError> for Stopped<E> {
    fn from(error: RequestError) -> Stopped<E> {
        Stopped::Request(error)
    }
}

/// Hands each contract of a request to `take`, in order, until it fails.
pub fn read_contracts<E>(reader: impl Read, take: impl FnMut(ReadContract) -> Result<(), E>) -> Result<(), Stopped<E>> {
    read_each(reader, LIST, read_contract, take)
}

/// Hands each item of a list of the document to `take`, as `read` makes it of its bytes and its path.
pub(in crate::messages) fn read_each<T: Send, E>(
    reader: impl Read,
    list: &'static str,
    read: fn(&[u8], &Path) -> T,
    mut take: impl FnMut(T) -> Result<(), E>,
) -> Result<(), Stopped<E>> {
    thread::scope(|scope| {
        let mut ahead = Ahead::new(scope, Batch::read);
        let mut take_all = |read: Vec<T>| read.into_iter().try_for_each(&mut take).map_err(Stopped::Taker);
        let mut batch = Batch { list, read, first: 0, json: Vec::new(), ends: Vec::new() };
        Scanner::new(reader).document(|scanner, member| {
            if member != list {
                return Ok(scanner.skip()?);
            }
            scanner.list(|scanner| {
                scanner.value(&mut batch.json)?;
                batch.ends.push(batch.json.len());
                if batch.json.len() < BATCH_BYTES {
                    return Ok(());
                }
                let first = batch.first + batch.ends.len();
                let next = Batch { list, read, first, json: Vec::new(), ends: Vec::new() };
                ahead.give(std::mem::replace(&mut batch, next)).map_or(Ok(()), &mut take_all)
            })
        })?;
        ahead.try_for_each(&mut take_all)?;
        take_all(batch.read())
    })
}

const LIST: &str = "contractPositions";

/// 256 KB: some fifty contracts of twenty lots, worth handing to a thread. A small request is one batch and needs no other thread.
const BATCH_BYTES: usize = 256 * 1024;

/// Items as they stand in the document, one behind the other.
struct Batch<T> {
    list: &'static str,
    read: fn(&[u8], &Path) -> T,
    /// Place of the first in the list.
    first: usize,
    json: Vec<u8>,
    ends: Vec<usize>,
}

impl<T> Batch<T> {
    fn read(self) -> Vec<T> {
        let list = Path::root(self.list);
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let item = |(index, (start, end)): (usize, (usize, &usize))| {
            (self.read)(&self.json[start..*end], &list.item(self.first + index))
        };
        starts.zip(&self.ends).enumerate().map(item).collect()
    }
}

fn read_contract(json: &[u8], path: &Path) -> ReadContract {
    // A text is looked at as such once, and not again with each of its values.
    let wire = std::str::from_utf8(json).map_or_else(|_| serde_json::from_slice(json), serde_json::from_str);
    let read = match wire {
        Ok(wire) => contract(wire, path),
        Err(error) => Err(locate(json, path).unwrap_or_else(|| path.clone().invalid(error.to_string()))),
    };
    read.map_err(|invalid| Box::new(unreadable(invalid, json)))
}

/// The row of a contract that cannot be read; it names the contract where that much can be read.
fn unreadable(invalid: InvalidValue, json: &[u8]) -> Notice {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Named<'a> {
        #[serde(borrow)]
        contract_id: Raw<'a>,
    }
    let named = serde_json::from_slice::<Named<'_>>(json).ok().and_then(|named| text(named.contract_id).ok());
    let id = named.and_then(|id| ContractId::new(&id).ok());
    let place = id.as_ref().map_or_else(Place::request, Place::of);
    let message = format!("{}; the contract is not calculated", invalid.problem);
    place.error(NoticeCode::Unreadable, &invalid.path.to_string(), message)
}

/// Finds the list or object that has the wrong shape; single values are looked at later and name themselves.
fn locate(json: &[u8], path: &Path) -> Option<InvalidValue> {
    #[derive(Deserialize)]
    struct Lists<'a> {
        #[serde(borrow)]
        positions: Raw<'a>,
        #[serde(borrow)]
        lots: Raw<'a>,
    }
    let lists: Lists<'_> = match serde_json::from_slice(json) {
        Ok(lists) => lists,
        Err(error) => return Some(path.clone().invalid(error.to_string())),
    };
    for (name, list) in [("positions", lists.positions), ("lots", lists.lots)] {
        let Some(list) = list else { continue };
        let path = path.field(name);
        match serde_json::from_str::<Vec<&RawValue>>(list.get()) {
            Err(error) => return Some(path.invalid(error.to_string())),
            Ok(items) => {
                let found =
                    items.iter().enumerate().find_map(|(index, item)| locate(item.get().as_bytes(), &path.item(index)));
                if found.is_some() {
                    return found;
                }
            }
        }
    }
    None
}
