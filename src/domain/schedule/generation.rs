//! Dates at regular distances between a start and an end, with a stub at either side where they do not divide.

use chrono::NaiveDate;

use super::roll::Roll;
use crate::domain::calendar::{Calendar, Convention, OutsideCalendar};

/// How regular dates are laid between a start and an end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Regular {
    /// The distance in months, above zero.
    pub months: u32,
    /// Where what is left over goes. It also says from where the dates are counted: from the end for a first stub, else from the start.
    pub stub: Stub,
    /// Whether dates counted from the last day of a month fall on the last days of months.
    pub end_of_month: bool,
    /// FpML's firstRegularPeriodStartDate and lastRegularPeriodEndDate: stubs of any length outside of them.
    pub first: Option<NaiveDate>,
    pub last: Option<NaiveDate>,
}

/// FpML's stubPeriodType: the irregular period stands first or last, by itself (short) or together with its regular neighbour (long).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Stub {
    ShortFirst,
    LongFirst,
    ShortLast,
    LongLast,
}

/// Start and end, or the regular dates within them, are not in order; or the distance is no month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a schedule needs start < first regular date < last regular date < end, and a distance of a month at least")]
pub struct InvalidSchedule;

/// The unadjusted dates, `start` and `end` included, in order.
pub fn unadjusted(start: NaiveDate, end: NaiveDate, regular: &Regular) -> Result<Vec<NaiveDate>, InvalidSchedule> {
    let (first, last) = (regular.first.unwrap_or(start), regular.last.unwrap_or(end));
    let ordered = start <= first && first < last && last <= end;
    if !ordered || regular.months == 0 {
        return Err(InvalidSchedule);
    }
    let mut dates = match regular.stub {
        Stub::ShortLast | Stub::LongLast => forward(first, last, regular),
        Stub::ShortFirst | Stub::LongFirst => backward(first, last, regular),
    };
    if start < first {
        dates.insert(0, start);
    }
    if last < end {
        dates.push(end);
    }
    Ok(dates)
}

fn forward(first: NaiveDate, last: NaiveDate, regular: &Regular) -> Vec<NaiveDate> {
    let mut dates = vec![first];
    dates.extend(rolled(first, 1, regular).take_while(|date| *date < last));
    let regular_end = next(first, dates.len(), 1, regular) == Some(last);
    if regular.stub == Stub::LongLast && !regular_end && dates.len() > 1 {
        dates.pop();
    }
    dates.push(last);
    dates
}

fn backward(first: NaiveDate, last: NaiveDate, regular: &Regular) -> Vec<NaiveDate> {
    let mut dates = vec![last];
    dates.extend(rolled(last, -1, regular).take_while(|date| *date > first));
    let regular_start = next(last, dates.len(), -1, regular) == Some(first);
    if regular.stub == Stub::LongFirst && !regular_start && dates.len() > 1 {
        dates.pop();
    }
    dates.push(first);
    dates.reverse();
    dates
}

/// The dates after an anchor (or before it, for -1), without it.
fn rolled(anchor: NaiveDate, direction: i32, regular: &Regular) -> impl Iterator<Item = NaiveDate> {
    (1..).map_while(move |periods| next(anchor, periods, direction, regular))
}

fn next(anchor: NaiveDate, periods: usize, direction: i32, regular: &Regular) -> Option<NaiveDate> {
    let months = i32::try_from(periods).ok()?.checked_mul(i32::try_from(regular.months).ok()?)?;
    Roll::through(anchor, regular.end_of_month).date(anchor, months * direction)
}

