//! Everything compounded and summed up to each day of an index, so that any stretch of days costs two look-ups.

use rust_decimal::Decimal;

use super::daily::DailyTerms;
use super::fixings::{Counted, Fixings};
use super::terms::Unpublished;
use crate::domain::blocked::{Blocked, out_of_range};
use crate::domain::explain::Fact;
use crate::domain::pad::{Pad, Silent};
use crate::domain::wide::Wide;

/// What one table is for. Legs that agree in these share it, whatever else their terms say.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct TableTerms {
    /// Business days between a day and its fixing; 0 also for an observation shift, which looks days up where they were observed.
    pub lookback: usize,
    pub daily: DailyTerms,
    pub unpublished: Unpublished,
}

/// With `r_j` the rate that counts for business day `b_j`, and `n_j` the calendar days to the next one:
/// `factor_(j+1) = factor_j x (1 + r_j n_j / year_days)` and `sum_(j+1) = sum_j + r_j n_j`, from 1 and 0 on the first business day with a
/// fixing. Between two days the growth is a quotient of factors, the sum a difference.
#[derive(Clone, PartialEq, Debug)]
pub struct Table {
    terms: TableTerms,
    /// The number of the business day of the first entry.
    first: usize,
    entries: Vec<Entry>,
    /// Why there is no further entry.
    end: Blocked,
}

#[derive(Clone, Copy, PartialEq, Debug)]
struct Entry {
    factor: Wide,
    /// Sum of rate x days.
    sum: Decimal,
    /// How many of the days before have a rate that was not published for them.
    provisional: u32,
    /// How many of the days before have no rate. They count for nothing, and nothing is calculated across them.
    missing: u32,
}

/// Business days by number: `from` is counted, `to` is not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stretch {
    pub from: usize,
    pub to: usize,
}

const START: Entry = Entry { factor: Wide::ONE, sum: Decimal::ZERO, provisional: 0, missing: 0 };

impl Table {
    pub fn new(terms: TableTerms, fixings: &Fixings) -> Table {
        let mut table = Table { terms, first: 0, entries: Vec::new(), end: fixings.days.end() };
        table.build(fixings);
        table
    }

    /// Calculates again what a new or corrected fixing of a business day changes, and nothing before it.
    pub fn rebuild(&mut self, fixings: &Fixings, fixing_day: usize) {
        match self.first_dependent(fixing_day).checked_sub(self.first) {
            Some(kept) => {
                self.entries.truncate(kept + 1);
                self.extend(fixings);
            }
            None => self.build(fixings),
        }
    }

    /// The number of the first business day whose rate comes from the fixing of another.
    pub fn first_dependent(&self, fixing_day: usize) -> usize {
        fixing_day + self.terms.lookback
    }

    pub fn terms(&self) -> &TableTerms {
        &self.terms
    }

    fn build(&mut self, fixings: &Fixings) {
        // Without any fixing the table stands behind the last day, so that every day is missing.
        self.first = fixings.first().unwrap_or(fixings.days.count()) + self.terms.lookback;
        self.entries.clear();
        self.entries.push(START);
        self.extend(fixings);
    }

    fn extend(&mut self, fixings: &Fixings) {
        let last_published = fixings.last().unwrap_or(0);
        let mut entry = self.entries.last().copied().unwrap_or(START);
        loop {
            let day = self.first + self.entries.len() - 1;
            entry = match self.next(fixings, entry, day) {
                Ok(next) => next,
                Err(Blocked::MissingFixing { .. }) if day < last_published + self.terms.lookback => {
                    Entry { missing: entry.missing + 1, ..entry }
                }
                Err(end) => {
                    self.end = end;
                    return;
                }
            };
            self.entries.push(entry);
        }
    }

    /// The entry after that of a business day.
    fn next(&self, fixings: &Fixings, entry: Entry, day: usize) -> Result<Entry, Blocked> {
        let until_next = fixings.days.until_next(day).ok_or_else(|| fixings.days.end())?;
        let counted = fixings.counted(day - self.terms.lookback, self.terms.unpublished)?;
        let rate = self.terms.daily.rate(&mut Silent, counted.fixing.rate);
        let grown = rate.and_then(|rate| {
            let factor = entry.factor.compound(rate, until_next, fixings.year_days)?;
            let sum = entry.sum.checked_add(rate.checked_mul(Decimal::from(until_next))?)?;
            Some(Entry { factor, sum, provisional: entry.provisional + u32::from(counted.provisional), ..entry })
        });
        grown.ok_or_else(out_of_range("the compounded rate"))
    }

