//! Fees: commission, stamp duty, a regulatory fee on sales, and what it costs to borrow a share.

use std::collections::BTreeMap;

use bookflow::domain::blocked::Blocked;
use bookflow::domain::explain::Value;
use bookflow::domain::explain::pad::{Kept, Silent};
use bookflow::domain::fees::daily::{DailyFee, DailyFeeKind, Nights};
use bookflow::domain::fees::trade::{Charge, FeeRounding, Sides, TradeFee, TradeFeeKind, Traded};
use bookflow::domain::lots::units::Units;
use bookflow::domain::market::carry::{Accepted, CarryForward, Quote};
use bookflow::domain::money::Currency;
use bookflow::domain::names::Symbol;
use bookflow::domain::trade::Side;
use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::case::{Case, Node};

fn currency() -> Currency {
    Currency::new("USD").expect("a currency in use")
}

fn side(text: &str) -> Side {
    match text {
        "BUY" => Side::Buy,
        "SELL" => Side::Sell,
        other => panic!("{other} is no side"),
    }
}

/// One basis point is a ten-thousandth.
fn from_bps(bps: Decimal) -> Decimal {
    bps / Decimal::from(10_000)
}

fn fee(row: &Node<'_>) -> TradeFee {
    let number = |name: &str| row.at(name).decimal();
    let optional = |name: &str| row.find(name).map(|node| node.decimal());
    let (kind, charge) = match row.at("model").text() {
        "bps" => {
            (TradeFeeKind::Commission, Charge::OnValue { rate: from_bps(number("bps")), minimum: optional("minimum") })
        }
        "per_share" => (
            TradeFeeKind::Commission,
            Charge::PerUnit { amount: number("per_share"), maximum_rate: optional("max_pct") },
        ),
        "stamp" => (TradeFeeKind::TransactionTax, Charge::OnValue { rate: number("pct"), minimum: None }),
        "sell_fee" => (TradeFeeKind::Regulatory, Charge::OnValue { rate: number("rate"), minimum: None }),
        other => panic!("{other} is no fee model"),
    };
    let sides = row.find("side").map_or(Sides::Both, |node| Sides::Only(side(node.text())));
    let rounding = optional("round_up_to").map_or(FeeRounding::MinorUnits, FeeRounding::UpTo);
    TradeFee { kind, charge, sides, rounding }
}

#[test]
fn commission_stamp_duty_and_the_fee_on_sales() {
    let case = Case::load("37_fees_and_commission");
    for (row, expected) in case.inputs().at("cases").items().iter().zip(case.expected().items()) {
        let traded = Traded {
            side: row.find("side").map_or(Side::Buy, |node| side(node.text())),
            quantity: row.at("qty").decimal(),
            price: row.at("price").decimal(),
            currency: currency(),
        };
        let (fee, mut kept) = (fee(row), Kept::default());
        let charge = fee.charge(&mut kept, &traded).expect("small numbers").expect("this side pays");
        expected.at("fee").is(charge.money.to_decimal());
        if let Some(unrounded) = expected.find("fee_unrounded") {
            unrounded.is(charge.unrounded);
        }
        assert_eq!(fee.charge(&mut Silent, &traded), Ok(Some(charge)), "silent or kept, one result");
        assert_eq!(kept.explanation().recompute(), Ok(Some(Value::Money(charge.money))));
    }
}

/// Closes by date, one borrow rate; a weekend stands on the last close.
struct Borrowed {
    closes: BTreeMap<NaiveDate, Decimal>,
    rate: Decimal,
    symbol: Symbol,
}

impl Nights for Borrowed {
    fn close(&self, date: NaiveDate) -> Result<Accepted, Blocked> {
        let last = self.closes.range(..=date).next_back();
        let last = last.map(|(date, value)| Quote { date: *date, value: *value, version: 1 });
        let missing = || Blocked::MissingPrice { of: self.symbol.clone(), date };
        CarryForward::UpTo { days: 2 }.accept(last, date, || self.symbol.as_str().into(), missing)
    }

    fn rate(&self, date: NaiveDate) -> Result<Accepted, Blocked> {
        Ok(Accepted { quote: Quote { date, value: self.rate, version: 1 }, provisional: false })
    }
}

/// The borrow fee of golden 31, which the test of the rebate asserts together with the rest of the case.
pub fn borrow_fee(case: &Case) -> Decimal {
    let inputs = case.inputs();
    let closes = inputs.at("prices").entries().into_iter();
    let nights = Borrowed {
        closes: closes.map(|(date, price)| (date.parse().expect("a date"), price.decimal())).collect(),
        rate: inputs.at("borrow_fee").decimal(),
        symbol: Symbol::new("ACME").expect("a name"),
    };
    let fee = DailyFee {
        kind: DailyFeeKind::Borrow,
        year_days: 360,
        of: &nights.symbol,
        units: &Units::constant(inputs.at("qty").decimal()),
        from: inputs.at("settle_date").date(),
        to: inputs.at("close_settle_date").date(),
        currency: currency(),
    };
    let mut seen = Vec::new();
    let charge = fee.accrue(&mut Silent, &nights, |night| seen.push(night)).expect("the case has all prices");
    let daily = case.expected().at("daily").items();
    assert_eq!(seen.len(), daily.len());
    let mut booked = Decimal::ZERO;
    for (night, row) in seen.iter().zip(daily) {
        row.at("date").is_date(night.date);
        row.at("borrow_unrounded").is(night.unrounded.round_dp(10));
        row.at("mark").is(nights.close(night.date).expect("the case has all prices").quote.value);
        booked += night.booked.to_decimal();
    }
    assert_eq!(booked, charge.money.to_decimal(), "daily bookings add up to the rounded total");
    let mut kept = Kept::default();
    assert_eq!(fee.accrue(&mut kept, &nights, |_| ()), Ok(charge), "silent or kept, one result");
    assert_eq!(kept.explanation().recompute(), Ok(Some(Value::Money(charge.money))));
    // The client pays it.
    let flow = -charge.money.to_decimal();
    case.expected().at("borrow_total").is(flow);
    flow
}
