//! How each message about jobs looks to people.

use crate::domain::daycount::DayCount;
use crate::domain::dividends::withholding::Treatment;
use crate::domain::flows::id::FlowId;
use crate::domain::jobs::cashflow::{CashFlow, DividendTax, Explain, FlowKind, FlowStatus, RateSpan};
use crate::domain::jobs::chunk::{Chunk, ChunkResult, ContractFlows, ContractPart, PositionPart};
use crate::domain::jobs::collect::{ChunkSet, Collecting, Progress, Stage};
use crate::domain::jobs::contract::{Averaging, Financing, Leg, Rate};
use crate::domain::jobs::job::{Calculation, Ending, Job, JobId, Missing, Outcome, Started};
use crate::domain::jobs::market::{Dividend, MarketData, Observation, Series, Withholding};
use crate::domain::jobs::notice::{Notice, NoticeCode, Severity};
use crate::domain::jobs::totals::{ControlTotals, Counts};
use crate::domain::key::{ContractId, Timestamp};
use crate::domain::lots::given::{Deal, GivenClose, GivenLot};
use crate::domain::names::{IndexName, LotId, PositionId, Symbol};
use crate::messages::any_chunk::{AnyChunk, DocumentChunk, StatedContract};
use crate::messages::cash_flows::JobCashFlows;
use crate::messages::job_control::{ControlWord, JobControl};
use crate::messages::looks::{CAUSE, day, looks, number, usd};
use serde_json::{Value as Json, json};

fn name<T, E: std::fmt::Debug>(make: fn(&str) -> Result<T, E>, text: &str) -> T {
    make(text).expect("a name")
}

#[test]
fn a_chunk() {
    let deal = |price, trade, settle| Deal { trade_date: day(trade), settle_date: day(settle), price: number(price) };
    let close = GivenClose { id: name(LotId::new, "L2"), quantity: number("1"), deal: deal("2", 1, 2) };
    let lot =
        GivenLot { id: name(LotId::new, "L1"), quantity: number("-3"), opened: deal("4", 3, 4), closes: vec![close] };
    let rate = Rate::Index { name: name(IndexName::new, "SOFR"), averaging: Averaging::Compounded };
    let position = PositionPart {
        id: name(PositionId::new, "P"),
        leg: Leg::Interest(Financing { rate, spread: number("0.5"), day_count: DayCount::Act365Fixed }),
        underlying: name(Symbol::new, "AAPL"),
        currency: usd(0).currency,
        lots: vec![lot],
    };
    let contract = ContractPart {
        id: name(ContractId::new, "C"),
        part: 5,
        start: day(5),
        counts: Counts { contracts: 6, positions: 7, lots: 8 },
        positions: vec![position],
    };
    let series = |value| Series { base: None, changes: vec![Observation { date: day(6), value: number(value) }] };
    let withholding = Some(Withholding { rate: number("0.15"), treatment: Treatment::DeclaredNet });
    let dividend = Dividend { ex_date: day(7), per_share: number("9"), currency: usd(0).currency, withholding };
    let calculation = Calculation::Historical { from: day(8), to: day(9) };
    let chunk = Chunk {
        job: Job { id: name(JobId::new, "J"), request: 10, valuation_date: day(10), calculation },
        number: 11,
        contracts: vec![contract],
        notices: vec![],
        market: MarketData {
            prices: [(name(Symbol::new, "AAPL"), series("12"))].into(),
            rates: [(name(IndexName::new, "SOFR"), series("0.13"))].into(),
            dividends: [(name(Symbol::new, "AAPL"), vec![dividend])].into(),
        },
    };
    let wanted = json!({
        "job": {"id": "J", "request": "0x0000000000000000000000000000000a", "valuation_date": "2026-01-10",
            "calculation": "HISTORICAL", "from": "2026-01-08", "to": "2026-01-09"},
        "number": 11,
        "contracts": [{"id": "C", "part": 5, "start": "2026-01-05",
            "counts": {"contracts": 6, "positions": 7, "lots": 8},
            "positions": [{"id": "P", "leg": "INTEREST",
                "financing": {"fixed_rate": null, "index": "SOFR", "averaging": "COMPOUNDED", "spread": "0.5",
                    "day_count": "ACT_365_FIXED"},
                "payout_ratio": null, "underlying": "AAPL", "currency": "USD",
                "lots": [{"id": "L1", "quantity": "-3", "cost_price": "4", "cost_date": "2026-01-03",
                    "settlement_date": "2026-01-04",
                    "closes": [{"lot": "L2", "quantity": "-1", "price": "2", "date": "2026-01-01",
                        "settlement_date": "2026-01-02"}]}]}]}],
        "notices": [],
        "prices": [{"name": "AAPL", "base": null, "changes": [{"date": "2026-01-06", "value": "12"}]}],
        "rates": [{"name": "SOFR", "base": null, "changes": [{"date": "2026-01-06", "value": "0.13"}]}],
        "dividends": [{"name": "AAPL",
            "dividends": [{"ex_date": "2026-01-07", "per_share": "9", "currency": "USD",
                "withholding": {"rate": "0.15", "treatment": "NET_AMOUNT"}}]}],
        "document": null
    });
    looks(chunk, Some(CAUSE), wanted);
}

