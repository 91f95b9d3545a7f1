//! What is known of the market: the source of truth for every value that a swap's amounts are calculated from.

pub mod carry; // values and their age
pub mod fx; // exchange rates: straight, inverted, crossed
pub mod snapshot; // a named moment of all that is known

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use crate::domain::dividends::declared::Declared;
use crate::domain::financing::coupon::Rates;
use crate::domain::market::carry::Quote;
use crate::domain::market::fx::{FixName, Fixings, Pair};
use crate::domain::names::Symbol;

/// Values as they were published, by name and date. Nothing is derived here and nothing stands in for anything.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Market {
    pub prices: BTreeMap<Symbol, Quotes>,
    pub rates: Rates,
    pub fx: BTreeMap<(FixName, Pair), Quotes>,
    /// Prices that stand in on disrupted valuation dates: of a contract's fallback, or determined by the calculation agent.
    pub fallback_prices: BTreeMap<Symbol, Quotes>,
    /// Scheduled trading days that gave no official close.
    pub disrupted_days: BTreeMap<Symbol, BTreeSet<NaiveDate>>,
    pub dividends: BTreeMap<Symbol, Vec<Declared>>,
    /// Rates of fees that change from day to day, by the name that terms give.
    pub fee_rates: BTreeMap<Symbol, Quotes>,
}

/// One series: ascending by date, the version that counts for each.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Quotes(Vec<Quote>);

impl Quotes {
    /// Takes a quote in; of several for one date the highest version counts, and of one version the last.
    pub fn publish(&mut self, quote: Quote) {
        let place = self.0.partition_point(|known| known.date < quote.date);
        match self.0.get_mut(place).filter(|known| known.date == quote.date) {
            Some(known) if known.version <= quote.version => *known = quote,
            Some(_) => {}
            None => self.0.insert(place, quote),
        }
    }

    /// Brings quotes into order; of several for one date the highest version counts.
    pub fn new(mut quotes: Vec<Quote>) -> Quotes {
        quotes.sort_by_key(|quote| (quote.date, std::cmp::Reverse(quote.version)));
        quotes.dedup_by_key(|quote| quote.date);
        Quotes(quotes)
    }

    /// The last quote on or before a date.
    pub fn last(&self, date: NaiveDate) -> Option<Quote> {
        self.0.partition_point(|quote| quote.date <= date).checked_sub(1).map(|last| self.0[last])
    }

    /// All of them, ascending by date.
    pub fn all(&self) -> &[Quote] {
        &self.0
    }
}

impl Market {
    /// Takes a dividend in; of each the highest version counts, and of one version the last.
    pub fn declare(&mut self, declared: Declared) {
        let dividends = self.dividends.entry(declared.of.clone()).or_default();
        match dividends.iter().position(|known| known.id == declared.id) {
            Some(known) if dividends[known].version > declared.version => return,
            Some(known) => dividends[known] = declared,
            None => dividends.push(declared),
        }
        dividends.sort_by_key(|declared| declared.ex_date);
    }
}

impl Fixings for Market {
    fn last(&self, fix: &FixName, pair: Pair, date: NaiveDate) -> Option<Quote> {
        self.fx.get(&(fix.clone(), pair))?.last(date)
    }
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;

    use super::*;

    #[test]
    fn the_highest_version_of_a_date_counts_whatever_came_first() {
        let day = |day| NaiveDate::from_ymd_opt(2025, 4, day).expect("a day of April");
        let quote = |date, version, value| Quote { date: day(date), version, value: Decimal::from(value) };
        let quotes = Quotes::new(vec![quote(3, 2, 12), quote(1, 1, 10), quote(3, 1, 11)]);
        assert_eq!(quotes.last(day(4)), Some(quote(3, 2, 12)));
        assert_eq!(quotes.last(day(2)), Some(quote(1, 1, 10)));
        assert_eq!(quotes.last(day(1).pred_opt().expect("a day before")), None);
    }
}
