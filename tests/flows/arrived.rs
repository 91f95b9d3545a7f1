//! Lots that a corporate action takes to another security: what both positions are told together is what one would have been told.

use std::collections::BTreeMap;

use bookflow::domain::flows::row::{BlockedContract, FlowRow};
use bookflow::domain::key::{PositionKey, TradeId};
use bookflow::domain::trade::captured::Place;
use bookflow::domain::trade::{Side, Trade, TradeEvent};
use bookflow::messages::data_point::{DataKind, Value};
use bookflow::messages::position_flows::PositionFlows;
use rust_decimal::Decimal;
use serde_json::json;

use crate::desk::{Desk, TERMS, march, number, terms};
use crate::explained::{ask, comes_out};
use crate::office::Office;

/// Valued on Friday, 7 March, which is paid on the 11th: the notional changes then, and an interest period ends.
fn valued() -> String {
    TERMS.replacen('{', r#"{"valuationDates": ["2025-03-07", "2025-06-30"],"#, 1)
}

fn action(version: u32, what: &str) -> Value {
    let json = format!(r#"{{"actionId": "A", "version": {version}, "exDate": "2025-03-10", {what}}}"#);
    Value::Terms(json.into())
}

const RENAMED: &str = r#""kind": "SYMBOL_CHANGE", "newSecurity": "NEW""#;

fn act(desk: &Desk, version: u32, what: &str) -> Place {
    desk.point(DataKind::CorporateAction, "ACME", None, version, action(version, what))
}

fn price(desk: &Desk, security: &str, day: u32, version: u32, price: &str) -> Place {
    desk.point(DataKind::Price, security, Some(march(day)), version, Value::Number(number(price)))
}

fn dividend(desk: &Desk, security: &str, ex: &str, gross: &str) -> Place {
    let declared = format!(
        r#"{{"dividendId": "D-{security}", "gross": "{gross}", "currency": "USD", "exDate": "{ex}", "payDate": "2025-03-31"}}"#
    );
    desk.point(DataKind::Dividend, security, None, 1, Value::Terms(declared.into()))
}

type Send = fn(&Desk) -> Place;

/// 100 ACME at 50, bought on the 3rd; worth 52 when they are valued and 54 at the end of Friday, the 14th. NEW is worth a unit more.
const STEPS: [Send; 9] = [
    |desk| desk.contract(1, &valued()),
    |desk| desk.security(),
    |desk| desk.trade("T1", Side::Buy, "100", "50", 3),
    |desk| price(desk, "ACME", 7, 1, "52"),
    |desk| price(desk, "ACME", 14, 1, "54"),
    |desk| price(desk, "NEW", 14, 1, "55"),
    |desk| dividend(desk, "ACME", "2025-03-10", "0.40"),
    |desk| dividend(desk, "NEW", "2025-03-13", "0.20"),
    |desk| desk.business_date(14),
];

fn desk() -> Desk {
    let mut desk = Desk::new();
    for send in STEPS {
        send(&desk);
    }
    desk.settle();
    desk
}

/// What counts now, by security.
fn told(desk: &Desk) -> BTreeMap<String, (Vec<BlockedContract>, Vec<FlowRow>)> {
    let rows = |(_, told): (_, PositionFlows)| (told.key.security().to_string(), told.rows.read().expect("rows"));
    let last: BTreeMap<_, _> = desk.told().into_iter().map(rows).collect();
    last.into_iter().filter(|(_, (blocked, flows))| !blocked.is_empty() || !flows.is_empty()).collect()
}

/// `EQUITY_PERFORMANCE T1 2025-03-03 = 200.00` of a security, after everything was audited.
fn amounts(desk: &Desk, security: &str) -> Vec<String> {
    let report = desk.house.audit();
    assert!(report.unproved.is_empty(), "{report}");
    let Some((blocked, flows)) = told(desk).remove(security) else { return Vec::new() };
    assert_eq!(blocked, []);
    let mut shown: Vec<String> = flows
        .iter()
        .map(|flow| {
            let amount = match &flow.result {
                Ok(amount) => Decimal::new(amount.minor, 2).to_string(),
                Err(obstacle) => obstacle.reason.to_string(),
            };
            let lot = flow.of.rsplit('|').next().expect("an id");
            format!("{} {lot} {} = {amount}", flow.kind.name(), flow.start)
        })
        .collect();
    shown.sort();
    shown
}

/// Until the 10th: valued, financed from settlement on the 4th, and paid the dividend of who held it over the weekend.
const BEFORE: [&str; 3] =
    ["DIVIDEND T1 2025-03-10 = 34.00", "EQUITY_PERFORMANCE T1 2025-03-03 = 200.00", "INTEREST T1 2025-03-04 = -4.17"];

/// From then on: from 52, on 5,000 until the valuation is paid, on 5,200 after that.
const SINCE: [&str; 4] = [
    "DIVIDEND T1 2025-03-13 = 17.00",
    "EQUITY_PERFORMANCE T1 2025-03-10 = 300.00",
    "INTEREST T1 2025-03-10 = -0.69",
    "INTEREST T1 2025-03-11 = -2.17",
];

#[test]
fn a_change_of_symbol_hands_over_in_the_middle_of_a_period() {
    let mut desk = desk();
    act(&desk, 1, RENAMED);
    desk.settle();
    assert_eq!(amounts(&desk, "ACME"), BEFORE);
    assert_eq!(amounts(&desk, "NEW"), SINCE);
    for row in told(&desk).into_values().flat_map(|(_, rows)| rows) {
        comes_out(&ask(&desk.house, row.id, None, None).expect("explained"), (&row).into());
    }
}

#[test]
fn whatever_comes_first_the_same_is_told() {
    let mut first = desk();
    act(&first, 1, RENAMED);
    first.settle();
    let expected = told(&first);
    let mut steps = STEPS.to_vec();
    steps.push(|desk| act(desk, 1, RENAMED));
    for turn in 0..steps.len() {
        let mut desk = Desk::new();
        for (number, send) in steps[turn..].iter().chain(&steps[..turn]).enumerate() {
            send(&desk);
            desk.settle();
            if number == turn {
                desk.crash();
            }
        }
        desk.settle();
        assert_eq!(told(&desk), expected, "step {turn} first");
    }
}

#[test]
fn a_corrected_valuation_of_the_old_security_reaches_the_new_one() {
    let mut desk = desk();
    act(&desk, 1, RENAMED);
    desk.settle();
    desk.crash();
    price(&desk, "ACME", 7, 2, "51");
    desk.settle();
    assert_eq!(amounts(&desk, "ACME")[1], "EQUITY_PERFORMANCE T1 2025-03-03 = 100.00");
    let since = amounts(&desk, "NEW");
    assert_eq!(since[1..], ["EQUITY_PERFORMANCE T1 2025-03-10 = 400.00", SINCE[2], "INTEREST T1 2025-03-11 = -2.13"]);
}

#[test]
fn an_incremental_job_sees_that_the_old_security_counts_for_the_new_one() {
    let mut office = Office { desk: desk() };
    act(&office.desk, 1, RENAMED);
    office.quiet();
    office.run("EOD", "FULL", json!({}));
    price(&office.desk, "ACME", 7, 2, "51");
    let outcome = office.run("EOD-2", "INCREMENTAL", json!({ "since": "EOD" }));
    assert_eq!(outcome.totals.calculated, 2);
    let full = office.run("EOD-3", "FULL", json!({}));
    assert_eq!((full.totals.changed, &full.totals.sums), (0, &outcome.totals.sums));
}

#[test]
fn late_trades_and_corrected_and_cancelled_actions_reach_both_positions() {
    let mut desk = desk();
    let untouched = amounts(&desk, "ACME");
    act(&desk, 1, RENAMED);
    desk.settle();
    // A late sale of half of it, and a late purchase.
    desk.trade("T2", Side::Sell, "50", "53", 6);
    desk.settle();
    assert_eq!(
        amounts(&desk, "NEW"),
        [
            "DIVIDEND T1 2025-03-13 = 8.50",
            "EQUITY_PERFORMANCE T1 2025-03-10 = 150.00",
            "INTEREST T1 2025-03-10 = -0.35",
            "INTEREST T1 2025-03-11 = -1.08",
        ]
    );
    desk.version("T2", 2, TradeEvent::Cancel);
    desk.settle();
    assert_eq!(
        (amounts(&desk, "ACME"), amounts(&desk, "NEW")),
        (BEFORE.map(String::from).into(), SINCE.map(String::from).into())
    );
    // The corrected action is a merger: two units for each.
    act(&desk, 2, r#""kind": "MERGER_STOCK", "newSecurity": "NEW", "newUnits": 2, "oldUnits": 1"#);
    desk.settle();
    assert_eq!(amounts(&desk, "NEW")[1], "EQUITY_PERFORMANCE T1 2025-03-10 = 5800.00", "200 x 55 - 100 x 52");
    assert_eq!(amounts(&desk, "NEW")[0], "DIVIDEND T1 2025-03-13 = 34.00");
    desk.crash();
    act(&desk, 3, r#""status": "CANCELLED", "kind": "SYMBOL_CHANGE", "newSecurity": "NEW""#);
    desk.settle();
    assert_eq!((amounts(&desk, "ACME"), amounts(&desk, "NEW")), (untouched, vec![]));
}

#[test]
fn a_spin_off_is_measured_on_both_sides() {
    let mut desk = desk();
    act(
        &desk,
        1,
        r#""kind": "SPIN_OFF", "newSecurity": "NEW", "newUnits": 1, "oldUnits": 2, "parentClose": 45, "childClose": 10"#,
    );
    price(&desk, "ACME", 14, 2, "47");
    price(&desk, "NEW", 14, 2, "11");
    desk.settle();
    let performance = |security| -> Vec<String> {
        amounts(&desk, security).into_iter().filter(|line| line.starts_with("EQUITY")).collect()
    };
    assert_eq!(
        performance("ACME"),
        ["EQUITY_PERFORMANCE T1 2025-03-03 = 200.00", "EQUITY_PERFORMANCE T1 2025-03-10 = 20.00"],
        "100 x (47 - 46.80)"
    );
    assert_eq!(performance("NEW"), ["EQUITY_PERFORMANCE T1 2025-03-10 = 30.00"], "50 x (11 - 10.40)");
}

#[test]
fn a_lot_that_arrives_closes_what_stands_against_it_and_a_sale_of_the_new_security_takes_it() {
    let mut desk = desk();
    let key = PositionKey::new("ACC", "BOOK", "NEW").expect("three names");
    let sell = |id: &str, quantity, price, day| {
        let id = TradeId::new("OMS", id).expect("two names");
        let event = TradeEvent::New(terms(Side::Sell, quantity, price, day));
        desk.house.put_trade(&Trade { key: key.clone(), id, version: 1, event });
    };
    desk.point(DataKind::Security, "NEW", None, 1, Value::Terms(r#"{"market": "XNYS"}"#.into()));
    price(&desk, "NEW", 7, 1, "53");
    sell("S1", "40", "54", 5);
    act(&desk, 1, RENAMED);
    sell("S2", "60", "56", 12);
    desk.settle();
    let performance: Vec<String> =
        amounts(&desk, "NEW").into_iter().filter(|line| line.starts_with("EQUITY")).collect();
    // The short came to 40 x 1 at the valuation; it and 40 of the long come to 40 x (53 - 52), the other 60 to 60 x (56 - 52).
    let amount = |line: &String| number(line.rsplit(' ').next().expect("an amount"));
    assert_eq!(performance.iter().map(amount).sum::<Decimal>(), number("320"), "{performance:?}");
}
