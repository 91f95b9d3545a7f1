//! The forms of an answer: explanations, CSV, and a request of the replaced service.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::{calculate, calculate_text, calculated, example};

fn flow<'a>(answer: &'a Value, kind: &str) -> &'a Value {
    let mut flows = answer["flows"].as_array().expect("a list").iter();
    flows.find(|flow| flow["kind"] == kind).expect("such a flow")
}

#[test]
fn an_explanation_ends_with_the_amount_of_its_flow() {
    let document = example("total-return-swap");
    let answer = calculate(&document, &["--json", "--explain", "all"]).object();
    let explanations = answer["explanations"].as_array().expect("a list");
    assert_eq!(explanations.len(), answer["flows"].as_array().expect("a list").len());
    for (flow, explanation) in answer["flows"].as_array().expect("a list").iter().zip(explanations) {
        assert_eq!(flow["id"], explanation["id"]);
        let last = explanation["lines"].as_array().and_then(|lines| lines.last()).expect("a line");
        let amount =
            format!("{} {}", flow["amount"].as_str().expect("an amount"), flow["currency"].as_str().expect("one"));
        assert_eq!(last["value"], amount, "{explanation}");
    }
}

#[test]
fn one_flow_is_explained_by_the_beginning_of_its_id() {
    let document = example("total-return-swap");
    let id = flow(&calculated(&document), "DIVIDEND")["id"].as_str().expect("an id").to_owned();
    let answer = calculate(&document, &["--explain", &id[..8]]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    assert!(answer.out.starts_with(&id), "{}", answer.out);
    assert!(answer.out.contains("3400.00 USD") && !answer.out.contains("INTEREST"), "{}", answer.out);
    let unknown = calculate(&document, &["--explain", "zz"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.err.contains("no calculated flow has an id that begins with zz"), "{}", unknown.err);
}

/// The total return swap whose valuation date gave no close.
fn disrupted(policy: Value) -> Value {
    let mut document = example("total-return-swap");
    document["contracts"][0]["equity"]["disruption"] = policy;
    document["marketData"]["disruptedDays"] = json!({ "ACME": ["2025-04-30"] });
    document["marketData"]["prices"]["ACME"] = json!({ "2025-05-01": "52.60", "2025-05-02": "52.75" });
    document
}

#[test]
fn a_disrupted_valuation_is_never_silent() {
    let postponed = disrupted(json!({ "postponeTradingDays": 8 }));
    let answer = calculate(&postponed, &["--json"]);
    assert_eq!(answer.code, 0, "{}", answer.out);
    let answer = answer.object();
    let row = &answer["rows"][0];
    assert_eq!((&row["severity"], &row["code"]), (&json!("WARNING"), &json!("DISRUPTED_VALUATION")));
    assert_eq!(row["message"], "disrupted valuation of 2025-04-30 postponed to 2025-05-01");
    let first = |answer: &Value| {
        ["end", "payment_date", "amount"].map(|member| answer["flows"][0][member].as_str().unwrap_or("-").to_owned())
    };
    assert_eq!(first(&answer), ["2025-05-01", "2025-05-05", "26000.00"]);
    assert_eq!(flow(&answer, "INTEREST")["end"], "2025-05-05", "interest periods end with the payments");

    let mut fallback = disrupted(json!("FALLBACK_PRICE"));
    let blocked = |document: &Value| calculated(document)["flows"][0]["blocked"]["code"].clone();
    assert_eq!(blocked(&fallback), "MISSING_FALLBACK_PRICE");
    fallback["marketData"]["fallbackPrices"] = json!({ "ACME": { "2025-04-30": "52.40" } });
    assert_eq!(first(&calculated(&fallback)), ["2025-04-30", "2025-05-02", "24000.00"]);
    assert_eq!(blocked(&disrupted(Value::Null)), "MISSING_TERM");
}

#[test]
fn a_dividend_shows_gross_amount_tax_and_what_is_paid() {
    let mut document = example("total-return-swap");
    document["contracts"][0]["dividends"] = json!({ "withholding": "TAX_CREDIT" });
    assert_eq!(flow(&calculated(&document), "DIVIDEND")["blocked"]["code"], "MISSING_WITHHOLDING");
    document["marketData"]["dividends"]["ACME"][0]["withholding"] = json!({ "rate": "0.15", "jurisdiction": "US" });
    let answer = calculate(&document, &["--json", "--explain", "all"]).object();
    let dividend = flow(&answer, "DIVIDEND");
    assert_eq!(dividend["amount"], "3400.00");
    let explanations = answer["explanations"].as_array().expect("a list");
    let explained = explanations.iter().find(|one| one["id"] == dividend["id"]).expect("it is explained");
    let lines = explained["lines"].as_array().expect("a list");
    for (name, value) in [
        ("withholding rate US 2025-04-15 v1", "0.15"),
        ("gross dividend", "4000.00 USD"),
        ("tax at source that can be reclaimed, unrounded", "600"),
        ("dividend after tax", "3400.00 USD"),
    ] {
        assert!(lines.iter().any(|line| line["name"] == name && line["value"] == value), "{name} {value}: {explained}");
    }
}

#[test]
fn a_break_fee_is_a_flow_of_the_closing_trade() {
    let mut document = example("equity-swap");
    document["contracts"][0]["breakFee"] = json!({ "spread": "0.0050", "yearDays": 365 });
    let answer = calculated(&document);
    let fees: Vec<&Value> =
        answer["flows"].as_array().expect("a list").iter().filter(|flow| flow["detail"] == "BREAK").collect();
    assert_eq!(fees.len(), 1, "one trade closes");
    let termination = document["contracts"][0]["terminationDate"].clone();
    assert_eq!(
        (&fees[0]["kind"], &fees[0]["end"], &fees[0]["status"]),
        (&json!("FEE"), &termination, &json!("REALISED"))
    );
    assert!(fees[0]["amount"].as_str().is_some_and(|amount| amount.starts_with('-')), "{}", fees[0]);
}

#[test]
fn csv_has_a_header_and_a_line_per_flow() {
    let mut document = example("total-return-swap");
    let answer = calculate(&document, &["--csv"]);
    let lines: Vec<&str> = answer.out.lines().collect();
    assert_eq!(
        lines[0],
        "id,contract,position,lot,closed_by,kind,detail,status,start,end,payment_date,currency,amount,unrounded,provisional,blocked"
    );
    assert_eq!(lines.len(), 1 + calculated(&document)["flows"].as_array().expect("a list").len());
    assert!(
        lines[1].ends_with(
            ",TRS-1,,T1,,EQUITY_PERFORMANCE,,REALISED,2025-03-31,2025-04-30,2025-05-02,USD,25000.00,25000,false,"
        ),
        "{}",
        lines[1]
    );
    document["marketData"]["dividends"]["ACME"][0]["gross"] = json!("much");
    let bad = calculate(&document, &["--csv"]);
    assert_eq!(bad.code, 7);
    assert!(
        bad.err.contains("marketData.dividends.ACME[0].gross: `much` is not an exact decimal number"),
        "{}",
        bad.err
    );
    assert_eq!(calculate(&document, &["--csv", "--json"]).code, 2);
}

/// Columns of the first line of a kind.
fn columns(csv: &str, kind: &str) -> Vec<String> {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let records: Vec<csv::StringRecord> = reader.records().map(|record| record.expect("a record")).collect();
    let found = records.iter().find(|record| &record[5] == kind).expect("such a flow");
    found.iter().map(str::to_owned).collect()
}

#[test]
fn csv_says_why_a_flow_is_blocked_and_quotes_what_would_break_a_line() {
    let mut document = example("total-return-swap");
    document["contracts"][0]["contractId"] = json!("TRS, \"the first\"");
    document["marketData"]["dividends"] = json!({});
    document["marketData"]["prices"]["ACME"] = json!({ "2025-05-02": "52.75" });
    let answer = calculate(&document, &["--csv"]);
    assert_eq!(answer.code, 7, "{}", answer.err);
    let blocked = columns(&answer.out, "EQUITY_PERFORMANCE");
    assert_eq!(
        (blocked[1].as_str(), &blocked[12..]),
        ("TRS, \"the first\"", &["", "", "", "MISSING_PRICE"].map(String::from)[..])
    );
    let sound = columns(&answer.out, "INTEREST");
    assert_eq!((sound[12].as_str(), sound[14].as_str(), sound[15].as_str()), ("-2153.84", "false", ""));
}

#[test]
fn lots_that_leave_are_no_line_of_a_table_and_are_told_beside_it() {
    let answer = calculate(&example("split-and-transfer"), &["--csv"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    assert!(answer.err.contains("moved by ES-2 X1 on 2025-04-25: 800 ACME at 52 to OTHER-BOOK"), "{}", answer.err);
    assert_eq!(
        answer.out.lines().count(),
        1 + calculated(&example("split-and-transfer"))["flows"].as_array().expect("a list").len()
    );
}

#[test]
fn standard_input_is_read_for_a_dash_and_a_missing_file_is_named() {
    let answer = crate::binary::run(&["calculate", "no-such-file.json"]);
    assert_eq!(answer.code, 1);
    assert!(answer.err.contains("no-such-file.json"), "{}", answer.err);
    let empty = crate::binary::run(&["calculate", "-"]);
    assert!(empty.err.contains("-: document: is not JSON"), "{}", empty.err);
}

#[test]
fn a_request_of_the_replaced_service_is_calculated_as_a_job_would_be() {
    let request = json!({
        "requestId": "R1", "calculationDate": "2024-03-15", "calculationType": "REAL_TIME_PROCESSING",
        "contractPositions": [{
            "contractId": "C1", "underlying": "IBM", "type": "EQUITY_SWAP", "currency": "USD",
            "startDate": "2024-01-02", "endDate": "2024-12-31",
            "positions": [{
                "positionId": "P1", "type": "EQUITY_LEG",
                "lots": [{ "lotId": "L1", "quantity": 100, "costPrice": 180.5, "costDate": "2024-01-02", "settlementDate": "2024-01-04" }]
            }]
        }],
        "marketData": { "data": { "securities": [{ "symbol": "IBM", "basePrice": 191.25, "baseDate": "2024-03-15" }] } }
    });
    let answer = calculate(&request, &["--json", "--explain", "all"]);
    assert_eq!(answer.code, 0, "{}{}", answer.out, answer.err);
    let answer = answer.object();
    let flow = flow(&answer, "EQUITY_PERFORMANCE");
    assert_eq!((&flow["amount"], &flow["position"], &flow["lot"]), (&json!("1075.00"), &json!("P1"), &json!("L1")));
    assert_eq!(answer["explanations"][0]["lines"][3]["value"], "1075.00");
    let cut_off = calculate_text(r#"{"contractPositions": [{"contractId": "C1"}]}"#, &[]);
    assert_eq!(cut_off.code, 7);
    assert!(cut_off.err.contains("requestId: missing"), "{}", cut_off.err);
}

#[test]
fn the_readme_shows_what_is_calculated() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).expect("can be read");
    let expected = fs::read_to_string(root.join("docs/calculate/total-return-swap.expected.txt")).expect("can be read");
    assert!(readme.contains(expected.trim_end()), "the README's example is not what is calculated");
}

/// 3400.00 is paid on 2 May at 52.75: 64.4549763033 units, worth at once what the dividend was.
#[test]
fn a_reinvested_dividend_shows_in_the_performance_and_not_in_cash() {
    let mut document = example("total-return-swap");
    document["contracts"][0]["dividends"]["reinvested"] = true.into();
    let answer = calculated(&document);
    assert_eq!(flow(&answer, "DIVIDEND")["amount"], "3400.00");
    assert_eq!(flow(&answer, "REINVESTMENT")["amount"], "-3400.00");
    let total = |status: &str| {
        let totals = answer["totals"].as_array().expect("a list");
        totals.iter().find(|total| total["status"] == status).expect("a total")["amount"].clone()
    };
    assert_eq!((total("REALISED"), total("ACCRUED")), ("22846.16".into(), "5900.00".into()));
}
