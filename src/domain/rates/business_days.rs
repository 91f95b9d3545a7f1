//! The business days of a calendar by number, so that "five business days before" is a subtraction.

use chrono::{Datelike, NaiveDate};
use compact_str::CompactString;

use crate::domain::blocked::Blocked;
use crate::domain::calendar::Calendar;

/// Business days are numbered from 0 within the window they were listed for. A date outside of the window is a reason
/// ([`Blocked::MissingCalendar`]), never the nearest day.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BusinessDays {
    calendar: CompactString,
    /// Ascending.
    dates: Vec<NaiveDate>,
    /// The first of them, as a number that a subtraction gives days from.
    first: i32,
    /// For each calendar day from the first business day on: the number of the last business day on or before it.
    numbers: Vec<u32>,
}

impl BusinessDays {
    /// The days from `first` to `last`, both included, on which `business` holds.
    pub fn new(
        calendar: &str,
        first: NaiveDate,
        last: NaiveDate,
        business: impl Fn(NaiveDate) -> bool,
    ) -> BusinessDays {
        let dates = first.iter_days().take_while(|date| *date <= last).filter(|date| business(*date)).collect();
        BusinessDays::listed(calendar, dates, last)
    }

    /// All that a calendar knows.
    pub fn of(calendar: &Calendar) -> BusinessDays {
        let (first, last) = calendar.known();
        BusinessDays::new(calendar.name(), first, last, |date| calendar.business_day(date) == Ok(true))
    }

    /// These dates, ascending and one a day; it is known that there are no others until `last`.
    pub fn listed(calendar: &str, dates: Vec<NaiveDate>, last: NaiveDate) -> BusinessDays {
        let mut numbers = Vec::new();
        let starts = dates.iter().zip(dates.iter().skip(1).map(Some).chain([None]));
        for (number, (date, next)) in starts.enumerate() {
            let days = next.map_or((last - *date).num_days() + 1, |next| (*next - *date).num_days());
            numbers.extend(std::iter::repeat_n(number as u32, days.max(0) as usize));
        }
        let first = dates.first().map_or(0, Datelike::num_days_from_ce);
        BusinessDays { calendar: calendar.into(), dates, first, numbers }
    }

    /// The number of a date that is a business day, else of the last one before it (PRECEDING).
    pub fn on_or_before(&self, date: NaiveDate) -> Result<usize, Blocked> {
        // What a subtraction of dates would give, without its detour over years of 400 years. Of no dates there are no numbers.
        let within = usize::try_from(date.num_days_from_ce() - self.first).ok();
        let number = within.and_then(|day| self.numbers.get(day));
        number.map(|number| *number as usize).ok_or_else(|| self.ends_before(date))
    }

    /// The number of a date that is a business day, else of the next one after it (FOLLOWING).
    pub fn on_or_after(&self, date: NaiveDate) -> Result<usize, Blocked> {
        let before = self.on_or_before(date)?;
        let number = if self.dates[before] == date { before } else { before + 1 };
        if number < self.dates.len() { Ok(number) } else { Err(self.ends_before(date)) }
    }

    /// The business day `count` business days after a date; a date that is none counts as the next one.
    pub fn after(&self, date: NaiveDate, count: u32) -> Result<NaiveDate, Blocked> {
        let number = self.on_or_after(date)? + count as usize;
        self.dates.get(number).copied().ok_or_else(|| self.end())
    }

    /// The business day `count` business days before one.
    pub fn back(&self, number: usize, count: usize) -> Result<usize, Blocked> {
        number.checked_sub(count).ok_or_else(|| {
            let before_all = self.dates.first().and_then(|first| first.pred_opt());
            self.ends_before(before_all.unwrap_or(NaiveDate::MIN))
        })
    }

    /// The date of a number that a look-up gave.
    pub fn date(&self, number: usize) -> NaiveDate {
        self.dates[number]
    }

    /// Calendar days from a business day to the next; none for the last one that is known.
    pub fn until_next(&self, number: usize) -> Option<i64> {
        self.dates.get(number + 1).map(|next| (*next - self.dates[number]).num_days())
    }

    /// How many business days the window has: one more than the last number.
    pub fn count(&self) -> usize {
        self.dates.len()
    }

    /// The reason for an amount that needs a date after the window.
    pub fn end(&self) -> Blocked {
        self.ends_before(self.dates.last().and_then(|last| last.succ_opt()).unwrap_or(NaiveDate::MAX))
    }

    /// The reason for an amount that needs a date which the window does not reach.
    pub fn ends_before(&self, date: NaiveDate) -> Blocked {
        Blocked::MissingCalendar { name: self.calendar.clone(), date }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::Weekend;

    fn april(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2025, 4, day).expect("a day of April")
    }

    /// Weekdays of April 2025 but Good Friday, the 18th.
    fn days() -> BusinessDays {
        BusinessDays::of(&Calendar::new("TEST", Weekend::SATURDAY_SUNDAY, [april(18)], april(1), april(30)))
    }

    #[test]
    fn a_holiday_belongs_to_the_day_before_or_the_day_after() {
        let days = days();
        let dates = |date| {
            (days.on_or_before(date).map(|day| days.date(day)), days.on_or_after(date).map(|day| days.date(day)))
        };
        assert_eq!(dates(april(17)), (Ok(april(17)), Ok(april(17))));
        assert_eq!(dates(april(18)), (Ok(april(17)), Ok(april(21))));
        assert_eq!(dates(april(20)), (Ok(april(17)), Ok(april(21))));
        let thursday = days.on_or_before(april(17)).expect("in the window");
        assert_eq!(days.until_next(thursday), Some(4));
        assert_eq!(days.back(thursday, 4).map(|day| days.date(day)), Ok(april(11)));
    }

    #[test]
    fn what_the_window_does_not_reach_is_missing() {
        let days = days();
        let missing = |date| Err(Blocked::MissingCalendar { name: "TEST".into(), date });
        let march_31 = april(1).pred_opt().expect("a day before");
        assert_eq!(days.on_or_before(march_31), missing(march_31));
        let may_1 = april(30).succ_opt().expect("a day after");
        assert_eq!(days.on_or_before(may_1), missing(may_1));
        assert_eq!(days.back(1, 2), missing(march_31));
        assert_eq!(days.until_next(days.count() - 1), None);
    }

    #[test]
    fn without_business_days_every_date_is_missing() {
        let days = BusinessDays::new("NEVER", april(1), april(30), |_| false);
        assert_eq!(days.on_or_after(april(5)), Err(days.ends_before(april(5))));
    }
}
