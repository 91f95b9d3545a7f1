//! The interval that a day count measures, with what some of them must know beyond its two dates.

use chrono::{Datelike, NaiveDate};

use crate::domain::calendar::Calendar;
use crate::domain::schedule::Roll;

/// From `start` (counted) to `end` (not counted). One that ends before it starts has no days.
#[derive(Clone, Copy, Debug)]
pub struct Interval<'a> {
    pub start: NaiveDate,
    pub end: NaiveDate,
    /// The end of the calculation period that the interval is a part of, for ACT/365L; the end of the interval unless stated.
    pub period_end: Option<NaiveDate>,
    /// The termination date of the contract, for 30E/360.ISDA; without one the interval does not end at it.
    pub termination: Option<NaiveDate>,
    /// The regular coupon dates, for ACT/ACT.ICMA.
    pub coupons: Option<Coupons>,
    /// The business days, for BUS/252.
    pub calendar: Option<&'a Calendar>,
}

impl<'a> Interval<'a> {
    /// Two dates alone: enough for every day count but ACT/ACT.ICMA and BUS/252.
    pub fn new(start: NaiveDate, end: NaiveDate) -> Interval<'a> {
        let end = end.max(start);
        Interval { start, end, period_end: None, termination: None, coupons: None, calendar: None }
    }
}

/// Regular (unadjusted) coupon dates: every `months` months through `anchor`, on the roll day.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Coupons {
    pub anchor: NaiveDate,
    /// 12 for yearly coupons, 6 for half-yearly ones; above zero.
    pub months: u32,
    pub roll: Roll,
}

impl Coupons {
    /// The coupon date that is so many periods after the anchor.
    pub(super) fn date(self, periods: i32) -> Option<NaiveDate> {
        self.roll.date(self.anchor, periods.checked_mul(self.months as i32)?)
    }

    /// How many periods after the anchor the last coupon date on or before `date` is.
    pub(super) fn periods_until(self, date: NaiveDate) -> Option<i32> {
        let months = (date.year() - self.anchor.year()) * 12 + date.month() as i32 - self.anchor.month() as i32;
        let guess = months.checked_div_euclid(self.months as i32)?;
        // In the month of a coupon date the day decides.
        Some(if self.date(guess)? > date { guess - 1 } else { guess })
    }
}
