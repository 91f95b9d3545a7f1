//! Compounding factors over decades of days: fixed point with 33 decimals, where the 28 digits of `Decimal` do not carry.

use std::fmt;

use rust_decimal::Decimal;

use super::exact::{POWERS_OF_10, Product};
use super::rounding::Rounding;

/// A factor with 33 decimals, between -170,141 and 170,141: more than 30 years of days at 40 % a year.
///
/// Every operation is exact and then rounded once, half to even, so that it is off by at most half a unit of the last decimal,
/// `u` = 10^-33. What an operation cannot represent is `None`, never a wrapped number. Nothing allocates.
///
/// **Error of a chain.** After `n` steps of [`Wide::compound`] from an exact factor the result is off by at most `n * u / 2 * G`, with
/// `G` the largest growth from any step to the end (1 when rates are negative). For 10,958 days, which is 30 years, that is `5.5e-30 * G`:
/// below 1/100 of the 28th digit of the factor, which [`Wide::to_decimal`] keeps. The tests prove both against exact fractions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Wide(i128);

impl Wide {
    pub const ZERO: Wide = Wide(0);
    pub const ONE: Wide = Wide(UNIT as i128);
    /// Digits after the point.
    pub const DECIMALS: u32 = 33;

    /// Rounded half to even: to 28 significant digits and at most 28 decimals, which is what a `Decimal` surely holds.
    pub fn to_decimal(self) -> Decimal {
        let magnitude = self.0.unsigned_abs();
        let digits = magnitude.checked_ilog10().map_or(1, |log| log + 1);
        let dropped = digits.saturating_sub(28).max(Wide::DECIMALS - 28);
        let kept = Product::of(magnitude, 1).divide(POWERS_OF_10[dropped as usize], Rounding::HalfEven);
        let kept = kept.expect("a quotient is not longer than what is divided") as i128;
        Decimal::from_i128_with_scale(kept * self.0.signum(), Wide::DECIMALS - dropped)
    }

    /// Rounded half to even to so many decimals, at most 28; `None` when that has more digits than a `Decimal`.
    pub fn to_places(self, decimals: u32) -> Option<Decimal> {
        let unit = POWERS_OF_10[(Wide::DECIMALS - decimals.min(28)) as usize];
        let kept = i128::try_from(Product::of(self.0.unsigned_abs(), 1).divide(unit, Rounding::HalfEven)?).ok()?;
        Decimal::try_from_i128_with_scale(kept * self.0.signum(), decimals.min(28)).ok()
    }

    /// One step of compounding: `self * (1 + rate * days / basis)`, the rate as a fraction of a year (0.05 is 5 %), `basis` the days that a
    /// year counts. Off by at most half a unit. `None` outside of the range, or for a basis that is not above zero.
    pub fn compound(self, rate: Decimal, days: i64, basis: i64) -> Option<Wide> {
        let weight = rate.mantissa().checked_mul(i128::from(days))?;
        let divisor = POWERS_OF_10[rate.scale() as usize].checked_mul(positive(basis)?)?;
        self.checked_add(self.times(weight, divisor)?)
    }

    /// `self * other`.
    pub fn multiply(self, other: Wide) -> Option<Wide> {
        self.times(other.0, UNIT)
    }

    /// `self / other`: of two factors since the same day, the growth from `other`'s day to `self`'s. `None` also for a divisor of zero.
    pub fn divide(self, other: Wide) -> Option<Wide> {
        let unit = Wide(Wide::ONE.0 * other.0.signum());
        unit.times(self.0, positive(other.0.checked_abs()?)?)
    }

    /// `self * numerator / denominator`, for instance a growth over the days of a period made a yearly rate. `None` also unless the
    /// denominator is above zero.
    pub fn scale(self, numerator: i64, denominator: i64) -> Option<Wide> {
        self.times(i128::from(numerator), positive(denominator)?)
    }

