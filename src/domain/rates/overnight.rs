//! Overnight rates of a period, compounded or averaged: ISDA 2021 Interest Rate Derivatives Definitions, sections 7.3 and 7.4.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::accrual::{Accrued, Days};
use super::daily::DailyTerms;
use super::fixings::Fixings;
use super::index::Index;
use super::schedule::{Period, Progress, Schedule};
use super::table::{Path, Stretch, Table, TableTerms};
use super::terms::{Method, OvernightTerms, Unpublished};
use crate::domain::blocked::{Blocked, out_of_range};
use crate::domain::explain::Fact;
use crate::domain::explain::pad::Pad;
use crate::domain::number::wide::Wide;

/// Overnight terms with the table that answers for them.
#[derive(Clone, Copy, Debug)]
pub struct Overnight<'a> {
    pub terms: &'a OvernightTerms,
    fixings: &'a Fixings,
    table: &'a Table,
}

/// What is not in the table as it is needed: the rate of one observation over `days / parts` days.
struct Piece {
    name: &'static str,
    /// The number of the business day of the fixing.
    fixing_day: usize,
    days: i64,
    parts: i64,
}

impl OvernightTerms {
    /// The table that a leg with these terms looks up. `spread` only when it is compounded with the rate.
    pub fn table(&self, spread: Option<Decimal>, unpublished: Unpublished) -> TableTerms {
        // A shift looks days up where they were observed.
        let lookback = if self.observation.shifted() { 0 } else { self.observation.days() };
        let daily = DailyTerms { floor: self.daily_floor, cap: self.daily_cap, spread };
        TableTerms { lookback, daily, unpublished }
    }
}

