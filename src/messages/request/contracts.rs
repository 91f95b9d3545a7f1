//! The contracts of a request, handed out one after another; no more than one is in memory.

use std::io::Read;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::contract::contract;
use super::scalar::{Raw, text};
use super::{InvalidValue, Path, RequestError};
use crate::domain::contract::Contract;
use crate::domain::key::ContractId;
use crate::domain::notice::{Notice, NoticeCode, Place};

/// A contract with the rows about its lots, or the row that stands for a contract that cannot be read.
pub type ReadContract = Result<(Contract, Vec<Notice>), Box<Notice>>;

/// Why the contracts were not read to their end.
#[derive(Debug)]
pub enum Stopped<E> {
    Request(RequestError),
    /// Whoever takes the contracts said so.
    Taker(E),
}

/// Hands each contract of a request to `take`, in order, until it fails.
pub fn read_contracts<E>(reader: impl Read, take: impl FnMut(ReadContract) -> Result<(), E>) -> Result<(), Stopped<E>> {
    let mut stream = Stream { take, index: 0, stopped: None };
    let mut json = serde_json::Deserializer::from_reader(reader);
    let read = json.deserialize_map(Document(&mut stream)).and_then(|()| json.end());
    match (stream.stopped, read) {
        (Some(stopped), _) => Err(Stopped::Taker(stopped)),
        (None, Err(error)) => Err(Stopped::Request(error.into())),
        (None, Ok(())) => Ok(()),
    }
}

struct Stream<F, E> {
    take: F,
    index: usize,
    stopped: Option<E>,
}

struct Document<'s, F, E>(&'s mut Stream<F, E>);

impl<'de, F: FnMut(ReadContract) -> Result<(), E>, E> Visitor<'de> for Document<'_, F, E> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a calculation request")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == "contractPositions" {
                map.next_value_seed(List(&mut *self.0))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

struct List<'s, F, E>(&'s mut Stream<F, E>);

impl<'de, F: FnMut(ReadContract) -> Result<(), E>, E> DeserializeSeed<'de> for List<'_, F, E> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(ReadContract) -> Result<(), E>, E> Visitor<'de> for List<'_, F, E> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list of contracts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let list = Path::root("contractPositions");
        while let Some(raw) = seq.next_element::<Box<RawValue>>()? {
            let read = read_contract(raw.get(), &list.item(self.0.index)).map_err(Box::new);
            self.0.index += 1;
            if let Err(stopped) = (self.0.take)(read) {
                self.0.stopped = Some(stopped);
                return Err(A::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}

fn read_contract(json: &str, path: &Path) -> Result<(Contract, Vec<Notice>), Notice> {
    let read = match serde_json::from_str(json) {
        Ok(wire) => contract(wire, path),
        Err(error) => Err(locate(json, path).unwrap_or_else(|| path.clone().invalid(error.to_string()))),
    };
    read.map_err(|invalid| unreadable(invalid, json))
}

/// The row of a contract that cannot be read; it names the contract where that much can be read.
fn unreadable(invalid: InvalidValue, json: &str) -> Notice {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Named<'a> {
        #[serde(borrow)]
        contract_id: Raw<'a>,
    }
    let named = serde_json::from_str::<Named<'_>>(json).ok().and_then(|named| text(named.contract_id).ok());
    let id = named.and_then(|id| ContractId::new(&id).ok());
    let place = id.as_ref().map_or_else(Place::request, Place::of);
    let message = format!("{}; the contract is not calculated", invalid.problem);
    place.error(NoticeCode::Unreadable, &invalid.path.to_string(), message)
}

/// Finds the list or object that has the wrong shape; single values are looked at later and name themselves.
fn locate(json: &str, path: &Path) -> Option<InvalidValue> {
    #[derive(Deserialize)]
    struct Lists<'a> {
        #[serde(borrow)]
        positions: Raw<'a>,
        #[serde(borrow)]
        lots: Raw<'a>,
    }
    let lists: Lists<'_> = match serde_json::from_str(json) {
        Ok(lists) => lists,
        Err(error) => return Some(path.clone().invalid(error.to_string())),
    };
    for (name, list) in [("positions", lists.positions), ("lots", lists.lots)] {
        let Some(list) = list else { continue };
        let path = path.field(name);
        match serde_json::from_str::<Vec<&RawValue>>(list.get()) {
            Err(error) => return Some(path.invalid(error.to_string())),
            Ok(items) => {
                let found = items.iter().enumerate().find_map(|(index, item)| locate(item.get(), &path.item(index)));
                if found.is_some() {
                    return found;
                }
            }
        }
    }
    None
}
