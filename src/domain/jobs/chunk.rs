//! Chunks: the units of work a job is cut into, and what each came to.

use chrono::NaiveDate;

use super::cashflow::CashFlow;
use super::contract::Leg;
use super::job::{Job, JobId};
use super::market::MarketData;
use super::notice::{Notice, NoticeCode, Place, ROWS_KEPT, Severity, keep_first};
use super::totals::{ControlTotals, Counts};
use crate::domain::flows::row::FlowRow;
use crate::domain::key::ContractId;
use crate::domain::lots::given::GivenLot;
use crate::domain::money::Currency;
use crate::domain::names::{PositionId, Symbol};

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
    pub lots: Vec<GivenLot>,
}

/// Flows of one contract part: what is published by contract.
#[derive(Clone, PartialEq, Debug)]
pub struct ContractFlows {
    pub contract: ContractId,
    pub part: u32,
    /// A part of many flows comes in several pieces, dense from 0.
    pub piece: u32,
    pub flows: Vec<CashFlow>,
    /// Those of a document's contract, which has no others.
    pub rows: Vec<FlowRow>,
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

/// Flows of one published record: about 250 KB of usual names, and below the topic's bound with the longest ones.
const PIECE_FLOWS: usize = 1_000;

impl ContractFlows {
    /// At least one record of a contract part, so that one without flows is answered, too. `piece` is given its number and its flows.
    pub fn pieces<F>(mut flows: Vec<F>, piece: impl Fn(u32, Vec<F>) -> ContractFlows) -> Vec<ContractFlows> {
        let mut pieces = Vec::with_capacity(1);
        loop {
            let rest = flows.split_off(flows.len().min(PIECE_FLOWS));
            pieces.push(piece(pieces.len() as u32, flows));
            if rest.is_empty() {
                return pieces;
            }
            flows = rest;
        }
    }
}

impl ChunkResult {
    /// With all rows of the chunk: they are counted, and the first ones kept.
    pub fn with_rows(job: &JobId, number: u32, mut totals: ControlTotals, mut rows: Vec<Notice>) -> ChunkResult {
        totals.errors = rows.iter().filter(|row| row.severity == Severity::Error).count() as u64;
        totals.warnings = rows.len() as u64 - totals.errors;
        keep_first(&mut rows, ROWS_KEPT);
        ChunkResult { job: job.clone(), number, totals, rows }
    }

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
