//! What stands around the contracts of a document, cut to what some of them name: whole series and calendars, or none of them.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::object::Item;
use crate::messages::request::{InvalidValue, Path};

/// The members of a document that are not its contracts, with those of its market data and calendars one by one.
pub struct Frame {
    sections: Vec<Section>,
    entries: Vec<Entry>,
    by_name: HashMap<String, Vec<usize>>,
}

/// Entries of a [`Frame`] that somebody names.
pub type Used = BTreeSet<usize>;

/// An object whose members have the names of series or calendars; a member of the document, or of its market data.
struct Section {
    market: bool,
    name: String,
    /// What it is where it is no such object.
    whole: Option<Box<str>>,
}

struct Entry {
    section: usize,
    name: String,
    json: Box<str>,
    /// The calendars that it names itself.
    calendars: Vec<String>,
}

impl Frame {
    /// Takes a document without its contracts apart.
    pub(super) fn of(around: &str) -> Result<Frame, InvalidValue> {
        let malformed = |error: serde_json::Error| Path::default().invalid(format!("is not JSON: {error}"));
        let raw: &RawValue = serde_json::from_str(around).map_err(malformed)?;
        let mut frame = Frame { sections: Vec::new(), entries: Vec::new(), by_name: HashMap::new() };
        for (name, item) in Item::new(Path::default(), raw).object()?.entries() {
            match name.as_ref() {
                "marketData" if item.is_object() => {
                    item.object()?.entries().try_for_each(|(name, item)| frame.section(true, name, item))?;
                }
                _ => frame.section(false, name, item)?,
            }
        }
        Ok(frame)
    }

    fn section(&mut self, market: bool, name: Cow<'_, str>, item: Item<'_>) -> Result<(), InvalidValue> {
        let section = self.sections.len();
        let whole = (!item.is_object()).then(|| item.json().into());
        self.sections.push(Section { market, name: name.into_owned(), whole });
        if item.is_object() {
            item.object()?.entries().for_each(|(name, item)| self.entry(section, name.into_owned(), &item));
        }
        Ok(())
    }

    fn entry(&mut self, section: usize, name: String, item: &Item<'_>) {
        #[derive(Deserialize)]
        struct Named<'a> {
            #[serde(borrow)]
            calendar: Option<Cow<'a, str>>,
        }
        let named: Option<Named<'_>> = serde_json::from_str(item.json()).ok();
        let calendar = named.and_then(|named| named.calendar).unwrap_or_default();
        let calendars = calendar.split('+').map(str::to_owned).collect();
        self.by_name.entry(name.clone()).or_default().push(self.entries.len());
        self.entries.push(Entry { section, name, json: item.json().into(), calendars });
    }

    /// Takes in what bears one of these names, and what that names itself.
    pub(super) fn named<'t>(&self, texts: impl IntoIterator<Item = &'t String>, used: &mut Used) {
        for text in texts {
            for &entry in self.by_name.get(text).into_iter().flatten() {
                if used.insert(entry) {
                    self.named(&self.entries[entry].calendars, used);
                }
            }
        }
    }

    /// About what entries take in a document.
    pub(super) fn bytes<'u>(&self, used: impl IntoIterator<Item = &'u usize>) -> usize {
        let bytes = |entry: &Entry| entry.name.len() + entry.json.len();
        used.into_iter().map(|&entry| bytes(&self.entries[entry])).sum()
    }

    /// The document without its contracts and with these entries alone.
    pub(super) fn with(&self, used: &Used) -> String {
        let mut kept: Vec<Vec<(&str, Cow<'_, str>)>> = vec![Vec::new(); self.sections.len()];
        for Entry { section, name, json, .. } in used.iter().map(|&entry| &self.entries[entry]) {
            kept[*section].push((name, Cow::Borrowed(json)));
        }
        let sections = self.sections.iter().zip(kept);
        let written = |(section, kept): (&'_ Section, Vec<_>)| -> (bool, String, String) {
            let json = section.whole.as_ref().map_or_else(|| object(kept), |whole| whole.to_string());
            (section.market, section.name.clone(), json)
        };
        let (market, mut members): (Vec<_>, Vec<_>) = sections.map(written).partition(|(market, ..)| *market);
        let named = |(_, name, json): &'_ (bool, String, String)| (name.clone(), json.clone());
        if !market.is_empty() {
            members.push((false, "marketData".to_owned(), object(market.iter().map(named))));
        }
        object(members.iter().map(named))
    }
}

fn object<N: AsRef<str>, J: AsRef<str>>(members: impl IntoIterator<Item = (N, J)>) -> String {
    let mut json = String::from("{");
    for (name, value) in members {
        if json.len() > 1 {
            json.push(',');
        }
        json += &serde_json::to_string(name.as_ref()).expect("a text is JSON");
        json.push(':');
        json += value.as_ref();
    }
    json.push('}');
    json
}
