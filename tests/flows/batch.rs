//! Batch equals stream, over a load with everything in it that happens in real life: `BOOKFLOW_BATCH_TRADES=1000000` for a million trades.

use std::collections::BTreeSet;
use std::time::Instant;

use bookflow::cli::generate::load::{Load, Mix, Share};
use bookflow::cli::generate::send::send;
use bookflow::domain::jobs::job::{Ending, Outcome};
use bookflow::domain::key::PositionKey;
use bookflow::domain::trade::captured::Place;
use bookflow::messages::data_point::{DataKind, Value};
use bookflow::messages::position_flows::PositionFlows;
use bookflow::pipeline::topics::CASH_FLOWS;
use chrono::{Datelike, Days, NaiveDate, Weekday};
use serde_json::json;

use crate::desk::number;
use crate::office::Office;

/// The calendars, contracts and prices of a load; every other contract is financed at an index.
fn furnish(office: &Office, load: &Load) -> NaiveDate {
    let first = NaiveDate::from_ymd_opt(2024, 1, 1).expect("a day");
    let days = load.records / load.day_records + 1;
    let last = first + Days::new(days / 5 * 7 + days % 5 + 3);
    let weekend = |day: &NaiveDate| matches!(day.weekday(), Weekday::Sat | Weekday::Sun);
    let today = last.iter_days().find(|day| !weekend(day)).expect("a weekday");
    let send = |kind, name: &str, json: String| office.desk.point(kind, name, None, 1, Value::Terms(json.into()));
    send(DataKind::Calendar, "OURS", json!({"from": "2023-12-01", "to": "2027-12-31", "holidays": []}).to_string());
    send(DataKind::Index, "OWN", json!({"calendar": "OURS"}).to_string());
    let weekdays = first.iter_days().take_while(|day| *day <= today).filter(|day| !weekend(day));
    for (day, number) in weekdays.zip(0..) {
        office.desk.point(DataKind::Fixing, "OWN", Some(day), 1, Value::Number(rate_of(number)));
    }
    for security in 1..=(load.keys / 2).clamp(1, 500) {
        let name = format!("SEC{security:04}");
        send(DataKind::Security, &name, json!({"market": "XNYS"}).to_string());
        let price = number(&format!("{}.{:02}", 10 + security % 490, security % 100));
        office.desk.point(DataKind::Price, &name, Some(today), 1, Value::Number(price));
    }
    for contract in 1..=load.keys.div_ceil(2) {
        let id = format!("C{contract:06}");
        let rate = match contract % 2 {
            0 => json!({"kind": "FIXED", "rate": "0.05"}),
            _ => json!({"kind": "RFR_AVERAGE", "index": "OWN"}),
        };
        let terms = json!({
            "contractId": id, "product": "EQUITY_SWAP", "priceCurrency": "USD", "effectiveDate": "2024-01-01",
            "terminationDate": "2027-06-30", "calendars": {"exchange": "OURS", "payment": "OURS"},
            "financing": {
                "long": {"rate": rate, "dayCount": "ACT/360"},
                "short": {"rate": rate, "spread": "-0.01", "dayCount": "ACT/360"},
            },
        });
        office.contract(1, &terms.to_string(), &id);
    }
    office.desk.point(DataKind::BusinessDate, "", Some(today), 0, Value::Terms("{}".into()));
    today
}

/// Between 4 and 5 per cent.
fn rate_of(number: i64) -> rust_decimal::Decimal {
    rust_decimal::Decimal::new(400 + number * 37 % 100, 4)
}

/// Something in such a load may be blocked, as in real life.
fn run(office: &mut Office, job: &str, kind: &str, more: serde_json::Value) -> Outcome {
    office.ask(job, kind, more);
    let outcome = office.finish(job);
    assert!(matches!(outcome.ending, Ending::Completed | Ending::CompletedWithErrors), "{outcome:?}");
    println!("{job}: {} errors, as {:?}", outcome.totals.errors, outcome.rows.first());
    outcome
}

/// Everything that was told, by its cause.
fn places(office: &Office) -> BTreeSet<(Place, PositionKey, u32)> {
    let told = office.desk.house.read::<PositionFlows>(CASH_FLOWS).into_iter();
    told.map(|(cause, flows)| (cause, flows.key, flows.part)).collect()
}

fn seconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64()
}

#[test]
fn a_full_job_over_captured_trades_publishes_nothing_and_one_fixing_exactly_what_depends_on_it() {
    let trades = std::env::var("BOOKFLOW_BATCH_TRADES").map_or(4_000, |trades| trades.parse().expect("a number"));
    let keys = u32::try_from(trades / 20).expect("fewer than 2^32").clamp(100, 20_000);
    let mix = Mix { poison: Share(0), ..Mix::default() };
    let load = Load { keys, mix, zipf: 0.5, ..Load::new(7, trades) };
    let mut office = Office::empty();
    furnish(&office, &load);
    let began = Instant::now();
    let (broker, schemas) = (office.desk.house.stand.broker.clone(), office.desk.house.schemas.clone());
    send(&broker, &schemas, "load", load.trades().expect("a load"), |_| {}).expect("room in memory");
    office.quiet();
    println!("{trades} trades over {keys} positions captured in {:.1} s", seconds(began));

    let told: BTreeSet<_> = places(&office);
    let began = Instant::now();
    let full = run(&mut office, "EOD", "FULL", json!({}));
    println!("FULL of {} and {} flows in {:.1} s", full.totals.counts, full.totals.flows, seconds(began));
    assert_eq!((full.totals.changed, places(&office) == told), (0, true), "zero differences");
    assert!(full.totals.counts.positions > u64::from(keys) / 2 && full.totals.flows > trades / 2, "{:?}", full.totals);

    let corrected = NaiveDate::from_ymd_opt(2024, 1, 3).expect("a Wednesday");
    office.desk.point(DataKind::Fixing, "OWN", Some(corrected), 2, Value::Number(number("0.09")));
    let began = Instant::now();
    let after = run(&mut office, "EOD-2", "INCREMENTAL", json!({ "since": "EOD" }));
    println!("INCREMENTAL calculated {} positions in {:.1} s", after.totals.calculated, seconds(began));
    let all = office.desk.house.read::<PositionFlows>(CASH_FLOWS);
    let new = all.into_iter().filter(|(cause, flows)| !told.contains(&(*cause, flows.key.clone(), flows.part)));
    let new: Vec<PositionFlows> = new.map(|(_, flows)| flows).collect();
    let positions: BTreeSet<_> = new.iter().map(|flows| flows.key.clone()).collect();
    assert_eq!(positions.len(), new.iter().filter(|flows| flows.part == 0).count(), "each once");
    for flows in &new {
        let rows = flows.rows.read().expect("rows").1;
        let floating = |id: &str| id[1..].parse::<u32>().expect("a number") % 2 == 1;
        assert!(rows.iter().any(|row| floating(row.contract.as_str())), "{} depends on no fixing", flows.key);
    }
    assert!(!new.is_empty() && after.totals.calculated < full.totals.calculated);
    let again = run(&mut office, "EOD-3", "FULL", json!({}));
    assert_eq!((again.totals.changed, again.totals.hash), (0, after.totals.hash));
    assert_ne!(again.totals.hash, full.totals.hash);
}
