//! A ratio of whole numbers: new units for old ones.

use rust_decimal::Decimal;

use crate::domain::trade::SCALE_MAX;

/// `numerator` new units for `denominator` old ones; both above zero, without a common factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio {
    numerator: u64,
    denominator: u64,
}

impl Ratio {
    /// Units that stay as they are.
    pub const ONE: Ratio = Ratio { numerator: 1, denominator: 1 };

    /// `None` when either is zero.
    pub fn new(numerator: u64, denominator: u64) -> Option<Ratio> {
        if numerator == 0 || denominator == 0 {
            return None;
        }
        let common = common_factor(numerator, denominator);
        Some(Ratio { numerator: numerator / common, denominator: denominator / common })
    }

    /// The ratio that a decimal such as 0.4931 says; `None` unless it is above zero and fits.
    pub fn decimal(number: Decimal) -> Option<Ratio> {
        let number = number.normalize();
        let denominator = 10_u64.checked_pow(number.scale())?;
        Ratio::new(number.mantissa().try_into().ok()?, denominator)
    }

    /// For new units that come on top of the old ones, as a stock dividend's do: 1 + this.
    pub fn on_top(self) -> Option<Ratio> {
        Ratio::new(self.numerator.checked_add(self.denominator)?, self.denominator)
    }

    /// New units.
    pub fn numerator(self) -> Decimal {
        self.numerator.into()
    }

    /// The old units they come for.
    pub fn denominator(self) -> Decimal {
        self.denominator.into()
    }

    /// Scales quantities of one sign so that they add up to their scaled total, cut towards zero at ten decimals: a fraction that ten decimals
    /// cannot hold runs on into the next quantity instead of getting lost in each. `None` when a number does not fit.
    pub fn scale(self, quantities: impl IntoIterator<Item = Decimal>) -> Option<Vec<Decimal>> {
        let (mut before, mut scaled) = (0_i128, 0_i128);
        let mut results = Vec::new();
        for quantity in quantities {
            before = before.checked_add(ten_decimals(quantity)?)?;
            let total = before.checked_mul(self.numerator.into())? / i128::from(self.denominator);
            results.push(Decimal::try_from_i128_with_scale(total - scaled, SCALE_MAX).ok()?.normalize());
            scaled = total;
        }
        Some(results)
    }
}

/// The quantity in units of its tenth decimal.
fn ten_decimals(quantity: Decimal) -> Option<i128> {
    let quantity = quantity.normalize();
    let missing = SCALE_MAX.checked_sub(quantity.scale())?;
    quantity.mantissa().checked_mul(10_i128.pow(missing))
}

fn common_factor(mut left: u64, mut right: u64) -> u64 {
    while right != 0 {
        (left, right) = (right, left % right);
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().expect("the test writes a decimal")
    }

    #[test]
    fn scaled_quantities_add_up_to_the_scaled_total_on_both_sides() {
        let third = Ratio::new(2, 6).expect("a ratio");
        assert_eq!(
            third.scale([decimal("100"), decimal("50")]),
            Some(vec![decimal("33.3333333333"), decimal("16.6666666667")])
        );
        assert_eq!(
            third.scale([decimal("-100"), decimal("-60")]),
            Some(vec![decimal("-33.3333333333"), decimal("-20")])
        );
    }

    #[test]
    fn a_ratio_is_what_its_decimal_says() {
        assert_eq!(Ratio::decimal(decimal("0.050")), Ratio::new(1, 20));
        assert_eq!(Ratio::decimal(decimal("0.05")).and_then(Ratio::on_top), Ratio::new(21, 20));
        assert_eq!(Ratio::decimal(decimal("-1")), None);
        assert_eq!(Ratio::new(1, 0), None);
    }
}
