//! What the units of a lot cost: a price, or an amount that a number of units share once a price no longer says it exactly.

use rust_decimal::Decimal;

use crate::domain::money::{Currency, Money};
use crate::domain::trade::SCALE_MAX;

/// Cost per unit, kept exact. A split of 101 units at 30.00 into 303/2 leaves 3,030.00 shared by 151.5 units: no price is rounded, and the
/// cost of the lot is the same to the cent. Amounts and units are not signed; the direction is the quantity's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitCost {
    Price(Decimal),
    Shared { amount: Decimal, units: Decimal },
}

impl UnitCost {
    /// So much that so many units share, neither of them signed; `None` where no decimal says what one of them costs.
    pub fn shared(amount: Decimal, units: Decimal) -> Option<UnitCost> {
        amount.checked_div(units).map(|_| UnitCost::Shared { amount, units })
    }

    /// Price of one unit, to the 28 digits of a decimal.
    pub fn per_unit(self) -> Decimal {
        match self {
            UnitCost::Price(price) => price,
            UnitCost::Shared { amount, units } => (amount / units).normalize(),
        }
    }

    /// The price as it is published: to ten decimals.
    pub fn price(self) -> Decimal {
        match self {
            UnitCost::Price(price) => price,
            shared => shared.per_unit().round_dp(SCALE_MAX).normalize(),
        }
    }

    /// Unrounded cost of so many units, above zero; `None` when it is beyond a decimal.
    pub fn amount_of(self, units: Decimal) -> Option<Decimal> {
        match self {
            UnitCost::Price(price) => price.checked_mul(units),
            UnitCost::Shared { amount, units: all } if all == units => Some(amount),
            UnitCost::Shared { amount, units: all } => amount.checked_mul(units)?.checked_div(all),
        }
    }

    /// Cost of a signed quantity, rounded once; negative for a short. `None` when it does not fit.
    pub fn cost_of(self, quantity: Decimal, currency: Currency) -> Option<Money> {
        match self {
            UnitCost::Price(price) => Money::product(quantity, price, currency),
            shared => Money::round(signed_like(quantity, shared.amount_of(quantity.abs())?), currency),
        }
    }

    /// Realised price result of a lot: quantity x (closing price - unit cost), rounded once. The quantity has the sign of the lot, so a short
    /// gains when the price falls. `None` when it does not fit.
    pub fn gain(self, quantity: Decimal, close: Decimal, currency: Currency) -> Option<Money> {
        match self {
            UnitCost::Price(price) => Money::product(quantity, close.checked_sub(price)?, currency),
            shared => gain_over(quantity, close, signed_like(quantity, shared.amount_of(quantity.abs())?), currency),
        }
    }
}

/// Quantity x closing price less a known cost of the same sign as the quantity, rounded once.
pub(super) fn gain_over(quantity: Decimal, close: Decimal, cost: Decimal, currency: Currency) -> Option<Money> {
    Money::round(quantity.checked_mul(close)?.checked_sub(cost)?, currency)
}

/// An amount above zero with the sign of a quantity.
pub fn signed_like(quantity: Decimal, amount: Decimal) -> Decimal {
    if quantity.is_sign_negative() { -amount } else { amount }
}

/// The part of a cost in minor units that falls on `units` of `all`: cost x units / all, rounded half away from zero. All units take all of it, so
/// that nothing is left when the last one goes. `None` when it does not fit.
pub(super) fn share(cost: i64, units: Decimal, all: Decimal) -> Option<i64> {
    if units == all {
        return Some(cost);
    }
    let share = Decimal::from(cost).checked_mul(units)?.checked_div(all)?;
    share.round_dp_with_strategy(0, rust_decimal::RoundingStrategy::MidpointAwayFromZero).try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().expect("the test writes a decimal")
    }

    #[test]
    fn a_shared_cost_earns_to_the_cent_what_no_price_of_28_digits_could_say() {
        let dollar = Currency::new("USD").expect("a currency");
        let third = UnitCost::Shared { amount: decimal("10"), units: decimal("3") };
        assert_eq!(third.cost_of(decimal("-3"), dollar).map(|cost| cost.minor), Some(-1_000));
        assert_eq!(third.gain(decimal("-3"), decimal("3.34"), dollar).map(|gain| gain.minor), Some(-2));
        assert_eq!(third.price(), decimal("3.3333333333"));
    }

    #[test]
    fn the_last_units_take_what_is_left_of_a_cost() {
        assert_eq!(share(100, decimal("1"), decimal("3")), Some(33));
        assert_eq!(share(67, decimal("1"), decimal("2")), Some(34));
        assert_eq!(share(33, decimal("1"), decimal("1")), Some(33));
        assert_eq!(share(-67, decimal("1"), decimal("2")), Some(-34));
    }
}
