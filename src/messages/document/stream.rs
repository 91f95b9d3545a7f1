//! A document as a stream: first what stands around its contracts, then contract after contract; no more of it is held than that.

use std::collections::BTreeSet;
use std::fmt;
use std::io::Read;

use chrono::NaiveDate;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::cut::Frame;
use super::object::Item;
use super::{Around, name};
use crate::domain::jobs::notice::{Notice, NoticeCode, Place};
use crate::domain::key::ContractId;
use crate::messages::request::scan::Scanner;
use crate::messages::request::{InvalidValue, Path, RequestError, Stopped, around, read_each};

/// A document without its contracts, as it was sent.
pub struct Head {
    /// A 128-bit hash of the document's bytes.
    pub request: u128,
    pub valuation_date: NaiveDate,
    /// How many contracts follow.
    pub contracts: u64,
    /// Series that are left out of the market.
    pub notices: Vec<Notice>,
    pub frame: Frame,
}

/// A contract that is read as far as cutting needs it; its terms are read where it is calculated.
#[derive(Clone, PartialEq, Debug)]
pub struct StreamedContract {
    pub id: ContractId,
    pub json: Box<str>,
    /// Its trades or lots.
    pub lots: u64,
    /// All texts in its terms: names of the market and of calendars are among them.
    pub texts: BTreeSet<String>,
}

const LIST: &str = "contracts";

/// Whether a file has the shape of a document; what decides is its first member that only one of the shapes has.
pub fn has_its_shape(reader: impl Read) -> Result<bool, RequestError> {
    enum Found {
        Shape(bool),
        Error(RequestError),
    }
    impl From<RequestError> for Found {
        fn from(error: RequestError) -> Found {
            Found::Error(error)
        }
    }
    let found = Scanner::new(reader).document(|scanner, member| match member {
        "valuationDate" | "calendars" => Err(Found::Shape(true)),
        LIST | "marketData" => Ok(scanner.skip()?),
        _ => Err(Found::Shape(false)),
    });
    match found {
        Err(Found::Shape(document)) => Ok(document),
        Err(Found::Error(error)) => Err(error),
        Ok(()) => Ok(false),
    }
}

/// Reads the whole document once, so that one that is cut off or wrong around its contracts is known before the first contract is handed out.
pub fn read_head(reader: impl Read) -> Result<Head, RequestError> {
    let document = around(reader, LIST)?;
    let contracts = document.listed.ok_or_else(|| Path::root(LIST).invalid("missing"))?;
    let around = String::from_utf8(document.json).map_err(|_| Path::default().invalid("is not UTF-8"))?;
    let Around { valuation_date, unreadable_series, .. } = Around::read(&around)?;
    let left_out = |InvalidValue { path, problem }| {
        let message = format!("{problem}; the series is left out, and what needs it is blocked");
        Place::request().error(NoticeCode::Unreadable, &path.to_string(), message)
    };
    let notices = unreadable_series.into_iter().map(left_out).collect();
    Ok(Head { request: document.hash, valuation_date, contracts, notices, frame: Frame::of(&around)? })
}

/// Hands each contract to `take`, in order and with its place, until it fails. One that cannot be read is the row that stands for it.
pub fn stream_contracts<E>(
    reader: impl Read,
    mut take: impl FnMut(Result<(u32, StreamedContract), Box<Notice>>) -> Result<(), E>,
) -> Result<(), Stopped<E>> {
    let mut place = 0;
    read_each(reader, LIST, streamed, |contract| {
        place += 1;
        take(contract.map(|contract| (place - 1, contract)))
    })
}

fn streamed(json: &[u8], path: &Path) -> Result<StreamedContract, Box<Notice>> {
    let not_read = |contract: Option<ContractId>, invalid: InvalidValue| {
        let place = contract.as_ref().map_or_else(Place::request, Place::of);
        let message = format!("{}; the contract is not calculated", invalid.problem);
        Box::new(place.error(NoticeCode::Unreadable, &invalid.path.to_string(), message))
    };
    let here = |problem: String| path.clone().invalid(problem);
    let text = std::str::from_utf8(json).map_err(|_| not_read(None, here("is not UTF-8".into())))?;
    let raw: &RawValue =
        serde_json::from_str(text).map_err(|error| not_read(None, here(format!("is not JSON: {error}"))))?;
    let named = Item::new(path.clone(), raw).object().and_then(|object| name(&object));
    let id = named.map_err(|invalid| not_read(None, invalid))?;
    let Looked { lots, texts } = serde_json::from_str(text)
        .map_err(|error: serde_json::Error| not_read(Some(id.clone()), here(format!("is not JSON: {error}"))))?;
    Ok(StreamedContract { id, json: text.into(), lots, texts })
}

/// What is held is counted, and all other texts are collected.
struct Looked {
    lots: u64,
    texts: BTreeSet<String>,
}

impl<'de> Deserialize<'de> for Looked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Terms;
        impl<'de> Visitor<'de> for Terms {
            type Value = Looked;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Looked, A::Error> {
                let mut looked = Looked { lots: 0, texts: BTreeSet::new() };
                while let Some(name) = map.next_key::<String>()? {
                    match name.as_str() {
                        "trades" | "lots" | "transfers" => looked.lots += map.next_value::<Counted>()?.0,
                        _ => map.next_value_seed(Texts(&mut looked.texts))?,
                    }
                }
                Ok(looked)
            }
        }
        deserializer.deserialize_map(Terms)
    }
}

/// How many items a list has; 0 of anything else.
struct Counted(u64);

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        let items: Vec<IgnoredAny> = serde_json::from_str(raw.get()).unwrap_or_default();
        Ok(Counted(items.len() as u64))
    }
}

/// Collects the texts of a value, those of names of members left out.
struct Texts<'a>(&'a mut BTreeSet<String>);

impl<'de> DeserializeSeed<'de> for Texts<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Texts<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        // Joint calendars are written as XNYS+GBLO.
        self.0.extend(text.split('+').map(str::to_owned));
        self.0.insert(text.to_owned());
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Texts(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_key::<IgnoredAny>()?.is_some() {
            map.next_value_seed(Texts(self.0))?;
        }
        Ok(())
    }
}
