//! Day counts of actual days over years that differ in length.

use chrono::{Datelike, NaiveDate};

use super::days;
use super::fraction::Fraction;
use super::interval::{Coupons, Interval};

/// ACT/ACT.ISDA, ISDA 2021 section 4.6.1(ii), ISDA 2006 section 4.16(b): days in leap years / 366 + days in other years / 365.
pub(super) fn act_act_isda(start: NaiveDate, end: NaiveDate) -> Fraction {
    let (mut leap, mut other) = (0, 0);
    let mut from = start;
    while from < end {
        let next_year = NaiveDate::from_ymd_opt(from.year() + 1, 1, 1).unwrap_or(end);
        let to = next_year.min(end);
        *if from.leap_year() { &mut leap } else { &mut other } += days(from, to);
        from = to;
    }
    Fraction::new(leap, 366).plus(Fraction::new(other, 365))
}

/// ACT/ACT.ICMA, ISDA 2021 section 4.6.1(iii), ISDA 2006 section 4.16(c), ICMA Rule 251: for each regular coupon period that the interval
/// touches, the days they share / (the days of the coupon period x coupons in a year). A stub is measured in regular periods
/// that are continued beyond it; one over the frequency, as the CDM has it, holds for a whole period only.
pub(super) fn act_act_icma(start: NaiveDate, end: NaiveDate, coupons: Coupons) -> Option<Fraction> {
    let mut sum = Fraction::ZERO;
    let mut periods = coupons.periods_until(start)?;
    let mut coupon_start = coupons.date(periods)?;
    while coupon_start < end {
        periods += 1;
        let coupon_end = coupons.date(periods)?;
        let shared = days(start.max(coupon_start), end.min(coupon_end));
        let months = i64::from(coupons.months);
        sum = sum.plus(Fraction::new(shared * months, days(coupon_start, coupon_end) * 12));
        coupon_start = coupon_end;
    }
    Some(sum)
}

/// ACT/ACT.AFB, the definitions of the AFB of 1994 in Strata's reading: whole years back from the end, each counted from the end itself
/// (29 February becomes 28 in other years), plus the days that remain / 366 if 29 February is one of them, else / 365.
///
/// The text of the AFB sends an end of 28 February back to 29 February where there is one; readings of it differ in about one of
/// a thousand intervals (QuantLib's does), so both parties should name the same.
pub(super) fn act_act_afb(start: NaiveDate, end: NaiveDate) -> Fraction {
    let mut years = end.year() - start.year();
    let mut back = years_before(end, years);
    if back < start {
        years -= 1;
        back = years_before(end, years);
    }
    let year = if leap_days_between(start, back) > 0 { 366 } else { 365 };
    Fraction::new(years.into(), 1).plus(Fraction::new(days(start, back), year))
}

/// ACT/365L, ISDA 2021 section 4.6.1(ix): the year is that of the end of the calculation period.
pub(super) fn act_365l(interval: Interval<'_>) -> Fraction {
    let period_end = interval.period_end.unwrap_or(interval.end);
    Fraction::new(days(interval.start, interval.end), if period_end.leap_year() { 366 } else { 365 })
}

/// ACT/365L for yearly coupons, ICMA Rule 251: the year has 366 days if 29 February lies after the start, up to and on the end of the period.
pub(super) fn act_365l_icma(interval: Interval<'_>) -> Fraction {
    let period_end = interval.period_end.unwrap_or(interval.end);
    let leap = leap_days_after(interval.start, period_end) > 0;
    Fraction::new(days(interval.start, interval.end), if leap { 366 } else { 365 })
}

/// NL/365: actual days without any 29 February after the start, up to and on the end, / 365.
pub(super) fn nl_365(start: NaiveDate, end: NaiveDate) -> Fraction {
    Fraction::new(days(start, end) - leap_days_after(start, end), 365)
}

fn years_before(date: NaiveDate, years: i32) -> NaiveDate {
    let year = date.year() - years;
    date.with_year(year).or_else(|| NaiveDate::from_ymd_opt(year, 2, 28)).unwrap_or(date)
}

/// 29ths of February from `start` (counted) to `end` (not counted).
fn leap_days_between(start: NaiveDate, end: NaiveDate) -> i64 {
    let leap_day = |year| NaiveDate::from_ymd_opt(year, 2, 29);
    (start.year()..=end.year()).filter_map(leap_day).filter(|day| (start..end).contains(day)).count() as i64
}

/// 29ths of February from `start` (not counted) to `end` (counted).
fn leap_days_after(start: NaiveDate, end: NaiveDate) -> i64 {
    let next = |date: NaiveDate| date.succ_opt().unwrap_or(date);
    leap_days_between(next(start), next(end))
}
