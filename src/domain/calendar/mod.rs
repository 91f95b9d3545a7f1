//! Calendars: which days are business days, counted and stepped over quickly, within the years that are known.
//!
//! ```
//! use bookflow::domain::calendar::{Calendar, Convention};
//! use chrono::NaiveDate;
//!
//! let date = |month, day| NaiveDate::from_ymd_opt(2025, month, day).expect("a date");
//! let both = Calendar::named("US-NYSE+UK-EXCHANGE").expect("two known names");
//! assert_eq!(both.adjust(date(5, 26), Convention::Following), Ok(date(5, 27))); // Memorial Day, and a bank holiday
//! assert_eq!(both.adjust(date(5, 31), Convention::ModifiedFollowing), Ok(date(5, 30)));
//! assert_eq!(both.add_business_days(date(4, 17), 2), Ok(date(4, 23))); // over Easter
//! ```

mod convention; // where a date goes that is no business day
mod rules; // how holidays are written down
mod america; // the United States, Canada
mod europe; // the euro, London, Frankfurt, Paris, Zurich
mod pacific; // Japan, Hong Kong, Australia
mod named; // calendars by name
pub mod settlement; // how long a trade takes to settle

use std::fmt;

use chrono::{Datelike, Days, NaiveDate, Weekday};

pub use convention::{Convention, UnknownConvention};
pub use named::{EDITION, UnknownCalendar};

/// The business days of one place, or of several together, from `first` to `last`. What lies outside is an error
/// ([`OutsideCalendar`]), never silently a business day.
#[derive(Clone, PartialEq, Eq)]
pub struct Calendar {
    name: String,
    first: NaiveDate,
    last: NaiveDate,
    /// A bit for each day from `first` on, set for a business day.
    open: Vec<u64>,
    /// How many business days come before each word of `open`, and how many there are in all.
    before: Vec<u32>,
}

/// A date that the calendar says nothing about, or an answer that would lie there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("calendar {calendar} is known from {first} to {last}; {date} is outside")]
pub struct OutsideCalendar {
    pub calendar: String,
    pub date: NaiveDate,
    pub first: NaiveDate,
    pub last: NaiveDate,
}

/// The days of the week on which nobody works.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Weekend(&'static [Weekday]);

impl Weekend {
    /// What Western markets and those of East Asia keep.
    pub const SATURDAY_SUNDAY: Weekend = Weekend(&[Weekday::Sat, Weekday::Sun]);
    /// What Israel and much of the Middle East keep.
    pub const FRIDAY_SATURDAY: Weekend = Weekend(&[Weekday::Fri, Weekday::Sat]);

    /// Whether nobody works on that date.
    pub fn contains(self, date: NaiveDate) -> bool {
        self.0.contains(&date.weekday())
    }
}

impl Calendar {
    /// Every day from `first` to `last`, both included, that is neither weekend nor holiday. Holidays outside of that count for nothing.
    pub fn new(
        name: &str,
        weekend: Weekend,
        holidays: impl IntoIterator<Item = NaiveDate>,
        first: NaiveDate,
        last: NaiveDate,
    ) -> Calendar {
        let mut open = vec![0; words(first, last)];
        for date in first.iter_days().take_while(|date| *date <= last).filter(|date| !weekend.contains(*date)) {
            let (word, bit) = place(first, date);
            open[word] |= bit;
        }
        for date in holidays.into_iter().filter(|date| (first..=last).contains(date)) {
            let (word, bit) = place(first, date);
            open[word] &= !bit;
        }
        Calendar { name: name.to_owned(), first, last, before: counted(&open), open }
    }

    /// The joint calendar: business days of both, over the days that both know; holidays add up. Its name is `A+B`.
    pub fn joined(&self, other: &Calendar) -> Calendar {
        let (first, last) = (self.first.max(other.first), self.last.min(other.last));
        let closed = |date: &NaiveDate| self.business_day(*date) != Ok(true) || other.business_day(*date) != Ok(true);
        let holidays = first.iter_days().take_while(|date| *date <= last).filter(closed);
        Calendar::new(&format!("{}+{}", self.name, other.name), Weekend(&[]), holidays, first, last)
    }

    /// The name it was built under; of a joint calendar all names with `+` between them.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first and the last day that the calendar knows.
    pub fn known(&self) -> (NaiveDate, NaiveDate) {
        (self.first, self.last)
    }

    /// Whether a date is neither weekend nor holiday.
    pub fn business_day(&self, date: NaiveDate) -> Result<bool, OutsideCalendar> {
        self.check(date)?;
        let (word, bit) = place(self.first, date);
        Ok(self.open[word] & bit != 0)
    }

    /// Business days from `start` (counted) to `end` (not counted); zero for an interval that ends before it starts.
    pub fn business_days(&self, start: NaiveDate, end: NaiveDate) -> Result<i64, OutsideCalendar> {
        self.check(start)?;
        self.check(end)?;
        Ok((self.rank(end) - self.rank(start)).max(0))
    }

    /// The date so many business days later, or earlier for a number below zero: steps of one calendar day of which only business days
    /// count. Zero leaves any date as it is.
    pub fn add_business_days(&self, date: NaiveDate, days: i64) -> Result<NaiveDate, OutsideCalendar> {
        let open = i64::from(self.business_day(date)?);
        match days {
            0 => Ok(date),
            1.. => self.nth(date, self.rank(date) + open + days - 1),
            _ => self.nth(date, self.rank(date) + days),
        }
    }

