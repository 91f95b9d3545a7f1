//! Market data of a job: prices, rates and dividends by name and date.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::contract::{IndexName, Symbol};
use super::money::Currency;

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
    pub per_share: Decimal,
    pub currency: Currency,
}