    /// The entries at both ends of a stretch, when every day of it has a rate.
    fn ends(&self, fixings: &Fixings, stretch: Stretch) -> Result<(Entry, Entry), Blocked> {
        let from = stretch.from.checked_sub(self.first).ok_or_else(|| self.missing(fixings, stretch.from))?;
        let (Some(from), Some(to)) = (self.entries.get(from), self.entries.get(stretch.to - self.first)) else {
            return Err(self.end.clone());
        };
        if to.missing > from.missing {
            let mut days = stretch.from..stretch.to;
            let gap = days.find(|day| fixings.counted(day - self.terms.lookback, self.terms.unpublished).is_err());
            return Err(self.missing(fixings, gap.unwrap_or(stretch.from)));
        }
        Ok((*from, *to))
    }

    fn missing(&self, fixings: &Fixings, day: usize) -> Blocked {
        Blocked::MissingFixing { index: fixings.index.clone(), date: fixings.days.date(day - self.terms.lookback) }
    }

    /// The factors at both ends of a stretch. A pad that keeps lines is given the first, and the way from there to the second.
    pub(super) fn factors<P: Pad>(
        &self,
        pad: &mut P,
        fixings: &Fixings,
        stretch: Stretch,
        provisional: &mut bool,
    ) -> Result<(P::Factor, P::Factor), Blocked> {
        let (from, to) = self.ends(fixings, stretch)?;
        *provisional |= to.provisional > from.provisional;
        let start = pad.factor(|| Fact::Count("factor on the first day"), from.factor);
        if !P::KEEPS {
            return Ok((start, pad.factor(|| Fact::Count("factor on the last day"), to.factor)));
        }
        let mut factor = start;
        self.walk(fixings, stretch, |days, counted| {
            let fixing = fixings.write(pad, counted);
            let rate = self.terms.daily.rate(pad, fixing)?;
            factor = pad.compound("factor", factor, rate, days, fixings.year_days)?;
            Some(())
        })?;
        Ok((start, factor))
    }

    /// Sum of rate x days over a stretch.
    pub(super) fn sum<P: Pad>(
        &self,
        pad: &mut P,
        fixings: &Fixings,
        stretch: Stretch,
        provisional: &mut bool,
    ) -> Result<P::Number, Blocked> {
        let (from, to) = self.ends(fixings, stretch)?;
        *provisional |= to.provisional > from.provisional;
        let start = pad.given(|| Fact::Count("rate x days before the first day"), from.sum);
        let mut sum = start;
        if P::KEEPS {
            self.walk(fixings, stretch, |days, counted| {
                let fixing = fixings.write(pad, counted);
                let rate = self.terms.daily.rate(pad, fixing)?;
                let days = pad.given(|| Fact::Count("days"), Decimal::from(days));
                let weighted = pad.multiply("rate x days", rate, days)?;
                sum = pad.add("sum of rate x days", sum, weighted)?;
                Some(())
            })?;
        } else {
            sum = pad.given(|| Fact::Count("rate x days before the last day"), to.sum);
        }
        pad.subtract("rate x days", sum, start).ok_or_else(out_of_range("the sum of rates"))
    }

    /// Every day of a stretch with its weight and what counted for it.
    fn walk(
        &self,
        fixings: &Fixings,
        stretch: Stretch,
        mut step: impl FnMut(i64, Counted) -> Option<()>,
    ) -> Result<(), Blocked> {
        for day in stretch.from..stretch.to {
            let counted = fixings.counted(day - self.terms.lookback, self.terms.unpublished)?;
            let days = fixings.days.until_next(day).ok_or_else(|| self.end.clone())?;
            step(days, counted).ok_or_else(out_of_range("the compounded rate"))?;
        }
        Ok(())
    }
}
