//! An exact fraction of a year, so that money is rounded once, at the end.

use std::fmt;

use rust_decimal::Decimal;

/// `numerator / denominator`: days over the days of a year where the day count is one quotient, in lowest terms where it is a sum. The
/// denominator is above zero. Two fractions are equal when their values are.
#[derive(Clone, Copy, Debug)]
pub struct Fraction {
    pub numerator: i64,
    pub denominator: i64,
}

impl Fraction {
    /// Of an interval without days.
    pub const ZERO: Fraction = Fraction { numerator: 0, denominator: 1 };
    /// A whole year.
    pub const ONE: Fraction = Fraction { numerator: 1, denominator: 1 };

    /// `denominator` is above zero.
    pub(super) fn new(numerator: i64, denominator: i64) -> Fraction {
        Fraction { numerator, denominator }
    }

    /// The years of day counts have so few different lengths that sums of them fit 64 bits by far.
    pub(super) fn plus(self, other: Fraction) -> Fraction {
        if self.numerator == 0 {
            return other;
        }
        if other.numerator == 0 {
            return self;
        }
        let numerator = self.numerator * other.denominator + other.numerator * self.denominator;
        let denominator = self.denominator * other.denominator;
        let divisor = greatest_common_divisor(numerator.abs(), denominator);
        Fraction::new(numerator / divisor, denominator / divisor)
    }

    /// To 28 digits; multiply by the numerator and divide by the denominator where money is made of it.
    pub fn to_decimal(self) -> Decimal {
        Decimal::from(self.numerator) / Decimal::from(self.denominator)
    }
}

impl PartialEq for Fraction {
    fn eq(&self, other: &Fraction) -> bool {
        let across = |above: i64, below: i64| i128::from(above) * i128::from(below);
        across(self.numerator, other.denominator) == across(other.numerator, self.denominator)
    }
}

impl Eq for Fraction {}

fn greatest_common_divisor(mut a: i64, mut b: i64) -> i64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.numerator, self.denominator)
    }
}
