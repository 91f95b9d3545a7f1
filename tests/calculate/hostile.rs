//! Every value of every example in the place of everything that is not meant there: an answer each time, never a panic, and the neighbour's flows stay.

use std::time::{Duration, Instant};

use bookflow::domain::swap::flows::Book;
use bookflow::domain::swap::held::Holding;
use bookflow::messages::document::{Document, read_document};
use serde_json::{Value, json};

use crate::{EXAMPLES, example};

/// JSON in the place of a value.
const HOSTILE: [&str; 56] = [
    "null",
    "true",
    "[]",
    "{}",
    "[null]",
    "[{}]",
    r#"{"a": 1}"#,
    r#""""#,
    r#"" ""#,
    r#""NaN""#,
    r#""-Infinity""#,
    r#""0x10""#,
    r#""1,000""#,
    r#""٣""#,
    r#""\u0000""#,
    r#""\u001b[31m""#,
    r#""a\nb""#,
    r#""\u202eABC""#,
    r#""A|B_C%""#,
    r#""\ud800""#,
    "1e400",
    "1e-400",
    "-0.0",
    "0",
    "-1",
    "1",
    "0.5",
    "-0.5",
    "1e12",
    "0.0000000001",
    "0.00000000001",
    "0.000000000001",
    "99999999999999999999.99",
    "999999999999999999",
    "9999999999999999",
    r#""999999999999999999.9999999999""#,
    r#""-999999999999999999.9999999999""#,
    r#""-9999999999999999.999999999999""#,
    "9999999999999999999999999999",
    "10000000000000000000000000000",
    "79228162514264337593543950336",
    "4294967295",
    "4294967296",
    "18446744073709551616",
    r#""9999-12-31""#,
    r#""0000-01-01""#,
    r#""1970-01-01""#,
    r#""2025-02-29""#,
    r#""2025-04-18""#,
    r#""2025-04-30T00:00:00Z""#,
    r#""1200M""#,
    r#""0M""#,
    r#""XXX""#,
    r#""JPY""#,
    r#""DAILY_MTM""#,
    r#""CFD""#,
];

const PATIENCE: Duration = Duration::from_secs(10);

/// A document with one value in its place replaced, as JSON.
fn with(document: &Value, pointer: &str, hostile: &str) -> String {
    let mut document = document.clone();
    *document.pointer_mut(pointer).expect("is there") = json!("\u{1}");
    document.to_string().replace(r#""\u0001""#, hostile)
}

/// Every value of a document, and every list and object.
fn pointers(value: &Value, pointer: &str, found: &mut Vec<String>) {
    found.push(pointer.to_owned());
    match value {
        Value::Object(members) => members.iter().for_each(|(name, member)| {
            let name = name.replace('~', "~0").replace('/', "~1");
            pointers(member, &format!("{pointer}/{name}"), found);
        }),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| pointers(item, &format!("{pointer}/{index}"), found));
        }
        _ => {}
    }
}

/// An example whose first contract stands there a second time, under another id.
fn doubled(name: &str) -> Value {
    let mut document = example(name);
    let contracts = document["contracts"].as_array_mut().expect("a list");
    let mut neighbour = contracts[0].clone();
    neighbour["contractId"] = "NEIGHBOUR".into();
    contracts.push(neighbour);
    document
}

/// What comes of a document: the flows of the neighbour, or why it is refused.
fn answer(json: &str) -> Result<Vec<String>, String> {
    let document = read_document(json.as_bytes()).map_err(|invalid| invalid.to_string())?;
    let Document { valuation_date, contracts, market, .. } = &document;
    let mut neighbour = Vec::new();
    for agreement in contracts.iter().flatten() {
        let (holding, _) = Holding::of(agreement);
        let Ok(book) = Book::new(&agreement.swap, &holding, market, *valuation_date) else { continue };
        drop((book.warnings(), book.moves()));
        for explained in book.explained(|_| true) {
            if let (Ok(calculated), Some(explanation)) = (&explained.flow.result, explained.explanation) {
                let last = explanation.recompute().expect("every line follows").expect("there are lines");
                assert_eq!(last.to_string(), calculated.amount.money.to_string());
            }
            if agreement.swap.id.as_str() == "NEIGHBOUR" {
                neighbour.push(format!("{:?}", explained.flow));
            }
        }
    }
    for unreadable in contracts.iter().filter_map(|contract| contract.as_ref().err()) {
        let said = unreadable.invalid.to_string();
        assert!(said.starts_with("contracts[") || said.starts_with("marketData.corporateActions."), "{said}");
    }
    Ok(neighbour)
}

