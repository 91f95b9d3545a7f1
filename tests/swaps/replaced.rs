//! Interest of a period in which lots settle: the replaced service counted only lots that settle within the period.

use bookflow::domain::lots::given::{Deal, GivenLot};
use bookflow::domain::names::LotId;
use bookflow::domain::rates::terms::RateTerms;
use bookflow::domain::swap::agreement::{Agreement, Held};
use bookflow::domain::swap::flow::Kind;
use bookflow::domain::swap::terms::Swap;
use rust_decimal::Decimal;
use serde_json::Value;

use crate::fixture::{agreement, day, decimal, interest, market, minor, on, swap};

/// The lots of golden NOT-06: one settles within the period, one after it.
fn golden() -> Value {
    let golden: Value =
        serde_json::from_str(include_str!("../golden/replaced/lot_notional.json")).expect("a golden file is JSON");
    let mut cases = golden["cases"].as_array().expect("a golden file has cases").iter();
    cases.find(|case| case["id"] == "NOT-06").expect("the golden file has the case").clone()
}

fn given(lot: &Value) -> GivenLot {
    let text = |field: &str| lot[field].as_str().expect("the case has it");
    let settle_date = day(text("settlementDate"));
    GivenLot {
        id: LotId::new(text("lotId")).expect("a name"),
        quantity: decimal(&lot["quantity"].to_string()),
        opened: Deal { trade_date: settle_date, settle_date, price: decimal(&lot["costPrice"].to_string()) },
        closes: Vec::new(),
    }
}

/// Interest of 3.6 % on a notional is a ten-thousandth of it a night.
fn nightly(inputs: &Value) -> Swap {
    let [start, end] = ["start", "end"].map(|field| inputs[field].as_str().expect("the case has a period"));
    let mut terms = swap();
    let financing = terms.financing.as_mut().expect("financed");
    (financing.long.rate, financing.long.spread) = (RateTerms::Fixed(decimal("0.036")), decimal("0"));
    (terms.effective, terms.dividends) = (day(start), None);
    terms.equity.valuation_dates.clear();
    terms.interest_periods = vec![interest(start, end, Some(end))];
    terms
}

#[test]
fn a_lot_bears_interest_from_its_settlement_and_one_settled_before_the_period_all_of_it() {
    let case = golden();
    let inputs = &case["inputs"];
    let mut lots: Vec<GivenLot> = inputs["lots"].as_array().expect("the case lists lots").iter().map(given).collect();
    let before = Deal { trade_date: day("2024-01-03"), settle_date: day("2024-01-05"), ..lots[0].opened };
    lots.push(GivenLot { id: LotId::new("BEFORE").expect("a name"), opened: before, ..lots[0].clone() });

    let agreement = Agreement { held: Held::Lots(lots), ..agreement(nightly(inputs), &[]) };
    let end = inputs["end"].as_str().expect("the case has a period");
    on(&agreement, &mut market(&[(end, "150")]), end, |book| {
        let notional = decimal(&case["expected_repo"].to_string());
        let nights = |count: i64| -notional * Decimal::from(count) / decimal("10000") * decimal("100");
        // By age: ten nights of the one that had settled, eight of the one that settles on the 12th, none of the last.
        let borne: Vec<Decimal> = minor(book, Kind::Interest).into_iter().map(Decimal::from).collect();
        assert_eq!(borne, [nights(10), nights(8)]);
    });
}
