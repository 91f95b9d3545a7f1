//! What stands around the contracts of a request: the job and its market data, wherever in the document they are.

use std::collections::BTreeSet;
use std::io::Read;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::around::{Around, around};
use super::market::{WireMarketData, market_data};
use super::scalar::{date, text, word};
use super::{InvalidValue, Path, RequestError};
use crate::domain::jobs::job::{Calculation, Job, JobId};
use crate::domain::jobs::market::MarketData;
use crate::domain::jobs::notice::{Notice, NoticeCode, Place};
use crate::domain::names::Symbol;

/// Ten years: a longer history is a mistake in a date, or several jobs.
const DAYS_MAX: i64 = 3_660;

/// A request without its contracts.
#[derive(Clone, PartialEq, Debug)]
pub struct Request {
    pub job: Job,
    /// What of it the request brings.
    pub market: MarketData,
    pub market_source: MarketSource,
    /// Symbols whose dividends could not be learnt.
    pub untold_dividends: BTreeSet<Symbol>,
    /// How many contracts follow.
    pub contracts: u64,
    /// Rows about the request itself.
    pub notices: Vec<Notice>,
}

/// Where a job's market data come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MarketSource {
    /// The request alone.
    Sent,
    /// What the request does not bring, from the service.
    SentFirst,
    /// The service alone.
    Service,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireRequest {
    request_id: Option<Box<RawValue>>,
    calculation_date: Option<Box<RawValue>>,
    date_range: Option<WireRange>,
    calculation_type: Option<Box<RawValue>>,
    market_data_strategy: Option<WireStrategy>,
    market_data: Option<WireMarketData>,
    contracts: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireRange {
    from_date: Option<Box<RawValue>>,
    to_date: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct WireStrategy {
    mode: Option<Box<RawValue>>,
}

#[derive(Clone, Copy)]
enum Type {
    Valuation,
    Historical,
}

/// Reads the whole document once, so that one that is cut off is known before the first contract is handed out.
pub fn read_request(reader: impl Read) -> Result<Request, RequestError> {
    read_request_as(None, reader)
}

/// The same for a job that has a name already; then the request need not have one.
pub fn read_request_as(name: Option<JobId>, reader: impl Read) -> Result<Request, RequestError> {
    let Around { json, listed, hash: request } = around(reader, "contractPositions")?;
    let wire: WireRequest = serde_json::from_slice(&json)?;
    let mut notices = Vec::new();
    let job = job(&wire, name, request, &mut notices)?;
    let market_source = market_source(&wire)?;
    let contracts = listed.ok_or_else(|| {
        Path::root("contractPositions").invalid(match wire.contracts {
            Some(_) => "missing; contracts with separate lots are not read: list the lots under contractPositions[].positions[]",
            None => "missing",
        })
    })?;
    let market = wire.market_data.map(|wire| market_data(wire, &mut notices)).unwrap_or_default();
    Ok(Request { job, market, market_source, untold_dividends: BTreeSet::new(), contracts, notices })
}

fn job(wire: &WireRequest, name: Option<JobId>, request: u128, notices: &mut Vec<Notice>) -> Result<Job, InvalidValue> {
    let at = |name: &'static str| move |problem: String| Path::root(name).invalid(problem);
    let own = || text(wire.request_id.as_deref()).and_then(|id| JobId::new(&id).map_err(|error| error.to_string()));
    let id = name.map_or_else(own, Ok).map_err(at("requestId"))?;
    let valuation_date = date(wire.calculation_date.as_deref()).map_err(at("calculationDate"))?;
    let range = wire.date_range.as_ref().map(range).transpose()?;
    let calculation = match (word(wire.calculation_type.as_deref(), &TYPES).map_err(at("calculationType"))?, range) {
        (Type::Valuation, _) => Calculation::Valuation,
        (Type::Historical, Some((from, to))) => Calculation::Historical { from, to },
        (Type::Historical, None) => {
            return Err(Path::root("dateRange").invalid("missing; HISTORICAL_RECALCULATION values each of its days"));
        }
    };
    if let (Calculation::Valuation, Some((from, to))) = (calculation, range)
        && !(from..=to).contains(&valuation_date)
    {
        let message = format!("{from} to {to} excludes calculationDate {valuation_date}; {valuation_date} is valued");
        notices.push(Place::request().warning(NoticeCode::RangeExcludesValuationDate, "dateRange", message));
    }
    Ok(Job { id, request, valuation_date, calculation })
}

const TYPES: [(&str, Type); 4] = [
    ("REAL_TIME_PROCESSING", Type::Valuation),
    ("BATCH_PROCESSING", Type::Valuation),
    ("INCREMENTAL_UPDATE", Type::Valuation),
    ("HISTORICAL_RECALCULATION", Type::Historical),
];

fn range(wire: &WireRange) -> Result<(chrono::NaiveDate, chrono::NaiveDate), InvalidValue> {
    let path = Path::root("dateRange");
    let from = date(wire.from_date.as_deref()).map_err(|problem| path.field("fromDate").invalid(problem))?;
    let to = date(wire.to_date.as_deref()).map_err(|problem| path.field("toDate").invalid(problem))?;
    match (to - from).num_days() {
        days if days < 0 => Err(path.field("toDate").invalid(format!("{to} is before fromDate {from}"))),
        days if days >= DAYS_MAX => Err(path.invalid(format!("{} days; allowed: {DAYS_MAX}", days + 1))),
        _ => Ok((from, to)),
    }
}

fn market_source(wire: &WireRequest) -> Result<MarketSource, InvalidValue> {
    let path = Path::root("marketDataStrategy").field("mode");
    match wire.market_data_strategy.as_ref().and_then(|strategy| strategy.mode.as_deref()) {
        None => Ok(MarketSource::Sent),
        given => word(given, &MARKET_SOURCES).map_err(|problem| path.invalid(problem)),
    }
}

const MARKET_SOURCES: [(&str, MarketSource); 3] =
    [("SELF_CONTAINED", MarketSource::Sent), ("HYBRID", MarketSource::SentFirst), ("ENDPOINTS", MarketSource::Service)];
