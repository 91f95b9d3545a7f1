//! The market data that a job's contracts use: from the cache, else from the service, each name asked once.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use chrono::NaiveDate;
use xxhash_rust::xxh3::xxh3_64;

use super::answer::Answer;
use super::endpoints::{Endpoints, Unavailable};
use super::tiers::Cache;
use crate::domain::jobs::market::{Dividend, MarketData, Series};
use crate::domain::jobs::wanted::Wanted;
use crate::domain::names::{IndexName, Symbol};
use crate::messages::request::{read_dividends, read_price, read_rate};

pub struct Source {
    endpoints: Endpoints,
    cache: Cache,
    /// Names asked for at the same time.
    parallel: usize,
}

/// What came of it; every name that was wanted is in one of the two.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Fetched {
    pub market: MarketData,
    pub missing: BTreeMap<Name, Missing>,
}

/// A name of market data.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Name {
    Price(Symbol),
    Rate(IndexName),
    Dividends(Symbol),
}

/// Why there is nothing under a name.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Missing {
    #[error("the service does not know it")]
    Unknown,
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// What a name stands for, read.
enum Found {
    Price(Symbol, Series),
    Rate(IndexName, Series),
    Dividends(Symbol, Vec<Dividend>),
}

impl Source {
    pub fn new(endpoints: Endpoints, cache: Cache, parallel: usize) -> Source {
        Source { endpoints, cache, parallel }
    }

    /// Where it is asked, for people.
    pub fn place(&self) -> String {
        let url = self.endpoints.url();
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
    }

    /// Fetches what is wanted, as it was known at the end of a day.
    pub fn fetch(&self, wanted: Wanted, as_of: NaiveDate) -> Fetched {
        let names: Vec<Name> = (wanted.prices.into_iter().map(Name::Price))
            .chain(wanted.rates.into_iter().map(Name::Rate))
            .chain(wanted.dividends.into_iter().map(Name::Dividends))
            .collect();
        let as_of = as_of.to_string();
        let keys: Vec<String> = names.iter().map(|name| self.key(name, &as_of)).collect();
        let known = self.cache.get_all(&keys.iter().map(String::as_str).collect::<Vec<_>>());
        let mut fetched = Fetched::default();
        let mut unknown = Vec::new();
        for ((name, key), answer) in names.into_iter().zip(keys).zip(known) {
            match answer.map(|answer| name.read(&answer)) {
                Some(Ok(found)) => fetched.take(name, Ok(found)),
                Some(Err(_)) => {
                    self.cache.forget(&key); // written by a version that read it otherwise
                    unknown.push((name, key));
                }
                None => unknown.push((name, key)),
            }
        }
        for (name, answer) in self.ask_all(unknown, &as_of) {
            fetched.take(name, answer);
        }
        fetched
    }

    fn ask_all(&self, names: Vec<(Name, String)>, as_of: &str) -> Vec<(Name, Result<Option<Found>, Missing>)> {
        let (next, answers) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(names.len())));
        thread::scope(|scope| {
            for _ in 0..self.parallel.min(names.len()) {
                scope.spawn(|| {
                    while let Some((name, key)) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let answer = self.ask(name, key, as_of);
                        answers.lock().unwrap_or_else(PoisonError::into_inner).push((name.clone(), answer));
                    }
                });
            }
        });
        answers.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, name: &Name, key: &str, as_of: &str) -> Result<Option<Found>, Missing> {
        let check = |bytes: &[u8]| name.read(&Answer::There(bytes.into())).map(drop);
        let (kind, text) = name.parts();
        let answer = self.cache.get_or_ask(key, || self.endpoints.ask(kind, text, as_of, check))?;
        name.read(&answer).map_err(|problem| Missing::Unavailable(Unavailable::Unreadable(problem)))
    }

    /// Another service has other answers; the hash of its address is short.
    fn key(&self, name: &Name, as_of: &str) -> String {
        let (kind, text) = name.parts();
        format!("{:016x}/{kind}/{as_of}/{text}", xxh3_64(self.endpoints.url().as_str().as_bytes()))
    }
}

impl Name {
    /// The kind as the service spells it, and the name itself.
    pub fn parts(&self) -> (&'static str, &str) {
        match self {
            Name::Price(symbol) => ("prices", symbol.as_str()),
            Name::Rate(index) => ("rates", index.as_str()),
            Name::Dividends(symbol) => ("dividends", symbol.as_str()),
        }
    }

    fn read(&self, answer: &Answer) -> Result<Option<Found>, String> {
        let Some(json) = answer.bytes() else { return Ok(None) };
        let found = match self {
            Name::Price(symbol) => read_price(json, symbol).map(|series| Found::Price(symbol.clone(), series)),
            Name::Rate(index) => read_rate(json, index).map(|series| Found::Rate(index.clone(), series)),
            Name::Dividends(symbol) => {
                read_dividends(json, symbol).map(|listed| Found::Dividends(symbol.clone(), listed))
            }
        };
        found.map(Some).map_err(|invalid| invalid.to_string())
    }
}

impl Fetched {
    fn take(&mut self, name: Name, answer: Result<Option<Found>, Missing>) {
        match answer {
            Ok(Some(Found::Price(symbol, series))) => drop(self.market.prices.insert(symbol, series)),
            Ok(Some(Found::Rate(index, series))) => drop(self.market.rates.insert(index, series)),
            Ok(Some(Found::Dividends(symbol, listed))) => drop(self.market.dividends.insert(symbol, listed)),
            Ok(None) => drop(self.missing.insert(name, Missing::Unknown)),
            Err(missing) => drop(self.missing.insert(name, missing)),
        }
    }
}
