//! Golden 36: minor units, rounding modes, allocation.

use bookflow::domain::money::{Currency, Money, Unit};
use bookflow::domain::number::rounding::Rounding;
use rust_decimal::Decimal;

use crate::case::Case;

#[test]
fn golden_36_money_rounds_in_the_mode_of_its_currency() {
    let case = Case::load("36_rounding_per_currency");
    for row in case.expected().at("values").items() {
        let currency = Currency::new(row.at("currency").text()).expect("a currency in use");
        row.at("minor_units").is(currency.decimals());
        let value = row.at("value").given().decimal();
        for (mode, rounding) in
            [("HALF_UP", Rounding::HalfUp), ("HALF_EVEN", Rounding::HalfEven), ("DOWN", Rounding::Down)]
        {
            let money = Money::round(value, Unit { currency, rounding }).expect("it fits");
            row.at(mode).is_text(&money.to_decimal().to_string());
        }
    }
    let (allocation, usd) = (case.expected().at("allocation"), Currency::new("USD").expect("in use"));
    let total = Money::round(allocation.at("total").given().decimal(), usd).expect("it fits");
    let weights = allocation.at("weights").given().items();
    assert!(weights.iter().all(|weight| weight.text() == "1/3"));
    let thirds: Vec<_> = (0..weights.len()).map(|id| (id, Decimal::ONE)).collect();
    let shares = total.allocate(&thirds).expect("weights above zero");
    for (expected, share) in allocation.at("largest_remainder").items().iter().zip(shares) {
        expected.is_text(&share.to_decimal().to_string());
    }
}
