//! Sound records: trades in dollars, jobs without contracts.

use bookflow::domain::jobs::chunk::{Chunk, ChunkResult, ContractPart};
use bookflow::domain::jobs::job::{Calculation, Job, JobId, Started};
use bookflow::domain::jobs::market::MarketData;
use bookflow::domain::jobs::totals::{ControlTotals, Counts};
use bookflow::domain::key::{ContractId, PositionKey, Timestamp, TradeId};
use bookflow::domain::money::Currency;
use bookflow::domain::trade::{Side, Terms, Trade, TradeEvent};
use bookflow::messages::job_control::{ControlWord, JobControl};

pub fn key(text: &str) -> PositionKey {
    PositionKey::parse(text).expect("the test writes a key")
}

pub fn terms(quantity: i64, currency: &str) -> Terms {
    Terms {
        contract: None,
        side: Side::Buy,
        quantity: quantity.into(),
        price: 10.into(),
        currency: Currency::new(currency).expect("the test names a currency"),
        trade_date: "2025-03-03".parse().expect("a date"),
        exec_time: Timestamp(0),
        source_seq: 0,
        settle_date: None,
        relief: None,
    }
}

pub fn trade(position: &str, id: &str, version: u32, event: TradeEvent) -> Trade {
    Trade { key: key(position), id: TradeId::new("OMS", id).expect("the test writes an id"), version, event }
}

/// Buys so many, as version 1.
pub fn buy(position: &str, id: &str, quantity: i64) -> Trade {
    trade(position, id, 1, TradeEvent::New(terms(quantity, "USD")))
}

pub fn job(name: &str) -> JobId {
    JobId::new(name).expect("the test names a job")
}

pub fn chunk(name: &str, number: u32) -> Chunk {
    let job = Job {
        id: job(name),
        request: 7,
        valuation_date: "2025-03-03".parse().expect("a date"),
        calculation: Calculation::Valuation,
    };
    Chunk { job, number, contracts: vec![], notices: vec![], market: MarketData::default() }
}

/// A contract without positions.
pub fn contract_part(id: &str) -> ContractPart {
    let counts = Counts { contracts: 1, ..Counts::default() };
    let start = "2025-01-01".parse().expect("a date");
    ContractPart {
        id: ContractId::new(id).expect("the test names a contract"),
        part: 0,
        start,
        counts,
        positions: vec![],
    }
}

pub fn result(name: &str, number: u32) -> ChunkResult {
    ChunkResult { job: job(name), number, totals: ControlTotals::default(), rows: vec![] }
}

pub fn started(name: &str) -> JobControl {
    JobControl {
        job: job(name),
        word: ControlWord::Started(Started { request: 7, deadline: Timestamp(i64::MAX / 2), predecessor: None }),
    }
}

pub fn planned(name: &str, chunks: u32) -> JobControl {
    JobControl { job: job(name), word: ControlWord::Planned { chunks, counts: Some(Default::default()) } }
}
