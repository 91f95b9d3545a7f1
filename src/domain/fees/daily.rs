//! Fees that accrue every calendar night on the market value: custody, administration, stock borrow.
//!
//! charge = sum over nights of |quantity| x close x rate / basis. Nights of a weekend stand on the last close, and a close counts for the units
//! of its day. The sum is exact; it is divided once and rounded once, at its end.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::domain::blocked::{Blocked, out_of_range};
use crate::domain::explain::pad::Pad;
use crate::domain::explain::{Fact, Observed};
use crate::domain::lots::units::Units;
use crate::domain::market::carry::{Accepted, Quote};
use crate::domain::money::amount::Amount;
use crate::domain::money::{Currency, Money};
use crate::domain::names::Symbol;

/// A fee on a holding for the nights from `from` (counted) to `to` (not counted).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct DailyFee<'a> {
    pub kind: DailyFeeKind,
    /// The days a year counts: 360 or 365.
    pub year_days: u32,
    pub of: &'a Symbol,
    /// Signed.
    pub units: &'a Units,
    pub from: NaiveDate,
    pub to: NaiveDate,
    pub currency: Currency,
}

/// What a daily fee is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum DailyFeeKind {
    Custody,
    Administration,
    /// For a short in a share that is hard to borrow; its rate may change every day.
    Borrow,
}

/// What a night needs from outside. Both give the value in force: of a weekend, that of the business day before.
pub trait Nights {
    fn close(&self, date: NaiveDate) -> Result<Accepted, Blocked>;
    /// Per year.
    fn rate(&self, date: NaiveDate) -> Result<Accepted, Blocked>;
}

/// One night of an accrual.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Night {
    pub date: NaiveDate,
    /// The charge of this night alone, never rounded.
    pub unrounded: Decimal,
    /// What is booked: the rounded charge up to here less what was booked before, so that all bookings add up to the rounded total.
    pub booked: Money,
}

impl DailyFee<'_> {
    /// The charge, above zero for longs and shorts alike. Each night is shown to `each`.
    pub fn accrue<P: Pad>(
        &self,
        pad: &mut P,
        nights: &impl Nights,
        mut each: impl FnMut(Night),
    ) -> Result<Amount, Blocked> {
        let range = out_of_range("the accrued fee");
        let year = Decimal::from(self.year_days);
        let mut quantity = None;
        let mut sum = pad.given(|| Fact::Count("before the first night"), Decimal::ZERO);
        let (mut earlier, mut booked) = (None, Money::zero(self.currency));
        for date in self.from.iter_days().take_while(|date| *date < self.to) {
            let accepted = nights.close(date)?;
            let units = self.units.on(accepted.quote.date).abs();
            if units != *quantity.get_or_insert(units) {
                let before = quantity.replace(units).unwrap_or_default();
                earlier = Some(charged(pad, earlier, before, sum).ok_or_else(&range)?);
                sum = pad.given(|| Fact::Count("before the first night after the split"), Decimal::ZERO);
            }
            let close = observe(pad, "price", self.of, accepted);
            let rate = observe(pad, self.kind.rate_name(), self.of, nights.rate(date)?);
            let charge = pad.multiply("close x rate", close, rate).ok_or_else(&range)?;
            sum = pad.add("sum of nights", sum, charge).ok_or_else(&range)?;
            let (left, right) = match earlier.map(|earlier| pad.value(earlier)) {
                None => (units, Some(pad.value(sum))),
                Some(earlier) => {
                    (Decimal::ONE, units.checked_mul(pad.value(sum)).and_then(|sum| sum.checked_add(earlier)))
                }
            };
            let total = Money::quotient(left, right.ok_or_else(&range)?, year, self.currency).ok_or_else(&range)?;
            let unrounded = units.checked_mul(pad.value(charge)).and_then(|charge| charge.checked_div(year));
            let (unrounded, booking) = (unrounded.ok_or_else(&range)?, total.checked_sub(booked).ok_or_else(&range)?);
            each(Night { date, unrounded, booked: booking });
            booked = total;
        }
        let quantity = quantity.unwrap_or_else(|| self.units.on(self.from).abs());
        let (left, right) = match earlier {
            None => (pad.given(|| Fact::Lot("quantity"), quantity), sum),
            Some(_) => {
                let all = charged(pad, earlier, quantity, sum).ok_or_else(&range)?;
                (pad.given(|| Fact::Count("all units"), Decimal::ONE), all)
            }
        };
        let year = pad.given(|| Fact::Count("days of a year"), year);
        Amount::quotient(pad, "accrued fee", left, right, year, self.currency)
    }
}

/// What the nights of one quantity add to the charge of the nights before, not yet divided by the days of a year.
fn charged<P: Pad>(pad: &mut P, earlier: Option<P::Number>, quantity: Decimal, sum: P::Number) -> Option<P::Number> {
    let quantity = pad.given(|| Fact::Lot("quantity in the units of these nights"), quantity);
    let charged = pad.multiply("quantity x sum of nights", quantity, sum)?;
    match earlier {
        None => Some(charged),
        Some(earlier) => pad.add("with the nights before the split", earlier, charged),
    }
}

fn observe<P: Pad>(pad: &mut P, what: &'static str, of: &Symbol, accepted: Accepted) -> P::Number {
    let Quote { date, value, version } = accepted.quote;
    pad.given(|| Fact::Observed(Observed { what, key: of.as_str().into(), date, version }), value)
}

impl DailyFeeKind {
    fn rate_name(self) -> &'static str {
        match self {
            DailyFeeKind::Custody => "custody rate",
            DailyFeeKind::Administration => "administration rate",
            DailyFeeKind::Borrow => "borrow rate",
        }
    }
}
