//! Chunks: the units of work a job is cut into, and what each came to.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::cashflow::CashFlow;
use super::contract::{ContractLot, Leg};
use super::job::{Job, JobId};
use super::market::MarketData;
use super::notice::{Notice, NoticeCode, Place};
use super::totals::{ControlTotals, Counts};
use crate::domain::key::ContractId;
use crate::domain::money::Currency;
use crate::domain::names::{LotId, PositionId, Symbol};

/// A unit of work: contracts with all they need. Content and number depend on the job alone.
#[derive(Clone, PartialEq, Debug)]
pub struct Chunk {
    pub job: Job,
    /// Dense from 1.
    pub number: u32,
    pub contracts: Vec<ContractPart>,
    /// Rows that were found before calculation.
    pub notices: Vec<Notice>,
    /// Only what the contracts of this chunk use.
    pub market: MarketData,
}

/// A contract, or the part of a large one that fits a chunk; its lots are relieved already.
#[derive(Clone, PartialEq, Debug)]
pub struct ContractPart {
    pub id: ContractId,
    /// 0 is the first part of the contract.
    pub part: u32,
    pub start: NaiveDate,
    /// What of the request this part accounts for: the first part counts for the whole contract.
    pub counts: Counts,
    pub positions: Vec<PositionPart>,
}

/// A position with some of its lots.
#[derive(Clone, PartialEq, Debug)]
pub struct PositionPart {
    pub id: PositionId,
    pub leg: Leg,
    pub underlying: Symbol,
    pub currency: Currency,
    pub lots: Vec<RelievedLot>,
}

/// A lot with everything that closed it, so that its flows need no other lot.
#[derive(Clone, PartialEq, Debug)]
pub struct RelievedLot {
    pub id: LotId,
    /// As opened; below zero is a short.
    pub quantity: Decimal,
    pub cost_price: Decimal,
    pub cost_date: NaiveDate,
    pub settlement_date: NaiveDate,
    /// Ascending by date.
    pub closes: Vec<Close>,
}

/// What one closing lot took from a lot.
#[derive(Clone, PartialEq, Debug)]
pub struct Close {
    pub lot: LotId,
    /// Of the same sign as the lot it was taken from.
    pub quantity: Decimal,
    pub price: Decimal,
    pub date: NaiveDate,
    pub settlement_date: NaiveDate,
}

/// Flows of one contract part: what is published by contract.
#[derive(Clone, PartialEq, Debug)]
pub struct ContractFlows {
    pub contract: ContractId,
    pub part: u32,
    /// A part of many flows comes in several pieces, dense from 0.
    pub piece: u32,
    pub flows: Vec<CashFlow>,
}

/// What a chunk came to: all that flows through the job's key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChunkResult {
    pub job: JobId,
    pub number: u32,
    pub totals: ControlTotals,
    /// The first rows in their own order; `totals` counts all of them.
    pub rows: Vec<Notice>,
}

impl ChunkResult {
    /// The answer for a chunk that could not be processed, so that its job need not wait for it.
    pub fn not_calculated(job: JobId, number: u32, first: Option<ContractId>, why: &str) -> ChunkResult {
        let place = first.map_or_else(Place::request, |contract| Place::of(&contract));
        let message = format!(
            "this contract and those sent with it could not be processed ({why}): `bookflow dlq show` has them; submit \
             the request again under another name"
        );
        let rows = vec![place.error(NoticeCode::NotCalculated, "contractPositions", message)];
        ChunkResult { job, number, totals: ControlTotals { errors: 1, ..ControlTotals::default() }, rows }
    }
}

impl RelievedLot {
    /// What is still open at the end of a day; signed.
    pub fn open_on(&self, day: NaiveDate) -> Decimal {
        self.closes.iter().filter(|close| close.date <= day).fold(self.quantity, |open, close| open - close.quantity)
    }
}

impl From<ContractLot> for RelievedLot {
    fn from(lot: ContractLot) -> RelievedLot {
        RelievedLot {
            id: lot.id,
            quantity: lot.quantity,
            cost_price: lot.cost_price,
            cost_date: lot.cost_date,
            settlement_date: lot.settlement_date,
            closes: Vec::new(),
        }
    }
}
