//! One row as named texts, whatever the form of its file: columns of CSV, or the members of a JSON object.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserializer;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::messages::request::scalar::shortened;

/// Nested records of the schema; their fields stand in a row by themselves, those of all but the first with its name before them.
const LIFTED: [(&str, &str); 3] = [("terms", ""), ("rebook", "rebook_"), ("relief", "relief_")];
/// A list that stands in a row as it is.
const LIST: (&str, &str) = ("relief_", "lots");

/// Why a row cannot be taken; says which field and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RowError(pub String);

#[derive(Debug, Default)]
pub struct Fields {
    texts: BTreeMap<String, String>,
}

impl Fields {
    /// Reads `{"account": "A", ..., "terms": {"quantity": "5", ...}}`; the nested records may also be written flat.
    pub fn of_json(line: &str) -> Result<Fields, RowError> {
        let mut fields = Fields::default();
        fields.add_json(line, "")?;
        Ok(fields)
    }

    /// Columns that are empty are not there.
    pub fn of_columns<'a>(columns: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Fields, RowError> {
        let mut fields = Fields::default();
        for (name, text) in columns.filter(|(_, text)| !text.is_empty()) {
            fields.add(name.into(), text.into())?;
        }
        Ok(fields)
    }

    pub fn required(&mut self, name: &str) -> Result<String, RowError> {
        self.optional(name).ok_or_else(|| RowError(format!("{name}: missing")))
    }

    pub fn optional(&mut self, name: &str) -> Option<String> {
        self.texts.remove(name)
    }

    /// Whether any of these is there.
    pub fn any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.texts.contains_key(*name))
    }

    /// Every field must have been asked for.
    pub fn finish(self) -> Result<(), RowError> {
        match self.texts.keys().next() {
            Some(name) => Err(RowError(format!("{name}: no such field for this event"))),
            None => Ok(()),
        }
    }

    fn add(&mut self, name: String, text: String) -> Result<(), RowError> {
        match self.texts.insert(name.clone(), text) {
            Some(_) => Err(RowError(format!("{name}: comes twice"))),
            None => Ok(()),
        }
    }

    fn add_json(&mut self, object: &str, prefix: &str) -> Result<(), RowError> {
        for (name, value) in members(object).map_err(|error| RowError(format!("not a JSON object: {error}")))? {
            let (json, lifted) = (value.get(), LIFTED.iter().find(|(record, _)| *record == name && prefix.is_empty()));
            match (json.as_bytes().first(), lifted) {
                (Some(b'n'), _) => {}
                (Some(b'{'), Some((_, prefix))) => self.add_json(json, prefix)?,
                (Some(b'"'), None) => {
                    let text = serde_json::from_str(json).map_err(|error| RowError(format!("{name}: {error}")))?;
                    self.add(format!("{prefix}{name}"), text)?;
                }
                (Some(b'0'..=b'9' | b'-'), None) => self.add(format!("{prefix}{name}"), json.into())?,
                (Some(b'['), None) if (prefix, name.as_str()) == LIST => {
                    self.add(format!("{prefix}{name}"), json.into())?
                }
                _ => return Err(RowError(format!("{name}: {} is neither text nor number", shortened(json)))),
            }
        }
        Ok(())
    }
}

/// The members of an object in their order; unlike a map it does not lose one that comes twice.
pub fn members(json: &str) -> Result<Vec<(String, &RawValue)>, serde_json::Error> {
    struct Members;
    impl<'de> Visitor<'de> for Members {
        type Value = Vec<(String, &'de RawValue)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
            let mut members = Vec::new();
            while let Some(member) = map.next_entry()? {
                members.push(member);
            }
            Ok(members)
        }
    }
    let mut reader = serde_json::Deserializer::from_str(json);
    let members = reader.deserialize_map(Members)?;
    reader.end()?;
    Ok(members)
}
