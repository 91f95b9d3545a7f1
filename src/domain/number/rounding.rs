//! What becomes of the digits that are cut off.

use std::cmp::Ordering;

use rust_decimal::{Decimal, RoundingStrategy};

/// A rounding mode. Every mode treats a number and its negative alike, so that what one party pays the other receives.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Rounding {
    /// To the nearest, a half away from zero: ISDA 2021 section 4.8.1, ISDA 2006 section 8.1, and what most contracts say.
    #[default]
    HalfUp,
    /// To the nearest, a half to the even neighbour, so that halves do not add up in one direction.
    HalfEven,
    /// Towards zero. ISDA's rule for amounts in yen (2006 section 8.1(b): fractions of a yen are disregarded).
    Down,
}

impl Rounding {
    /// `number` with at most so many decimals, never a negative zero.
    pub fn round(self, number: Decimal, decimals: u32) -> Decimal {
        let strategy = match self {
            Rounding::HalfUp => RoundingStrategy::MidpointAwayFromZero,
            Rounding::HalfEven => RoundingStrategy::MidpointNearestEven,
            Rounding::Down => RoundingStrategy::ToZero,
        };
        let rounded = number.round_dp_with_strategy(decimals, strategy);
        if rounded.is_zero() { Decimal::ZERO } else { rounded }
    }

    /// Whether the magnitude that is kept grows by one unit. `odd` is its last digit, `rest` what was cut off against half a unit.
    #[inline]
    pub(super) fn up(self, odd: bool, rest: Ordering) -> bool {
        match self {
            Rounding::HalfUp => rest != Ordering::Less,
            Rounding::HalfEven => rest == Ordering::Greater || (rest == Ordering::Equal && odd),
            Rounding::Down => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().expect("the test writes a decimal")
    }

    #[test]
    fn a_number_is_rounded_in_its_mode_and_zero_has_no_sign() {
        for (number, half_up, half_even, down) in
            [("2.345", "2.35", "2.34", "2.34"), ("-2.345", "-2.35", "-2.34", "-2.34"), ("-0.005", "-0.01", "0", "0")]
        {
            for (mode, expected) in
                [(Rounding::HalfUp, half_up), (Rounding::HalfEven, half_even), (Rounding::Down, down)]
            {
                let rounded = mode.round(decimal(number), 2);
                assert_eq!(rounded, decimal(expected), "{number} {mode:?}");
                assert!(!(rounded.is_zero() && rounded.is_sign_negative()));
            }
        }
    }

    #[test]
    fn a_negative_zero_comes_out_without_its_sign() {
        assert!((-Decimal::ZERO).is_sign_negative());
        assert!(!Rounding::Down.round(-Decimal::ZERO, 2).is_sign_negative());
    }
}
