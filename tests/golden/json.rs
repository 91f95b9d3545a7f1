//! JSON whose numbers stay as they are written: a golden number must not pass through binary floating point.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(PartialEq)]
pub enum Json {
    Object(BTreeMap<String, Json>),
    List(Vec<Json>),
    Text(String),
    /// A number, true or false, as written.
    Word(String),
    Null,
}

impl Json {
    pub fn parse(text: &str) -> Json {
        let text = text.trim();
        match text.as_bytes().first() {
            Some(b'{') => {
                let entries: BTreeMap<String, Box<RawValue>> = read(text);
                Json::Object(entries.into_iter().map(|(name, raw)| (name, Json::parse(raw.get()))).collect())
            }
            Some(b'[') => {
                let items: Vec<Box<RawValue>> = read(text);
                Json::List(items.iter().map(|raw| Json::parse(raw.get())).collect())
            }
            Some(b'"') => Json::Text(read(text)),
            _ if text == "null" => Json::Null,
            _ => Json::Word(text.to_owned()),
        }
    }
}

fn read<'de, T: Deserialize<'de>>(text: &'de str) -> T {
    serde_json::from_str(text).expect("a golden file is JSON")
}
