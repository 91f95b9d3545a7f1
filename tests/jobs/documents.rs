//! Documents as jobs: chunks of any size come to what the whole document does, and what cannot be read is a row of its own.

use std::collections::BTreeSet;

use bookflow::domain::flows::row::FlowRow;
use bookflow::domain::jobs::job::{Calculation, Job, JobId, Lane};
use bookflow::domain::jobs::notice::NoticeCode;
use bookflow::domain::jobs::split::{Cut, Plan, SplitLimits};
use bookflow::domain::jobs::totals::{ControlTotals, Counts};
use bookflow::domain::swap::flows::Book;
use bookflow::domain::swap::held::Holding;
use bookflow::messages::any_chunk::{AnyChunk, DocumentChunk};
use bookflow::messages::document::read_document;
use bookflow::messages::document::split::Splitter;
use bookflow::messages::document::stream::{has_its_shape, read_head, stream_contracts};
use bookflow::pipeline::calculate::calculated;
use serde_json::{Value, json};

struct Run {
    chunks: Vec<(Lane, DocumentChunk)>,
    plan: Plan,
    flows: Vec<FlowRow>,
    totals: ControlTotals,
    /// `CODE contract field`.
    rows: Vec<String>,
}

fn run(document: &[u8], limits: SplitLimits) -> Run {
    let head = read_head(document).expect("the test's document can be read");
    let job = Job {
        id: JobId::new("J").expect("a name"),
        request: head.request,
        valuation_date: head.valuation_date,
        calculation: Calculation::Valuation,
    };
    let mut splitter = Splitter::new(job, &head.frame, limits);
    let mut chunks = Vec::new();
    for notice in head.notices {
        chunks.extend(splitter.notice(notice));
    }
    let read = stream_contracts(document, |contract| -> Result<(), String> {
        chunks.extend(splitter.take(contract));
        Ok(())
    });
    read.expect("the test's contracts can be read");
    let (last, plan) = splitter.finish();
    chunks.extend(last);
    let (mut flows, mut totals, mut rows) = (Vec::new(), ControlTotals::default(), Vec::new());
    for (_, chunk) in &chunks {
        let came_to = calculated(&AnyChunk::OfDocument(chunk.clone())).expect("it can be read");
        let mut published = ControlTotals::default();
        came_to.flows.iter().for_each(|flows| published.add_contract(flows));
        let told = &came_to.result.totals;
        assert_eq!((published.flows, &published.sums, published.hash), (told.flows, &told.sums, told.hash));
        flows.extend(came_to.flows.into_iter().flat_map(|contract| contract.rows));
        totals.merge(&came_to.result.totals);
        rows.extend(came_to.result.rows.iter().map(|row| {
            let contract = row.contract.as_ref().map(ToString::to_string).unwrap_or_default();
            format!("{} {contract} {}", row.code.name(), row.field)
        }));
    }
    rows.sort();
    Run { chunks, plan, flows, totals, rows }
}

fn limits(chunk_positions: usize) -> SplitLimits {
    SplitLimits { chunk_positions, ..SplitLimits::default() }
}

/// What the document comes to as a whole.
fn whole(document: &[u8]) -> Vec<FlowRow> {
    let document = read_document(document).expect("the test's document can be read");
    let mut flows = Vec::new();
    for agreement in document.contracts.iter().flatten() {
        let (holding, _) = Holding::of(agreement);
        let book =
            Book::new(&agreement.swap, &holding, &document.market, document.valuation_date).expect("it is there");
        flows.extend(book.flows().into_iter().map(FlowRow::from));
    }
    flows
}

