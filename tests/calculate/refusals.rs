//! Bad input: where it stands, what is wrong, what is allowed; and the other contracts are calculated all the same.

use serde_json::{Value, json};

use crate::{calculate, calculate_text, calculated, example};

/// The total return swap with one value replaced.
fn with(pointer: &str, value: Value) -> Value {
    let mut document = example("total-return-swap");
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    match document.pointer_mut(parent).expect("is there") {
        Value::Object(members) => _ = members.insert(name.into(), value),
        Value::Array(items) => items[name.parse::<usize>().expect("an index")] = value,
        other => panic!("{other} has no members"),
    }
    document
}

#[test]
fn a_bad_value_is_named_with_its_path_and_what_is_allowed() {
    for (pointer, value, path, message) in [
        (
            "/contracts/0/product",
            json!("SWAP"),
            "contracts[0].product",
            "`SWAP` is unknown; allowed: EQUITY_SWAP, TOTAL_RETURN_SWAP, CFD",
        ),
        (
            "/contracts/0/equity/payementOffset",
            json!(2),
            "contracts[0].equity.payementOffset",
            "is not known here; allowed: returnType, notional, paymentOffset, unwindPayment, commission, disruption",
        ),
        ("/contracts/0/underlier", Value::Null, "contracts[0].underlier", "missing"),
        (
            "/contracts/0/trades/0/quantity",
            json!("1.00000000001"),
            "contracts[0].trades[0].quantity",
            "1.00000000001 has 11 decimals; allowed: 10",
        ),
        (
            "/contracts/0/trades/0/settlementDate",
            json!("2025-03-30"),
            "contracts[0].trades[0].settlementDate",
            "2025-03-30 is too early; allowed: 2025-03-31 and later",
        ),
        (
            "/contracts/0/valuationDates/0",
            json!("2025-02-30"),
            "contracts[0].valuationDates[0]",
            "`2025-02-30` is not a date; write it as 2024-01-31",
        ),
        (
            "/contracts/0/dividends",
            json!({ "reinvested": true, "currency": "EUR" }),
            "contracts[0].dividends.currency",
            "is not what the product has; allowed: the price currency, in which a reinvested dividend buys units",
        ),
        (
            "/contracts/0/valuationDates",
            json!({ "every": "0M" }),
            "contracts[0].valuationDates.every",
            "`0M` is no distance; allowed: 1M to 120M, 1Y to 10Y",
        ),
        (
            "/contracts/0/valuationDates",
            json!({ "every": "1M", "stub": "SHORT_FIRST" }),
            "contracts[0].valuationDates.stub",
            "`SHORT_FIRST` is unknown; allowed: SHORT_LAST, LONG_LAST",
        ),
        (
            "/contracts/0/settlementCurrency",
            json!("EUR"),
            "contracts[0].fx",
            "missing; prices are in USD, amounts in EUR",
        ),
        (
            "/contracts/0/equity/returnType",
            json!("PRICE"),
            "contracts[0].equity.returnType",
            "is not what the product has; allowed: TOTAL, or the product EQUITY_SWAP",
        ),
        (
            "/contracts/0/lots",
            json!([]),
            "contracts[0]",
            "has nothing under it, or both kinds; allowed: one of trades, lots",
        ),
        (
            "/contracts/0/tradeFees",
            json!([{ "kind": "TICKET" }]),
            "contracts[0].tradeFees[0]",
            "is charged in no way or in several; allowed: one of rate, perUnit, fixed",
        ),
        (
            "/contracts/0/breakFee",
            json!({ "fixed": "100", "rate": "0.001" }),
            "contracts[0].breakFee",
            "is charged in no way or in several; allowed: one of fixed, rate, spread",
        ),
        (
            "/contracts/0/breakFee",
            json!({ "fixed": "100" }),
            "contracts[0].breakFee",
            "is not what the product has; allowed: none: what is open-ended has no date before which it could end",
        ),
        (
            "/contracts/0/breakFee",
            json!({ "rate": "0.001", "yearDays": 365 }),
            "contracts[0].breakFee.yearDays",
            "means something with spread only",
        ),
        (
            "/contracts/0/equity/disruption",
            json!({ "postponeTradingDays": 0 }),
            "contracts[0].equity.disruption.postponeTradingDays",
            "0 trading days; allowed: 1 to 23",
        ),
        (
            "/contracts/0/equity/disruption",
            json!("WAIT"),
            "contracts[0].equity.disruption",
            "`WAIT` is unknown; allowed: FALLBACK_PRICE",
        ),
        (
            "/contracts/0/dividends/withholding",
            json!("NET_AMOUNT"),
            "contracts[0].dividends",
            "has two measures; allowed: one of payoutRatioLong, withholding",
        ),
        (
            "/contracts/0/financing/long/dayCountCalendar",
            json!("MARKET"),
            "contracts[0].financing.long.dayCountCalendar",
            "means something with dayCount BUS/252 only",
        ),
        (
            "/contracts/0/equity/commission",
            json!("PRICE"),
            "contracts[0].equity.commission",
            "PRICE needs a rate; allowed: a fee of kind COMMISSION with a rate in tradeFees, or OWN_FLOW",
        ),
    ] {
        let answer = calculate(&with(pointer, value), &["--json"]);
        assert_eq!(answer.code, 7, "{}{}", answer.out, answer.err);
        let rows = &answer.object()["rows"];
        assert_eq!(rows[0]["path"], path, "{rows}");
        assert_eq!(rows[0]["message"], format!("{message}; the contract is not calculated"));
        assert_eq!((&rows[0]["severity"], &rows[0]["code"]), (&json!("ERROR"), &json!("UNREADABLE")));
        assert_eq!(rows[0]["contract"], "TRS-1");
    }
}