    pub fn checked_add(self, other: Wide) -> Option<Wide> {
        self.0.checked_add(other.0).map(Wide)
    }

    pub fn checked_sub(self, other: Wide) -> Option<Wide> {
        self.0.checked_sub(other.0).map(Wide)
    }

    fn times(self, multiplier: i128, divisor: u128) -> Option<Wide> {
        let product = Product::of(self.0.unsigned_abs(), multiplier.unsigned_abs());
        let magnitude = i128::try_from(product.divide(divisor, Rounding::HalfEven)?).ok()?;
        Some(Wide(if (self.0 < 0) == (multiplier < 0) { magnitude } else { -magnitude }))
    }
}

/// As a divisor.
fn positive(number: impl Into<i128>) -> Option<u128> {
    u128::try_from(number.into()).ok().filter(|number| *number > 0)
}

const UNIT: u128 = POWERS_OF_10[Wide::DECIMALS as usize];

/// With all 33 decimals.
impl fmt::Display for Wide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}.{:033}", magnitude / UNIT, magnitude % UNIT)
    }
}

#[cfg(test)]
mod tests {
    use num_bigint::{BigInt, Sign};
    use proptest::prelude::*;

    use super::*;

    const DAYS_OF_30_YEARS: i64 = 10_958;

    fn decimal(text: &str) -> Decimal {
        text.parse().expect("the test writes a decimal")
    }

    /// Exact; `None` outside of the range.
    fn lifted(number: Decimal) -> Option<Wide> {
        let lift = POWERS_OF_10[(Wide::DECIMALS - number.scale()) as usize] as i128;
        number.mantissa().checked_mul(lift).map(Wide)
    }

    fn wide(text: &str) -> Wide {
        lifted(decimal(text)).expect("the test writes a number in range")
    }

    fn ten_to(exponent: u32) -> BigInt {
        BigInt::from(10).pow(exponent)
    }

    fn magnitude(number: BigInt) -> BigInt {
        BigInt::from_biguint(Sign::Plus, number.into_parts().1)
    }

    /// Rates in 1/100,000 of a percent, each for a day, over a year of 360 days: `Wide`, and numerator and denominator of the exact factor.
    fn compounded(rates: &[i64]) -> (Wide, BigInt, BigInt) {
        let mut factor = Wide::ONE;
        let (mut numerator, unit) = (BigInt::from(1), 360 * 10_i64.pow(7));
        for rate in rates {
            factor = factor.compound(Decimal::new(*rate, 7), 1, 360).expect("in range");
            numerator *= unit + rate;
        }
        (factor, numerator, BigInt::from(unit).pow(rates.len() as u32))
    }

