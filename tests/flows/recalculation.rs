//! Jobs by reference: the batch comes to what the stream has told, and publishes nothing but what differs.

use std::collections::BTreeMap;
use std::time::Duration;

use bookflow::cli::exit::Exit;
use bookflow::cli::submit::{job, recalculation};
use bookflow::cli::verify::outcome::add_up;
use bookflow::domain::flows::row::FlowRow;
use bookflow::domain::jobs::job::{Ending, JobId, Outcome};
use bookflow::domain::jobs::share::Share;
use bookflow::domain::key::PositionKey;
use bookflow::domain::market::snapshot::SnapshotName;
use bookflow::domain::trade::Side;
use bookflow::engine::broker::Outgoing;
use bookflow::messages::data_point::{DataKind, Value};
use bookflow::messages::position_flows::PositionFlows;
use bookflow::pipeline::topics::{CALCULATION_REQUESTS, HISTORICAL_FLOWS, RECALCULATION_SHARES, WHAT_IF_FLOWS};
use chrono::NaiveDate;
use serde_json::json;

use crate::cluster::at;
use crate::desk::march;
use crate::house::PARTITIONS;
use crate::office::{Office, key, terms};
use crate::turns::idle;

fn rows(flows: &PositionFlows) -> Vec<FlowRow> {
    flows.rows.read().expect("rows").1
}

fn keys(told: &[PositionFlows]) -> Vec<&str> {
    let mut keys: Vec<_> = told.iter().map(|flows| flows.key.as_str()).collect();
    keys.sort_unstable();
    keys
}

fn snapshot(office: &Office, name: &str) {
    let name = SnapshotName::new(name).expect("a name");
    let house = &office.desk.house;
    bookflow::cli::submit::snapshot::take(&house.stand.broker, &house.schemas, name).expect("taken");
}

/// FIX at another rate, closing the last lots first.
pub fn last_in(rate: &str) -> serde_json::Value {
    let rate = json!({ "kind": "FIXED", "rate": rate }).to_string();
    let mut terms: serde_json::Value = serde_json::from_str(&terms("FIX", "EQUITY_SWAP", &rate)).expect("JSON");
    terms["relief"] = json!("LIFO");
    terms
}

#[test]
fn a_full_job_over_what_the_stream_knows_publishes_nothing_and_counts_everything() {
    let mut office = Office::new();
    let told = office.told();
    let outcome = office.run("EOD", "FULL", json!({}));
    assert_eq!(office.told(), told, "nothing was told anew");
    let all: Vec<_> = told.iter().flat_map(rows).collect();
    let totals = outcome.totals;
    assert_eq!((totals.flows, totals.changed, totals.calculated), (all.len() as u64, 0, 12));
    assert_eq!((totals.counts.contracts, totals.counts.positions, totals.counts.lots), (12, 12, 20));
    let sum = |rows: &[FlowRow]| -> i128 {
        rows.iter().map(|row| i128::from(row.result.as_ref().expect("an amount").minor)).sum()
    };
    assert_eq!(totals.sums.values().sum::<i128>(), sum(&all));
    office.desk.house.audit();
}

