//! How each message looks to people: that every value stands in the field of its name, which types alone do not prove.

use crate::domain::flows::row::Snapshot;
use crate::domain::key::{PositionKey, Timestamp, TradeId};
use crate::domain::lots::corporate_action::{ActionKind, CorporateAction, Fractions};
use crate::domain::lots::cost::UnitCost;
use crate::domain::lots::happening::{Arrival, Effect, Happened, Happening, Phase, Sent, What};
use crate::domain::lots::lot::{Age, Before, Chosen, Image, Lot, Relief};
use crate::domain::lots::method::{InvalidInstruction, ReliefMethod, ReliefPolicy};
use crate::domain::lots::origin::{Change, Origin, Stay};
use crate::domain::lots::position::{Costing, Position};
use crate::domain::market::snapshot::{MarketSnapshot, Moment, SnapshotName};
use crate::domain::money::{Currency, Money};
use crate::domain::names::Symbol;
use crate::domain::number::ratio::Ratio;
use crate::domain::trade::answer::{Answer, Verdict};
use crate::domain::trade::captured::{CapturedTrade, HeldVersion, Place, TradeStatus};
use crate::domain::trade::{ContentHash, TradeEvent};
use crate::messages::blotter::BlotterRow;
use crate::messages::captured_action::CapturedAction;
use crate::messages::dead_letter::{DeadLetter, Original};
use crate::messages::message::Message;
use crate::messages::schemas::Schemas;
use crate::messages::view;
use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};

pub(super) fn looks<M: Message>(message: M, cause: M::Cause, wanted: Json) {
    let schemas = Schemas::embedded();
    let mut record = Vec::new();
    schemas.encode(&message, cause, &mut record).expect("it fits");
    let mut shown = view::record(&schemas, &record).expect("sound");
    let cause = shown.as_object_mut().and_then(|fields| fields.remove("cause"));
    assert_eq!(cause, Some(json!({"topic": 1, "partition": 2, "offset": 3})));
    assert_eq!(shown, wanted);
}

pub(super) const CAUSE: Place = Place { topic: 1, partition: 2, offset: 3 };

fn key() -> PositionKey {
    PositionKey::new("A", "B", "S").expect("three names")
}

fn trade_id(id: &str) -> TradeId {
    TradeId::new("OMS", id).expect("two names")
}

pub(super) fn usd(minor: i64) -> Money {
    Money { minor, currency: Currency::new("USD").expect("in the table") }
}

pub(super) fn number(text: &str) -> Decimal {
    text.parse().expect("a number")
}

pub(super) fn day(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 1, day).expect("a date")
}

fn place(offset: i64) -> Place {
    Place { topic: 9, partition: 8, offset }
}

fn a_lot_of(trade: &str) -> Lot {
    Lot {
        id: trade_id(trade),
        key: key(),
        contract: None,
        opened: number("-7"),
        remaining: number("-6.5"),
        price: number("1.25"),
        shared: Some(Box::new(UnitCost::Shared { amount: number("8.125"), units: number("6.5") })),
        currency: usd(0).currency,
        trade_date: day(5),
        settle_date: Some(day(7)),
        exec_time: Timestamp(1),
        source_seq: 2,
        revision: 3,
    }
}

#[test]
fn a_lot() {
    let wanted = json!({
        "account_book_security": "A_B_S", "lot": "OMS|T", "contract_id": null, "opened": "-7", "remaining": "-6.5",
        "price": "1.25", "currency": "USD", "trade_date": "2026-01-05", "settle_date": "2026-01-07",
        "exec_time": "1970-01-01T00:00:00.000001Z", "source_seq": 2, "revision": 3,
        "shared": {"amount": "8.125", "units": "6.5"}
    });
    looks(a_lot_of("T"), CAUSE, wanted);
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
        costing: Costing::Pooled,
        open_lots: 8,
        relief: ReliefPolicy::new(ReliefMethod::Average, vec![(day(9), ReliefMethod::MaxLoss)]),
    };
    let wanted = json!({
        "account_book_security": "A_B_S", "revision": 4, "quantity": "5", "currency": "USD", "realised_minor": 6,
        "cost_minor": 7, "open_lots": 8, "pooled": true,
        "relief": {"first": "AVERAGE", "changes": [{"since": "2026-01-09", "method": "MAX_LOSS"}]}
    });
    looks(position, CAUSE, wanted);
}

