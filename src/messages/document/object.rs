//! One object of a document: its members are taken by name, and one that nobody has taken is an error, because a mistyped term must not
//! become a default.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::messages::request::scalar::{self, Number, shortened};
use crate::messages::request::{InvalidValue, Path};

/// An object and where it stands.
pub(super) struct Object<'a> {
    pub path: Path,
    members: Vec<(Cow<'a, str>, &'a RawValue)>,
    /// Names that were asked for, whether they were there or not.
    asked: RefCell<Vec<&'static str>>,
}

/// A value and where it stands.
#[derive(Clone)]
pub(super) struct Item<'a> {
    pub path: Path,
    raw: &'a RawValue,
}

impl<'a> Item<'a> {
    pub fn new(path: Path, raw: &'a RawValue) -> Item<'a> {
        Item { path, raw }
    }

    /// As it stands in the document.
    pub fn json(&self) -> &'a str {
        self.raw.get()
    }

    pub fn object(self) -> Result<Object<'a>, InvalidValue> {
        match serde_json::from_str::<Members<'a>>(self.raw.get()) {
            Err(_) => Err(self.path.invalid(format!("{} is not an object", shortened(self.raw.get())))),
            Ok(Members { members, repeated: Some(name) }) => {
                drop(members);
                Err(self.path.field(&name).invalid("is there twice; keep one"))
            }
            Ok(Members { members, repeated: None }) => {
                Ok(Object { path: self.path, members, asked: RefCell::default() })
            }
        }
    }

    /// The values of a list, in order.
    pub fn list(self) -> Result<Vec<Item<'a>>, InvalidValue> {
        match serde_json::from_str::<Vec<&'a RawValue>>(self.raw.get()) {
            Err(_) => Err(self.path.invalid(format!("{} is not a list", shortened(self.raw.get())))),
            Ok(list) => {
                Ok(list.into_iter().enumerate().map(|(index, raw)| Item::new(self.path.item(index), raw)).collect())
            }
        }
    }

    pub fn is_text(&self) -> bool {
        self.raw.get().starts_with('"')
    }

    pub fn is_object(&self) -> bool {
        self.raw.get().starts_with('{')
    }

    pub fn text(self) -> Result<Cow<'a, str>, InvalidValue> {
        scalar::text(Some(self.raw)).map_err(|problem| self.path.invalid(problem))
    }

    pub fn date(self) -> Result<NaiveDate, InvalidValue> {
        scalar::date(Some(self.raw)).map_err(|problem| self.path.invalid(problem))
    }

    pub fn number(self, kind: Number) -> Result<Decimal, InvalidValue> {
        scalar::number(Some(self.raw), kind).map_err(|problem| self.path.invalid(problem))
    }

    /// A number that is not below zero.
    pub fn not_below_zero(self, kind: Number) -> Result<Decimal, InvalidValue> {
        self.limited(kind, |number| number >= Decimal::ZERO, "0 and more")
    }

    pub fn above_zero(self, kind: Number) -> Result<Decimal, InvalidValue> {
        self.limited(kind, |number| number > Decimal::ZERO, "above zero")
    }

    fn limited(self, kind: Number, within: fn(Decimal) -> bool, allowed: &str) -> Result<Decimal, InvalidValue> {
        let path = self.path.clone();
        let number = self.number(kind)?;
        if within(number) { Ok(number) } else { Err(path.invalid(format!("{number} is too low; allowed: {allowed}"))) }
    }

    /// A date on or after another.
    pub fn not_before(self, earliest: NaiveDate) -> Result<NaiveDate, InvalidValue> {
        let path = self.path.clone();
        let date = self.date()?;
        let problem = || format!("{date} is too early; allowed: {earliest} and later");
        if date >= earliest { Ok(date) } else { Err(path.invalid(problem())) }
    }

    /// The days that a year counts in the money market.
    pub fn year_days(self) -> Result<u32, InvalidValue> {
        match self.raw.get() {
            "360" => Ok(360),
            "365" => Ok(365),
            other => Err(self.path.clone().invalid(format!("{} is unknown; allowed: 360, 365", shortened(other)))),
        }
    }

    pub fn count(self) -> Result<u32, InvalidValue> {
        let json = self.raw.get();
        json.parse().map_err(|_| self.path.invalid(format!("{} is not a whole number from 0", shortened(json))))
    }

    pub fn flag(self) -> Result<bool, InvalidValue> {
        let json = self.raw.get();
        json.parse().map_err(|_| self.path.invalid(format!("{} is unknown; allowed: true, false", shortened(json))))
    }

    pub fn word<T: Copy>(self, words: &[(&str, T)]) -> Result<T, InvalidValue> {
        scalar::word(Some(self.raw), words).map_err(|problem| self.path.invalid(problem))
    }

    /// A text that becomes a name, a currency or another checked value.
    pub fn named<T, E: fmt::Display>(self, new: impl FnOnce(&str) -> Result<T, E>) -> Result<T, InvalidValue> {
        let path = self.path.clone();
        new(&self.text()?).map_err(|problem| path.invalid(problem.to_string()))
    }
}

