//! What is too large for one record, and what one position breaks: neither holds up a worker.

use bookflow::domain::flows::id::FlowId;
use bookflow::domain::flows::row::{FlowRow, Obstacle, RowAmount, Snapshot};
use bookflow::domain::flows::status::Stage;
use bookflow::domain::key::ContractId;
use bookflow::domain::money::Currency;
use bookflow::domain::swap::flow::Kind;
use bookflow::domain::trade::Side;
use bookflow::domain::trade::captured::Place;
use bookflow::messages::position_flows::{PositionFlows, Rows};
use bookflow::pipeline::flows::Told;
use bookflow::pipeline::knowledge::Knowledge;

use crate::desk::{Desk, TERMS, key, march};
use crate::house::House;

/// What `cash-flows` takes, less what a batch and a key need.
const RECORD_BYTES_MAX: usize = (1 << 20) - (8 << 10);

/// Some of whose amounts need all the bytes that there are.
fn row(number: u128) -> FlowRow {
    FlowRow {
        id: FlowId(number),
        contract: ContractId::new("SWAP-1").expect("a name"),
        kind: Kind::Interest,
        stage: Stage::Accrued,
        of: "OMS|T1".into(),
        detail: None,
        closed_by: None,
        start: march(3),
        end: None,
        payment_date: None,
        currency: Currency::new("USD").expect("dollars"),
        result: Ok(RowAmount { minor: i64::MIN, unrounded: 0.into(), provisional: false }),
    }
}

/// What takes the place of what was told last, each record as small as its topic wants it.
fn next(house: &House, told: Told, last: &[PositionFlows]) -> Vec<PositionFlows> {
    let (knowledge, last): (_, Vec<_>) = (Knowledge::new(house.schemas.clone()), last.iter().collect());
    let records = told.records(&key(), 2, &knowledge, &last).expect("it can be written");
    for (part, record) in records.iter().enumerate() {
        let mut bytes = Vec::new();
        house.schemas.encode(record, Place { topic: 0, partition: 0, offset: 0 }, &mut bytes).expect("it fits");
        assert!(bytes.len() <= RECORD_BYTES_MAX, "{} bytes", bytes.len());
        assert_eq!((record.part as usize, record.parts as usize), (part, records.len()));
    }
    records
}

fn nothing_blocked() -> Told {
    Told::all_blocked(std::iter::empty(), &Obstacle { reason: "".into(), message: "".into() })
}

#[test]
fn flows_that_go_are_all_told_in_parts_that_may_have_no_rows() {
    let house = House::new();
    let rows: Vec<_> = (0..60_000).map(row).collect();
    let parts = Rows::parts(&[], &rows).expect("they can be written");
    let count = parts.len() as u32;
    let last = parts.into_iter().zip(0..).map(|(rows, part)| PositionFlows {
        key: key(),
        part,
        parts: count,
        revision: 1,
        day: None,
        snapshot: Snapshot::default(),
        changes: Vec::new(),
        rows,
    });
    let gone = next(&house, nothing_blocked(), &last.collect::<Vec<_>>());
    let changed = gone.iter().flat_map(|part| &part.changes);
    assert_eq!(changed.filter(|change| (change.before, change.after) == (Some(i64::MIN), None)).count(), rows.len());
    assert!(gone.iter().all(|part| part.rows.read().expect("rows").1.is_empty()));
    assert_eq!(next(&house, nothing_blocked(), &gone), [], "it has been told");
}

#[test]
fn any_number_of_contracts_may_be_blocked_with_any_text() {
    let house = House::new();
    let contracts: Vec<_> = (0..10_000).map(|id| ContractId::new(&format!("C{id}")).expect("a name")).collect();
    let blocked = || {
        let obstacle = Obstacle { reason: "UNREADABLE_TERMS".into(), message: "ä".repeat(100_000).into() };
        Told::all_blocked(contracts.iter(), &obstacle)
    };
    let told = next(&house, blocked(), &[]);
    let all: Vec<_> = told.iter().flat_map(|part| part.rows.read().expect("rows").0).collect();
    assert!(all.iter().map(|blocked| &blocked.contract).eq(&contracts));
    assert_eq!(next(&house, blocked(), &told), [], "it has been told");
}

/// 3,100 lots with two flows each: more changes than a part takes, and no rows are left.
#[test]
fn a_contract_that_is_withdrawn_takes_all_flows_of_a_large_position_and_holds_nobody_up() {
    let mut desk = Desk::new();
    desk.contract(1, TERMS);
    desk.security();
    desk.price(10, 1, "53");
    desk.business_date(10);
    for trade in 0..3_100 {
        desk.trade(&format!("T{trade}"), Side::Buy, "100", "50", 3);
    }
    desk.settle();
    let told = desk.told();
    assert_eq!((told.len(), told.iter().map(|(_, part)| part.changes.len()).sum::<usize>()), (2, 6_200));
    desk.withdraw(2);
    desk.settle();
    let gone = desk.told().split_off(told.len());
    assert_eq!((gone.len(), gone.iter().map(|(_, part)| part.changes.len()).sum::<usize>()), (2, 6_200));
    desk.house.audit();
    desk.crash();
    desk.settle();
    assert_eq!(desk.told().len(), 4, "it has been told");
    desk.house.audit();
    desk.contract(3, TERMS);
    desk.settle();
    assert_eq!(desk.told().len(), 6);
    desk.house.audit();
}
