//! How each message looks to people: that every value stands in the field of its name, which types alone do not prove.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};

use crate::domain::answer::{Answer, Verdict};
use crate::domain::captured::{CapturedTrade, HeldVersion, Place, TradeStatus};
use crate::domain::cashflow::{CashFlow, Explain, FlowId, FlowKind, FlowStatus, RateSpan};
use crate::domain::chunk::{Chunk, ChunkResult, Close, ContractFlows, ContractPart, PositionPart, RelievedLot};
use crate::domain::collect::{ChunkSet, Collecting, Progress, Stage};
use crate::domain::contract::{Averaging, Financing, IndexName, Leg, LotId, PositionId, Rate, Symbol};
use crate::domain::daycount::DayCount;
use crate::domain::job::{Calculation, Ending, Job, JobId, Missing, Outcome};
use crate::domain::key::{ContractId, PositionKey, Timestamp, TradeId};
use crate::domain::lot::{Lot, Relief};
use crate::domain::market::{Dividend, MarketData, Observation, Series};
use crate::domain::money::{Currency, Money};
use crate::domain::notice::{Notice, NoticeCode, Severity};
use crate::domain::position::Position;
use crate::domain::totals::{ControlTotals, Counts};
use crate::domain::trade::{ContentHash, TradeEvent};
use crate::messages::blotter::BlotterRow;
use crate::messages::cash_flows::JobCashFlows;
use crate::messages::dead_letter::{DeadLetter, Original};
use crate::messages::job_control::{ControlWord, JobControl};
use crate::messages::message::Message;
use crate::messages::schemas::Schemas;
use crate::messages::view;

fn looks<M: Message>(message: M, cause: M::Cause, wanted: Json) {
    let schemas = Schemas::embedded();
    let mut record = Vec::new();
    schemas.encode(&message, cause, &mut record).expect("it fits");
    let mut shown = view::record(&schemas, &record).expect("sound");
    let cause = shown.as_object_mut().and_then(|fields| fields.remove("cause"));
    assert_eq!(cause, Some(json!({"topic": 1, "partition": 2, "offset": 3})));
    assert_eq!(shown, wanted);
}

const CAUSE: Place = Place { topic: 1, partition: 2, offset: 3 };

fn key() -> PositionKey {
    PositionKey::new("A", "B", "S").expect("three names")
}

fn trade_id(id: &str) -> TradeId {
    TradeId::new("OMS", id).expect("two names")
}

fn usd(minor: i64) -> Money {
    Money { minor, currency: Currency::new("USD").expect("in the table") }
}

fn number(text: &str) -> Decimal {
    text.parse().expect("a number")
}

fn day(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 1, day).expect("a date")
}

fn place(offset: i64) -> Place {
    Place { topic: 9, partition: 8, offset }
}

fn name<T, E: std::fmt::Debug>(make: fn(&str) -> Result<T, E>, text: &str) -> T {
    make(text).expect("a name")
}

#[test]
fn a_lot() {
    let lot = Lot {
        id: trade_id("T"),
        key: key(),
        contract: None,
        opened: number("-7"),
        remaining: number("-6.5"),
        price: number("1.25"),
        currency: usd(0).currency,
        trade_date: day(5),
        settle_date: Some(day(7)),
        exec_time: Timestamp(1),
        source_seq: 2,
        revision: 3,
    };
    let wanted = json!({
        "account_book_security": "A_B_S", "lot": "OMS|T", "contract_id": null, "opened": "-7", "remaining": "-6.5",
        "price": "1.25", "currency": "USD", "trade_date": "2026-01-05", "settle_date": "2026-01-07",
        "exec_time": "1970-01-01T00:00:00.000001Z", "source_seq": 2, "revision": 3
    });
    looks(lot, CAUSE, wanted);
}

#[test]
fn a_position() {
    let position = Position {
        key: key(),
        revision: 4,
        quantity: number("5"),
        currency: usd(0).currency,
        realised: usd(6),
        cost: usd(7),
        open_lots: 8,
    };
    let wanted = json!({
        "account_book_security": "A_B_S", "revision": 4, "quantity": "5", "currency": "USD", "realised_minor": 6,
        "cost_minor": 7, "open_lots": 8
    });
    looks(position, CAUSE, wanted);
}

