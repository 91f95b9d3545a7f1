//! Everything compounded and summed up to each day of an index, so that any stretch of days costs two look-ups.

use rust_decimal::Decimal;

use super::daily::DailyTerms;
use super::fixings::{Counted, Fixings};
use super::terms::Unpublished;
use crate::domain::blocked::{Blocked, out_of_range};
use crate::domain::explain::Fact;
use crate::domain::explain::pad::{Pad, Silent};
use crate::domain::number::wide::Wide;

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

/// How far a pad that keeps lines has been led through a table, so that a longer stretch from the same day goes on where a shorter one ended.
pub(in crate::domain) struct Path<P: Pad> {
    factors: Option<Led<P::Factor>>,
    sums: Option<Led<P::Number>>,
}

/// A stretch, and what is written at its ends.
#[derive(Clone, Copy)]
struct Led<N> {
    stretch: Stretch,
    start: N,
    end: N,
}

const START: Entry = Entry { factor: Wide::ONE, sum: Decimal::ZERO, provisional: 0, missing: 0 };

impl Table {
    /// The table of all fixings that are known.
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

    /// What it is for.
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
        let Some(from) = self.entries.get(from) else {
            let nothing_published = matches!(self.end, Blocked::MissingFixing { .. });
            return Err(if nothing_published { self.missing(fixings, stretch.from) } else { self.end.clone() });
        };
        let to = self.entries.get(stretch.to - self.first).ok_or_else(|| self.end.clone())?;
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
        path: &mut Path<P>,
        fixings: &Fixings,
        stretch: Stretch,
        provisional: &mut bool,
    ) -> Result<(P::Factor, P::Factor), Blocked> {
        let (from, to) = self.ends(fixings, stretch)?;
        *provisional |= to.provisional > from.provisional;
        let first = |pad: &mut P| pad.factor(|| Fact::Table("factor on the first day"), from.factor);
        if !P::KEEPS {
            return Ok((first(pad), pad.factor(|| Fact::Table("factor on the last day"), to.factor)));
        }
        let mut led = Led::of(path.factors, stretch, || first(pad));
        self.walk(fixings, led.rest(stretch), |days, counted| {
            let fixing = fixings.write(pad, counted);
            let rate = self.terms.daily.rate(pad, fixing)?;
            led.end = pad.compound("factor", led.end, rate, days, fixings.year_days)?;
            Some(())
        })?;
        path.factors = Some(Led { stretch, ..led });
        Ok((led.start, led.end))
    }

    /// Sum of rate x days over a stretch.
    pub(super) fn sum<P: Pad>(
        &self,
        pad: &mut P,
        path: &mut Path<P>,
        fixings: &Fixings,
        stretch: Stretch,
        provisional: &mut bool,
    ) -> Result<P::Number, Blocked> {
        let (from, to) = self.ends(fixings, stretch)?;
        *provisional |= to.provisional > from.provisional;
        let first = |pad: &mut P| pad.given(|| Fact::Table("rate x days before the first day"), from.sum);
        let (start, end) = if P::KEEPS {
            let mut led = Led::of(path.sums, stretch, || first(pad));
            self.walk(fixings, led.rest(stretch), |days, counted| {
                let fixing = fixings.write(pad, counted);
                let rate = self.terms.daily.rate(pad, fixing)?;
                let days = pad.given(|| Fact::Count("days"), Decimal::from(days));
                let weighted = pad.multiply("rate x days", rate, days)?;
                led.end = pad.add("sum of rate x days", led.end, weighted)?;
                Some(())
            })?;
            path.sums = Some(Led { stretch, ..led });
            (led.start, led.end)
        } else {
            (first(pad), pad.given(|| Fact::Table("rate x days before the last day"), to.sum))
        };
        pad.subtract("rate x days", end, start).ok_or_else(out_of_range("the sum of rates"))
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

impl<P: Pad> Path<P> {
    /// Nothing is written yet.
    pub fn new() -> Path<P> {
        Path { factors: None, sums: None }
    }
}

impl<N: Copy> Led<N> {
    /// What is known of the way, if that is a beginning of it; else its first day.
    fn of(known: Option<Led<N>>, stretch: Stretch, first: impl FnOnce() -> N) -> Led<N> {
        let leads = |known: &Led<N>| known.stretch.from == stretch.from && known.stretch.to <= stretch.to;
        known.filter(leads).unwrap_or_else(|| {
            let start = first();
            Led { stretch: Stretch { to: stretch.from, ..stretch }, start, end: start }
        })
    }

    fn rest(&self, stretch: Stretch) -> Stretch {
        Stretch { from: self.stretch.to, ..stretch }
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;
    use crate::domain::names::IndexName;
    use crate::domain::rates::business_days::BusinessDays;
    use crate::domain::rates::fixings::Fixing;

    fn june(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2025, 6, day).expect("a day of June")
    }

    /// Every day of June is a business day; those listed have 3.6 %, a basis point of a year each day.
    fn fixings(listed: impl IntoIterator<Item = u32>) -> Fixings {
        let days = BusinessDays::new("EVERY_DAY", june(1), june(30), |_| true);
        let mut fixings = Fixings::new(IndexName::new("X").expect("a name"), 360, days);
        for day in listed {
            let fixing = Fixing { rate: Decimal::new(36, 3), version: 1 };
            fixings.publish(june(day), fixing).expect("a business day");
        }
        fixings
    }

    fn table(fixings: &Fixings, lookback: usize, unpublished: Unpublished) -> Table {
        Table::new(TableTerms { lookback, daily: DailyTerms::default(), unpublished }, fixings)
    }

    /// Rate x days from one day of June to another, and whether it is provisional.
    fn sum(fixings: &Fixings, table: &Table, from: usize, to: usize) -> Result<(Decimal, bool), Blocked> {
        let stretch = Stretch { from: from - 1, to: to - 1 };
        let (mut in_sum, mut in_factors) = (false, false);
        let sum = table.sum(&mut Silent, &mut Path::new(), fixings, stretch, &mut in_sum)?;
        table.factors(&mut Silent, &mut Path::new(), fixings, stretch, &mut in_factors)?;
        assert_eq!(in_sum, in_factors);
        Ok((sum, in_sum))
    }

    fn missing<T>(day: u32) -> Result<T, Blocked> {
        Err(Blocked::MissingFixing { index: IndexName::new("X").expect("a name"), date: june(day) })
    }

    #[test]
    fn a_missing_fixing_blocks_only_what_it_counts_for() {
        let fixings = fixings([3, 4, 6, 7]);
        let table = table(&fixings, 0, Unpublished::Blocks);
        assert_eq!(sum(&fixings, &table, 3, 5), Ok((Decimal::new(72, 3), false)));
        assert_eq!(sum(&fixings, &table, 6, 8), Ok((Decimal::new(72, 3), false)), "the gap is before it");
        assert_eq!(sum(&fixings, &table, 3, 7), missing(5));
        assert_eq!(sum(&fixings, &table, 2, 4), missing(2));
        assert_eq!(sum(&fixings, &table, 6, 9), missing(8));
        assert_eq!(sum(&fixings, &table, 9, 10), missing(9), "the first one that is needed");
    }

    #[test]
    fn a_missing_fixing_is_named_by_its_own_date_and_not_by_the_day_it_counts_for() {
        let fixings = fixings([3, 4, 6, 7]);
        let table = table(&fixings, 2, Unpublished::Blocks);
        assert_eq!(sum(&fixings, &table, 5, 7), Ok((Decimal::new(72, 3), false)));
        assert_eq!(sum(&fixings, &table, 5, 8), missing(5));
        assert_eq!(sum(&fixings, &table, 8, 10), Ok((Decimal::new(72, 3), false)));
    }

    #[test]
    fn the_last_published_fixing_stands_in_provisionally_until_the_right_one_comes() {
        let mut fixings = fixings([3, 4, 6]);
        let unpublished = Unpublished::LastPublished { age_days_max: 2 };
        let mut table = table(&fixings, 0, unpublished);
        assert_eq!(sum(&fixings, &table, 3, 5), Ok((Decimal::new(72, 3), false)));
        assert_eq!(sum(&fixings, &table, 5, 6), Ok((Decimal::new(36, 3), true)));
        assert_eq!(sum(&fixings, &table, 6, 9), Ok((Decimal::new(108, 3), true)));
        assert_eq!(sum(&fixings, &table, 6, 10), missing(9));
        let fixing = Fixing { rate: Decimal::new(40, 3), version: 1 };
        let day = fixings.publish(june(5), fixing).expect("a business day");
        table.rebuild(&fixings, day);
        assert_eq!(sum(&fixings, &table, 5, 6), Ok((Decimal::new(40, 3), false)));
    }

    #[test]
    fn without_any_fixing_the_first_that_is_needed_is_missing() {
        let fixings = fixings([]);
        assert_eq!(sum(&fixings, &table(&fixings, 1, Unpublished::Blocks), 10, 12), missing(9));
    }

    #[test]
    fn the_calendar_must_reach_the_end_of_the_last_day() {
        let fixings = fixings(1..=30);
        let table = table(&fixings, 0, Unpublished::Blocks);
        let july = june(30).succ_opt().expect("a day after");
        let beyond = Blocked::MissingCalendar { name: "EVERY_DAY".into(), date: july };
        assert_eq!(sum(&fixings, &table, 29, 31), Err(beyond));
        assert_eq!(sum(&fixings, &table, 29, 30), Ok((Decimal::new(36, 3), false)));
    }
}
