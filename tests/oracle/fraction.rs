//! Exact fractions, so that the oracle rounds only where a rule says so.

use std::cmp::Ordering;
use std::ops::{Add, Div, Mul, Neg, Sub};

use num_bigint::BigInt;

/// Below the line above zero; never reduced, because nothing here is fast.
#[derive(Clone, Debug)]
pub struct Fraction {
    above: BigInt,
    below: BigInt,
}

impl Fraction {
    pub fn new(above: i128, below: i128) -> Fraction {
        assert!(below != 0, "a fraction has something below the line");
        let sign = below.signum();
        Fraction { above: BigInt::from(above * sign), below: BigInt::from(below * sign) }
    }

    pub fn zero() -> Fraction {
        Fraction::new(0, 1)
    }

    pub fn is_zero(&self) -> bool {
        self.above == BigInt::from(0)
    }

    pub fn negative(&self) -> bool {
        self.above < BigInt::from(0)
    }

    pub fn abs(&self) -> Fraction {
        if self.negative() { -self.clone() } else { self.clone() }
    }

    /// A number with the sign of another one.
    pub fn signed_like(&self, other: &Fraction) -> Fraction {
        if other.negative() { -self.abs() } else { self.abs() }
    }

    /// In units of 10^-decimals, cut towards zero.
    pub fn cut(&self, decimals: u32) -> Fraction {
        let unit = BigInt::from(10).pow(decimals);
        Fraction { above: &self.above * &unit / &self.below, below: unit }
    }

    /// In units of 10^-decimals, halves away from zero.
    pub fn round(&self, decimals: u32) -> Fraction {
        let unit = BigInt::from(10).pow(decimals);
        let twice = self.abs().above * &unit * 2 + &self.below;
        let rounded = Fraction { above: twice / (&self.below * 2), below: unit };
        rounded.signed_like(self)
    }

    /// Without common factors, so that equal fractions are equal texts.
    pub fn text(&self) -> String {
        let (mut left, mut right) = (self.abs().above, self.below.clone());
        while right != BigInt::from(0) {
            (left, right) = (right.clone(), left % right);
        }
        format!("{}/{}", &self.above / &left, &self.below / &left)
    }
}

impl Add for Fraction {
    type Output = Fraction;
    fn add(self, other: Fraction) -> Fraction {
        Fraction { above: self.above * &other.below + other.above * &self.below, below: self.below * other.below }
    }
}

impl Neg for Fraction {
    type Output = Fraction;
    fn neg(self) -> Fraction {
        Fraction { above: -self.above, below: self.below }
    }
}

impl Sub for Fraction {
    type Output = Fraction;
    fn sub(self, other: Fraction) -> Fraction {
        self + -other
    }
}

impl Mul for Fraction {
    type Output = Fraction;
    fn mul(self, other: Fraction) -> Fraction {
        Fraction { above: self.above * other.above, below: self.below * other.below }
    }
}

impl Div for Fraction {
    type Output = Fraction;
    fn div(self, other: Fraction) -> Fraction {
        let below = self.below * other.abs().above;
        let above = self.above * &other.below;
        Fraction { above: if other.negative() { -above } else { above }, below }
    }
}

impl Ord for Fraction {
    fn cmp(&self, other: &Fraction) -> Ordering {
        (&self.above * &other.below).cmp(&(&other.above * &self.below))
    }
}

impl PartialOrd for Fraction {
    fn partial_cmp(&self, other: &Fraction) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Fraction {
    fn eq(&self, other: &Fraction) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Fraction {}