#[test]
fn whatever_stands_in_the_place_of_a_value_is_answered_and_the_neighbour_is_calculated() {
    for name in EXAMPLES {
        let document = doubled(name);
        let sound = answer(&document.to_string()).expect("the example can be read");
        assert!(!sound.is_empty());
        let mut found = Vec::new();
        pointers(&document, "", &mut found);
        for pointer in found.iter().filter(|pointer| !pointer.is_empty()) {
            let mut hostile: Vec<String> = HOSTILE.iter().map(ToString::to_string).collect();
            let value = document.pointer(pointer).expect("is there");
            if let Value::Array(items) = value {
                let twice: Vec<&Value> = items.iter().chain(items).collect();
                let reversed: Vec<&Value> = items.iter().rev().collect();
                hostile.extend([json!(twice).to_string(), json!(reversed).to_string()]);
            }
            for hostile in hostile {
                let json = with(&document, pointer, &hostile);
                let start = Instant::now();
                let answered = std::panic::catch_unwind(|| answer(&json));
                let took = start.elapsed();
                let answered = answered.unwrap_or_else(|_| panic!("{name}{pointer}: {hostile} panics"));
                assert!(took < PATIENCE, "{name}{pointer}: {hostile} takes {took:?}");
                if pointer.starts_with("/contracts/0/") {
                    let problem = format!("{name}{pointer}: {hostile}");
                    assert_eq!(answered, Ok(sound.clone()), "{problem}: the neighbour does not stay");
                }
            }
        }
    }
}

/// A terminal must not do what a document says.
#[test]
fn what_would_move_the_cursor_is_shown_as_its_number() {
    let long = "a".repeat(1_000);
    for (pointer, hostile, shown) in [
        ("/contracts/0/product", r#""\u001b[2J""#, r"contracts[0].product: `\u{1b}[2J` is unknown"),
        ("/contracts/0/effectiveDate", r#""2025\n04""#, r"contracts[0].effectiveDate: `2025\u{a}04` is not a date"),
        ("/contracts/0/effectiveDate", r#""\ud800""#, r#"contracts[0].effectiveDate: `"\ud800"` is not a text"#),
        (
            "/contracts/0/calendars",
            r#"{"\u202e": 1, "exchange": "XNYS", "payment": "XNYS"}"#,
            r"contracts[0].calendars.\u{202e}: is not known",
        ),
        (
            "/contracts/0/calendars",
            &format!(r#"{{"{long}": 1, "exchange": "XNYS", "payment": "XNYS"}}"#),
            &format!(".calendars.{}...: is", &long[..200]),
        ),
    ] {
        let document =
            read_document(with(&example("equity-swap"), pointer, hostile).as_bytes()).expect("it is a document");
        let said = document.contracts[0].as_ref().expect_err("not a contract").invalid.to_string();
        assert!(said.contains(shown), "{said}");
    }
}

#[test]
fn thousands_of_calendars_are_not_joined() {
    let many = json!(["XNYS"; 3_000].join("+")).to_string();
    let json = with(&example("equity-swap"), "/contracts/0/calendars/exchange", &many);
    let document = read_document(json.as_bytes()).expect("it is a document");
    let said = document.contracts[0].as_ref().expect_err("not a contract").invalid.to_string();
    assert_eq!(said, "contracts[0].calendars.exchange: joins 3000 calendars; allowed: up to 8");
}

#[test]
fn what_is_nested_deeper_than_any_document_is_refused_where_it_stands() {
    let document = doubled("equity-swap");
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let sound = answer(&document.to_string()).expect("the example can be read");
    assert_eq!(answer(&with(&document, "/contracts/0/trades", &deep)), Ok(sound.clone()));
    assert!(answer(&with(&document, "/marketData/prices/ACME", &deep)).is_ok_and(|flows| flows.len() == sound.len()));
}
