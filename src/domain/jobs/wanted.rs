//! Which market data contracts use, by name.

use std::collections::BTreeSet;

use super::chunk::PositionPart;
use super::contract::{Contract, Financing, Leg, Rate};
use super::market::MarketData;
use crate::domain::names::{IndexName, Symbol};

/// Names of prices, of indices and of dividends.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Wanted {
    pub prices: BTreeSet<Symbol>,
    pub rates: BTreeSet<IndexName>,
    pub dividends: BTreeSet<Symbol>,
}

impl Wanted {
    /// What a contract uses, too.
    pub fn add(&mut self, contract: &Contract) {
        for position in &contract.positions {
            match &position.leg {
                Ok(Leg::Equity) => drop(self.prices.insert(position.underlying.clone())),
                Ok(Leg::Dividend { .. }) => drop(self.dividends.insert(position.underlying.clone())),
                Ok(Leg::Interest(Financing { rate: Rate::Index { name, .. }, .. })) => {
                    self.rates.insert(name.clone());
                }
                Ok(Leg::Interest(Financing { rate: Rate::Fixed(_), .. })) | Err(_) => {}
            }
        }
    }

    /// Takes the names of rates and dividends in that a part of a contract uses.
    pub fn add_part(&mut self, position: &PositionPart) {
        match &position.leg {
            Leg::Interest(Financing { rate: Rate::Index { name, .. }, .. }) if !self.rates.contains(name) => {
                self.rates.insert(name.clone());
            }
            Leg::Dividend { .. } if !self.dividends.contains(&position.underlying) => {
                self.dividends.insert(position.underlying.clone());
            }
            _ => {}
        }
    }

    /// How many rates or dividends a part of a contract uses whose names are not in it.
    pub fn more_values(&self, position: &PositionPart, market: &MarketData) -> usize {
        match &position.leg {
            Leg::Interest(Financing { rate: Rate::Index { name, .. }, .. }) if !self.rates.contains(name) => {
                market.rates.get(name).map_or(0, |series| series.changes.len())
            }
            Leg::Dividend { .. } if !self.dividends.contains(&position.underlying) => {
                market.dividends.get(&position.underlying).map_or(0, Vec::len)
            }
            _ => 0,
        }
    }

    /// What of it is not there yet.
    pub fn missing(mut self, market: &MarketData) -> Wanted {
        self.prices.retain(|name| !market.prices.contains_key(name));
        self.rates.retain(|name| !market.rates.contains_key(name));
        self.dividends.retain(|name| !market.dividends.contains_key(name));
        self
    }
}
