//! Roll days: the day of the month that the dates of a schedule fall on.

use chrono::{Datelike, Months, NaiveDate};

/// FpML's rollConvention, as far as it is a day of the month.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Roll {
    /// That day, or the last of a month that does not have it.
    Day(u32),
    EndOfMonth,
}

impl Roll {
    /// The roll of a schedule through `date`: its day, or the end of the month when it is one and `end_of_month` is agreed.
    pub fn through(date: NaiveDate, end_of_month: bool) -> Roll {
        if end_of_month && last_of_month(date) == date { Roll::EndOfMonth } else { Roll::Day(date.day()) }
    }

    /// The roll date of the month that is so many months after that of `anchor`. Each is found from the anchor and not from its neighbour,
    /// or the 31st would shrink to the 28th for ever. `None` beyond the years that dates have.
    pub fn date(self, anchor: NaiveDate, months: i32) -> Option<NaiveDate> {
        let first = anchor.with_day(1)?;
        let distance = Months::new(months.unsigned_abs());
        let month = if months < 0 { first.checked_sub_months(distance) } else { first.checked_add_months(distance) }?;
        match self {
            Roll::Day(day) => Some(month.with_day(day).unwrap_or_else(|| last_of_month(month))),
            Roll::EndOfMonth => Some(last_of_month(month)),
        }
    }
}

/// The last calendar day of a date's month.
pub fn last_of_month(date: NaiveDate) -> NaiveDate {
    (28..=31).rev().find_map(|day| date.with_day(day)).expect("every month has a 28th")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().expect("the test writes a date")
    }

    #[test]
    fn a_roll_day_comes_back_after_a_short_month() {
        let (anchor, roll) = (date("2025-01-30"), Roll::Day(30));
        assert_eq!(roll.date(anchor, 1), Some(date("2025-02-28")));
        assert_eq!(roll.date(anchor, 2), Some(date("2025-03-30")));
        assert_eq!(roll.date(anchor, -11), Some(date("2024-02-29")));
    }

    #[test]
    fn only_an_end_of_month_rolls_on_ends_of_months() {
        assert_eq!(Roll::through(date("2025-02-28"), true).date(date("2025-02-28"), 1), Some(date("2025-03-31")));
        assert_eq!(Roll::through(date("2025-02-28"), false).date(date("2025-02-28"), 1), Some(date("2025-03-28")));
        assert_eq!(Roll::through(date("2024-02-28"), true), Roll::Day(28));
    }
}
