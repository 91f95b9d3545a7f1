//! The schema says what the reader reads: no member and no word more, none less.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::validator::refused;
use crate::{EXAMPLES, documentation, example};

fn schema() -> Value {
    let text = fs::read_to_string(documentation().join("schema.json")).expect("the schema can be read");
    serde_json::from_str(&text).expect("the schema is JSON")
}

#[test]
fn examples_follow_the_schema() {
    for name in EXAMPLES {
        assert_eq!(refused(&schema(), &example(name)), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn what_the_reader_refuses_the_schema_refuses() {
    for (pointer, value, at) in [
        ("/contracts/0/product", json!("OPTION"), ".contracts[0].product: enum"),
        ("/contracts/0/trades/0/side", json!("buy"), ".contracts[0].trades[0].side: enum"),
        ("/contracts/0/financing/long/rate/lookback", json!(-1), ".contracts[0].financing.long.rate.lookback: minimum"),
        ("/contracts/0/equity", json!({ "payementOffset": 2 }), ".contracts[0].equity: additionalProperties"),
        ("/valuationDate", Value::Null, ": required"),
    ] {
        let mut document = example("total-return-swap");
        *document.pointer_mut(pointer).expect("is there") = value;
        assert!(refused(&schema(), &document).iter().any(|refused| refused == at), "{at}: {document}");
    }
}

/// Names and words that the sources of the reader have between quotation marks.
fn literals(wanted: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/messages/document");
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        // Files of data have a form of their own.
        if path.ends_with("tests.rs") || path.ends_with("points.rs") {
            continue;
        }
        let text = fs::read_to_string(path).expect("a source is text");
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            found.extend(line.split('"').skip(1).step_by(2).filter(|word| wanted(word)).map(str::to_owned));
        }
    }
    found
}

/// Everything below a keyword of the schema.
fn collect(schema: &Value, keyword: &str, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::Object(listed) if name == keyword => found.extend(listed.keys().cloned()),
                    Value::Array(listed) if name == keyword => {
                        found.extend(listed.iter().filter_map(Value::as_str).map(str::to_owned));
                    }
                    _ => {}
                }
                collect(value, keyword, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, keyword, found)),
        _ => {}
    }
}

fn in_schema(keyword: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect(&schema(), keyword, &mut found);
    found
}

#[test]
fn the_reader_knows_exactly_the_members_of_the_schema() {
    // The account of trades that come from a document, what a message says, and no value.
    const NO_MEMBERS: [&str; 3] = ["document", "missing", "null"];
    let camel = |word: &str| {
        word.starts_with(|letter: char| letter.is_ascii_lowercase()) && word.chars().all(|c| c.is_ascii_alphabetic())
    };
    let known: BTreeSet<String> = literals(|word| camel(word) && !NO_MEMBERS.contains(&word));
    assert_eq!(known, in_schema("properties"));
}

#[test]
fn the_reader_knows_exactly_the_words_of_the_schema() {
    let word = |word: &str| {
        word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase() || c == '_') && !word.starts_with('_')
    };
    let mut known = literals(word);
    // An underlier that terms on their own leave open, and no word of theirs.
    known.remove("ANY");
    let named: BTreeSet<String> = in_schema("enum").into_iter().filter(|name| word(name)).collect();
    // Products, conventions and treatments of tax have their names in the domain.
    let elsewhere: BTreeSet<String> = [
        "EQUITY_SWAP",
        "TOTAL_RETURN_SWAP",
        "CFD",
        "FOLLOWING",
        "MODFOLLOWING",
        "PRECEDING",
        "MODPRECEDING",
        "NEAREST",
        "NONE",
        "GROSS_UP",
        "NET_AMOUNT",
        "NO_WITHHOLDING",
        "TAX_CREDIT",
    ]
    .map(String::from)
    .into();
    assert_eq!(known, &named - &elsewhere);
}
