//! Fees of a trade: on its value, per unit or fixed, with a minimum or maximum, each with its own rounding.

use rust_decimal::Decimal;

use crate::domain::blocked::{Blocked, out_of_range};
use crate::domain::explain::pad::Pad;
use crate::domain::explain::{Fact, Operation};
use crate::domain::money::Currency;
use crate::domain::money::amount::Amount;
use crate::domain::trade::Side;

/// One fee of a contract's fee schedule.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct TradeFee {
    pub kind: TradeFeeKind,
    pub charge: Charge,
    pub sides: Sides,
    pub rounding: FeeRounding,
}

/// What a fee is for: it becomes the type of the flow and never changes the arithmetic.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TradeFeeKind {
    Commission,
    Clearing,
    /// Stamp duty or a financial transaction tax.
    TransactionTax,
    /// Such as the fee of the SEC on sales.
    Regulatory,
    Ticket,
}

/// How a fee is measured, in the currency of the price.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Charge {
    /// A fraction of quantity x price, at least `minimum`. One basis point is 0.0001.
    OnValue {
        rate: Decimal,
        minimum: Option<Decimal>,
    },
    /// An amount per unit, at most a fraction of quantity x price.
    PerUnit {
        amount: Decimal,
        maximum_rate: Option<Decimal>,
    },
    Fixed(Decimal),
}

/// Which side of the market pays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sides {
    Both,
    Only(Side),
}

/// What becomes of the digits that are cut off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FeeRounding {
    /// To minor units, halves away from zero.
    MinorUnits,
    /// Up to the next multiple of a step, such as 5.00; what is a multiple already stays.
    UpTo(Decimal),
}

/// What a fee is measured on. The quantity is above zero: the side says which way it goes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Traded {
    pub side: Side,
    pub quantity: Decimal,
    pub price: Decimal,
    pub currency: Currency,
}

impl TradeFee {
    /// The charge, above zero; none where this side does not pay it.
    pub fn charge<P: Pad>(&self, pad: &mut P, traded: &Traded) -> Result<Option<Amount>, Blocked> {
        if matches!(self.sides, Sides::Only(side) if side != traded.side) {
            return Ok(None);
        }
        let charge = self.unrounded(pad, traded).ok_or_else(out_of_range("the fee"))?;
        let unrounded = pad.value(charge);
        let money = match self.rounding {
            FeeRounding::MinorUnits => pad.money("fee", charge, traded.currency),
            FeeRounding::UpTo(step) => {
                let step = pad.given(|| Fact::Term("rounding step"), step);
                let up = pad.step("rounded up", Operation::RoundUp, charge, step);
                up.and_then(|up| pad.money("fee", up, traded.currency))
            }
        };
        let money = money.ok_or_else(out_of_range("the fee"))?;
        Ok(Some(Amount { unrounded, money }))
    }

    fn unrounded<P: Pad>(&self, pad: &mut P, traded: &Traded) -> Option<P::Number> {
        match self.charge {
            Charge::Fixed(amount) => Some(pad.given(|| Fact::Term("fixed fee"), amount)),
            Charge::OnValue { rate, minimum } => {
                let value = value(pad, traded)?;
                let rate = pad.given(|| Fact::Term("fee rate"), rate);
                let charge = pad.multiply("on value", value, rate)?;
                let Some(minimum) = minimum else { return Some(charge) };
                let minimum = pad.given(|| Fact::Term("minimum fee"), minimum);
                pad.at_least("at least", charge, minimum)
            }
            Charge::PerUnit { amount, maximum_rate } => {
                let quantity = pad.given(|| Fact::Lot("quantity"), traded.quantity);
                let amount = pad.given(|| Fact::Term("fee per unit"), amount);
                let charge = pad.multiply("per unit", quantity, amount)?;
                let Some(rate) = maximum_rate else { return Some(charge) };
                let value = value(pad, traded)?;
                let rate = pad.given(|| Fact::Term("maximum rate"), rate);
                let maximum = pad.multiply("maximum fee", value, rate)?;
                pad.at_most("at most", charge, maximum)
            }
        }
    }
}

fn value<P: Pad>(pad: &mut P, traded: &Traded) -> Option<P::Number> {
    let quantity = pad.given(|| Fact::Lot("quantity"), traded.quantity);
    let price = pad.given(|| Fact::Lot("price"), traded.price);
    pad.multiply("traded value", quantity, price)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::explain::pad::Silent;

    fn decimal(text: &str) -> Decimal {
        text.parse().expect("the test writes a decimal")
    }

    fn traded(side: Side) -> Traded {
        let currency = Currency::new("GBP").expect("a currency in use");
        Traded { side, quantity: decimal("1000"), price: decimal("2.00"), currency }
    }

    fn minor(charge: Charge, rounding: FeeRounding) -> i64 {
        let fee = TradeFee { kind: TradeFeeKind::Commission, charge, sides: Sides::Both, rounding };
        let charged = fee.charge(&mut Silent, &traded(Side::Buy)).expect("small numbers");
        charged.expect("both sides pay").money.minor
    }

    #[test]
    fn a_fee_of_one_side_is_no_fee_of_the_other() {
        let charge = Charge::OnValue { rate: decimal("0.005"), minimum: None };
        let sides = Sides::Only(Side::Buy);
        let fee =
            TradeFee { kind: TradeFeeKind::TransactionTax, charge, sides, rounding: FeeRounding::UpTo(decimal("5")) };
        assert_eq!(fee.charge(&mut Silent, &traded(Side::Sell)), Ok(None));
        let bought = fee.charge(&mut Silent, &traded(Side::Buy)).expect("small numbers");
        assert_eq!(bought.map(|amount| amount.money.minor), Some(1_000), "10.00 is a multiple of 5.00 already");
    }

    #[test]
    fn a_fixed_fee_depends_on_nothing() {
        assert_eq!(minor(Charge::Fixed(decimal("12.505")), FeeRounding::MinorUnits), 1_251);
        assert_eq!(minor(Charge::Fixed(Decimal::ZERO), FeeRounding::UpTo(decimal("5"))), 0);
    }

    #[test]
    fn a_maximum_and_a_minimum_bind_only_beyond_them() {
        let per_unit =
            |maximum: &str| Charge::PerUnit { amount: decimal("0.01"), maximum_rate: Some(decimal(maximum)) };
        assert_eq!(minor(per_unit("0.01"), FeeRounding::MinorUnits), 1_000);
        assert_eq!(minor(per_unit("0.001"), FeeRounding::MinorUnits), 200);
        let on_value = |minimum: &str| Charge::OnValue { rate: decimal("0.01"), minimum: Some(decimal(minimum)) };
        assert_eq!(minor(on_value("19.99"), FeeRounding::MinorUnits), 2_000);
        assert_eq!(minor(on_value("20.01"), FeeRounding::MinorUnits), 2_001);
    }
}