#[test]
fn a_request_that_the_command_line_names_needs_no_name_of_its_own() {
    let named = |json: &str| {
        recalculation::read(json.as_bytes(), Some(&JobId::new("KEY").expect("a name"))).expect("a document").job
    };
    let key = JobId::new("KEY").expect("a name");
    assert_eq!(named(r#"{"type": "FULL", "selection": "ALL"}"#), key);
    assert_eq!(named(r#"{"requestId": "OWN", "type": "FULL", "selection": "ALL"}"#), key);
}

/// The job is worked on in the middle of the turn that captures the trade.
#[test]
fn what_trades_of_the_same_turn_change_is_no_difference_that_a_job_has_found() {
    let mut office = Office::new();
    let told = office.told().len();
    office.ask("EOD", "FULL", json!({}));
    office.trade(&key(0, "ACME"), "LATE", "FIX", Side::Buy, 10, 4);
    let outcome = office.finish("EOD");
    assert_eq!((outcome.totals.changed, outcome.totals.counts.lots), (0, 21));
    assert_eq!(office.told().len(), told + 1);
    office.desk.house.audit();
}

#[test]
fn a_corrected_fixing_reaches_exactly_what_depends_on_it_and_an_incremental_job_calculates_just_that() {
    let mut office = Office::new();
    let first = office.run("EOD", "FULL", json!({}));
    let told = office.told();
    office.fixing(6, 2, "0.06");
    let incremental = office.run("EOD-2", "INCREMENTAL", json!({ "since": "EOD" }));
    let (before, after) = (told, office.told());
    let new: Vec<_> = after.into_iter().filter(|flows| !before.contains(flows)).collect();
    let dependents = ["A2", "A3"]
        .iter()
        .flat_map(|account| ["ACME", "BOLT", "CORE"].map(|security| format!("{account}_BOOK_{security}")));
    assert_eq!(keys(&new), dependents.collect::<Vec<_>>(), "each once, whether by the job or by what woke it");
    assert_eq!(incremental.totals.calculated, 6);
    let full = office.run("EOD-3", "FULL", json!({}));
    assert_eq!((full.totals.changed, full.totals.calculated), (0, 12));
    let counted = |outcome: &Outcome| {
        let totals = &outcome.totals;
        (totals.counts, totals.flows, totals.sums.clone(), totals.hash)
    };
    assert_eq!(counted(&incremental), counted(&full), "what was left out counts as it stands");
    assert_ne!(counted(&first), counted(&full));
    office.desk.house.audit();
}

/// The 6th becomes a holiday of the index: its fixing counts for nothing.
#[test]
fn a_calendar_reaches_exactly_what_stands_on_it() {
    let mut office = Office::new();
    office.fixing(6, 2, "0.06");
    office.quiet();
    office.run("EOD", "FULL", json!({}));
    let told = office.told();
    let calculated = |office: &mut Office, job: &str, calendar: &str, holidays: &str| {
        let days = format!(r#"{{"from": "2025-01-01", "to": "2025-12-31", "holidays": [{holidays}]}}"#);
        office.desk.point(DataKind::Calendar, calendar, None, 2, Value::Terms(days.into()));
        office.run(job, "INCREMENTAL", json!({ "since": "EOD" })).totals.calculated
    };
    assert_eq!(calculated(&mut office, "EOD-2", "OTHER", ""), 0);
    assert_eq!(calculated(&mut office, "EOD-3", "OURS", r#""2025-03-06""#), 6, "an index stands on it");
    let new: Vec<_> = office.told().into_iter().filter(|flows| !told.contains(flows)).collect();
    assert_eq!(new.len(), 6, "{:?}", keys(&new));
    assert!(keys(&new).iter().all(|key| key.starts_with("A2") || key.starts_with("A3")), "{:?}", keys(&new));
    assert_eq!(calculated(&mut office, "EOD-4", "USNY", ""), 12, "all contracts name it");
    assert_eq!(office.run("EOD-5", "FULL", json!({})).totals.changed, 0);
    office.desk.house.audit();
}

#[test]
fn an_exchange_rate_reaches_exactly_what_converts_at_it() {
    let mut office = Office::new();
    let mut converted: serde_json::Value =
        serde_json::from_str(&terms("EURO", "EQUITY_SWAP", r#"{"kind": "FIXED", "rate": "0.05"}"#)).expect("JSON");
    converted["priceCurrency"] = json!("EUR");
    converted["settlementCurrency"] = json!("USD");
    converted["fx"] = json!({ "mode": "COMPOSITE", "fix": "WM" });
    converted["dividends"] = json!({ "payoutRatioLong": 1, "currency": "USD" });
    office.contract(1, &converted.to_string(), "EURO");
    office.trade(&key(9, "ACME"), "T1", "EURO", Side::Buy, 100, 3);
    for pair in ["EUR/USD", "GBP/USD"] {
        [3, 4, 5, 6, 7, 10].into_iter().for_each(|day| office.fx(pair, day, 1, "1.10"));
    }
    office.quiet();
    office.run("EOD", "FULL", json!({}));
    office.fx("GBP/USD", 5, 2, "1.20");
    assert_eq!(office.run("GBP", "INCREMENTAL", json!({ "since": "EOD" })).totals.calculated, 0);
    office.fx("EUR/USD", 10, 2, "1.20");
    let told = office.told().len();
    assert_eq!(office.run("EUR", "INCREMENTAL", json!({ "since": "EOD" })).totals.calculated, 1);
    assert_eq!(office.told().len(), told + 1);

    let declared =
        r#"{"dividendId": "D1", "gross": 2, "currency": "GBP", "exDate": "2025-03-05", "payDate": "2025-03-06"}"#;
    office.desk.point(DataKind::Dividend, "ACME", None, 1, Value::Terms(declared.into()));
    office.quiet();
    office.run("EOD-2", "FULL", json!({}));
    let told = office.told().len();
    [5, 6, 10].into_iter().for_each(|day| office.fx("GBP/USD", day, 3, "1.30"));
    assert_eq!(office.run("GBP-2", "INCREMENTAL", json!({ "since": "EOD-2" })).totals.calculated, 1);
    assert_eq!(office.told().len(), told + 1, "a dividend in pounds is paid in dollars");
    office.desk.house.audit();
}

#[test]
fn the_same_snapshot_gives_the_same_totals_for_ever_and_nothing_goes_back() {
    let mut office = Office::new();
    snapshot(&office, "MONDAY");
    let first = office.run("ONE", "FULL", json!({ "snapshot": "MONDAY" }));
    office.price("ACME", 10, 2, "70");
    office.fixing(7, 2, "0.01");
    office.contract(2, &last_in("0.05").to_string(), "FIX");
    for _ in 0..4 {
        office.tick();
    }
    let told = office.told();
    let again = office.run("TWO", "FULL", json!({ "snapshot": "MONDAY" }));
    assert_eq!(again.totals, first.totals);
    assert_eq!(office.told(), told, "what stands on newer data stays");
    let now = office.run("THREE", "FULL", json!({}));
    assert_ne!(now.totals.hash, first.totals.hash);
    assert_eq!(office.told(), told);
}

/// The price went up and back again before any flow was told of it, so that what counts is of before the snapshot and still newer than it.
#[test]
fn what_was_corrected_back_does_not_go_to_where_a_snapshot_saw_it() {
    let mut office = Office::new();
    let now = office.run("NOW", "FULL", json!({})).totals;
    office.price("ACME", 10, 2, "70");
    snapshot(&office, "BETWEEN");
    office.price("ACME", 10, 3, "60");
    office.quiet();
    let told = office.told();
    let between = office.run("ONE", "FULL", json!({ "snapshot": "BETWEEN" })).totals;
    assert_ne!(between.hash, now.hash, "it was another price");
    assert_eq!((office.told(), between.changed), (told, 0), "but nobody is told of it any more");
    let incremental = office.run("TWO", "INCREMENTAL", json!({ "snapshot": "BETWEEN", "since": "ONE" })).totals;
    assert_eq!((incremental.hash, &incremental.sums), (between.hash, &between.sums));
    office.desk.house.audit();
}

/// Everything that a series stands on is corrected, the method by which lots are closed included.
#[test]
fn the_same_snapshot_gives_the_same_series_for_ever() {
    let mut office = Office::new();
    snapshot(&office, "MONDAY");
    let series = |office: &mut Office, job: &str| {
        let range = json!({ "snapshot": "MONDAY", "from": "2025-03-04", "to": "2025-03-10" });
        office.run(job, "HISTORICAL", range).totals
    };
    let first = series(&mut office, "ONE");
    office.price("ACME", 6, 2, "70");
    office.fixing(5, 2, "0.01");
    office.contract(2, &last_in("0.07").to_string(), "FIX");
    let declared =
        r#"{"dividendId": "D1", "gross": 2, "currency": "USD", "exDate": "2025-03-05", "payDate": "2025-03-06"}"#;
    office.desk.point(DataKind::Dividend, "ACME", None, 1, Value::Terms(declared.into()));
    office.desk.business_date(11);
    office.quiet();
    let again = series(&mut office, "TWO");
    assert_eq!(again, first);
    let mut flows = office.of(HISTORICAL_FLOWS);
    flows.sort_by_key(|flows| (flows.key.clone(), flows.day));
    let (pairs, rest) = flows.as_chunks::<2>();
    assert_eq!((pairs.len(), rest.len()), (12 * 5, 0));
    assert!(pairs.iter().all(|[one, other]| one == other), "every record again, to the byte");
}

/// A tick does 200 positions of few flows in each of three partitions, and a trade does not wait for the others.
#[test]
fn a_correction_and_a_job_go_on_a_bounded_number_a_tick_and_trades_first() {
    const POSITIONS: u32 = 900;
    let mut office = Office::new();
    let new = |office: &Office, account: u32, id: &str| office.trade(&key(account, "ACME"), id, "FIX", Side::Buy, 1, 3);
    (0..POSITIONS).for_each(|account| new(&office, 100 + account, "T1"));
    office.quiet();
    let told = office.told().len();
    office.price("ACME", 10, 2, "70");
    office.tick();
    let of_a_tick = office.told().len() - told;
    assert!((1..=600).contains(&of_a_tick), "{of_a_tick}");
    // The last of those that wait, in each partition.
    let waiting: Vec<_> = (0..POSITIONS).rev().take(30).map(|account| 100 + account).collect();
    waiting.iter().for_each(|account| new(&office, *account, "T2"));
    idle(office.desk.worker.as_mut().expect("it runs"));
    let traded = office.told().split_off(told + of_a_tick);
    assert_eq!(keys(&traded).len(), waiting.len(), "at once, though no tick has come");
    office.quiet();
    assert_eq!(office.told().len(), told + POSITIONS as usize + 4, "each once, by its trade or by the price");

    office.ask("EOD", "FULL", json!({}));
    office.tick();
    let shares: BTreeMap<_, _> = office
        .desk
        .house
        .read::<Share>(RECALCULATION_SHARES)
        .into_iter()
        .map(|(cause, share)| (cause.partition, share.done))
        .collect();
    assert!(shares.values().all(|done| (1..=200).contains(done)), "{shares:?}");
    assert!(shares.values().sum::<u64>() < u64::from(POSITIONS), "{shares:?}");
    let outcome = office.finish("EOD");
    assert_eq!((outcome.totals.counts.positions, outcome.totals.changed), (u64::from(POSITIONS) + 12, 0));
}

#[test]
fn what_is_not_selected_counts_for_nothing() {
    let mut office = Office::new();
    office.contract(1, &terms("CONTRACT", "CFD", r#"{"kind": "FIXED", "rate": "0.05"}"#), "CONTRACT");
    office.trade(&key(9, "ACME"), "T1", "CONTRACT", Side::Buy, 10, 4);
    office.desk.settle();
    let mut positions = |job: &str, selection: serde_json::Value| {
        office.run(job, "FULL", json!({ "selection": selection })).totals.counts.positions
    };
    assert_eq!(positions("all", json!({})), 13);
    assert_eq!(positions("account", json!({ "accounts": ["A1", "A3"] })), 6);
    assert_eq!(positions("book", json!({ "books": ["OTHER"] })), 0);
    assert_eq!(positions("security", json!({ "securities": ["CORE"] })), 4);
    assert_eq!(positions("contract", json!({ "contracts": ["FIX"], "securities": ["CORE", "ACME"] })), 4);
    assert_eq!(positions("product", json!({ "products": ["CFD"] })), 1);
}

#[test]
fn what_if_answers_what_would_differ_and_changes_nothing() {
    let mut office = Office::new();
    let told = office.told();
    let prices = json!({ "marketData": { "prices": { "CORE": { "2025-03-10": "30" } } } });
    let outcome = office.run("UP", "WHAT_IF", json!({ "changes": prices }));
    let differing = office.of(WHAT_IF_FLOWS);
    assert_eq!(keys(&differing), ["A0_BOOK_CORE", "A1_BOOK_CORE", "A2_BOOK_CORE", "A3_BOOK_CORE"]);
    for flows in &differing {
        let changes: Vec<_> = flows.changes.iter().map(|change| change.after.zip(change.before)).collect();
        // 100 and 50 units are worth 10 more each.
        let more: i64 = changes.iter().map(|change| change.map_or(0, |(after, before)| after - before)).sum();
        assert_eq!((more, rows(flows).len()), (150_000, 2));
    }
    assert_eq!(outcome.totals.changed, 8);

    let floating = terms("FIX", "EQUITY_SWAP", r#"{"kind": "FIXED", "rate": "0.07"}"#);
    let changed = serde_json::from_str::<serde_json::Value>(&floating).expect("JSON");
    office.run("DEARER", "WHAT_IF", json!({ "changes": { "contracts": [changed] } }));
    let differing = office.of(WHAT_IF_FLOWS);
    let dearer: Vec<_> =
        differing.iter().filter(|flows| rows(flows).iter().all(|row| row.kind.name() == "INTEREST")).collect();
    assert_eq!(dearer.len(), 6, "interest of everything under FIX, and nothing else");
    assert_eq!(office.told(), told);

    let before = office.of(WHAT_IF_FLOWS).len();
    office.run("LAST-IN", "WHAT_IF", json!({ "changes": { "contracts": [last_in("0.05")] } }));
    let relieved = office.of(WHAT_IF_FLOWS).len() - before;
    assert_eq!(relieved, 2, "only where something was sold does the order matter");
    assert_eq!(office.told(), told);
}

/// Lets the stream tell each of these days of March, then asks for all of them at once: the same, day by day and position by position.
fn series_as_told(office: &mut Office, days: &[u32]) -> BTreeMap<(PositionKey, NaiveDate), Vec<FlowRow>> {
    let mut stream: BTreeMap<(PositionKey, NaiveDate), Vec<FlowRow>> = BTreeMap::new();
    for day in days {
        office.desk.business_date(*day);
        office.quiet();
        let last: BTreeMap<_, _> = office.told().into_iter().map(|flows| (flows.key.clone(), flows)).collect();
        stream.extend(last.into_iter().map(|(key, flows)| ((key, march(*day)), rows(&flows))));
    }
    let [from, to] = [days[0], days[days.len() - 1]].map(|day| march(day).to_string());
    let outcome = office.run("SERIES", "HISTORICAL", json!({ "from": from, "to": to }));
    let series = office.of(HISTORICAL_FLOWS).into_iter();
    let series: BTreeMap<_, _> =
        series.map(|flows| ((flows.key.clone(), flows.day.expect("a day")), rows(&flows))).collect();
    assert_eq!(series, stream);
    assert_eq!(outcome.totals.flows, series.values().map(Vec::len).sum::<usize>() as u64);
    series
}

#[test]
fn a_series_is_what_the_stream_told_day_by_day() {
    let series = series_as_told(&mut Office::new(), &[4, 5, 6, 7, 10]);
    assert_eq!(series.len(), 12 * 5, "the weekend has no flows of its own");
}

/// A dividend of 2 on 100 ACME goes ex on the 5th and is paid on the 6th at a close of 56: 3.5714285714 units, which move with the price from then on.
#[test]
fn a_series_grows_by_reinvested_dividends_as_the_stream_does() {
    let mut office = Office::new();
    let mut reinvesting: serde_json::Value =
        serde_json::from_str(&terms("GROW", "EQUITY_SWAP", r#"{"kind": "FIXED", "rate": "0.05"}"#)).expect("JSON");
    reinvesting["dividends"] = json!({ "payoutRatioLong": 1, "reinvested": true });
    office.contract(1, &reinvesting.to_string(), "GROW");
    let declared =
        r#"{"dividendId": "D1", "gross": 2, "currency": "USD", "exDate": "2025-03-05", "payDate": "2025-03-06"}"#;
    office.desk.point(DataKind::Dividend, "ACME", None, 1, Value::Terms(declared.into()));
    let grown = key(9, "ACME");
    office.trade(&grown, "T1", "GROW", Side::Buy, 100, 3);
    let series = series_as_told(&mut office, &[4, 5, 6, 7, 10]);
    let performance = |day: u32| {
        let flows = &series[&(grown.clone(), march(day))];
        let of_kind = flows.iter().find(|flow| flow.kind.name() == "EQUITY_PERFORMANCE").expect("it is held");
        of_kind.result.as_ref().expect("an amount").minor
    };
    // 100 x (55 - 40); 103.5714285714 x 56 - 100 x 40, x 57, x 60.
    assert_eq!([5, 6, 7, 10].map(performance), [150_000, 180_000, 190_357, 221_429]);
}

/// 204 days a position, 200 a tick: ticks end among the days that have flows, in one position after the other.
#[test]
fn a_series_is_worked_off_a_bounded_number_of_days_a_tick_and_a_crash_goes_on_within_a_position() {
    let range = |from: &str| json!({ "from": from, "to": "2025-03-10" });
    let sorted = |office: &Office| {
        let mut series = office.of(HISTORICAL_FLOWS);
        series.sort_by_key(|flows| (flows.key.clone(), flows.day, flows.part));
        series
    };
    let mut office = Office::new();
    let wanted = office.run("SHORT", "HISTORICAL", range("2025-03-03")).totals;
    let short = sorted(&office);
    for crash in [false, true] {
        let mut office = Office::new();
        office.ask("LONG", "HISTORICAL", range("2024-08-19"));
        office.tick();
        office.tick();
        let shares: Vec<_> =
            office.desk.house.read::<Share>(RECALCULATION_SHARES).into_iter().map(|(_, share)| share).collect();
        assert!(shares.iter().all(|share| share.done < 4), "{shares:?}");
        assert!(shares.iter().any(|share| share.begun.is_some_and(|begun| begun.told.is_some())), "{shares:?}");
        if crash {
            office.desk.crash();
        }
        assert_eq!(office.finish("LONG").totals, wanted, "crash {crash}");
        assert_eq!(sorted(&office), short, "crash {crash}");
        office.desk.house.audit();
    }
}

#[test]
fn positions_are_told_in_the_same_order_every_time() {
    let order = || {
        let mut office = Office::new();
        office.desk.business_date(7);
        office.quiet();
        let told = office.told().into_iter().filter(|flows| flows.day == Some(march(7)));
        let told: Vec<_> = told.map(|flows| flows.key).collect();
        assert_eq!(told.len(), 12);
        told
    };
    assert_eq!(order(), order());
}

#[test]
fn a_crash_in_the_middle_changes_no_total_and_no_result() {
    let wanted = Office::new().run("J", "FULL", json!({})).totals;
    for ticks in 0..4 {
        let mut office = Office::new();
        let told = office.told();
        office.ask("J", "FULL", json!({}));
        for _ in 0..ticks {
            let house = &office.desk.house;
            house.stand.pass(std::time::Duration::from_millis(60));
            office.desk.worker.as_mut().expect("it runs").run_once().expect("a turn");
        }
        office.desk.crash();
        let outcome = office.finish("J");
        assert_eq!(outcome.totals, wanted, "after {ticks} ticks");
        assert_eq!(office.told(), told);
        office.desk.house.audit();
    }
}

#[test]
fn a_change_that_cannot_be_tried_is_refused_and_not_left_out() {
    let office = Office::new();
    let split =
        json!({"ACME": [{"actionId": "S", "kind": "SPLIT", "newUnits": 2, "oldUnits": 1, "exDate": "2025-03-10"}]});
    for changes in [json!({"corporateActions": split}), json!({"marketData": {"corporateActions": split}})] {
        let document = json!({"requestId": "J", "type": "WHAT_IF", "selection": "ALL", "changes": changes});
        let document = recalculation::read(document.to_string().as_bytes(), None).expect("a document");
        let house = &office.desk.house;
        let submitted = job::submit(&document, &house.stand.broker, &house.schemas, Duration::from_secs(60));
        let refused = submitted.expect_err("it cannot be tried");
        assert!(refused.message.contains("corporateActions.ACME[0]: what issuers do"), "{}", refused.message);
    }
}

/// What was told of that partition before still counts, so that flows cannot say whether the totals are right.
#[test]
fn a_job_that_one_partition_could_not_read_is_not_held_against_its_flows() {
    for partition in 0..PARTITIONS {
        let mut office = Office::new();
        let broker = office.desk.house.stand.broker.clone();
        let to = at(CALCULATION_REQUESTS, partition);
        broker.append(Outgoing { to, key: Some(b"EOD"), value: Some(b"?"), headers: &[] }).expect("append");
        office.ask("EOD", "FULL", json!({}));
        assert_eq!(office.finish("EOD").ending, Ending::CompletedWithErrors);
        let refused = add_up(&JobId::new("EOD").expect("a name"), &broker, &office.desk.house.schemas);
        assert_eq!(refused.err().map(|failure| failure.exit), Some(Exit::Precondition), "partition {partition}");
    }
}

#[test]
fn a_cancelled_job_is_not_worked_on_any_more() {
    let mut office = Office::new();
    office.ask("J", "FULL", json!({}));
    let house = &office.desk.house;
    let job = JobId::new("J").expect("a name");
    let mut submission =
        bookflow::cli::submit::job::Submission::open(&house.stand.broker, house.schemas.clone(), &job).expect("opens");
    submission.cancel("enough".into(), true).expect("sent");
    office.tick();
    let outcome = office.outcome("J").expect("it ended");
    assert_eq!(outcome.ending, Ending::Cancelled { reason: "enough".into() });
    let results = office.desk.house.read::<bookflow::domain::jobs::chunk::ChunkResult>("chunk-results.batch");
    assert!(results.is_empty(), "{results:?}");
    office.run("NEXT", "FULL", json!({}));
}
