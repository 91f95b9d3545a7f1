//! Compounding factors over decades of days: fixed point with 33 decimals, where the 28 digits of `Decimal` do not carry.

use std::fmt;

use rust_decimal::Decimal;

use super::exact::{POWERS_OF_10, Product};
use super::rounding::Rounding;

/// A factor with 33 decimals, between -170,141 and 170,141: more than 30 years of days at 40 % a year.
///
/// Every operation is exact and then rounded once, half to even. What it cannot represent is `None`, never a wrapped number. Nothing allocates.
///
/// **Error of a chain.** A step of [`Wide::compound`] is off by at most half a unit of the last decimal, `u` = 10^-33; after `n` steps from an
/// exact factor the result is off by at most `n * u / 2 * G`, with `G` the largest growth from any step to the end (1 when rates are
/// negative). For 10,958 days, which is 30 years, that is `5.5e-30 * G`. The tests prove it against exact fractions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Wide(i128);

impl Wide {
    /// 1, with which every chain of compounding begins.
    pub const ONE: Wide = Wide(UNIT as i128);
    /// Digits after the point.
    pub const DECIMALS: u32 = 33;

    /// One step of compounding: `self * (1 + rate * days / basis)`, the rate as a fraction of a year (0.05 is 5 %), `basis` the days that a
    /// year counts. `None` outside of the range, or for a basis that is not above zero.
    pub fn compound(self, rate: Decimal, days: i64, basis: i64) -> Option<Wide> {
        let weight = rate.mantissa().checked_mul(i128::from(days))?;
        let divisor = POWERS_OF_10[rate.scale() as usize].checked_mul(positive(basis)?)?;
        self.checked_add(self.times(weight, divisor)?)
    }

    /// What a unit has earned since an earlier factor, times the days of a year: `(self / earlier - 1) * year_days`, to 24 decimals. That is a
    /// rate x days as an index publishes it: the last decimals of factors are uncertain, and a compounded rate that ends is that rate.
    /// `None` beyond a `Decimal`, or unless the earlier factor and the days are above zero.
    pub fn growth(self, earlier: Wide, year_days: i64) -> Option<Decimal> {
        const DECIMALS: u32 = 24;
        let earned = self.0.checked_sub(earlier.0)?;
        let unit = POWERS_OF_10[DECIMALS as usize].checked_mul(positive(year_days)?)?;
        let product = Product::of(earned.unsigned_abs(), unit);
        let magnitude = i128::try_from(product.divide(positive(earlier.0)?, Rounding::HalfEven)?).ok()?;
        Decimal::try_from_i128_with_scale(magnitude * earned.signum(), DECIMALS).ok()
    }

    fn checked_add(self, other: Wide) -> Option<Wide> {
        self.0.checked_add(other.0).map(Wide)
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
            let growth: BigInt = numerator.max(denominator) * 2;
            assert!(error * 2 <= growth * DAYS_OF_30_YEARS, "{lowest}");
        }
    }

    proptest! {
        #[test]
        fn an_operation_is_off_by_half_a_unit_at_most(
            a in any::<i128>(), b in any::<i128>(), cut in 0_u32..100, scale in 0_u32..=28, days in -400_i64..400
        ) {
            let (a, b) = (a >> 24, (b >> cut) | 1);
            let near = |result: Option<i128>, numerator: BigInt, denominator: BigInt, most: i128| match result {
                Some(result) => magnitude(BigInt::from(result) * &denominator - numerator) * 2 <= magnitude(denominator),
                None => magnitude(numerator) >= BigInt::from(most) * magnitude(denominator),
            };
            let rate = Decimal::from_i128_with_scale(b >> 68, scale);
            let divisor = ten_to(rate.scale()) * 365;
            let grown = BigInt::from(a) * (&divisor + BigInt::from(rate.mantissa()) * days);
            prop_assert!(near(Wide(a).compound(rate, days, 365).map(|wide| wide.0), grown, divisor, i128::MAX));

            let earlier = (b >> 1).abs() | 1;
            let earned = (BigInt::from(a) - earlier) * 365 * ten_to(24);
            let growth = Wide(a).growth(Wide(earlier), 365).map(|growth| growth.mantissa());
            prop_assert!(near(growth, earned, BigInt::from(earlier), Decimal::MAX.mantissa()));
        }
    }

    #[test]
    fn growth_is_rounded_half_to_even_at_24_decimals() {
        let grown = |above: i128| Wide(Wide::ONE.0 + above).growth(Wide::ONE, 1);
        assert_eq!(grown(-24_999_999_999_500_000_000), Some(decimal("-0.000000000000025")));
        assert_eq!(grown(1_500_000_000), Some(decimal("0.000000000000000000000002")));
        assert_eq!(grown(500_000_000), Some(decimal("0")));
        assert_eq!(wide("1.05").growth(wide("1.05"), 360), Some(decimal("0")));
    }

    #[test]
    fn what_cannot_be_represented_is_refused() {
        assert_eq!(lifted(decimal("170142")), None);
        assert_eq!(wide("170141").compound(decimal("1"), 1, 360), None);
        assert_eq!(Wide::ONE.compound(decimal("0.05"), 1, 0), None);
        assert_eq!(Wide::ONE.compound(Decimal::MAX, i64::MAX, 360), None);
        assert_eq!(Wide::ONE.growth(Wide(0), 360), None);
        assert_eq!(wide("79229").growth(Wide::ONE, 1), Some(decimal("79228")));
        assert_eq!(wide("79230").growth(Wide::ONE, 1), None);
    }

    #[test]
    fn it_is_written_with_all_its_decimals() {
        assert_eq!(wide("-0.05").to_string(), "-0.050000000000000000000000000000000");
        assert_eq!(wide("12.5").to_string(), "12.500000000000000000000000000000000");
    }
}
