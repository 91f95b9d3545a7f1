//! What leaves when: with the trade, with what flows depend on, and not without a reason.

use bookflow::domain::key::ContractId;
use bookflow::domain::trade::captured::Place;
use bookflow::domain::trade::{Side, Terms, TradeEvent};
use bookflow::messages::data_point::{DataKind, Value};
use bookflow::pipeline::topics;

use crate::desk::{Desk, TERMS, march, number, terms};

/// A desk with contract, market and the business date of Monday, 10 March: bought 100 at 50 on the 3rd, worth 53.
fn settled() -> Desk {
    let mut desk = Desk::new();
    desk.contract(1, TERMS);
    desk.security();
    desk.price(10, 1, "53");
    desk.business_date(10);
    desk.settle();
    desk.trade("T1", Side::Buy, "100", "50", 3);
    desk.settle();
    desk
}

/// 100 x (53 - 50); bought on the 3rd at T+1: six nights on 5,000 at 5 %, 4.17.
const FIRST: [&str; 2] = ["EQUITY_PERFORMANCE OMS|T1 = 300.00", "INTEREST OMS|T1 = -4.17"];

#[test]
fn flows_leave_with_the_trade_that_changes_them() {
    let desk = settled();
    assert_eq!(desk.amounts(), FIRST);
    let (cause, flows) = desk.told().pop().expect("told");
    assert_eq!(cause, Place { topic: topics::code("trades"), ..cause });
    assert_eq!((flows.revision, flows.day, flows.changes.len()), (1, Some(march(10)), 2));
    assert_eq!(desk.told().len(), 1);
}

