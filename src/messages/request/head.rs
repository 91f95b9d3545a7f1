//! What stands around the contracts of a request: the job and its market data, wherever in the document they are.

use std::fmt;
use std::io::Read;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::market::{WireMarketData, market_data};
use super::scalar::{date, optional_text, text, word};
use super::{InvalidValue, Path, RequestError};
use crate::domain::cashflow::first_128_bits;
use crate::domain::job::{Calculation, Job, JobId};
use crate::domain::market::MarketData;
use crate::domain::notice::{Notice, NoticeCode, Place};

/// Ten years: a longer history is a mistake in a date, or several jobs.
const DAYS_MAX: i64 = 3_660;

/// A request without its contracts.
#[derive(Clone, PartialEq, Debug)]
pub struct Request {
    pub job: Job,
    pub market: MarketData,
    /// How many contracts follow.
    pub contracts: u64,
    /// Rows about the request itself.
    pub notices: Vec<Notice>,
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
    contract_positions: Option<Counted>,
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

/// Reads the whole document once, so that whatever is no JSON is known before the first contract is handed out.
pub fn read_request(reader: impl Read) -> Result<Request, RequestError> {
    let mut reader = Hashing { reader, hash: Sha256::new() };
    let wire: WireRequest = {
        let mut json = serde_json::Deserializer::from_reader(&mut reader);
        let wire = Deserialize::deserialize(&mut json)?;
        json.end()?;
        wire
    };
    let request = first_128_bits(reader.hash);
    let mut notices = Vec::new();
    let job = job(&wire, request, &mut notices)?;
    market_data_source(&wire, &mut notices)?;
    let contracts = match (&wire.contract_positions, &wire.contracts) {
        (Some(list), _) => list.0,
        (None, Some(_)) => {
            let problem =
                "missing; contracts with separate lots are not read, list lots under contractPositions[].positions[]";
            return Err(Path::root("contractPositions").invalid(problem).into());
        }
        (None, None) => return Err(Path::root("contractPositions").invalid("missing").into()),
    };
    let market = wire.market_data.map(|wire| market_data(wire, &mut notices)).unwrap_or_default();
    Ok(Request { job, market, contracts, notices })
}

fn job(wire: &WireRequest, request: u128, notices: &mut Vec<Notice>) -> Result<Job, InvalidValue> {
    let at = |name: &'static str| move |problem: String| Path::root(name).invalid(problem);
    let id = text(wire.request_id.as_deref())
        .and_then(|id| JobId::new(&id).map_err(|error| error.to_string()))
        .map_err(at("requestId"))?;
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

/// Market data is taken from the request only; whoever asks for it to be fetched is told.
fn market_data_source(wire: &WireRequest, notices: &mut Vec<Notice>) -> Result<(), InvalidValue> {
    let path = Path::root("marketDataStrategy").field("mode");
    let mode = wire.market_data_strategy.as_ref().and_then(|strategy| strategy.mode.as_deref());
    match optional_text(mode).map_err(|problem| path.clone().invalid(problem))?.as_deref() {
        None | Some("SELF_CONTAINED") => Ok(()),
        Some("HYBRID") if wire.market_data.is_some() => {
            let message = "HYBRID: only the market data of the request is used; write SELF_CONTAINED".to_owned();
            notices.push(Place::request().warning(NoticeCode::MarketDataAsSent, &path.to_string(), message));
            Ok(())
        }
        Some(mode) => {
            Err(path.invalid(format!("{mode} fetches market data, which is not done; send marketData SELF_CONTAINED")))
        }
    }
}

/// A list that is only counted.
struct Counted(u64);

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Counted, D::Error> {
        struct Count;

        impl<'de> Visitor<'de> for Count {
            type Value = Counted;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of contracts")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Counted, A::Error> {
                let mut count = 0;
                while seq.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Counted(count))
            }
        }

        deserializer.deserialize_seq(Count)
    }
}

struct Hashing<R> {
    reader: R,
    hash: Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.hash.update(&buffer[..read]);
        Ok(read)
    }
}
