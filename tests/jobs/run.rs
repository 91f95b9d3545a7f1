//! The fixture: a request goes in as bytes and comes out as flows and an outcome, through reader, splitter, kernel and collection.

use bookflow::domain::jobs::calculate::calculate;
use bookflow::domain::jobs::cashflow::{CashFlow, FlowKind};
use bookflow::domain::jobs::chunk::Chunk;
use bookflow::domain::jobs::collect::Progress;
use bookflow::domain::jobs::job::{JobEvent, Lane, Outcome, Started};
use bookflow::domain::jobs::notice::Notice;
use bookflow::domain::jobs::split::{Cut, Plan, SplitLimits, Splitter};
use bookflow::domain::key::Timestamp;
use bookflow::messages::request::{read_contracts, read_request};
use rust_decimal::Decimal;
use serde_json::{Value, json};

pub struct Run {
    pub flows: Vec<CashFlow>,
    pub outcome: Outcome,
    pub chunks: Vec<(Lane, Chunk)>,
    pub plan: Plan,
}

pub fn run(request: &Value) -> Run {
    run_with(request, SplitLimits::default())
}

pub fn run_with(request: &Value, limits: SplitLimits) -> Run {
    let bytes = serde_json::to_vec(request).expect("a value is JSON");
    let request = read_request(&bytes[..]).expect("the test's request can be read");
    let mut splitter = Splitter::new(request.job.clone(), &request.market, limits);
    let mut chunks = Vec::new();
    for notice in request.notices {
        chunks.extend(splitter.notice(notice));
    }
    let read = read_contracts(&bytes[..], |contract| -> Result<(), String> {
        chunks.extend(splitter.take(contract));
        Ok(())
    });
    read.expect("the test's contracts can be read");
    let (last, plan) = splitter.finish();
    chunks.extend(last);

    let at = Timestamp(0);
    let mut progress = Progress::new(request.job.id.clone(), at);
    let started = Started { request: request.job.request, deadline: Timestamp(1), predecessor: None };
    let mut outcome = progress.record(JobEvent::Started(started), at);
    let mut flows = Vec::new();
    for (_, chunk) in &chunks {
        let calculated = calculate(chunk);
        flows.extend(calculated.flows.into_iter().flat_map(|contract| contract.flows));
        outcome = outcome.or(progress.record(JobEvent::Chunk(calculated.result), at));
    }
    let planned = JobEvent::Planned { chunks: plan.chunks, counts: Some(plan.counts) };
    let outcome = outcome.or(progress.record(planned, at)).expect("all planned chunks are in");
    Run { flows, outcome, chunks, plan }
}

impl Run {
    /// Lot, kind and amount in minor units of every flow, in the order they came.
    pub fn amounts(&self) -> Vec<(&str, FlowKind, i64)> {
        self.flows.iter().map(|flow| (flow.lot.as_str(), flow.kind, flow.amount.minor)).collect()
    }

    pub fn total(&self) -> i64 {
        self.flows.iter().map(|flow| flow.amount.minor).sum()
    }

    /// The rows as `CODE contract/position/lot field`.
    pub fn rows(&self) -> Vec<String> {
        self.outcome.rows.iter().map(row).collect()
    }
}

fn row(notice: &Notice) -> String {
    let part = |name: Option<String>| name.unwrap_or_default();
    format!(
        "{} {}/{}/{} {}",
        notice.code.name(),
        part(notice.contract.as_ref().map(ToString::to_string)),
        part(notice.position.as_ref().map(ToString::to_string)),
        part(notice.lot.as_ref().map(ToString::to_string)),
        notice.field
    )
}

/// A request of contracts valued on one day, with AAPL at 150, SOFR at 5.25 % and one dividend.
pub fn request(date: &str, contracts: Value) -> Value {
    json!({
        "requestId": "JOB-1",
        "calculationDate": date,
        "calculationType": "REAL_TIME_PROCESSING",
        "marketDataStrategy": { "mode": "SELF_CONTAINED" },
        "contractPositions": contracts,
        "marketData": { "data": {
            "securities": [{ "symbol": "AAPL", "basePrice": 150, "baseDate": "2024-01-02", "changes": [] }],
            "rates": [{ "index": "SOFR", "baseRate": 0.0525, "baseDate": "2024-01-02", "changes": [] }],
            "dividends": [{ "symbol": "AAPL", "dividends": [{ "exDate": "2024-03-15", "amount": 2.0, "currency": "USD" }] }]
        }}
    })
}

pub fn contract(id: &str, positions: Value) -> Value {
    json!({
        "contractId": id, "underlying": "AAPL", "index": "SOFR", "type": "EQUITY_SWAP", "currency": "USD",
        "startDate": "2024-01-01", "endDate": "2024-12-31", "positions": positions
    })
}

pub fn position(id: &str, leg: &str, lots: Value) -> Value {
    json!({ "positionId": id, "underlying": "AAPL", "currency": "USD", "type": leg, "lots": lots })
}

pub fn lot(id: &str, quantity: i64, cost: &str, bought: &str, settled: &str) -> Value {
    json!({
        "lotId": id, "quantity": quantity, "costPrice": cost, "costDate": bought, "settlementDate": settled,
        "lotType": "NEW_LOT", "status": "ACTIVE", "unwindingMethod": "FIFO"
    })
}

pub fn closing(id: &str, quantity: i64, price: &str, sold: &str, settled: &str) -> Value {
    let mut closing = lot(id, quantity, price, sold, settled);
    closing["lotType"] = "CLOSING_LOT".into();
    closing
}

/// One contract `C1` with one position `P1`.
pub fn one(leg: &str, lots: Value) -> Value {
    json!([contract("C1", json!([position("P1", leg, lots)]))])
}

pub fn decimal(text: &str) -> Decimal {
    text.parse().expect("the test writes a decimal")
}