#[test]
fn a_chunk_of_a_document() {
    let chunk = DocumentChunk {
        job: Job {
            id: name(JobId::new, "J"),
            request: 10,
            valuation_date: day(10),
            calculation: Calculation::Valuation,
        },
        number: 11,
        notices: vec![],
        around: "{}".into(),
        counts: Counts { contracts: 6, positions: 7, lots: 8 },
        contracts: vec![StatedContract { id: name(ContractId::new, "C"), place: 5, json: "[]".into() }],
    };
    let wanted = json!({
        "job": {"id": "J", "request": "0x0000000000000000000000000000000a", "valuation_date": "2026-01-10",
            "calculation": "VALUATION", "from": null, "to": null},
        "number": 11, "contracts": [], "notices": [], "prices": [], "rates": [], "dividends": [],
        "document": {"around": "{}", "counts": {"contracts": 6, "positions": 7, "lots": 8},
            "contracts": [{"id": "C", "place": 5, "json": "[]"}]}
    });
    looks(AnyChunk::OfDocument(chunk), Some(CAUSE), wanted);
}

#[test]
fn cash_flows() {
    let flow = |explain| CashFlow {
        id: FlowId(1),
        contract: name(ContractId::new, "C"),
        position: name(PositionId::new, "P"),
        lot: name(LotId::new, "L"),
        closing_lot: Some(name(LotId::new, "L2")),
        kind: FlowKind::Interest,
        status: FlowStatus::Realised,
        valuation_date: day(2),
        amount: usd(3),
        unrounded: number("0.0301"),
        explain,
    };
    let looks_explained = |explain, field: &str, wanted: Json| {
        let mut shown = json!({
            "id": "0x00000000000000000000000000000001", "contract": "C", "position": "P", "lot": "L",
            "closing_lot": "L2", "kind": "INTEREST", "status": "REALISED", "valuation_date": "2026-01-02",
            "amount": {"minor": 3, "currency": "USD"}, "unrounded": "0.0301", "performance": null, "interest": null,
            "dividend": null
        });
        shown[field] = wanted;
        let flows = ContractFlows {
            contract: name(ContractId::new, "C"),
            part: 4,
            piece: 5,
            flows: vec![flow(explain)],
            rows: vec![],
        };
        let message = JobCashFlows { job: name(JobId::new, "J"), flows };
        looks(
            message,
            CAUSE,
            json!({"job": "J", "contract": "C", "part": 4, "piece": 5, "flows": [shown], "rows": []}),
        );
    };
    let performance =
        Explain::Performance { quantity: number("1"), cost_price: number("2"), price: number("3"), price_date: day(4) };
    looks_explained(
        performance,
        "performance",
        json!({"quantity": "1", "cost_price": "2", "price": "3", "price_date": "2026-01-04"}),
    );
    let interest = Explain::Interest {
        notional: number("1"),
        day_count: DayCount::Act360,
        spread: number("2"),
        compounded: true,
        from: day(3),
        to: day(4),
        rates: vec![RateSpan { from: day(5), to: day(6), rate: number("7"), observed: Some(day(8)) }],
    };
    looks_explained(
        interest,
        "interest",
        json!({"notional": "1", "day_count": "ACT_360", "spread": "2", "compounded": true, "from": "2026-01-03",
            "to": "2026-01-04", "rates": [
                {"from": "2026-01-05", "to": "2026-01-06", "rate": "7", "observed": "2026-01-08"}]}),
    );
    let withholding = Withholding { rate: number("0.15"), treatment: Treatment::Reclaimable };
    let dividend = Explain::Dividend {
        quantity: number("1"),
        per_share: number("2"),
        payout_ratio: number("3"),
        ex_date: day(4),
        tax: Some(DividendTax { withholding, gross: usd(5), withheld: usd(6) }),
    };
    looks_explained(
        dividend,
        "dividend",
        json!({"quantity": "1", "per_share": "2", "payout_ratio": "3", "ex_date": "2026-01-04", "tax": {
            "rate": "0.15", "treatment": "TAX_CREDIT", "gross": {"minor": 5, "currency": "USD"},
            "withheld": {"minor": 6, "currency": "USD"}}}),
    );
}