/// The dates as they fall on business days. The last one, the termination date, has a convention of its own. Dates that fall on the same day
/// become one.
pub fn adjusted(
    unadjusted: &[NaiveDate],
    calendar: &Calendar,
    convention: Convention,
    termination: Convention,
) -> Result<Vec<NaiveDate>, OutsideCalendar> {
    let last = unadjusted.len().saturating_sub(1);
    let convention = |index| if index == last { termination } else { convention };
    let adjust = |(index, date): (usize, &NaiveDate)| calendar.adjust(*date, convention(index));
    let mut dates = unadjusted.iter().enumerate().map(adjust).collect::<Result<Vec<_>, _>>()?;
    dates.dedup();
    Ok(dates)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const QUARTERLY: Regular =
        Regular { months: 3, stub: Stub::ShortLast, end_of_month: false, first: None, last: None };

    fn date(text: &str) -> NaiveDate {
        text.parse().expect("the test writes a date")
    }

    fn dates(start: &str, end: &str, regular: Regular) -> String {
        let dates = unadjusted(date(start), date(end), &regular).expect("the dates are in order");
        dates.iter().map(|date| date.format("%y%m%d").to_string()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_left_over_stands_where_the_stub_says() {
        for (stub, expected) in [
            (Stub::ShortLast, "250110 250410 250710 251010 251120"),
            (Stub::LongLast, "250110 250410 250710 251120"),
            (Stub::ShortFirst, "250110 250220 250520 250820 251120"),
            (Stub::LongFirst, "250110 250520 250820 251120"),
        ] {
            assert_eq!(dates("2025-01-10", "2025-11-20", Regular { stub, ..QUARTERLY }), expected);
        }
    }

    #[test]
    fn a_long_stub_is_only_made_where_something_is_left_over() {
        for stub in [Stub::LongLast, Stub::LongFirst] {
            let regular = Regular { stub, ..QUARTERLY };
            assert_eq!(dates("2025-01-10", "2025-07-10", regular), "250110 250410 250710");
            assert_eq!(dates("2025-01-10", "2025-02-01", regular), "250110 250201");
        }
    }

    #[test]
    fn both_ends_may_have_a_stub() {
        let regular = Regular { first: Some(date("2025-02-01")), last: Some(date("2025-08-01")), ..QUARTERLY };
        assert_eq!(dates("2025-01-10", "2025-08-20", regular), "250110 250201 250501 250801 250820");
    }

    #[test]
    fn the_31st_does_not_shrink_for_ever() {
        let monthly = Regular { months: 1, end_of_month: false, ..QUARTERLY };
        assert_eq!(dates("2025-01-31", "2025-04-30", monthly), "250131 250228 250331 250430");
    }

    #[test]
    fn the_termination_date_has_a_convention_of_its_own() {
        let exchange = Calendar::named("XNYS").expect("it is known");
        let saturdays = ["2025-05-03", "2025-05-31"].map(date);
        let dates = adjusted(&saturdays, &exchange, Convention::Following, Convention::None);
        assert_eq!(dates, Ok(["2025-05-05", "2025-05-31"].map(date).to_vec()));
    }

    #[test]
    fn dates_that_fall_on_the_same_business_day_become_one() {
        let exchange = Calendar::named("XNYS").expect("it is known");
        let weekend = ["2025-05-03", "2025-05-04", "2025-05-05"].map(date);
        let dates = adjusted(&weekend, &exchange, Convention::Following, Convention::Following);
        assert_eq!(dates, Ok(vec![date("2025-05-05")]));
    }

    #[test]
    fn dates_out_of_order_are_refused() {
        let [early, late] = ["2025-01-10", "2025-07-10"].map(date);
        assert_eq!(unadjusted(late, early, &QUARTERLY), Err(InvalidSchedule));
        assert_eq!(unadjusted(early, late, &Regular { months: 0, ..QUARTERLY }), Err(InvalidSchedule));
        assert_eq!(unadjusted(early, late, &Regular { first: Some(late), ..QUARTERLY }), Err(InvalidSchedule));
        let before = Some(early - chrono::Days::new(1));
        assert_eq!(unadjusted(early, late, &Regular { first: before, ..QUARTERLY }), Err(InvalidSchedule));
        let after = Some(late + chrono::Days::new(1));
        assert_eq!(unadjusted(early, late, &Regular { last: after, ..QUARTERLY }), Err(InvalidSchedule));
    }

    proptest! {
        #[test]
        fn a_schedule_is_in_order_from_start_to_end_and_regular_but_for_one_stub(
            day in 0_u64..1000, length in 1_u64..4000, months in 1_u32..13, stub in 0_usize..4, end_of_month in any::<bool>()
        ) {
            let start = date("2024-01-01") + chrono::Days::new(day);
            let end = start + chrono::Days::new(length);
            let stub = [Stub::ShortFirst, Stub::LongFirst, Stub::ShortLast, Stub::LongLast][stub];
            let regular = Regular { months, stub, end_of_month, first: None, last: None };
            let dates = unadjusted(start, end, &regular).expect("the dates are in order");
            prop_assert_eq!((dates.first(), dates.last()), (Some(&start), Some(&end)));
            prop_assert!(dates.is_sorted_by(|one, other| one < other));
            let shortest = i64::from(months) * 28;
            let longest = i64::from(months) * 31;
            let lengths: Vec<_> = dates.windows(2).map(|pair| (pair[1] - pair[0]).num_days()).collect();
            let irregular = lengths.iter().filter(|days| !(shortest..=longest).contains(days)).count();
            prop_assert!(irregular <= 1, "{:?}", lengths);
        }
    }
}