#[test]
fn a_blotter_row() {
    let row = |verdict| BlotterRow {
        turn: 11,
        generation: 12,
        answer: Answer {
            place: place(1),
            key: key(),
            id: trade_id("T"),
            version: 13,
            verdict,
            released_by: Some(place(2)),
            revision_before: 14,
            revision_after: 15,
            quantity_after: number("16"),
            realised_delta: Some(usd(17)),
        },
    };
    let wanted = |changes: Json| {
        let mut wanted = json!({
            "account_book_security": "A_B_S", "turn": 11, "generation": 12,
            "place": {"topic": 9, "partition": 8, "offset": 1}, "trade": "OMS|T", "version": 13, "verdict": "",
            "first": null, "first_revision": null, "named_version": null, "refusal": null,
            "released_by": {"topic": 9, "partition": 8, "offset": 2}, "revision_before": 14, "revision_after": 15,
            "quantity_after": "16", "realised_delta": {"minor": 17, "currency": "USD"}
        });
        let changes = changes.as_object().expect("an object").clone();
        wanted.as_object_mut().expect("an object").extend(changes);
        wanted
    };
    looks(
        row(Verdict::Duplicate { first: place(3), revision: Some(4) }),
        CAUSE,
        wanted(json!({
            "verdict": "DUPLICATE", "first": {"topic": 9, "partition": 8, "offset": 3}, "first_revision": 4
        })),
    );
    looks(row(Verdict::Held { awaited: 5 }), CAUSE, wanted(json!({"verdict": "HELD", "named_version": 5})));
}

#[test]
fn a_captured_trade() {
    let trade = CapturedTrade {
        key: key(),
        id: trade_id("T"),
        version: 2,
        status: TradeStatus::RebookedTo(name(PositionKey::parse, "C_D_E")),
        content: ContentHash([1; 16]),
        place: place(1),
        revision: 3,
        held: vec![HeldVersion { version: 4, event: TradeEvent::Cancel, place: place(2) }],
        opened: number("5"),
        reliefs: vec![Relief { lot: trade_id("L"), quantity: number("6"), open_price: number("7"), realised: usd(8) }],
    };
    let wanted = json!({
        "account_book_security": "A_B_S", "trade": "OMS|T", "version": 2, "status": "REBOOKED", "terms": null,
        "rebooked_to": "C_D_E", "content": "0x01010101010101010101010101010101",
        "place": {"topic": 9, "partition": 8, "offset": 1}, "revision": 3,
        "held": [{"version": 4, "event": "CANCEL", "terms": null, "rebook": null,
            "place": {"topic": 9, "partition": 8, "offset": 2}}],
        "opened": "5",
        "reliefs": [{"lot": "OMS|L", "quantity": "6", "open_price": "7", "realised": {"minor": 8, "currency": "USD"}}]
    });
    looks(trade, CAUSE, wanted);
}