impl<'a> Overnight<'a> {
    /// `None` until the index is prepared for the table's terms.
    pub fn new(terms: &'a OvernightTerms, index: &'a Index, table: &TableTerms) -> Option<Overnight<'a>> {
        Some(Overnight { terms, fixings: index.fixings(), table: index.table(table)? })
    }

    /// Rate x days from the start of a period to `to`, which lies in it. Within the interest of one observation it grows by equal parts a
    /// day, so that the path over a weekend has no jumps and ends at the amount of the period.
    ///
    /// Compounded: `[product of (1 + r_j n_j / year_days) - 1] x year_days`; averaged: `sum of r_j n_j`. The days are those of the period, or
    /// with an observation shift the observed ones.
    pub(in crate::domain) fn accrued<P: Pad>(
        &self,
        pad: &mut P,
        path: &mut Path<P>,
        period: Period,
        to: NaiveDate,
    ) -> Result<Accrued<P::Number>, Blocked> {
        if to <= period.start {
            let nothing = pad.given(|| Fact::Count("nothing accrued"), Decimal::ZERO);
            return Ok(Accrued { rate_days: nothing, days: Days::whole(0), provisional: false });
        }
        let schedule = Schedule::new(&self.fixings.days, period, self.terms)?;
        let progress = schedule.progress(to)?;
        let whole = self.whole(&schedule, progress.running);
        let mut provisional = false;
        let rate_days = match self.terms.method {
            Method::Compound => self.compounded(pad, path, &schedule, progress, whole, &mut provisional)?,
            Method::Average => self.summed(pad, path, &schedule, progress, whole, &mut provisional)?,
        };
        Ok(Accrued { rate_days, days: self.days(&schedule, progress, to), provisional })
    }

    fn shifted(&self) -> bool {
        self.terms.observation.shifted()
    }

    /// The observations that count as they stand in the table; `None` when there are none.
    fn whole(&self, schedule: &Schedule, running: usize) -> Option<Stretch> {
        let from = schedule.first + usize::from(!self.shifted() && schedule.starts_late());
        let to = running.min(schedule.locked_from());
        let moved = if self.shifted() { self.terms.observation.days() } else { 0 };
        (from < to).then(|| Stretch { from: from - moved, to: to - moved })
    }

    /// The observations that do not: a first one cut by the start of the period, locked ones, and the running one.
    fn pieces(&self, schedule: &Schedule, progress: Progress) -> impl Iterator<Item = Piece> {
        let Progress { running, elapsed, length } = progress;
        let cut = !self.shifted() && schedule.starts_late() && schedule.first < running;
        let locked = schedule.locked_from().max(schedule.first + usize::from(cut))..running;
        let whole = |name| move |observation| (name, observation, schedule.weight(observation), 1);
        let first = cut.then_some(schedule.first).map(whole("days before the first business day"));
        let locked = locked.map(whole("locked day"));
        let (days, parts) = if self.shifted() { (schedule.weight(running), length) } else { (1, 1) };
        let part = (elapsed > 0).then_some(("running days", running, days * elapsed, parts));
        first.into_iter().chain(locked).chain(part).map(|(name, observation, days, parts)| Piece {
            name,
            fixing_day: schedule.fixing_day(observation),
            days,
            parts,
        })
    }

    fn compounded<P: Pad>(
        &self,
        pad: &mut P,
        path: &mut Path<P>,
        schedule: &Schedule,
        progress: Progress,
        whole: Option<Stretch>,
        provisional: &mut bool,
    ) -> Result<P::Number, Blocked> {
        let (start, mut factor) = match whole {
            Some(stretch) => self.table.factors(pad, path, self.fixings, stretch, provisional)?,
            None => {
                let one = pad.factor(|| Fact::Table("factor on the first day"), Wide::ONE);
                (one, one)
            }
        };
        for piece in self.pieces(schedule, progress) {
            let rate = self.rate(pad, piece.fixing_day, provisional)?;
            let year = self.fixings.year_days * piece.parts;
            factor = pad.compound(piece.name, factor, rate, piece.days, year).ok_or_else(too_large)?;
        }
        pad.growth("compounded rate x days", factor, start, self.fixings.year_days).ok_or_else(too_large)
    }

    fn summed<P: Pad>(
        &self,
        pad: &mut P,
        path: &mut Path<P>,
        schedule: &Schedule,
        progress: Progress,
        whole: Option<Stretch>,
        provisional: &mut bool,
    ) -> Result<P::Number, Blocked> {
        let mut sum = match whole {
            Some(stretch) => self.table.sum(pad, path, self.fixings, stretch, provisional)?,
            None => pad.given(|| Fact::Count("no whole days"), Decimal::ZERO),
        };
        for piece in self.pieces(schedule, progress) {
            let rate = self.rate(pad, piece.fixing_day, provisional)?;
            let days = Days { numerator: piece.days, denominator: piece.parts };
            let weighted = super::accrual::over(pad, piece.name, rate, days).ok_or_else(too_large)?;
            sum = pad.add("sum of rate x days", sum, weighted).ok_or_else(too_large)?;
        }
        Ok(sum)
    }

    fn rate<P: Pad>(&self, pad: &mut P, fixing_day: usize, provisional: &mut bool) -> Result<P::Number, Blocked> {
        let counted = self.fixings.counted(fixing_day, self.table.terms().unpublished)?;
        *provisional |= counted.provisional;
        let fixing = self.fixings.write(pad, counted);
        self.table.terms().daily.rate(pad, fixing).ok_or_else(too_large)
    }

    fn days(&self, schedule: &Schedule, progress: Progress, to: NaiveDate) -> Days {
        if !self.shifted() {
            return Days::whole((to - schedule.period.start).num_days());
        }
        let Progress { running, elapsed, length } = progress;
        let whole = schedule.observed_days(schedule.first, running);
        let part = if elapsed == 0 { 0 } else { schedule.weight(running) * elapsed };
        Days { numerator: whole * length + part, denominator: length }
    }
}

fn too_large() -> Blocked {
    out_of_range("the rate of the period")()
}