fn example(name: &str) -> Value {
    let path = format!("{}/docs/calculate/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).expect("it is there")).expect("it is JSON")
}

/// The contracts of all examples, with the market of each under names of its own.
fn examples() -> Value {
    let mut all = json!({"valuationDate": "2025-05-01", "contracts": [], "marketData": {}, "calendars": {}});
    for (number, name) in ["equity-swap", "total-return-swap", "cfd", "split-and-transfer"].into_iter().enumerate() {
        let text = example(name).to_string();
        let own = ["ACME", "USD-ON", "MARKET"]
            .into_iter()
            .fold(text, |text, word| text.replace(&format!("\"{word}\""), &format!("\"{word}-{number}\"")));
        let own: Value = serde_json::from_str(&own).expect("it is JSON");
        for contract in own["contracts"].as_array().expect("a list") {
            all["contracts"].as_array_mut().expect("a list").push(contract.clone());
        }
        merge(&mut all["marketData"], &own["marketData"]);
        merge(&mut all["calendars"], &own["calendars"]);
    }
    all
}

fn merge(into: &mut Value, from: &Value) {
    for (name, value) in from.as_object().into_iter().flatten() {
        match (into.get_mut(name), value) {
            (Some(known), Value::Object(_)) => merge(known, value),
            _ => into[name] = value.clone(),
        }
    }
}

#[test]
fn chunks_of_any_size_come_to_what_the_whole_document_does() {
    let document = examples();
    let bytes = document.to_string().into_bytes();
    let expected = whole(&bytes);
    assert!(expected.len() > 20);
    let contracts = document["contracts"].as_array().expect("a list").len();
    for size in [1, 2, 3, 500] {
        let run = run(&bytes, limits(size));
        assert_eq!(run.chunks.len(), contracts.div_ceil(size));
        assert_eq!(run.flows, expected, "chunks of {size}");
        assert_eq!(run.totals.counts, run.plan.counts);
        assert_eq!(run.plan.counts.contracts, contracts as u64);
        assert_eq!(run.plan.lane, Lane::Realtime);
    }
}

#[test]
fn a_chunk_brings_what_its_contracts_name_and_no_more() {
    let run = run(examples().to_string().as_bytes(), limits(1));
    let first: Value = serde_json::from_str(&run.chunks[0].1.around).expect("it is JSON");
    let names = |value: &Value| -> BTreeSet<String> {
        value.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(names(&first["marketData"]["prices"]), ["ACME-0".to_owned()].into());
    assert_eq!(names(&first["marketData"]["indices"]), ["USD-ON-0".to_owned()].into());
    assert_eq!(names(&first["calendars"]), ["MARKET-0".to_owned()].into());
}

#[test]
fn an_index_takes_its_calendar_along() {
    let mut document = example("equity-swap");
    document["calendars"]["FIXINGS"] = document["calendars"]["MARKET"].clone();
    document["marketData"]["indices"]["USD-ON"]["calendar"] = "FIXINGS".into();
    let bytes = document.to_string().into_bytes();
    assert_eq!(run(&bytes, limits(1)).flows, whole(&bytes));
}

#[test]
fn a_large_document_takes_the_batch_lane_and_is_cut_by_what_is_held() {
    let mut document = example("equity-swap");
    let contract = document["contracts"][0].clone();
    let many = (0..1_200).map(|number| {
        let mut contract = contract.clone();
        contract["contractId"] = format!("ES-{number}").into();
        contract
    });
    document["contracts"] = many.collect();
    let limits = SplitLimits { chunk_lots: 40, ..SplitLimits::default() };
    let run = run(document.to_string().as_bytes(), limits);
    assert_eq!(run.chunks.len(), 120, "ten contracts of four trades each");
    assert!(run.chunks.iter().all(|(lane, _)| *lane == Lane::Batch));
    assert_eq!(run.plan.counts, Counts { contracts: 1_200, positions: 1_200, lots: 4_800 });
}

#[test]
fn one_contract_that_cannot_be_read_keeps_none_of_the_others_back() {
    let mut document = examples();
    let expected = whole(document.to_string().as_bytes());
    let contracts = document["contracts"].as_array_mut().expect("a list");
    let mut twice = contracts[0].clone();
    twice["product"] = "CFD".into();
    contracts.insert(1, json!("no contract"));
    contracts.insert(2, twice);
    contracts.insert(3, json!({"contractId": "ODD", "product": "TULIP"}));
    let series = json!({"2025-04-30": "many"});
    document["marketData"]["prices"]["OTHER"] = series;
    // Not JSON inside, where cutting does not look.
    let text = document.to_string().replace("\"no contract\"", "{\"contractId\": \"TORN\", \"x\": tru}");
    let run = run(text.as_bytes(), limits(2));
    assert_eq!(run.flows, expected);
    assert_eq!(
        run.rows.into_iter().filter(|row| !row.starts_with("BLOCKED")).collect::<Vec<_>>(),
        [
            "DUPLICATE_ID ES-1 contracts[2].contractId",
            "UNREADABLE  contracts[1]",
            "UNREADABLE  marketData.prices.OTHER.2025-04-30",
            "UNREADABLE ODD contracts[3].underlier",
        ]
    );
}

#[test]
fn bytes_that_are_no_text_are_a_row_of_their_contract() {
    let document = examples().to_string();
    let mut bytes = document.clone().into_bytes();
    let at = document.find("\"contractId\":\"ES-1\"").expect("the first contract") + "\"contractId\":\"".len();
    bytes[at] = 0xff;
    let run = run(&bytes, limits(2));
    let others = whole(document.as_bytes()).into_iter().filter(|flow| flow.contract.as_str() != "ES-1");
    assert_eq!(run.flows, others.collect::<Vec<_>>());
    assert!(run.rows.iter().any(|row| row == "UNREADABLE  contracts[0]"), "{:?}", run.rows);
}

#[test]
fn what_has_no_amount_is_a_row_and_a_flow_without_one() {
    let mut document = example("equity-swap");
    document["marketData"]["prices"] = json!({});
    let bytes = document.to_string().into_bytes();
    let run = run(&bytes, limits(500));
    assert_eq!(run.flows, whole(&bytes));
    let blocked = run.flows.iter().filter(|flow| flow.result.is_err()).count();
    assert!(blocked > 0);
    assert_eq!(run.totals.errors, blocked as u64);
    assert!(run.rows.iter().all(|row| row.starts_with(NoticeCode::Blocked.name())));
}

#[test]
fn a_contract_that_fits_no_record_is_a_row() {
    let mut document = examples();
    let days = (0..400_000).map(|day| (format!("day {day}"), json!("1")));
    document["marketData"]["prices"]["ACME-1"] = Value::Object(days.collect());
    let run = run(document.to_string().as_bytes(), limits(500));
    assert!(run.rows.iter().any(|row| row == "UNSUPPORTED TRS-1 contracts[1]"), "{:?}", run.rows);
    assert!(run.flows.iter().any(|flow| flow.contract.as_str() == "ES-1"));
}

#[test]
fn what_is_wrong_around_the_contracts_is_an_error_of_the_document() {
    let refused = |document: &Value| {
        let bytes = document.to_string();
        assert!(has_its_shape(bytes.as_bytes()).expect("it is JSON"));
        read_head(bytes.as_bytes()).err().map(|error| error.to_string()).expect("it is refused")
    };
    let document = example("equity-swap");
    let with = |member: &str, value: Value| {
        let mut document = document.clone();
        document[member] = value;
        document
    };
    assert_eq!(
        refused(&with("valuationDate", json!("soon"))),
        "valuationDate: `soon` is not a date; write it as 2024-01-31"
    );
    assert!(refused(&with("requestId", json!("J"))).starts_with("requestId: is not known here"));
    assert!(refused(&with("contracts", json!(5))).starts_with("the request is not JSON: expected `[`"));
    assert!(refused(&json!({"valuationDate": "2025-01-02"})).starts_with("contracts: missing"));
    let cut = document.to_string();
    assert!(read_head(&cut.as_bytes()[..cut.len() - 2]).is_err());
    let twice = cut.replacen('{', "{\"contracts\": [], ", 1);
    assert_eq!(
        read_head(twice.as_bytes()).err().map(|error| error.to_string()).expect("refused"),
        "contracts: is there twice; keep one"
    );
}

#[test]
fn the_shape_of_a_file_is_told_by_its_first_member_of_one_kind() {
    let shape = |text: &str| has_its_shape(text.as_bytes()).ok();
    assert_eq!(shape(r#"{"contracts": [1, {}], "marketData": {}, "valuationDate": 5}"#), Some(true));
    assert_eq!(shape(r#"{"contracts": [], "lots": [], "calculationDate": 5}"#), Some(false));
    assert_eq!(shape(r#"{"contractPositions": [}"#), Some(false), "the reader of requests says what is wrong");
    assert_eq!(shape("{}"), Some(false));
    assert_eq!(shape("[]"), None);
}

#[test]
fn a_deep_contract_is_a_row_and_a_number_without_end_is_refused() {
    let mut document = examples();
    let expected = whole(document.to_string().as_bytes());
    let mut huge = document["contracts"][0].clone();
    huge["contractId"] = "HUGE".into();
    huge["trades"][0]["quantity"] = "9".repeat(400).into();
    let contracts = document["contracts"].as_array_mut().expect("a list");
    contracts.push(huge);
    contracts.push(json!("deep"));
    let deep = format!("{{\"contractId\": \"DEEP\", \"x\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let run = run(document.to_string().replace("\"deep\"", &deep).as_bytes(), limits(500));
    assert_eq!(run.flows, expected);
    let unreadable: Vec<_> = run.rows.iter().filter(|row| row.starts_with("UNREADABLE")).collect();
    assert_eq!(unreadable, ["UNREADABLE DEEP contracts[6]", "UNREADABLE HUGE contracts[5].trades[0].quantity"]);
}