#[test]
fn a_chunk() {
    let close = Close {
        lot: name(LotId::new, "L2"),
        quantity: number("1"),
        price: number("2"),
        date: day(1),
        settlement_date: day(2),
    };
    let lot = RelievedLot {
        id: name(LotId::new, "L1"),
        quantity: number("3"),
        cost_price: number("4"),
        cost_date: day(3),
        settlement_date: day(4),
        closes: vec![close],
    };
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
    let dividend = Dividend { ex_date: day(7), per_share: number("9"), currency: usd(0).currency };
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
                "lots": [{"id": "L1", "quantity": "3", "cost_price": "4", "cost_date": "2026-01-03",
                    "settlement_date": "2026-01-04",
                    "closes": [{"lot": "L2", "quantity": "1", "price": "2", "date": "2026-01-01",
                        "settlement_date": "2026-01-02"}]}]}]}],
        "notices": [],
        "prices": [{"name": "AAPL", "base": null, "changes": [{"date": "2026-01-06", "value": "12"}]}],
        "rates": [{"name": "SOFR", "base": null, "changes": [{"date": "2026-01-06", "value": "0.13"}]}],
        "dividends": [{"name": "AAPL",
            "dividends": [{"ex_date": "2026-01-07", "per_share": "9", "currency": "USD"}]}]
    });
    looks(chunk, Some(CAUSE), wanted);
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
        let flows =
            ContractFlows { contract: name(ContractId::new, "C"), part: 4, piece: 5, flows: vec![flow(explain)] };
        let message = JobCashFlows { job: name(JobId::new, "J"), flows };
        looks(message, CAUSE, json!({"job": "J", "contract": "C", "part": 4, "piece": 5, "flows": [shown]}));
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
    let dividend =
        Explain::Dividend { quantity: number("1"), per_share: number("2"), payout_ratio: number("3"), ex_date: day(4) };
    looks_explained(
        dividend,
        "dividend",
        json!({"quantity": "1", "per_share": "2", "payout_ratio": "3", "ex_date": "2026-01-04"}),
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
    };
    let wanted = json!({
        "counts": {"contracts": 1, "positions": 2, "lots": 3}, "flows": 4, "errors": 5, "warnings": 6,
        "sums": [{"currency": "USD", "kind": "DIVIDEND", "status": "ACCRUED", "minor": "-7"}],
        "hash": "0x00000000000000000000000000000008"
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
        ending: Ending::TimedOut { missing: Missing::Chunks(vec![(11, 12)]) },
        totals: totals.clone(),
        rows: vec![notice.clone()],
    };
    let ended = json!({
        "job": "J", "request": "0x0000000000000000000000000000000a", "ending": "TIMED_OUT", "received": null,
        "missing": [{"first": 11, "last": 12}], "reason": null, "totals": sums, "rows": [row]
    });
    looks(outcome.clone(), CAUSE, ended.clone());
    let progress = Progress { job: job(), stage: Stage::Ended(outcome) };
    looks(progress, CAUSE, json!({"job": "J", "collecting": null, "ended": ended}));

    let collecting = Collecting {
        started: Some((13, Timestamp(1_000_000))),
        planned: Some((14, Counts { contracts: 15, positions: 16, lots: 17 })),
        received: ChunkSet([(1, 2)].into()),
        totals,
        rows: vec![notice],
    };
    let shown = json!({
        "request": "0x0000000000000000000000000000000d", "deadline": "1970-01-01T00:00:01Z", "chunks": 14,
        "counts": {"contracts": 15, "positions": 16, "lots": 17}, "received": [{"first": 1, "last": 2}],
        "totals": sums, "rows": [row]
    });
    let progress = Progress { job: job(), stage: Stage::Collecting(collecting) };
    looks(progress, CAUSE, json!({"job": "J", "collecting": shown, "ended": null}));
}

#[test]
fn job_control() {
    let control = |word| JobControl { job: name(JobId::new, "J"), word };
    let mut wanted = json!({
        "job": "J", "word": "STARTED", "request": "0x00000000000000000000000000000001",
        "deadline": "1970-01-01T00:00:02Z", "chunks": null, "counts": null, "reason": null
    });
    let started = ControlWord::Started { request: 1, deadline: Timestamp(2_000_000) };
    looks(control(started), Some(CAUSE), wanted.clone());
    wanted["word"] = "CANCELLED".into();
    (wanted["request"], wanted["deadline"]) = (Json::Null, Json::Null);
    wanted["reason"] = "asked to".into();
    looks(control(ControlWord::Cancelled { reason: "asked to".into() }), Some(CAUSE), wanted);
}

#[test]
fn a_dead_letter() {
    let letter = DeadLetter {
        stage: "book".into(),
        reason: "wrong_key".into(),
        message: "why".into(),
        key: Some(b"A_B_S".to_vec()),
        value: Original::new(Some(&[0, 0xff]), 10),
        headers: vec![("trace".into(), b"1".to_vec())],
        timestamp: Timestamp(1_000_000),
        first_seen: Timestamp(2_000_000),
        attempts: 3,
    };
    let wanted = json!({
        "stage": "book", "reason": "wrong_key", "message": "why", "key": "A_B_S", "value": "0x00ff", "value_length": 2,
        "value_sha256": null, "headers": [{"name": "trace", "value": "1"}], "timestamp": "1970-01-01T00:00:01Z",
        "first_seen": "1970-01-01T00:00:02Z", "attempts": 3
    });
    looks(letter, CAUSE, wanted);
    assert!(matches!(Original::new(Some(&[0; 11]), 10), Original::TooLarge { length: 11, .. }));
    assert_eq!(Original::new(None, 10), Original::Tombstone);
}
