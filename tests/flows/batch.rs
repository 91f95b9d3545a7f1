//! Batch equals stream, over a load with everything in it that happens in real life; `tests/processes/batch.rs` has it on Kafka, of any size.

use std::collections::BTreeSet;
use std::time::Instant;

use bookflow::cli::generate::load::{Load, Mix, Share};
use bookflow::cli::generate::market::{document, publish};
use bookflow::cli::generate::send::send;
use bookflow::domain::jobs::job::{Ending, Outcome};
use bookflow::domain::key::PositionKey;
use bookflow::domain::trade::captured::Place;
use bookflow::messages::data_point::{DataKind, Value};
use bookflow::messages::position_flows::PositionFlows;
use bookflow::pipeline::topics::CASH_FLOWS;
use chrono::NaiveDate;
use serde_json::json;

use crate::desk::number;
use crate::office::Office;

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
    let (trades, keys) = (4_000, 200);
    let mix = Mix { poison: Share(0), ..Mix::default() };
    let load = Load { keys, mix, zipf: 0.5, ..Load::new(7, trades) };
    let mut office = Office::empty();
    let (broker, schemas) = (office.desk.house.stand.broker.clone(), office.desk.house.schemas.clone());
    publish(&document(&load), &broker, &schemas).expect("a document");
    let began = Instant::now();
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
    office.desk.point(DataKind::Fixing, "OVERNIGHT", Some(corrected), 2, Value::Number(number("0.09")));
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
