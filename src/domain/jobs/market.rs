//! Market data of a job: prices, rates and dividends by name and date.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::cashflow::RateSpan;
use super::chunk::ContractPart;
use super::contract::{Financing, Leg, Rate};
use super::job::Job;
use crate::domain::dividends::withholding::Treatment;
use crate::domain::money::Currency;
use crate::domain::names::{IndexName, Symbol};

/// One immutable set of observations.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct MarketData {
    pub prices: BTreeMap<Symbol, Series>,
    pub rates: BTreeMap<IndexName, Series>,
    pub dividends: BTreeMap<Symbol, Vec<Dividend>>,
}

/// A base value and its changes by date.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Series {
    pub base: Option<Observation>,
    /// Ascending by date, one a date.
    pub changes: Vec<Observation>,
}

/// A value and the day it was observed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Observation {
    pub date: NaiveDate,
    pub value: Decimal,
}

/// A dividend per share.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Dividend {
    pub ex_date: NaiveDate,
    /// As it was declared.
    pub per_share: Decimal,
    pub currency: Currency,
    /// None: nothing is withheld.
    pub withholding: Option<Withholding>,
}

/// The tax at source of a dividend. A request names no jurisdiction.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Withholding {
    /// A fraction: 0.15 is 15 %.
    pub rate: Decimal,
    pub treatment: Treatment,
}

/// Two observations of one series on one day that differ: nobody can say which one is right.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Contradiction {
    pub date: NaiveDate,
}

impl MarketData {
    /// What these contracts use on the days of a job: another value of another day changes nothing of it.
    pub fn of(&self, contracts: &[ContractPart], job: &Job) -> MarketData {
        let (first, last) = (job.first_day(), job.last_day());
        let mut used = MarketData::default();
        // From when on.
        let mut settled: BTreeMap<&IndexName, NaiveDate> = BTreeMap::new();
        let mut held: BTreeMap<&Symbol, NaiveDate> = BTreeMap::new();
        let parts = contracts.iter().flat_map(|contract| contract.positions.iter().map(move |part| (contract, part)));
        for (contract, position) in parts {
            match &position.leg {
                Leg::Equity => {
                    copy(&self.prices, &mut used.prices, &position.underlying, |series| series.window(first, last));
                }
                Leg::Dividend { .. } => earliest(&mut held, &position.underlying, contract.start),
                Leg::Interest(Financing { rate: Rate::Index { name, .. }, .. }) => {
                    let from = position.lots.iter().map(|lot| lot.opened.settle_date).min().unwrap_or(last);
                    earliest(&mut settled, name, from);
                }
                Leg::Interest(Financing { rate: Rate::Fixed(_), .. }) => {}
            }
        }
        let before = last.pred_opt().unwrap_or(last); // a day's rate is borne from that day to the next one
        for (name, from) in settled {
            copy(&self.rates, &mut used.rates, name, |series| series.window(from, before));
        }
        for (symbol, from) in held {
            copy(&self.dividends, &mut used.dividends, symbol, |_| self.gone_ex(symbol, from, last).copied().collect());
        }
        used
    }

    /// The dividends of a symbol that went ex in these days, both included.
    pub fn gone_ex(&self, symbol: &Symbol, from: NaiveDate, to: NaiveDate) -> impl Iterator<Item = &Dividend> {
        let listed = self.dividends.get(symbol).into_iter().flatten();
        listed.filter(move |dividend| (from..=to).contains(&dividend.ex_date))
    }
}

fn earliest<'a, K: Ord>(from: &mut BTreeMap<&'a K, NaiveDate>, name: &'a K, date: NaiveDate) {
    from.entry(name).and_modify(|known| *known = date.min(*known)).or_insert(date);
}

fn copy<K: Ord + Clone, V>(all: &BTreeMap<K, V>, used: &mut BTreeMap<K, V>, name: &K, part: impl Fn(&V) -> V) {
    if !used.contains_key(name)
        && let Some(found) = all.get(name)
    {
        used.insert(name.clone(), part(found));
    }
}

impl Series {
    /// Brings the changes into order.
    pub fn new(base: Option<Observation>, mut changes: Vec<Observation>) -> Result<Series, Contradiction> {
        changes.sort_by_key(|change| change.date);
        changes.dedup_by(|later, earlier| later == earlier);
        match changes.windows(2).find(|pair| pair[0].date == pair[1].date) {
            Some(pair) => Err(Contradiction { date: pair[0].date }),
            None => Ok(Series { base, changes }),
        }
    }

    /// The price of a day: the last change on or before it, else the base if that is not from a later day.
    pub fn price_on(&self, date: NaiveDate) -> Option<Observation> {
        self.last_change(date).or(self.base.filter(|base| base.date <= date))
    }

    /// The rates of the days from `from` (counted) to `to` (not counted), one span for each observation. Before the first
    /// change the base holds whatever its date. `Err` names the first day without a rate.
    pub fn rates_between(&self, from: NaiveDate, to: NaiveDate) -> Result<Vec<RateSpan>, NaiveDate> {
        let mut spans = Vec::new();
        let mut next = self.changes.partition_point(|change| change.date <= from);
        let mut day = from;
        while day < to {
            let in_force = next.checked_sub(1).map(|last| self.changes[last]);
            let until = self.changes.get(next).map_or(to, |change| change.date.min(to));
            let rate = in_force.or(self.base).ok_or(day)?.value;
            spans.push(RateSpan { from: day, to: until, rate, observed: in_force.map(|change| change.date) });
            day = until;
            next += 1;
        }
        Ok(spans)
    }

    /// What is needed of the series to look up the days from `first` to `last`, both included.
    pub fn window(&self, first: NaiveDate, last: NaiveDate) -> Series {
        let start = self.changes.partition_point(|change| change.date <= first).saturating_sub(1);
        let end = self.changes.partition_point(|change| change.date <= last);
        let changes = self.changes[start.min(end)..end].to_vec();
        let covered = changes.first().is_some_and(|change| change.date <= first);
        Series { base: self.base.filter(|_| !covered), changes }
    }

    fn last_change(&self, date: NaiveDate) -> Option<Observation> {
        let after = self.changes.partition_point(|change| change.date <= date);
        after.checked_sub(1).map(|last| self.changes[last])
    }
}
