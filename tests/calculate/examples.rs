//! Every example of the documentation gives what stands beside it, and what the golden cases say.

use std::fs;

use serde_json::{Value, json};

use crate::binary::{answer, command};
use crate::{EXAMPLES, calculated, documentation, example};

#[test]
fn examples_give_what_stands_beside_them() {
    for name in EXAMPLES {
        let shown = answer(command(&documentation(), &[], &["calculate", &format!("{name}.json")]));
        assert_eq!(shown.code, 0, "{}{}", shown.out, shown.err);
        let expected = fs::read_to_string(documentation().join(format!("{name}.expected.txt"))).expect("stands there");
        assert_eq!(shown.out, expected, "{name}");
    }
}

/// Amounts of one kind, in their order.
fn amounts<'a>(answer: &'a Value, kind: &str) -> Vec<&'a str> {
    let flows = answer["flows"].as_array().expect("a list");
    flows.iter().filter(|flow| flow["kind"] == kind).map(|flow| flow["amount"].as_str().unwrap_or("none")).collect()
}

/// Golden 25: a long receives price return and 85 % of the dividend, and pays the compounded rate with its spread.
#[test]
fn the_total_return_swap_is_golden_case_25() {
    let answer = calculated(&example("total-return-swap"));
    assert_eq!(amounts(&answer, "EQUITY_PERFORMANCE")[0], "25000.00");
    assert_eq!(amounts(&answer, "DIVIDEND"), ["3400.00"]);
    assert_eq!(amounts(&answer, "INTEREST"), ["-2153.84"]);
    let total = answer["totals"].as_array().expect("a list").iter().find(|total| total["status"] == "REALISED");
    assert_eq!(total.expect("a total")["amount"], "26246.16");
}

/// Golden 24: three lots of which 600 units of the first are closed, each slice compounded on its own.
#[test]
fn the_equity_swap_pays_the_interest_of_golden_case_24() {
    let answer = calculated(&example("equity-swap"));
    let mut interest = amounts(&answer, "INTEREST");
    interest.sort_unstable();
    assert_eq!(interest, ["-146.79", "-148.46", "-156.41", "-169.87"]);
}

#[test]
fn a_swap_that_has_ended_earns_nothing_more() {
    let mut document = example("equity-swap");
    document["valuationDate"] = "2025-06-30".into();
    let answer = calculated(&document);
    assert_eq!(answer["flows"], calculated(&example("equity-swap"))["flows"]);
    assert_eq!(answer["totals"].as_array().map(Vec::len), Some(1), "realised ones alone");
}

/// Golden 31 has the borrow fee of this short on the same closes; its rebate stands on the proceeds, that of a CFD on the market value:
/// 2000 / 360 x (75.00 x 0.0393 + 3 x 74.10 x 0.0400 + 76.25 x 0.0402 + 75.80 x 0.0398).
#[test]
fn the_cfd_pays_the_borrow_fee_of_golden_case_31_and_receives_a_rebate_on_its_market_value() {
    let answer = calculated(&example("cfd"));
    assert_eq!(amounts(&answer, "BORROW_FEE"), ["-81.13"]);
    assert_eq!(amounts(&answer, "SHORT_REBATE"), ["99.56"]);
    assert_eq!(amounts(&answer, "EQUITY_PERFORMANCE"), ["-1000.00"]);
}

/// Golden 28: an underlier in euro, amounts in dollars, converted in three ways.
#[test]
fn two_currencies_meet_as_in_golden_case_28() {
    let performance = |mode: Value| {
        let mut document = example("equity-swap");
        let contract = &mut document["contracts"][0];
        (contract["priceCurrency"], contract["settlementCurrency"]) = ("EUR".into(), "USD".into());
        contract["fx"] = mode;
        contract["trades"] = json!([{
            "tradeId": "L1", "side": "BUY", "quantity": 5000, "price": "40.00", "tradeDate": "2025-04-01",
            "settlementDate": "2025-04-02",
        }]);
        document["marketData"]["prices"]["ACME"] = json!({ "2025-04-29": "42.00" });
        document["marketData"]["fx"] = json!({ "WM": { "EUR/USD": { "2025-04-01": "1.08", "2025-04-29": "1.10" } } });
        amounts(&calculated(&document), "EQUITY_PERFORMANCE").join(" ")
    };
    assert_eq!(performance(json!({ "mode": "COMPOSITE", "fix": "WM" })), "15000.00");
    assert_eq!(performance(json!({ "mode": "CROSS_CURRENCY", "fix": "WM" })), "11000.00");
    assert_eq!(performance(json!({ "mode": "QUANTO", "rate": "1.08", "fix": "WM" })), "10800.00");
}