impl<'a> Object<'a> {
    /// The value of a member; none when it is absent or null.
    pub fn optional(&self, name: &'static str) -> Option<Item<'a>> {
        self.asked.borrow_mut().push(name);
        let (_, raw) = self.members.iter().find(|(member, raw)| member == name && raw.get() != "null")?;
        Some(Item::new(self.path.field(name), raw))
    }

    pub fn member(&self, name: &'static str) -> Result<Item<'a>, InvalidValue> {
        self.optional(name).ok_or_else(|| self.path.field(name).invalid("missing"))
    }

    /// A whole number that may be absent.
    pub fn count(&self, name: &'static str) -> Result<Option<u32>, InvalidValue> {
        self.optional(name).map(Item::count).transpose()
    }

    /// A number above zero that may be absent.
    pub fn above_zero(&self, name: &'static str, kind: Number) -> Result<Option<Decimal>, InvalidValue> {
        self.optional(name).map(|item| item.above_zero(kind)).transpose()
    }

    /// A number that may be absent.
    pub fn number(&self, name: &'static str, kind: Number) -> Result<Option<Decimal>, InvalidValue> {
        self.optional(name).map(|item| item.number(kind)).transpose()
    }

    /// A word that may be absent.
    pub fn word<T: Copy>(&self, name: &'static str, words: &[(&str, T)]) -> Result<Option<T>, InvalidValue> {
        self.optional(name).map(|item| item.word(words)).transpose()
    }

    /// All members of an object whose names are data: dates, instruments.
    pub fn entries(self) -> impl Iterator<Item = (Cow<'a, str>, Item<'a>)> {
        let path = self.path;
        self.members.into_iter().map(move |(name, raw)| {
            let item = Item::new(path.field(&name), raw);
            (name, item)
        })
    }

    pub fn invalid(&self, problem: impl Into<String>) -> InvalidValue {
        self.path.clone().invalid(problem)
    }

    /// Refuses members that were not asked for.
    pub fn end(self) -> Result<(), InvalidValue> {
        let asked = self.asked.into_inner();
        match self.members.iter().find(|(name, _)| !asked.iter().any(|asked| asked == name)) {
            None => Ok(()),
            Some((name, _)) => {
                Err(self.path.field(name).invalid(format!("is not known here; allowed: {}", asked.join(", "))))
            }
        }
    }
}

struct Members<'a> {
    members: Vec<(Cow<'a, str>, &'a RawValue)>,
    repeated: Option<String>,
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut read = Members { members: Vec::new(), repeated: None };
                let mut seen = BTreeSet::new();
                while let Some((name, raw)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
                    if !seen.insert(name.0.clone()) {
                        read.repeated.get_or_insert_with(|| name.0.clone().into_owned());
                    }
                    read.members.push((name.0, raw));
                }
                Ok(read)
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

/// Borrowed where the document has no escapes in it; a `Cow` alone is always owned when it is read.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
