//! Cumulative amounts -> what is booked each day, so that the bookings sum to the rounded amount of the period exactly.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::domain::blocked::{Blocked, out_of_range};
use crate::domain::money::{Currency, Money};
use crate::domain::rates::schedule::Period;

/// What one night adds to the books.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Booking {
    /// The end of the night: interest is accrued to this date, which is not counted.
    pub to: NaiveDate,
    /// Since the start of the period.
    pub cumulative: Decimal,
    /// `round(cumulative) - round(cumulative of the day before)`. Only the cumulative amount is rounded, never the amount of a day.
    pub booked: Money,
}

/// The bookings of a period, from the amount accrued from its start to each date. What comes first and has no amount ends it.
pub fn daily_bookings(
    period: Period,
    currency: Currency,
    mut accrued: impl FnMut(NaiveDate) -> Result<Decimal, Blocked>,
) -> Result<Vec<Booking>, Blocked> {
    let mut bookings = Vec::new();
    let mut so_far = Money::zero(currency);
    for to in period.start.iter_days().skip(1).take_while(|to| *to <= period.end) {
        let cumulative = accrued(to)?;
        let rounded = Money::round(cumulative, currency).ok_or_else(out_of_range("the accrued interest"))?;
        let booked = rounded.checked_sub(so_far).ok_or_else(out_of_range("the interest of a day"))?;
        bookings.push(Booking { to, cumulative, booked });
        so_far = rounded;
    }
    Ok(bookings)
}
