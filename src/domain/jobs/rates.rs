//! The rates of a calculation request as indices: a listed rate holds from its date until the next one that is listed.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::chunk::ContractPart;
use super::contract::{Averaging, Financing, Leg, Rate};
use super::job::Job;
use super::market::{MarketData, Series};
use crate::domain::blocked::Blocked;
use crate::domain::daycount::DayCount;
use crate::domain::explain::pad::Silent;
use crate::domain::financing::coupon::{Coupon, Rates};
use crate::domain::financing::interest::OnOne;
use crate::domain::financing::terms::FinancingTerms;
use crate::domain::money::Currency;
use crate::domain::names::IndexName;
use crate::domain::rates::business_days::BusinessDays;
use crate::domain::rates::fixings::{Fixing, Fixings};
use crate::domain::rates::index::Index;
use crate::domain::rates::schedule::Period;
use crate::domain::rates::terms::{Method, Observation, OvernightTerms, RateTerms};

/// What the interest legs of some contracts look up. A request brings no calendar: its dates are the fixing days, so that each rate weighs
/// the days until the next one.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct RequestedRates {
    /// By the days of a year, which a request states for the leg and not for the index.
    by_year: BTreeMap<i64, Rates>,
}

impl RequestedRates {
    /// The indices that the contracts name, over all days that their lots and the job need, with every table prepared. An index without rates stays
    /// missing until a leg asks for it.
    pub fn new(market: &MarketData, contracts: &[ContractPart], job: &Job) -> RequestedRates {
        let mut rates = RequestedRates::default();
        let positions = || contracts.iter().flat_map(|contract| &contract.positions);
        let lots = positions().flat_map(|position| &position.lots);
        let Some(first) = lots.map(|lot| lot.opened.settle_date).min() else { return rates };
        let last = job.last_day();
        for position in positions() {
            let Leg::Interest(financing) = &position.leg else { continue };
            let Rate::Index { name, .. } = &financing.rate else { continue };
            let Some(series) = market.rates.get(name) else { continue };
            let year_days = index_year(financing.day_count, position.currency);
            let of_year = rates.by_year.entry(year_days).or_default();
            of_year.indices.entry(name.clone()).or_insert_with(|| index(name, year_days, series, first, last));
            of_year.prepare(&FinancingTerms::from(financing));
        }
        rates
    }

    /// The rate without spread that all days of a period have together, before it is weighted by the leg's own day count.
    pub(super) fn average(&self, terms: &Financing, currency: Currency, period: Period) -> Result<Decimal, Blocked> {
        let day_count = index_day_count(terms.day_count, currency);
        let bare = FinancingTerms::from(&Financing { spread: Decimal::ZERO, day_count, rate: terms.rate.clone() });
        let coupon = self.coupon(&bare, currency, period.start)?;
        let unit = coupon.unit(&mut Silent, period, period, period.end)?;
        Ok(unit.rate_days / Decimal::from((period.end - period.start).num_days()))
    }

    /// The coupon of a leg in a currency.
    pub(super) fn coupon<'a>(
        &'a self,
        terms: &'a FinancingTerms,
        currency: Currency,
        from: NaiveDate,
    ) -> Result<Coupon<'a>, Blocked> {
        static NONE: Rates = Rates { indices: BTreeMap::new() };
        self.by_year.get(&index_year(terms.day_count, currency)).unwrap_or(&NONE).coupon(terms, from)
    }
}

/// A request states the day count of a leg; its index is counted alike where that has a year of one length, else as the currency's money
/// market does.
fn index_day_count(day_count: DayCount, currency: Currency) -> DayCount {
    if day_count.basis().is_some() { day_count } else { DayCount::of_money_market(currency) }
}

fn index_year(day_count: DayCount, currency: Currency) -> i64 {
    index_day_count(day_count, currency).basis().expect("a money market's year has one length")
}

/// The base holds before the first change whatever its date, so it stands in for a day before all that is asked for.
fn index(name: &IndexName, year_days: i64, series: &Series, first: NaiveDate, last: NaiveDate) -> Index {
    let changes = || series.changes.iter().map(|change| (change.date, change.value));
    let earliest = changes().next().map_or(first, |(date, _)| date.min(first));
    let base = series.base.zip(earliest.pred_opt()).map(|(base, date)| (date, base.value));
    let listed: Vec<(NaiveDate, Decimal)> = base.into_iter().chain(changes()).collect();
    // Nothing is known behind the last rate but that no other one comes before the job's last day is over.
    let newest = listed.last().map_or(last, |(date, _)| *date.max(&last));
    let end = newest.succ_opt();
    let dates = listed.iter().map(|(date, _)| *date).chain(end).collect();
    let mut fixings =
        Fixings::new(name.clone(), year_days, BusinessDays::listed("request", dates, end.unwrap_or(newest)));
    for (date, rate) in listed {
        fixings.publish(date, Fixing { rate, version: 0 }).expect("each listed date is one of the fixing days");
    }
    Index::new(fixings)
}

impl From<&Financing> for FinancingTerms {
    fn from(financing: &Financing) -> FinancingTerms {
        let rate = match &financing.rate {
            Rate::Fixed(rate) => RateTerms::Fixed(*rate),
            Rate::Index { name, averaging } => RateTerms::Overnight(OvernightTerms {
                index: name.clone(),
                method: match averaging {
                    Averaging::Simple => Method::Average,
                    Averaging::Compounded => Method::Compound,
                },
                observation: Observation::Lookback(0),
                lockout: 0,
                daily_floor: None,
                daily_cap: None,
            }),
        };
        FinancingTerms::plain(rate, financing.spread, financing.day_count)
    }
}