#[test]
fn a_market_snapshot() {
    let known = Snapshot { contracts: 1, market_data: 2, reference_data: 3 };
    let name = SnapshotName::new("EOD").expect("a name");
    let snapshot = MarketSnapshot { name, moment: Moment { known, day: day(5) } };
    let wanted = json!({
        "snapshot": "EOD", "contracts": 1, "market_data": 2, "reference_data": 3, "day": "2026-01-05"
    });
    looks(snapshot, Some(CAUSE), wanted);
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
        status: TradeStatus::RebookedTo(PositionKey::parse("C_D_E").expect("a key")),
        content: ContentHash([1; 16]),
        place: place(1),
        revision: 3,
        held: vec![HeldVersion { version: 4, event: TradeEvent::Cancel, place: place(2) }],
        opened: number("5"),
        reliefs: vec![Relief {
            lot: trade_id("L"),
            quantity: number("6"),
            open_price: number("7.00000000001"),
            realised: usd(8),
            chosen: Chosen::Listed,
            age: Age { trade_date: day(6), exec_time: Timestamp(10), source_seq: 11 },
        }],
        before: Some(Box::new(Before {
            pool: Some(9),
            lots: vec![Image { lot: Lot { revision: 0, ..a_lot_of("L") }, after: number("-5.5") }],
        })),
        refused: Some(Box::new(InvalidInstruction::Sum { listed: number("12"), closed: number("13") })),
    };
    let wanted = json!({
        "account_book_security": "A_B_S", "trade": "OMS|T", "version": 2, "status": "REBOOKED", "terms": null,
        "rebooked_to": "C_D_E", "content": "0x01010101010101010101010101010101",
        "place": {"topic": 9, "partition": 8, "offset": 1}, "revision": 3,
        "held": [{"version": 4, "event": "CANCEL", "terms": null, "rebook": null,
            "place": {"topic": 9, "partition": 8, "offset": 2}}],
        "opened": "5",
        "reliefs": [{"lot": "OMS|L", "quantity": "6", "open_price": "7", "realised": {"minor": 8, "currency": "USD"},
            "exact_open_price": "7.00000000001", "chosen": "SPECIFIC", "trade_date": "2026-01-06",
            "exec_time": "1970-01-01T00:00:00.000010Z", "source_seq": 11}],
        "before": {"pool_minor": 9, "lots": [{
            "lot": "OMS|L", "contract_id": null, "opened": "-7", "remaining": "-6.5", "price": "1.25",
            "shared": {"amount": "8.125", "units": "6.5"}, "currency": "USD", "trade_date": "2026-01-05",
            "settle_date": "2026-01-07", "exec_time": "1970-01-01T00:00:00.000001Z", "source_seq": 2, "after": "-5.5"
        }]},
        "refused": {"problem": "SUM", "lot": null, "listed": "12", "closed": "13"}
    });
    looks(trade, CAUSE, wanted);
}

#[test]
fn a_captured_action() {
    let to = PositionKey::parse("A_B_NEW").expect("a key");
    let arrived = Lot { key: to.clone(), id: trade_id("X#OMS|T"), revision: 0, ..a_lot_of("T") };
    let origin = Origin {
        price: number("5.5"),
        stays: vec![Stay { security: Symbol::new("S").expect("a name"), until: day(8) }],
        changes: vec![
            Change::Cost { date: day(7), kept: number("0.75") },
            Change::Units { date: day(8), before: number("-10"), after: number("-15") },
        ],
    };
    let arrival = Arrival {
        date: day(8),
        phase: Phase::Action,
        exec_time: Timestamp(0),
        source_seq: 0,
        lot: arrived,
        origin: Some(Box::new(origin)),
    };
    let kind = ActionKind::MergerMixed {
        cash: number("1.5"),
        to: to.clone(),
        ratio: Ratio::new(3, 2).expect("a ratio"),
        price: number("2.5"),
        fractions: Fractions::CashInLieu { price: number("3.5") },
    };
    let what = What::Action(CorporateAction { ex_date: day(8), kind });
    let effect = Effect {
        change: number("-5"),
        cash_in_lieu: Some(usd(6)),
        sent: vec![Sent {
            to,
            happening: Happening { id: trade_id("X#OMS|T"), version: 7, what: What::Arrival(Box::new(arrival)) },
        }],
        ..Effect::default()
    };
    let happened = Happened { happening: Happening { id: trade_id("X"), version: 2, what }, effect };
    let lot = json!({
        "lot": "OMS|X#OMS|T", "contract_id": null, "opened": "-7", "remaining": "-6.5", "price": "1.25",
        "shared": {"amount": "8.125", "units": "6.5"}, "currency": "USD", "trade_date": "2026-01-05",
        "settle_date": "2026-01-07", "exec_time": "1970-01-01T00:00:00.000001Z", "source_seq": 2
    });
    let arrival = json!({
        "date": "2026-01-08", "start_of_day": true, "exec_time": "1970-01-01T00:00:00Z", "source_seq": 0,
        "arrived": lot,
        "origin": {
            "price": "5.5", "stays": [{"security": "S", "until": "2026-01-08"}],
            "changes": [
                {"date": "2026-01-07", "units": null, "kept": "0.75"},
                {"date": "2026-01-08", "units": {"before": "-10", "after": "-15"}, "kept": null}
            ]
        }
    });
    let wanted = json!({
        "account_book_security": "A_B_S", "id": "OMS|X", "version": 2, "what": "MERGER_MIXED", "date": "2026-01-08",
        "to": "A_B_NEW", "ratio": {"new_units": "3", "old_units": "2"}, "cash": "1.5", "new_price": "2.5",
        "parent_close": null, "child_close": null, "cash_in_lieu": "3.5", "departure": null, "arrival": null,
        "opened": "0", "reliefs": [], "change": "-5", "before": null, "paid_in_lieu": {"minor": 6, "currency": "USD"},
        "sent": [{"to": "A_B_NEW", "id": "OMS|X#OMS|T", "version": 7, "arrival": arrival}],
        "missing": "0", "refused": null
    });
    looks(CapturedAction { key: key(), happened }, CAUSE, wanted);
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
