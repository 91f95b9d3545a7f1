//! Rate x days of a period: the one quantity that fixed, term and overnight rates all come to.

use rust_decimal::Decimal;

use crate::domain::explain::Fact;
use crate::domain::explain::pad::Pad;

/// What a period has come to, from its start to a date.
///
/// `rate_days` is the sum of rate x days; over `days` it is the rate of the period. The product is kept, because the quotient seldom has an
/// end and the product over the days of a year is the interest: one division, at the last.
#[derive(Clone, Copy, Debug)]
pub struct Accrued<N> {
    pub rate_days: N,
    pub days: Days,
    /// A fixing that was not published stands in it.
    pub provisional: bool,
}

/// A number of days as an exact fraction: a shifted observation that has run for one day of three counts a third of its weight.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Days {
    pub numerator: i64,
    pub denominator: i64,
}

impl Days {
    /// Calendar days.
    pub fn whole(days: i64) -> Days {
        Days { numerator: days, denominator: 1 }
    }
}

/// `rate x days`.
pub(in crate::domain) fn over<P: Pad>(
    pad: &mut P,
    name: &'static str,
    rate: P::Number,
    days: Days,
) -> Option<P::Number> {
    let numerator = pad.given(|| Fact::Count("days"), Decimal::from(days.numerator));
    let product = pad.multiply(name, rate, numerator)?;
    if days.denominator == 1 {
        return Some(product);
    }
    let denominator = pad.given(|| Fact::Count("parts of a day"), Decimal::from(days.denominator));
    pad.divide(name, product, denominator)
}

impl<N: Copy> Accrued<N> {
    /// The rate of the period: rate x days over days; 0 for no days.
    pub fn rate<P: Pad<Number = N>>(&self, pad: &mut P) -> Option<N> {
        if self.days.numerator == 0 {
            return Some(pad.given(|| Fact::Count("no days"), Decimal::ZERO));
        }
        let denominator = pad.given(|| Fact::Count("days of the rate"), Decimal::from(self.days.numerator));
        let mut numerator = self.rate_days;
        if self.days.denominator != 1 {
            let parts = pad.given(|| Fact::Count("parts of a day"), Decimal::from(self.days.denominator));
            numerator = pad.multiply("rate x days", numerator, parts)?;
        }
        pad.divide("rate of the period", numerator, denominator)
    }
}
