//! Exact numbers: a quotient of whole numbers of any size.

use std::ops::{Add, Mul, Sub};

use num_bigint::BigInt;
use rust_decimal::Decimal;

/// Never reduced: the numbers of a test stay small enough.
#[derive(Clone, Debug)]
pub struct Fraction {
    above: BigInt,
    /// Above zero.
    below: BigInt,
}

impl Fraction {
    pub fn whole(number: i64) -> Fraction {
        Fraction { above: number.into(), below: 1.into() }
    }

    pub fn of(decimal: Decimal) -> Fraction {
        Fraction { above: decimal.mantissa().into(), below: BigInt::from(10).pow(decimal.scale()) }
    }

    pub fn at_least(self, other: Fraction) -> Fraction {
        if &self.above * &other.below < &other.above * &self.below { other } else { self }
    }

    pub fn at_most(self, other: Fraction) -> Fraction {
        if &self.above * &other.below > &other.above * &self.below { other } else { self }
    }

    /// To so many decimals, a half away from zero.
    pub fn rounded(self, decimals: u32) -> Fraction {
        let unit = BigInt::from(10).pow(decimals);
        let twice = self.above * &unit * 2;
        let away = if twice < BigInt::ZERO { -1 } else { 1 };
        let above = (twice + &self.below * away) / (self.below * 2); // division cuts towards zero
        Fraction { above, below: unit }
    }

    /// Over a number above zero.
    pub fn per(self, number: i64) -> Fraction {
        self.over(&Fraction::whole(number))
    }

    /// Over a fraction above zero.
    pub fn over(self, other: &Fraction) -> Fraction {
        Fraction { above: self.above * &other.below, below: self.below * &other.above }
    }

    /// Whether a decimal is this number within 10^-`decimals`.
    pub fn is_near(&self, decimal: Decimal, decimals: u32) -> bool {
        let other = Fraction::of(decimal);
        let difference = &self.above * &other.below - &other.above * &self.below;
        let (difference, size) = (difference * BigInt::from(10).pow(decimals), &self.below * &other.below);
        -&size <= difference && difference <= size
    }
}

impl Add for Fraction {
    type Output = Fraction;

    fn add(self, other: Fraction) -> Fraction {
        Fraction { above: self.above * &other.below + other.above * &self.below, below: self.below * other.below }
    }
}

impl Sub for Fraction {
    type Output = Fraction;

    fn sub(self, other: Fraction) -> Fraction {
        self + Fraction { above: -other.above, below: other.below }
    }
}

impl Mul for Fraction {
    type Output = Fraction;

    fn mul(self, other: Fraction) -> Fraction {
        Fraction { above: self.above * other.above, below: self.below * other.below }
    }
}
