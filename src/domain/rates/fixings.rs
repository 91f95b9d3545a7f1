//! What an index published for its business days, and what counts where it published nothing.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::business_days::BusinessDays;
use super::terms::Unpublished;
use crate::domain::blocked::Blocked;
use crate::domain::explain::pad::Pad;
use crate::domain::explain::{Fact, Observed};
use crate::domain::names::IndexName;

/// The fixings of one index: the source of truth for what it published, by business day of its calendar.
#[derive(Clone, PartialEq, Debug)]
pub struct Fixings {
    pub index: IndexName,
    /// The days that the index's own day count gives a year: 360 (SOFR, ESTR) or 365 (SONIA, TONA).
    pub year_days: i64,
    pub days: BusinessDays,
    /// By number of the business day.
    published: Vec<Option<Fixing>>,
}

/// A published rate, as a fraction of a year; its version grows when it is published again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fixing {
    pub rate: Decimal,
    pub version: u32,
}

/// What counts for a business day.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Counted {
    pub fixing: Fixing,
    /// The day it was published for: an earlier one where a last published fixing stands in.
    pub date: NaiveDate,
    pub provisional: bool,
}

/// A fixing for a date that is no business day of the index's calendar.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0} is no business day of the index's calendar")]
pub struct NotAFixingDay(pub NaiveDate);

impl Fixings {
    /// An index that has published nothing yet. `year_days` is 360 or 365, `days` its fixing calendar.
    pub fn new(index: IndexName, year_days: i64, days: BusinessDays) -> Fixings {
        let published = vec![None; days.count()];
        Fixings { index, year_days, days, published }
    }

    /// Takes a fixing in, or a corrected one in place of the first; gives the number of its business day.
    pub fn publish(&mut self, date: NaiveDate, fixing: Fixing) -> Result<usize, NotAFixingDay> {
        let day = self.days.on_or_before(date).ok().filter(|day| self.days.date(*day) == date);
        let day = day.ok_or(NotAFixingDay(date))?;
        self.published[day] = Some(fixing);
        Ok(day)
    }

    /// The number of the first business day with a fixing.
    pub fn first(&self) -> Option<usize> {
        self.published.iter().position(Option::is_some)
    }

    /// The number of the last business day with a fixing.
    pub fn last(&self) -> Option<usize> {
        self.published.iter().rposition(Option::is_some)
    }

    /// What counts for a business day: its own fixing, else what the terms say.
    pub fn counted(&self, day: usize, unpublished: Unpublished) -> Result<Counted, Blocked> {
        let date = self.days.date(day);
        if let Some(fixing) = self.published[day] {
            return Ok(Counted { fixing, date, provisional: false });
        }
        let missing = || Blocked::MissingFixing { index: self.index.clone(), date };
        let Unpublished::LastPublished { age_days_max } = unpublished else { return Err(missing()) };
        let earlier = (0..day).rev().map(|earlier| (self.days.date(earlier), self.published[earlier]));
        let mut in_time = earlier.take_while(|(earlier, _)| (date - *earlier).num_days() <= age_days_max);
        let found = in_time.find_map(|(date, fixing)| fixing.map(|fixing| (date, fixing)));
        found.map(|(date, fixing)| Counted { fixing, date, provisional: true }).ok_or_else(missing)
    }

    /// Writes a counted fixing on a pad.
    pub(in crate::domain) fn write<P: Pad>(&self, pad: &mut P, counted: Counted) -> P::Number {
        let fact = || {
            let Counted { date, fixing, .. } = counted;
            Fact::Observed(Observed { what: "fixing", key: self.index.as_str().into(), date, version: fixing.version })
        };
        pad.given(fact, counted.fixing.rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn june(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2025, 6, day).expect("a day of June")
    }

    /// Every day is a business day; 2 June has 4 %.
    fn fixings() -> Fixings {
        let days = BusinessDays::new("EVERY_DAY", june(1), june(30), |_| true);
        let mut fixings = Fixings::new(IndexName::new("X").expect("a name"), 360, days);
        let fixing = Fixing { rate: Decimal::new(4, 2), version: 1 };
        assert_eq!(fixings.publish(june(2), fixing), Ok(1));
        fixings
    }

    #[test]
    fn a_fixing_that_was_not_published_blocks_unless_the_terms_say_otherwise() {
        let fixings = fixings();
        let missing = Err(Blocked::MissingFixing { index: fixings.index.clone(), date: june(5) });
        let fallback = |age_days_max| fixings.counted(4, Unpublished::LastPublished { age_days_max });
        assert_eq!(fixings.counted(4, Unpublished::Blocks), missing);
        assert_eq!(fallback(2), missing);
        let counted = fallback(3).expect("three days old");
        assert_eq!((counted.date, counted.provisional), (june(2), true));
        assert!(!fixings.counted(1, Unpublished::Blocks).expect("published").provisional);
    }

    #[test]
    fn a_fixing_belongs_to_a_business_day() {
        let mut fixings = fixings();
        let fixing = Fixing { rate: Decimal::ZERO, version: 1 };
        let july = june(30).succ_opt().expect("a day after");
        assert_eq!(fixings.publish(july, fixing), Err(NotAFixingDay(july)));
    }
}