#[test]
fn other_contracts_are_calculated_all_the_same() {
    let mut document = example("total-return-swap");
    let mut bad = document["contracts"][0].clone();
    bad["contractId"] = json!("TRS-2");
    bad["product"] = json!("SWAP");
    let twin = document["contracts"][0].clone();
    let alone = calculated(&document);
    document["contracts"] = json!([bad, document["contracts"][0], twin]);
    let answer = calculated(&document);
    assert_eq!(answer["flows"], alone["flows"]);
    assert_eq!(answer["rows"][0]["path"], "contracts[0].product");
    assert_eq!(answer["rows"][1]["path"], "contracts[2].contractId");
    assert_eq!(
        answer["rows"][1]["message"],
        "TRS-1 is listed before; give each contract its own id; the contract is not calculated"
    );
}

#[test]
fn a_series_that_cannot_be_read_blocks_only_what_needs_it() {
    let answer = calculate(&with("/marketData/indices/USD-ON/fixings/2025-04-18", json!("0.0435")), &["--json"]);
    assert_eq!(answer.code, 7);
    let answer = answer.object();
    assert_eq!(answer["rows"][0]["path"], "marketData.indices.USD-ON.fixings.2025-04-18");
    assert_eq!(
        answer["rows"][0]["message"],
        "2025-04-18 is no business day of the index's calendar; the series is left out, and what needs it is blocked"
    );
    for flow in answer["flows"].as_array().expect("a list") {
        let blocked = flow["blocked"]["code"].as_str();
        assert_eq!(blocked, (flow["kind"] == "INTEREST").then_some("MISSING_FIXING"), "{flow}");
        assert_eq!(flow["amount"].is_null(), blocked.is_some());
    }
}

#[test]
fn a_missing_price_blocks_the_flow_and_the_answer_says_what_to_do() {
    let mut document = example("total-return-swap");
    document["marketData"]["prices"]["ACME"] = json!({ "2025-05-02": "52.75" });
    let answer = calculate(&document, &["--json"]);
    assert_eq!(answer.code, 7);
    let flows = answer.object()["flows"].clone();
    let reset = &flows[0];
    assert_eq!(reset["blocked"]["code"], "MISSING_PRICE");
    assert_eq!(reset["blocked"]["message"], "no price of ACME for 2025-04-30; add it");
}

#[test]
fn a_trade_that_capture_refuses_is_a_row() {
    let mut document = example("total-return-swap");
    let cancelled = json!({ "tradeId": "T9", "version": 1, "event": "CANCEL" });
    document["contracts"][0]["trades"].as_array_mut().expect("a list").push(cancelled);
    let answer = calculated(&document);
    assert_eq!(answer["rows"][0]["code"], "FIRST_VERSION_NOT_NEW");
    assert_eq!((&answer["rows"][0]["lot"], &answer["rows"][0]["path"]), (&json!("T9"), &json!("contracts[0].trades")));
    assert_eq!(answer["flows"], calculated(&example("total-return-swap"))["flows"]);
}

#[test]
fn a_tax_is_a_fraction_with_a_jurisdiction() {
    for (withholding, path, message) in [
        (
            json!({ "rate": "15", "jurisdiction": "US" }),
            ".rate",
            "15 leaves nothing; allowed: a fraction below 1, 0.15 is 15 %",
        ),
        (json!({ "rate": "-0.15", "jurisdiction": "US" }), ".rate", "-0.15 is too low; allowed: 0 and more"),
        (json!({ "rate": "0.15" }), ".jurisdiction", "missing"),
    ] {
        let answer = calculated(&with("/marketData/dividends/ACME/0/withholding", withholding));
        let row = &answer["rows"][0];
        assert_eq!(row["path"], format!("marketData.dividends.ACME[0].withholding{path}"));
        let message = format!("{message}; the series is left out, and what needs it is blocked");
        assert_eq!(row["message"], message);
    }
}

#[test]
fn days_without_a_close_that_cannot_be_read_refuse_the_document() {
    let answer = calculate(&with("/marketData/disruptedDays", json!({ "ACME": ["2025-04-31"] })), &[]);
    assert_eq!(answer.code, 7);
    let message = "marketData.disruptedDays.ACME[0]: `2025-04-31` is not a date";
    assert!(answer.err.contains(message), "{}", answer.err);
}

#[test]
fn a_document_that_is_none_is_one_error() {
    for (document, message) in [
        ("{", "document.json: document: is not JSON: EOF while parsing"),
        (r#"{"valuationDate": NaN}"#, "document.json: document: is not JSON: expected value"),
        ("[]", "document.json: document: `[]` is not an object"),
        (r#"{"contracts": []}"#, "document.json: valuationDate: missing"),
        (
            r#"{"valuationDate": "2025-05-02", "contracts": [], "contract": []}"#,
            "document.json: contract: is not known here; allowed:",
        ),
        (
            r#"{"valuationDate": "2025-05-02", "valuationDate": "2025-05-02"}"#,
            "document.json: valuationDate: is there twice; keep one",
        ),
    ] {
        let answer = calculate_text(document, &[]);
        assert_eq!(answer.code, 7, "{}", answer.err);
        assert!(answer.err.contains(message) && answer.err.contains("next: mend the file"), "{}", answer.err);
    }
}
