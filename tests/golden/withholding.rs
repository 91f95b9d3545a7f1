//! Tax at source: what the tests of the replaced service had right, and what its own reviewers said it had wrong.

use std::collections::BTreeMap;

use bookflow::domain::dividends::withholding::{Taxed, Treatment, tax};
use bookflow::domain::explain::pad::Silent;
use bookflow::domain::money::{Currency, Money};
use rust_decimal::Decimal;

use crate::json::Json;

type Entries = BTreeMap<String, Json>;

/// The cases of a golden file by their id.
fn cases(name: &str) -> BTreeMap<String, Entries> {
    let file = format!("{}/tests/golden/replaced/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let document = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
    let Json::Object(mut document) = Json::parse(&document) else { panic!("{file} is no object") };
    let cases = list(document.remove("cases").expect("a golden file has cases"));
    cases.into_iter().map(object).map(|case| (text(&case["id"]).to_owned(), case)).collect()
}

fn object(json: Json) -> Entries {
    let Json::Object(entries) = json else { panic!("an object is expected") };
    entries
}

fn list(json: Json) -> Vec<Json> {
    let Json::List(items) = json else { panic!("a list is expected") };
    items
}

fn text(json: &Json) -> &str {
    let (Json::Text(text) | Json::Word(text)) = json else { panic!("a text is expected") };
    text
}

fn number(json: &Json) -> Decimal {
    Decimal::from_str_exact(text(json)).expect("a golden number is a decimal")
}

fn currency(code: &str) -> Currency {
    Currency::new(code).expect("a currency in use")
}

fn dollars(amount: Decimal) -> Money {
    Money::round(amount, currency("USD")).expect("small numbers")
}

/// A deduction is taken where nothing is named.
fn treatment(name: Option<&Json>) -> Treatment {
    let name = match name {
        None | Some(Json::Null) => return Treatment::Deducted,
        Some(name) => text(name),
    };
    let found = Treatment::NAMES.iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("{name} is no treatment")).1
}

/// A dividend of a golden case: amount, rate in percent, treatment.
fn taxed(quantity: Decimal, dividend: &Entries) -> Taxed {
    let rate = number(&dividend["rate"]) / Decimal::ONE_HUNDRED;
    let (per_share, treatment) = (number(&dividend["amount"]), treatment(dividend.get("treatment")));
    tax(&mut Silent, quantity, per_share, rate, treatment, currency("USD")).expect("small numbers")
}

fn of_thousand(dividend: &Entries) -> Taxed {
    taxed(Decimal::ONE_THOUSAND, dividend)
}

/// The only dividend of a case of the lot test.
fn listed<'a>(cases: &'a BTreeMap<String, Entries>, id: &str) -> &'a Entries {
    let Json::Object(inputs) = &cases[id]["inputs"] else { panic!("inputs are an object") };
    let Json::List(dividends) = &inputs["dividends"] else { panic!("dividends are a list") };
    let [Json::Object(dividend)] = dividends.as_slice() else { panic!("one dividend is expected") };
    dividend
}

#[test]
fn cash_is_what_the_tax_leaves_of_the_gross_amount() {
    let cases = cases("dividend_lot_and_withholding");
    for id in ["WHT-01", "WHT-02", "WHT-03", "WHT-05", "WHT-07", "WHT-08"] {
        let taxed = of_thousand(listed(&cases, id));
        assert_eq!(taxed.cash.money, dollars(number(&cases[id]["expected_repo"])), "{id}");
        assert_eq!(taxed.cash.money.checked_add(taxed.tax), Some(taxed.gross), "{id}");
    }
}

#[test]
fn an_amount_declared_net_is_grossed_up_and_its_tax_is_told() {
    let taxed = of_thousand(listed(&cases("dividend_lot_and_withholding"), "WHT-02"));
    assert_eq!((taxed.gross.minor, taxed.tax.minor), (200_000, 30_000));
}

#[test]
fn a_tax_that_can_be_reclaimed_is_a_receivable_and_no_cash() {
    let taxed = of_thousand(listed(&cases("dividend_lot_and_withholding"), "WHT-04"));
    assert_eq!(
        (taxed.cash.money.minor, taxed.reclaimable.minor),
        (170_000, 30_000),
        "the replaced service booked 2,000 of cash"
    );
}

#[test]
fn the_details_of_the_replaced_service_where_it_was_right() {
    let mut cases = cases("withholding_details");
    let mut case = cases.remove("WHD-01").expect("the case is there");
    let (inputs, expected) =
        (object(case.remove("inputs").expect("inputs")), object(case.remove("expected").expect("expected")));
    let of_inputs = taxed(number(&inputs["quantity"]), &inputs);
    for (name, amount) in [("gross", of_inputs.gross), ("tax", of_inputs.tax), ("net", of_inputs.cash.money)] {
        assert_eq!(amount, dollars(number(&expected[name])), "{name}");
    }

    // Lots bought after the ex date get nothing of it: 1,000 and then 1,500 shares were entitled.
    let mut case = cases.remove("WHD-05").expect("the case is there");
    let mut inputs = object(case.remove("inputs").expect("inputs"));
    let dividends = list(inputs.remove("dividends").expect("dividends"));
    let expected = list(case.remove("expected_correct").expect("what is correct"));
    for ((dividend, expected), entitled) in dividends.into_iter().zip(expected).zip([1_000, 1_500]) {
        let (taxed, expected) = (taxed(Decimal::from(entitled), &object(dividend)), object(expected));
        let cash = expected.get("net_cash").or(expected.get("net")).expect("cash is expected");
        assert_eq!(taxed.cash.money, dollars(number(cash)));
        assert_eq!((taxed.gross, taxed.tax), (dollars(number(&expected["gross"])), dollars(number(&expected["tax"]))));
        let reclaimable = expected.get("reclaimable").map_or(Decimal::ZERO, number);
        assert_eq!(taxed.reclaimable, dollars(reclaimable));
    }
}

#[test]
fn the_tax_arithmetic_of_the_contract_level_test_is_per_share() {
    // As money its numbers mean nothing (a notional times a dividend per share); the deduction of 15 % is right.
    for (id, case) in cases("dividend_contract_level") {
        let Json::Object(inputs) = &case["inputs"] else { panic!("inputs are an object") };
        let Json::List(amounts) = &inputs["amounts"] else { panic!("amounts are a list") };
        let units = number(&inputs["notional"]) / Decimal::from(1_000_000);
        let cash: Decimal = amounts
            .iter()
            .map(|amount| {
                let dividend = Entries::from([
                    ("amount".to_owned(), Json::Text(text(amount).to_owned())),
                    ("rate".to_owned(), Json::Text(text(&inputs["withholdingRatePct"]).to_owned())),
                ]);
                // A million shares: the cents of a single share would be lost.
                taxed(units * Decimal::from(1_000_000), &dividend).cash.money.to_decimal()
            })
            .sum();
        assert_eq!(cash, number(&case["expected_repo"]) * Decimal::from(1_000_000), "{id}");
    }
}
