//! The contracts of a request, handed out one after another; no more than one is in memory.

use std::io::Read;

use serde::Deserialize;
use serde_json::Deserializer;
use serde_json::value::RawValue;

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
pub fn read_contracts<E>(
    reader: impl Read,
    mut take: impl FnMut(ReadContract) -> Result<(), E>,
) -> Result<(), Stopped<E>> {
    let list = Path::root("contractPositions");
    let mut json = Vec::new();
    let mut index = 0;
    Scanner::new(reader).document(|scanner, member| {
        if member != list.0 {
            return Ok(scanner.skip()?);
        }
        scanner.list(|scanner| {
            let path = list.item(index);
            index += 1;
            if let Some(read) = scanner.attempt(|block| whole(block, &path))? {
                return take(Ok(read)).map_err(Stopped::Taker);
            }
            json.clear();
            scanner.value(&mut json)?;
            take(read_contract(&json, &path)).map_err(Stopped::Taker)
        })
    })
}

/// The contract that these bytes begin with, when all of it is there and nothing is wrong with it: most are, and are looked at once.
fn whole(bytes: &[u8], path: &Path) -> Option<((Contract, Vec<Notice>), usize)> {
    let mut values = Deserializer::from_slice(bytes).into_iter();
    let read = contract(values.next()?.ok()?, path).ok()?;
    Some((read, values.byte_offset()))
}

fn read_contract(json: &[u8], path: &Path) -> ReadContract {
    let read = match serde_json::from_slice(json) {
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
