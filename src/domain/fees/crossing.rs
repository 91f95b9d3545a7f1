//! A trade that crosses zero: what of its commission and fees falls on the part that closes.

use rust_decimal::Decimal;

use crate::domain::money::Money;

/// A cost of a trade in its two parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    pub closing: Money,
    pub opening: Money,
}

/// Pro rata by quantity, in minor units: the opening part bears its share cut towards zero, the closing part the rest. Both together are the cost, and
/// a trade that only opens or only closes bears it in one part. Quantities are not signed; `None` when both are zero or the product does not
/// fit.
pub fn parts(cost: Money, closed: Decimal, opened: Decimal) -> Option<Parts> {
    let share = Decimal::from(cost.minor).checked_mul(opened)?.checked_div(closed.checked_add(opened)?)?;
    let opening = Money { minor: share.trunc().try_into().ok()?, ..cost };
    Some(Parts { closing: cost.checked_sub(opening)?, opening })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::Currency;

    #[test]
    fn the_cent_that_cannot_be_shared_falls_on_the_closing_part() {
        let dollars = |minor| Money { minor, currency: Currency::new("USD").expect("a currency") };
        let split = |minor, closed: i64, opened: i64| {
            let parts = parts(dollars(minor), closed.into(), opened.into()).expect("it fits");
            (parts.closing.minor, parts.opening.minor)
        };
        assert_eq!(split(1_000, 2, 1), (667, 333));
        assert_eq!(split(1_000, 1, 2), (334, 666));
        assert_eq!(split(-1_000, 1, 2), (-334, -666));
        assert_eq!((split(1_001, 0, 7), split(1_001, 7, 0)), ((0, 1_001), (1_001, 0)));
        assert_eq!(parts(dollars(1), Decimal::ZERO, Decimal::ZERO), None);
    }
}
