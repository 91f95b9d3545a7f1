//! A request whose mode says so gets its market data from the service, before anything is cut: chunks bring all they need.

use std::io::Read;

use super::config::Config;
use super::exit::Exit;
use super::failure::{Failure, chain};
use super::parts;
use crate::cache::market_data::{Fetched, Missing, Name, Source};
use crate::domain::jobs::market::MarketData;
use crate::domain::jobs::notice::{Notice, NoticeCode, Place};
use crate::domain::jobs::wanted::Wanted;
use crate::messages::request::{MarketSource, Request, Stopped, read_contracts};

/// The field of the request that asks for it.
const MODE: &str = "marketDataStrategy.mode";

/// Fetches what the request's contracts use and it does not bring. `contracts` reads the request from its start.
pub fn complete(request: &mut Request, contracts: impl Read, config: &Config) -> Result<(), Failure> {
    let service = match request.market_source {
        MarketSource::Sent => return Ok(()),
        MarketSource::SentFirst | MarketSource::Service => parts::market_data(config)?,
    };
    let Some(service) = service else { return as_sent(request) };
    let unused = request.market_source == MarketSource::Service && request.market != MarketData::default();
    if unused {
        request.market = MarketData::default();
    }
    let wanted = wanted(contracts)?.missing(&request.market);
    let fetched = service.fetch(wanted, request.job.last_day());
    request.notices.push(told(&fetched, &service, unused));
    for (name, missing) in &fetched.missing {
        request.notices.push(unavailable(name, missing, &service));
        if let Name::Dividends(symbol) = name {
            request.untold_dividends.insert(symbol.clone());
        }
    }
    let MarketData { prices, rates, dividends } = fetched.market;
    request.market.prices.extend(prices);
    request.market.rates.extend(rates);
    request.market.dividends.extend(dividends);
    Ok(())
}

/// Where there is nobody to ask, what the request brings must do.
pub fn as_sent(request: &mut Request) -> Result<(), Failure> {
    let mode = match request.market_source {
        MarketSource::Sent => return Ok(()),
        MarketSource::SentFirst if request.market != MarketData::default() => {
            let message =
                "HYBRID, but there is no service to ask: only the market data of the request are used".to_owned();
            request.notices.push(Place::request().warning(NoticeCode::MarketDataAsSent, MODE, message));
            return Ok(());
        }
        MarketSource::SentFirst => "HYBRID",
        MarketSource::Service => "ENDPOINTS",
    };
    let message = format!("{MODE}: {mode} fetches market data, and there is no service to ask");
    let next = "submit it where market_data.url is set, or send marketData with the mode SELF_CONTAINED";
    Err(Failure::new(Exit::Precondition, message).next(next))
}

fn wanted(contracts: impl Read) -> Result<Wanted, Failure> {
    let mut wanted = Wanted::default();
    let read = read_contracts(contracts, |contract| -> Result<(), std::convert::Infallible> {
        if let Ok((contract, _)) = contract {
            wanted.add(&contract);
        }
        Ok(())
    });
    match read {
        Err(Stopped::Request(error)) => Err(Failure::new(Exit::Partial, chain(&error))),
        Ok(()) => Ok(wanted),
    }
}

fn told(fetched: &Fetched, service: &Source, unused: bool) -> Notice {
    let MarketData { prices, rates, dividends } = &fetched.market;
    let unused = if unused { "; marketData of the request are not used" } else { "" };
    let message = format!(
        "{} prices, {} rates and {} lists of dividends are from {}{unused}",
        prices.len(),
        rates.len(),
        dividends.len(),
        service.place(),
    );
    Place::request().warning(NoticeCode::MarketDataFetched, MODE, message)
}

fn unavailable(name: &Name, missing: &Missing, service: &Source) -> Notice {
    let (kind, text) = name.parts();
    let next = match missing {
        Missing::Unknown => "check the name, or send it in marketData with the mode HYBRID",
        Missing::Unavailable(_) => "send the request again under another --idempotency-key when it is back",
    };
    let message = format!("{}: {missing}; what needs it is not calculated: {next}", service.place());
    Place::request().error(NoticeCode::MarketDataUnavailable, &format!("{kind}/{text}"), message)
}