#[test]
fn the_order_of_arrival_makes_no_difference() {
    let last = settled().now();
    for first in ["trade", "price", "contract", "day", "security"] {
        let mut desk = Desk::new();
        type Send = (&'static str, fn(&Desk) -> Place);
        let late: [Send; 5] = [
            ("trade", |desk| desk.trade("T1", Side::Buy, "100", "50", 3)),
            ("price", |desk| desk.price(10, 1, "53")),
            ("contract", |desk| desk.contract(1, TERMS)),
            ("day", |desk| desk.business_date(10)),
            ("security", |desk| desk.security()),
        ];
        for (_, send) in
            late.iter().filter(|(name, _)| *name == first).chain(late.iter().filter(|(name, _)| *name != first))
        {
            send(&desk);
            desk.settle();
        }
        assert_eq!(desk.now(), last, "{first} first");
    }
}

#[test]
fn what_is_missing_blocks_flows_and_never_the_capture() {
    let mut desk = Desk::new();
    desk.trade("T1", Side::Buy, "100", "50", 3);
    desk.settle();
    let reason = |desk: &Desk| desk.now().0.first().map(|blocked| blocked.obstacle.reason.to_string());
    assert_eq!(reason(&desk).as_deref(), Some("MISSING_CONTRACT"));
    desk.contract(1, TERMS);
    desk.settle();
    assert_eq!(reason(&desk).as_deref(), Some("MISSING_BUSINESS_DATE"));
    desk.business_date(10);
    desk.settle();
    assert_eq!(reason(&desk).as_deref(), Some("MISSING_SETTLEMENT_DATE"));
    desk.security();
    desk.settle();
    assert_eq!(desk.amounts(), ["EQUITY_PERFORMANCE OMS|T1 = MISSING_PRICE", FIRST[1]]);
    desk.price(10, 1, "53");
    desk.settle();
    assert_eq!(desk.amounts(), FIRST);
    assert_eq!(desk.revision(), 1, "the trade was captured once, whatever was missing");
}

#[test]
fn an_unknown_contract_is_told_once_until_the_contracts_or_what_is_known_of_them_change() {
    let mut desk = Desk::new();
    for id in ["T1", "T2", "T3"] {
        desk.trade(id, Side::Buy, "100", "50", 3);
        desk.settle();
    }
    let blocked = |desk: &Desk| -> Vec<String> {
        desk.now().0.iter().map(|blocked| format!("{} {}", blocked.contract, blocked.obstacle.reason)).collect()
    };
    assert_eq!((desk.told().len(), blocked(&desk)), (1, vec!["SWAP-1 MISSING_CONTRACT".to_owned()]));
    let other = ContractId::new("SWAP-2").expect("a name");
    let moved = |contract| TradeEvent::Amend(Terms { contract, ..terms(Side::Buy, "100", "50", 3) });
    desk.version("T1", 2, moved(Some(other)));
    desk.settle();
    assert_eq!((desk.told().len(), blocked(&desk).len()), (2, 2), "another contract that is not known");
    desk.contract(1, TERMS);
    desk.security();
    desk.price(10, 1, "53");
    desk.business_date(10);
    desk.settle();
    assert_eq!((desk.now().1.len(), blocked(&desk)), (4, vec!["SWAP-2 MISSING_CONTRACT".to_owned()]));
    desk.version("T1", 3, moved(None));
    desk.settle();
    assert_eq!((desk.now().1.len(), blocked(&desk).len()), (4, 0));
}

#[test]
fn a_correction_publishes_what_differs_with_its_cause_and_nothing_else_publishes() {
    let mut desk = settled();
    let corrected = desk.price(10, 2, "54");
    desk.settle();
    let (cause, flows) = desk.told().pop().expect("told");
    assert_eq!(cause, corrected);
    let amounts: Vec<_> = flows.changes.iter().map(|change| (change.before, change.after)).collect();
    assert_eq!(amounts, [(Some(30_000), Some(40_000))]);
    let told = desk.told().len();
    desk.price(10, 1, "99");
    desk.point(DataKind::Price, "OTHER", Some(march(10)), 1, Value::Number(1.into()));
    desk.contract(1, TERMS);
    desk.settle();
    assert_eq!(desk.told().len(), told, "an older version, another instrument, the same terms");
}

#[test]
fn a_business_date_moves_every_position_and_new_terms_move_theirs() {
    let mut desk = settled();
    desk.price(11, 1, "52");
    desk.business_date(11);
    desk.settle();
    assert_eq!(desk.amounts(), ["EQUITY_PERFORMANCE OMS|T1 = 200.00", "INTEREST OMS|T1 = -4.86"]);
    desk.contract(2, &TERMS.replace("0.05", "0.06"));
    desk.settle();
    assert_eq!(desk.amounts(), ["EQUITY_PERFORMANCE OMS|T1 = 200.00", "INTEREST OMS|T1 = -5.83"]);
}

#[test]
fn an_index_may_come_before_its_calendar_and_holds_no_other_up() {
    let floating = TERMS.replace(r#"{"kind": "FIXED", "rate": "0.05"}"#, r#"{"kind": "RFR_AVERAGE", "index": "OWN"}"#);
    let days = r#"{"from": "2025-01-01", "to": "2025-12-31", "holidays": []}"#;
    let mut desk = settled();
    let send = |desk: &Desk, kind, name, json: &str| desk.point(kind, name, None, 1, Value::Terms(json.into()));
    send(&desk, DataKind::Index, "NEVER", r#"{"calendar": "NOBODYS"}"#);
    send(&desk, DataKind::Index, "OWN", r#"{"calendar": "OURS"}"#);
    for day in [4, 5, 6, 7] {
        desk.point(DataKind::Fixing, "OWN", Some(march(day)), 1, Value::Number(number("0.05")));
    }
    desk.contract(2, &floating);
    desk.settle();
    assert_eq!(desk.amounts(), [FIRST[0], "INTEREST OMS|T1 = MISSING_FIXING"]);
    send(&desk, DataKind::Calendar, "OURS", days);
    desk.settle();
    assert_eq!(desk.amounts(), FIRST, "five per cent as before, from fixings that had come earlier");
}

#[test]
fn an_older_version_of_a_security_changes_nothing() {
    let mut desk = settled();
    let told = desk.told().len();
    desk.point(DataKind::Security, "ACME", None, 0, Value::Terms(r#"{"market": "XHKG"}"#.into()));
    desk.settle();
    assert_eq!(desk.told().len(), told, "Hong Kong would settle a day later");
}

/// Bought on Monday the 3rd: T+3 leaves four nights to the 10th, and so does T+1 where the 4th and the 5th are holidays.
const FOUR_NIGHTS: &str = "INTEREST OMS|T1 = -2.78";

#[test]
fn a_security_settles_by_its_own_days_and_a_correction_of_them_is_told() {
    let mut desk = settled();
    let security = |desk: &Desk, version, json: &str| {
        desk.point(DataKind::Security, "ACME", None, version, Value::Terms(json.into()))
    };
    let corrected = security(&desk, 2, r#"{"market": "XNYS", "currency": "USD", "settlementDays": 3}"#);
    desk.settle();
    assert_eq!(desk.amounts(), [FIRST[0], FOUR_NIGHTS]);
    assert_eq!(desk.told().pop().expect("told").0, corrected);
    security(&desk, 3, r#"{"market": "XNYS"}"#);
    desk.settle();
    assert_eq!(desk.amounts(), FIRST);
    security(&desk, 4, r#"{"market": 5}"#);
    desk.settle();
    let blocked: Vec<_> = desk.now().0.into_iter().map(|blocked| blocked.obstacle.reason).collect();
    assert_eq!(blocked, ["MISSING_SETTLEMENT_DATE"], "what cannot be read is not the version before");
}

#[test]
fn a_security_settles_by_the_days_of_its_market_as_they_were_given() {
    let mut desk = settled();
    let send =
        |desk: &Desk, kind, name, version, json: &str| desk.point(kind, name, None, version, Value::Terms(json.into()));
    send(&desk, DataKind::Security, "ACME", 2, r#"{"market": "OURS", "settlementDays": 1}"#);
    desk.settle();
    assert_eq!(desk.now().0.len(), 1, "no calendar says which days they are");
    let days = |holidays| format!(r#"{{"from": "2025-01-01", "to": "2025-12-31", "holidays": [{holidays}]}}"#);
    send(&desk, DataKind::Calendar, "OURS", 1, &days(""));
    desk.settle();
    assert_eq!(desk.amounts(), FIRST);
    send(&desk, DataKind::Calendar, "OURS", 2, &days(r#""2025-03-04", "2025-03-05""#));
    desk.settle();
    assert_eq!(desk.amounts(), [FIRST[0], FOUR_NIGHTS]);
}

#[test]
fn an_account_wakes_nobody() {
    let mut desk = settled();
    let told = desk.told().len();
    let accounts =
        [r#"{"zone": "America/New_York", "cutOff": "17:00"}"#, r#"{"zone": "Nowhere", "cutOff": 17}"#, "no JSON"];
    for (account, version) in accounts.into_iter().zip(1..) {
        desk.point(DataKind::Account, "ACC", None, version, Value::Terms(account.into()));
        desk.settle();
    }
    assert_eq!(desk.told().len(), told, "trades come with their dates");
    desk.price(10, 2, "54");
    desk.settle();
    assert_eq!(desk.told().len(), told + 1, "and what cannot be read holds nobody up");
}

#[test]
fn a_dividend_and_a_cancelled_trade() {
    let mut desk = settled();
    let declared =
        r#"{"dividendId": "D1", "gross": "0.40", "currency": "USD", "exDate": "2025-03-06", "payDate": "2025-03-20"}"#;
    desk.point(DataKind::Dividend, "ACME", None, 1, Value::Terms(declared.into()));
    desk.settle();
    assert_eq!(desk.amounts(), ["DIVIDEND OMS|T1 = 34.00", FIRST[0], FIRST[1]]);
    desk.version("T1", 2, TradeEvent::Cancel);
    desk.settle();
    assert_eq!(desk.now(), (vec![], vec![]), "nothing is left of a trade that never was");
}

#[test]
fn a_takeover_tells_nothing_anew() {
    let mut desk = settled();
    let told = desk.told();
    desk.crash();
    desk.settle();
    assert_eq!(desk.told(), told);
    desk.trade("T2", Side::Sell, "40", "55", 10);
    desk.settle();
    let (_, flows) = desk.told().pop().expect("told");
    assert_eq!(flows.revision, 2);
    assert_eq!(
        desk.amounts(),
        [
            "EQUITY_PERFORMANCE OMS|T1 = 180.00",
            "EQUITY_PERFORMANCE OMS|T1 = 200.00",
            "INTEREST OMS|T1 = -1.67",
            "INTEREST OMS|T1 = -2.50"
        ]
    );
}

#[test]
fn many_trades_of_a_turn_tell_once() {
    let mut desk = settled();
    for trade in 2..50 {
        desk.version(&format!("T{trade}"), 1, TradeEvent::New(terms(Side::Buy, "1", "50", 10)));
    }
    desk.settle();
    assert_eq!(desk.told().len(), 2);
    assert_eq!(desk.told()[1].1.revision, 49);
}