    /// Few cases, whatever the number asked for: the exact factor of 30 years has half a million bits.
    #[test]
    fn thirty_years_of_daily_steps_stay_within_the_stated_error() {
        for (lowest, spread) in [(-200_000, 250_000), (0, 500_000), (100_000, 900_000), (3_000_000, 500_000)] {
            let mut state = 1_u64;
            let mut draw = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                lowest + (state >> 33) as i64 % spread
            };
            let rates: Vec<_> = (0..DAYS_OF_30_YEARS).map(|_| draw()).collect();
            let (factor, numerator, denominator) = compounded(&rates);

            // |wide - exact| <= n * u / 2 * growth; both sides times 2 * denominator / u. Growth is at most the factor itself over its
            // lowest point, and no factor here falls below one half.
            let error = magnitude(BigInt::from(factor.0) * &denominator - &numerator * ten_to(33));
            let growth: BigInt = numerator.clone().max(denominator.clone()) * 2;
            assert!(error * 2 <= growth * DAYS_OF_30_YEARS, "{lowest}");

            // Of the 28th digit it is off by half a unit from rounding, and by 1/50 from the steps before.
            let kept = factor.to_decimal();
            let error = magnitude(BigInt::from(kept.mantissa()) * &denominator - numerator * ten_to(kept.scale()));
            assert!(error * 100 <= denominator * 52, "{lowest}");
        }
    }

    proptest! {
        #[test]
        fn an_operation_is_off_by_half_a_unit_at_most(
            a in any::<i128>(), b in any::<i128>(), cut in 0_u32..100, scale in 0_u32..=28, days in -400_i64..400
        ) {
            let (a, b, unit) = (a >> 24, (b >> cut) | 1, ten_to(33));
            let near = |result: Option<Wide>, numerator: BigInt, denominator: BigInt| match result {
                Some(result) => magnitude(BigInt::from(result.0) * &denominator - numerator) * 2 <= magnitude(denominator),
                None => magnitude(numerator) >= BigInt::from(i128::MAX) * magnitude(denominator),
            };
            let (big_a, big_b) = (BigInt::from(a), BigInt::from(b));
            prop_assert!(near(Wide(a).multiply(Wide(b)), &big_a * &big_b, unit.clone()));
            prop_assert!(near(Wide(a).divide(Wide(b)), &big_a * &unit, big_b));

            let rate = Decimal::from_i128_with_scale(b >> 68, scale);
            let divisor = ten_to(rate.scale()) * 365;
            let grown = &big_a * (&divisor + BigInt::from(rate.mantissa()) * days);
            prop_assert!(near(Wide(a).compound(rate, days, 365), grown, divisor));
        }

        #[test]
        fn a_decimal_comes_back_as_it_went_in(mantissa in -10_i128.pow(28) + 1..10_i128.pow(28), scale in 24_u32..=28) {
            let number = Decimal::from_i128_with_scale(mantissa, scale);
            let back = lifted(number).expect("10,000 at most").to_decimal();
            prop_assert_eq!(back, number);
        }
    }

    #[test]
    fn a_decimal_is_rounded_half_to_even_at_28_digits() {
        for (raw, expected) in [
            (1_000_000_000_000_000_000_000_000_000_500_000, "1"),
            (1_000_000_000_000_000_000_000_000_001_500_000, "1.000000000000000000000000002"),
            (-1_000_000_000_000_000_000_000_000_001_499_999, "-1.000000000000000000000000001"),
            (9_999_999_999_999_999_999_999_999_999_500_000, "10"),
            (250_000, "0.0000000000000000000000000002"),
            (-750_001, "-0.0000000000000000000000000008"),
            (0, "0"),
        ] {
            assert_eq!(Wide(raw).to_decimal(), decimal(expected), "{raw}");
        }
    }

    #[test]
    fn a_decimal_has_the_places_that_are_asked_for() {
        assert_eq!(Wide(-24_999_999_999_500_000_000).to_places(24), Some(decimal("-0.000000000000025")));
        assert_eq!(Wide(1_500_000_000).to_places(24), Some(decimal("0.000000000000000000000002")));
        assert_eq!(wide("79228").to_places(24), Some(decimal("79228")));
        assert_eq!(wide("79229").to_places(24), None);
    }

    #[test]
    fn what_cannot_be_represented_is_refused() {
        assert_eq!(lifted(decimal("170142")), None);
        assert_eq!(wide("170141").multiply(wide("1.001")), None);
        assert_eq!(wide("170141").compound(decimal("1"), 1, 360), None);
        assert_eq!(Wide::ONE.compound(decimal("0.05"), 1, 0), None);
        assert_eq!(Wide::ONE.compound(Decimal::MAX, i64::MAX, 360), None);
        assert_eq!(Wide::ONE.divide(Wide::ZERO), None);
        assert_eq!(Wide::ONE.scale(1, -1), None);
    }

    #[test]
    fn it_is_written_with_all_its_decimals() {
        assert_eq!(wide("-0.05").to_string(), "-0.050000000000000000000000000000000");
        assert_eq!(wide("12.5").to_string(), "12.500000000000000000000000000000000");
    }
}