    /// Business days before `date`, from the first known day on.
    fn rank(&self, date: NaiveDate) -> i64 {
        let (word, bit) = place(self.first, date);
        i64::from(self.before[word]) + i64::from((self.open[word] & (bit - 1)).count_ones())
    }

    /// The business day with so many before it. `from` is what the error names: the date that the question started from.
    fn nth(&self, from: NaiveDate, rank: i64) -> Result<NaiveDate, OutsideCalendar> {
        let known = u32::try_from(rank).ok().filter(|rank| *rank < self.before[self.open.len()]);
        let rank = known.ok_or_else(|| self.outside(from))?;
        let mut word = place(self.first, from).0;
        while self.before[word] > rank {
            word -= 1;
        }
        while self.before[word + 1] <= rank {
            word += 1;
        }
        let mut bits = self.open[word];
        for _ in self.before[word]..rank {
            bits &= bits - 1; // takes the lowest business day away
        }
        Ok(self.first + Days::new(word as u64 * 64 + u64::from(bits.trailing_zeros())))
    }

    fn check(&self, date: NaiveDate) -> Result<(), OutsideCalendar> {
        if (self.first..=self.last).contains(&date) { Ok(()) } else { Err(self.outside(date)) }
    }

    fn outside(&self, date: NaiveDate) -> OutsideCalendar {
        OutsideCalendar { calendar: self.name.clone(), date, first: self.first, last: self.last }
    }
}

fn words(first: NaiveDate, last: NaiveDate) -> usize {
    ((last - first).num_days().max(-1) + 1) as usize / 64 + 1
}

/// The word and the bit of a day.
fn place(first: NaiveDate, date: NaiveDate) -> (usize, u64) {
    let day = (date.num_days_from_ce() - first.num_days_from_ce()) as usize;
    (day / 64, 1 << (day % 64))
}

fn counted(open: &[u64]) -> Vec<u32> {
    let mut before = vec![0];
    for word in open {
        before.push(before[before.len() - 1] + word.count_ones());
    }
    before
}

impl fmt::Debug for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}..={}", self.name, self.first, self.last)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(number: i64) -> NaiveDate {
        NaiveDate::from_ymd_opt(2024, 1, 1).expect("a date") + chrono::Duration::days(number)
    }

    const LENGTH: i64 = 200;

    /// 200 days from a Monday on.
    fn calendar(holidays: &[i64]) -> Calendar {
        let holidays = holidays.iter().map(|number| day(*number));
        Calendar::new("TEST", Weekend::SATURDAY_SUNDAY, holidays, day(0), day(LENGTH - 1))
    }

    fn holidays() -> impl Strategy<Value = Vec<i64>> {
        prop::collection::vec(-5..LENGTH + 5, 0..60)
    }

    proptest! {
        #[test]
        fn business_days_are_what_remains_of_weekends_and_holidays(closed in holidays(), number in -1..LENGTH + 1) {
            let weekday = number.rem_euclid(7) < 5;
            let expected = (0..LENGTH).contains(&number).then(|| weekday && !closed.contains(&number));
            prop_assert_eq!(calendar(&closed).business_day(day(number)).ok(), expected);
        }

        #[test]
        fn counting_and_stepping_go_day_by_day(closed in holidays(), from in 0..LENGTH, to in 0..LENGTH, step in -200_i64..200) {
            let calendar = calendar(&closed);
            let open = |number: &i64| calendar.business_day(day(*number)) == Ok(true);
            prop_assert_eq!(calendar.business_days(day(from), day(to)), Ok((from..to).filter(open).count() as i64));

            let nth = step.unsigned_abs() as usize;
            let expected = match step {
                0 => Some(from),
                1.. => (from + 1..LENGTH).filter(open).nth(nth - 1),
                _ => (0..from).rev().filter(open).nth(nth - 1),
            };
            prop_assert_eq!(calendar.add_business_days(day(from), step).ok(), expected.map(day));
        }

        #[test]
        fn a_joint_calendar_has_the_holidays_of_both(one in holidays(), other in holidays(), number in 0..LENGTH) {
            let joint = calendar(&one).joined(&calendar(&other));
            let both: Vec<_> = one.iter().chain(&other).copied().collect();
            prop_assert_eq!(joint.business_day(day(number)), calendar(&both).business_day(day(number)));
        }
    }

    #[test]
    fn a_date_outside_is_an_error_that_says_what_is_known() {
        let error = calendar(&[]).business_day(day(LENGTH)).expect_err("beyond the last day");
        assert_eq!(error.to_string(), "calendar TEST is known from 2024-01-01 to 2024-07-18; 2024-07-19 is outside");
        assert!(calendar(&[]).business_days(day(0), day(LENGTH)).is_err());
        assert!(calendar(&[]).business_days(day(-1), day(1)).is_err());
    }

    #[test]
    fn a_weekend_may_lie_on_other_days() {
        let riyadh = Calendar::new("SA", Weekend::FRIDAY_SATURDAY, [], day(0), day(9));
        let open: Vec<_> = (0..7).filter(|number| riyadh.business_day(day(*number)) == Ok(true)).collect();
        assert_eq!(open, [0, 1, 2, 3, 6]);
    }
}
