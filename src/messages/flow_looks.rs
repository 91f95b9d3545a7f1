//! How contracts, values of the market and tellings of flows look to people.

use serde_json::json;

use crate::domain::flows::id::FlowId;
use crate::domain::flows::row::{BlockedContract, FlowChange, FlowRow, Obstacle, RowAmount, Snapshot};
use crate::domain::flows::status::Stage;
use crate::domain::key::{ContractId, PositionKey};
use crate::domain::swap::flow::Kind;
use crate::messages::contract::ContractVersion;
use crate::messages::data_point::{DataKind, DataPoint, Value};
use crate::messages::looks::{CAUSE, day, looks, number, usd};
use crate::messages::position_flows::{PositionFlows, Rows};

fn contract_id(id: &str) -> ContractId {
    ContractId::new(id).expect("a name")
}

#[test]
fn a_contract() {
    let contract =
        |terms: Option<&str>| ContractVersion { id: contract_id("C"), version: 4, terms: terms.map(Box::from) };
    let wanted = json!({"contract_id": "C", "version": 4, "terms": "{}"});
    looks(contract(Some("{}")), Some(CAUSE), wanted);
    looks(contract(None), Some(CAUSE), json!({"contract_id": "C", "version": 4, "terms": null}));
}

#[test]
fn a_value_of_the_market() {
    let point = |value| DataPoint {
        kind: DataKind::Fx,
        name: "EUR/USD".into(),
        detail: "WM-4PM".into(),
        date: Some(day(5)),
        version: 6,
        value,
    };
    let wanted = |number, terms| {
        json!({
            "kind": "FX", "name": "EUR/USD", "detail": "WM-4PM", "date": "2026-01-05", "version": 6,
            "number": number, "terms": terms
        })
    };
    looks(point(Value::Number(number("1.0875"))), Some(CAUSE), wanted(Some("1.0875"), None::<&str>));
    looks(point(Value::Terms("{}".into())), Some(CAUSE), wanted(None, Some("{}")));
    looks(point(Value::Withdrawn), Some(CAUSE), wanted(None, None));
}

#[test]
fn a_telling_of_a_positions_flows() {
    let obstacle = |reason: &str| Obstacle { reason: reason.into(), message: "why".into() };
    let flow = |id, result| FlowRow {
        id: FlowId(id),
        contract: contract_id("C"),
        kind: Kind::ShortRebate,
        stage: Stage::Deferred,
        of: "OMS|T1".into(),
        detail: Some("D".into()),
        closed_by: Some("OMS|T2".into()),
        start: day(7),
        end: Some(day(8)),
        payment_date: Some(day(9)),
        currency: usd(0).currency,
        result,
    };
    let amount = RowAmount { minor: 10, unrounded: number("0.1000000001"), provisional: true };
    let blocked = [BlockedContract { contract: contract_id("B"), obstacle: obstacle("MISSING_CONTRACT") }];
    let flows = [flow(1, Ok(amount)), flow(2, Err(obstacle("MISSING_PRICE")))];
    let told = PositionFlows {
        key: PositionKey::new("A", "B", "S").expect("three names"),
        part: 0,
        parts: 1,
        revision: 11,
        day: Some(day(12)),
        snapshot: Snapshot { contracts: 13, market_data: 14, reference_data: 15 },
        changes: vec![FlowChange { id: FlowId(1), before: None, after: Some(10) }],
        rows: Rows::parts(&blocked, &flows).expect("they fit").swap_remove(0),
    };
    let shown = |id, amount, blocked| {
        json!({
            "id": id, "contract": "C", "kind": "SHORT_REBATE", "stage": "DEFERRED", "of": "OMS|T1", "detail": "D",
            "closed_by": "OMS|T2", "start": "2026-01-07", "end": "2026-01-08", "payment_date": "2026-01-09",
            "currency": "USD", "amount": amount, "blocked": blocked
        })
    };
    let (first, second) = ("0x00000000000000000000000000000001", "0x00000000000000000000000000000002");
    let wanted = json!({
        "account_book_security": "A_B_S", "part": 0, "parts": 1, "revision": 11, "day": "2026-01-12",
        "snapshot": {"contracts": 13, "market_data": 14, "reference_data": 15},
        "changes": [{"id": first, "before": null, "after": 10}],
        "blocked": [{"contract": "B", "reason": "MISSING_CONTRACT", "message": "why"}],
        "flows": [
            shown(first, json!({"minor": 10, "unrounded": "0.1000000001", "provisional": true}), json!(null)),
            shown(second, json!(null), json!({"reason": "MISSING_PRICE", "message": "why"})),
        ]
    });
    looks(told, CAUSE, wanted);
}
