//! Lots that came from other positions: until they arrived they were valued there, at the prices of another security.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::NaiveDate;

use super::dues::Lot;
use super::terms::Swap;
use super::valuation::{Splits, Valuation};
use crate::domain::blocked::Blocked;
use crate::domain::dividends::entitlement::{Dates, Tenure};
use crate::domain::lots::happening::Arrival;
use crate::domain::lots::origin::{Change, Origin, Stay};
use crate::domain::lots::slice::{OpenedBy, Reset, Slice};
use crate::domain::market::Market;
use crate::domain::names::Symbol;

/// The contract's terms for other securities of which its lots were.
pub type Before = BTreeMap<Symbol, Arc<Swap>>;

/// The valuation dates of lots that were of the same securities up to the same days: there, and here from then on.
#[derive(Clone, PartialEq, Debug)]
pub struct Elsewhere {
    pub(super) resets: Vec<Reset>,
    pub(super) long: Vec<Reset>,
    pub(super) short: Vec<Reset>,
    pub(super) blocked: BTreeMap<NaiveDate, Blocked>,
    /// Valuations elsewhere for which an earlier price stood in.
    provisional: BTreeSet<NaiveDate>,
}

impl Elsewhere {
    /// Whether a slice is measured from a value that may still change.
    pub(super) fn provisional<Id>(&self, slice: &Slice<Id>) -> bool {
        slice.opened_by == OpenedBy::Arrival && self.provisional.contains(&slice.reference.date)
    }
}

impl Valuation<'_> {
    /// Lets lots see what they were measured from where they came from. `before` has the terms for each security of their origins.
    pub(super) fn look_back<'l>(
        &self,
        lots: &mut [Lot<&'l str>],
        arrivals: &BTreeMap<&'l str, (&'l Arrival, &'l Origin)>,
        before: &Before,
        market: &Market,
    ) {
        let splits = splits(arrivals.values().map(|(_, origin)| *origin));
        let there: BTreeMap<&Symbol, Valuation<'_>> = before
            .iter()
            .map(|(security, swap)| {
                let splits = splits.get(security).cloned().unwrap_or_default();
                (security, Valuation::new(swap, market, self.day, splits))
            })
            .collect();
        let mut known: BTreeMap<&[Stay], Arc<Elsewhere>> = BTreeMap::new();
        for lot in lots {
            let Some((arrival, origin)) = arrivals.get(lot.id) else { continue };
            let elsewhere =
                known.entry(&origin.stays).or_insert_with(|| Arc::new(self.elsewhere(&origin.stays, &there)));
            lot.elsewhere = Some(elsewhere.clone());
            if let Some(reason) = left_behind(lot, &origin.stays, &there) {
                lot.unknown = Some((arrival.date, reason));
            }
        }
    }

    fn elsewhere(&self, stays: &[Stay], there: &BTreeMap<&Symbol, Valuation<'_>>) -> Elsewhere {
        let (resets, long, short, blocked) = Default::default();
        let mut elsewhere = Elsewhere { resets, long, short, blocked, provisional: BTreeSet::new() };
        let mut since = NaiveDate::MIN;
        for Stay { security, until } in stays {
            let valuation = &there[security];
            elsewhere.take(valuation, since, *until);
            let dates = valuation.resets.iter().map(|reset| reset.date).filter(|date| (since..*until).contains(date));
            elsewhere
                .provisional
                .extend(dates.filter(|date| valuation.close(*date).is_ok_and(|mark| mark.provisional())));
            since = *until;
        }
        elsewhere.take(self, since, NaiveDate::MAX);
        elsewhere
    }
}

impl Elsewhere {
    fn take(&mut self, valuation: &Valuation<'_>, since: NaiveDate, until: NaiveDate) {
        let within = |reset: &&Reset| (since..until).contains(&reset.date);
        self.resets.extend(valuation.resets.iter().filter(within));
        for (mine, side) in [(&mut self.long, &valuation.long), (&mut self.short, &valuation.short)] {
            mine.extend(side.iter().flat_map(|side| &side.resets).filter(within));
        }
        self.blocked
            .extend(valuation.blocked.range(since..until.max(since)).map(|(date, reason)| (*date, reason.clone())));
    }
}

/// Units that dividends have bought do not travel.
fn left_behind(lot: &Lot<&str>, stays: &[Stay], there: &BTreeMap<&Symbol, Valuation<'_>>) -> Option<Blocked> {
    let mut since = lot.life.opened.date;
    stays.iter().find_map(|Stay { security, until }| {
        let dates = |trade: NaiveDate| Dates { trade, settle: trade.max(lot.life.opened.settle_date) };
        let tenure = Tenure { opened: dates(since), closed: Some(dates(*until)) };
        since = *until;
        there[security].left_behind(tenure)
    })
}

/// The days since which prices are for other units, by security.
fn splits<'o>(origins: impl Iterator<Item = &'o Origin>) -> BTreeMap<&'o Symbol, Splits> {
    let mut splits: BTreeMap<&Symbol, BTreeMap<NaiveDate, _>> = BTreeMap::new();
    for Origin { stays, changes, .. } in origins {
        for change in changes {
            let Change::Units { date, before, after } = *change else { continue };
            if let Some(stay) = stays.iter().find(|stay| date < stay.until) {
                splits.entry(&stay.security).or_default().insert(date, (before, after));
            }
        }
    }
    let listed = |of: BTreeMap<_, _>| of.into_iter().map(|(date, (before, after))| (date, before, after)).collect();
    splits.into_iter().map(|(security, of)| (security, listed(of))).collect()
}
