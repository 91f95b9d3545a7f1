//! `explain`: every flow that was told comes out of the log again, byte by byte, and one that somebody has changed does not.

use bookflow::cli::explain::explain;
use bookflow::domain::trade::Side;
use bookflow::messages::data_point::{DataKind, Value};
use bookflow::messages::position_flows::Rows;
use bookflow::pipeline::topics::CASH_FLOWS;

use crate::desk::{Desk, TERMS};

fn desk() -> Desk {
    let mut desk = Desk::new();
    desk.contract(1, TERMS);
    desk.security();
    desk.price(10, 1, "53");
    let declared =
        r#"{"dividendId": "D1", "gross": "0.40", "currency": "USD", "exDate": "2025-03-06", "payDate": "2025-03-20"}"#;
    desk.point(DataKind::Dividend, "ACME", None, 1, Value::Terms(declared.into()));
    desk.business_date(10);
    desk.trade("T1", Side::Buy, "100", "50", 3);
    desk.trade("T2", Side::Sell, "40", "55", 7);
    desk.settle();
    desk
}

#[test]
fn every_flow_comes_out_of_the_log_again_with_its_lines() {
    let mut desk = desk();
    let rows = desk.now().1;
    assert_eq!(rows.len(), 6, "of what is open and of what was closed: performance, interest, dividend");
    for row in &rows {
        let explained = explain(&desk.house.stand.broker, &desk.house.schemas, row.id).expect("explained");
        assert!(explained.same, "{row:?}");
        assert_eq!(explained.row, *row);
        let amount = row.result.as_ref().expect("an amount").minor;
        let last = explained.steps.last().expect("lines").value.replace(['.', ','], "");
        assert!(last.contains(&amount.abs().to_string()), "{last} ends what comes to {amount}");
    }
    desk.price(10, 2, "54");
    desk.settle();
    let again = desk.now().1;
    let corrected = explain(&desk.house.stand.broker, &desk.house.schemas, again[0].id).expect("explained");
    assert!(corrected.same && corrected.told.changes.len() == 1);
}

#[test]
fn a_record_that_somebody_has_changed_is_noticed() {
    let desk = desk();
    let (cause, mut told) = desk.told().pop().expect("told");
    let (blocked, mut rows) = told.rows.read().expect("rows");
    rows[0].result.as_mut().expect("an amount").minor += 1;
    told.rows = Rows::parts(&blocked, &rows).expect("they fit").swap_remove(0);
    desk.house.put(CASH_FLOWS, &desk.house.caused(&told, cause, told.key.as_str()));
    assert!(!explain(&desk.house.stand.broker, &desk.house.schemas, rows[0].id).expect("explained").same);
}

#[test]
fn a_flow_that_nobody_has_told_is_not_found() {
    let desk = desk();
    let missing = explain(&desk.house.stand.broker, &desk.house.schemas, bookflow::domain::flows::id::FlowId(7));
    assert!(missing.err().expect("not found").message.contains("no position has a flow with this id"));
}
