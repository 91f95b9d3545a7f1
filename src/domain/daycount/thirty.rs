//! Day counts of months with 30 days. They differ in what becomes of the 31st and of the end of February.

use chrono::{Datelike, NaiveDate};

use super::fraction::Fraction;
use crate::domain::schedule::last_of_month;

/// 30/360, bond basis, ISDA 2021 section 4.6.1(vi), ISDA 2006 section 4.16(f): a start on the 31st counts as the 30th, an end on the 31st
/// only after a start on the 30th or 31st.
pub(super) fn thirty_360(start: NaiveDate, end: NaiveDate) -> Fraction {
    let first = start.day().min(30);
    let second = if first == 30 { end.day().min(30) } else { end.day() };
    over_360(start, first, end, second)
}

/// 30E/360, Eurobond basis, ISDA 2021 section 4.6.1(vii), ISDA 2006 section 4.16(g): every 31st counts as the 30th.
pub(super) fn thirty_e_360(start: NaiveDate, end: NaiveDate) -> Fraction {
    over_360(start, start.day().min(30), end, end.day().min(30))
}

/// 30E/360.ISDA, ISDA 2006 section 4.16(h): every last day of a month counts as the 30th, but for the last day of February as an end that
/// is the termination date. The CDM takes the start's day from the end date and turns the termination date's rule around.
pub(super) fn thirty_e_360_isda(start: NaiveDate, end: NaiveDate, termination: Option<NaiveDate>) -> Fraction {
    let first = if last_of_month(start) == start { 30 } else { start.day() };
    let at_termination = end.month() == 2 && termination == Some(end);
    let second = if last_of_month(end) == end && !at_termination { 30 } else { end.day() };
    over_360(start, first, end, second)
}

/// 30U/360, US with end of month (SIA, Standard Securities Calculation Methods): as 30/360, and for a start on the last of February it
/// counts as the 30th, and so does an end on the last of February.
pub(super) fn thirty_u_360(start: NaiveDate, end: NaiveDate) -> Fraction {
    let last_of_february = |date: NaiveDate| date.month() == 2 && last_of_month(date) == date;
    let first = if last_of_february(start) { 30 } else { start.day().min(30) };
    let both = last_of_february(start) && last_of_february(end);
    let second = if both || (end.day() == 31 && first == 30) { 30 } else { end.day() };
    over_360(start, first, end, second)
}

/// (360 x years + 30 x months + days) / 360, with the days of the month that the convention made of the dates.
fn over_360(start: NaiveDate, first: u32, end: NaiveDate, second: u32) -> Fraction {
    let months = i64::from(end.year() - start.year()) * 12 + i64::from(end.month()) - i64::from(start.month());
    Fraction::new(months * 30 + i64::from(second) - i64::from(first), 360)
}