fn totals() -> (ControlTotals, Json) {
    let totals = ControlTotals {
        counts: Counts { contracts: 1, positions: 2, lots: 3 },
        flows: 4,
        errors: 5,
        warnings: 6,
        sums: [((usd(0).currency, FlowKind::Dividend, FlowStatus::Accrued), -7)].into(),
        hash: 8,
        calculated: 9,
        changed: 10,
    };
    let wanted = json!({
        "counts": {"contracts": 1, "positions": 2, "lots": 3}, "flows": 4, "errors": 5, "warnings": 6,
        "sums": [{"currency": "USD", "kind": "DIVIDEND", "status": "ACCRUED", "minor": "-7"}],
        "hash": "0x00000000000000000000000000000008", "calculated": 9, "changed": 10
    });
    (totals, wanted)
}

fn notice() -> (Notice, Json) {
    let notice = Notice {
        severity: Severity::Warning,
        contract: Some(name(ContractId::new, "C")),
        position: Some(name(PositionId::new, "P")),
        lot: Some(name(LotId::new, "L")),
        code: NoticeCode::RateUnit,
        field: "rate".into(),
        message: "odd".into(),
    };
    let wanted = json!({
        "severity": "WARNING", "contract": "C", "position": "P", "lot": "L", "code": "RATE_UNIT", "field": "rate",
        "message": "odd"
    });
    (notice, wanted)
}

#[test]
fn results_outcomes_and_progress() {
    let ((totals, sums), (notice, row)) = (totals(), notice());
    let job = || name(JobId::new, "J");
    let result = ChunkResult { job: job(), number: 9, totals: totals.clone(), rows: vec![notice.clone()] };
    looks(result, CAUSE, json!({"job": "J", "number": 9, "totals": sums, "rows": [row]}));

    let outcome = Outcome {
        job: job(),
        request: Some(10),
        predecessor: Some(name(JobId::new, "I")),
        ending: Ending::TimedOut { missing: Missing::Chunks(vec![(11, 12)]) },
        totals: totals.clone(),
        rows: vec![notice.clone()],
    };
    let ended = json!({
        "job": "J", "request": "0x0000000000000000000000000000000a", "predecessor": "I", "ending": "TIMED_OUT", "received": null,
        "missing": [{"first": 11, "last": 12}], "reason": null, "totals": sums, "rows": [row]
    });
    looks(outcome.clone(), CAUSE, ended.clone());
    let (first, last) = (Timestamp(0), Timestamp(2_000_000));
    let progress = Progress { job: job(), first, last, stage: Stage::Ended(outcome), late: 18 };
    let mut wanted = json!({
        "job": "J", "first": "1970-01-01T00:00:00Z", "last": "1970-01-01T00:00:02Z", "late": 18, "collecting": null,
        "ended": ended
    });
    looks(progress, CAUSE, wanted.clone());

    let collecting = Collecting {
        started: Some(Started { request: 13, deadline: Timestamp(1_000_000), predecessor: None }),
        planned: Some((14, Some(Counts { contracts: 15, positions: 16, lots: 17 }))),
        received: ChunkSet([(1, 2)].into()),
        totals,
        rows: vec![notice],
    };
    let shown = json!({
        "request": "0x0000000000000000000000000000000d", "deadline": "1970-01-01T00:00:01Z", "predecessor": null, "chunks": 14,
        "counts": {"contracts": 15, "positions": 16, "lots": 17}, "received": [{"first": 1, "last": 2}],
        "totals": sums, "rows": [row]
    });
    let progress = Progress { job: job(), first, last, stage: Stage::Collecting(collecting), late: 18 };
    (wanted["collecting"], wanted["ended"]) = (shown, Json::Null);
    looks(progress, CAUSE, wanted);
}

#[test]
fn job_control() {
    let control = |word| JobControl { job: name(JobId::new, "J"), word };
    let mut wanted = json!({
        "job": "J", "word": "STARTED", "request": "0x00000000000000000000000000000001",
        "deadline": "1970-01-01T00:00:02Z", "predecessor": "I", "chunks": null, "counts": null, "reason": null
    });
    let started = ControlWord::Started(Started {
        request: 1,
        deadline: Timestamp(2_000_000),
        predecessor: Some(name(JobId::new, "I")),
    });
    looks(control(started), Some(CAUSE), wanted.clone());
    wanted["word"] = "CANCELLED".into();
    (wanted["request"], wanted["deadline"], wanted["predecessor"]) = (Json::Null, Json::Null, Json::Null);
    wanted["reason"] = "asked to".into();
    looks(control(ControlWord::Cancelled { reason: "asked to".into() }), Some(CAUSE), wanted);
}
