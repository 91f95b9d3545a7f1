//! Batch equals stream: a job by reference over everything that was captured publishes nothing, and after one corrected fixing exactly what depends on it.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use bookflow::cli::tail::{From, Tail};
use bookflow::domain::key::PositionKey;
use bookflow::domain::swap::flow::Kind;
use bookflow::kafka::registry::Registry;
use bookflow::messages::position_flows::PositionFlows;
use bookflow::messages::schemas::{SchemaName, Schemas};
use bookflow::pipeline::topics::CASH_FLOWS;
use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::cluster;
use crate::program::{Installation, argument};

/// `BOOKFLOW_TEST_TRADES=1000000` for a million.
const TRADES: u64 = 20_000;

#[test]
fn a_full_job_over_captured_trades_publishes_nothing_and_a_fixing_exactly_what_depends_on_it() {
    let asked = std::env::var("BOOKFLOW_TEST_TRADES").ok();
    let trades: u64 = asked.map_or(TRADES, |text| text.parse().expect("BOOKFLOW_TEST_TRADES is a number"));
    let patience = Duration::from_secs(60 + trades / 500);
    let (records, keys) = (trades.to_string(), (trades / 20).clamp(100, 20_000).to_string());
    let mut installation = Installation::new("batch", 8);
    installation.limit = installation.limit.max(patience);
    let market = installation.folder.path().join("market.json");
    installation.ok(&["generate", "market", "--records", &records, "--keys", &keys, "--out", argument(&market)]);
    for part in ["reference-data", "contracts", "market-data"] {
        installation.ok(&["submit", part, argument(&market)]);
    }
    let mut worker = installation.worker("one", &["--first-start"]);
    let began = Instant::now();
    let load = ["--records", &records, "--keys", &keys, "--zipf", "0.5", "--poison", "0"];
    installation.ok(&[&["generate", "trades"], &load[..]].concat());
    installation.consumed(patience);
    println!("{trades} trades of {keys} positions captured in {:.1?}, {:.0} MB", began.elapsed(), worker.memory_mb());

    let day = middle(&market);
    let stream = told(&installation, day);
    installation.ok(&["submit", "snapshot", "EOD"]);
    let full = job(&installation, "EOD", json!({ "type": "FULL", "snapshot": "EOD" }));
    assert_eq!(full["totals"]["changed"], 0, "{full:#}");
    assert_eq!(told(&installation, day), stream, "nothing is told anew");
    let flows = stream.values().map(|position| position.flows as u64).sum::<u64>();
    assert_eq!(full["totals"]["flows"], flows, "{full:#}");
    installation.ok(&["verify", "--job", "EOD"]);

    // So high that the smallest lot notices it.
    let fixing = installation.folder.path().join("fixing.csv");
    let row = format!("kind,name,detail,date,version,value\nFIXING,OVERNIGHT,,{day},,9\n");
    fs::write(&fixing, row).expect("a file can be written");
    installation.ok(&["submit", "market-data", argument(&fixing)]);
    let incremental = job(&installation, "EOD-2", json!({ "type": "INCREMENTAL", "since": "EOD" }));
    for (key, after) in told(&installation, day) {
        let before = &stream[&key];
        assert_eq!(after.records - before.records, if before.depends { before.parts } else { 0 }, "{key}");
    }
    let dependents = stream.values().filter(|position| position.depends).count();
    println!("{dependents} of {} positions depend on the fixing of {day}", stream.len());
    assert!(dependents > stream.len() / 10 && dependents < stream.len() / 2, "{dependents}");
    let again = job(&installation, "EOD-3", json!({ "type": "FULL" }));
    assert_eq!((&again["totals"]["changed"], &again["totals"]["hash"]), (&json!(0), &incremental["totals"]["hash"]));
    assert_ne!(again["totals"]["hash"], full["totals"]["hash"]);
    for job in ["EOD-2", "EOD-3"] {
        installation.ok(&["verify", "--job", job]);
    }
    println!("worker at {:.0} MB", worker.memory_mb());
    worker.drain();
    let began = Instant::now();
    let report = installation.verified();
    assert_eq!(report["told"], stream.len(), "{report:#}");
    println!("audited in {:.1?}", began.elapsed());
}

/// A day in the middle of the load for which there is a fixing.
fn middle(market: &std::path::Path) -> NaiveDate {
    let document: Value = serde_json::from_slice(&fs::read(market).expect("it was written")).expect("JSON");
    let fixings = document["marketData"]["indices"]["OVERNIGHT"]["fixings"].as_object().expect("fixings by day");
    let day = fixings.keys().nth(fixings.len() / 2).expect("one in the middle");
    day.parse().expect("a day")
}

/// What was told of a position.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
struct Told {
    /// How often, each part counted.
    records: u32,
    /// Of what was told last.
    parts: u32,
    flows: usize,
    /// Whether some interest runs over the day at the index: contracts with odd numbers do.
    depends: bool,
}

fn told(installation: &Installation, day: NaiveDate) -> BTreeMap<PositionKey, Told> {
    let registry = Registry::new(&cluster::variable("BOOKFLOW_REGISTRY_URL")).expect("an address");
    let topic = format!("{}.{CASH_FLOWS}", installation.namespace);
    let ids = [(topic.as_str(), SchemaName::PositionFlows)];
    let (broker, schemas) = (installation.broker(), Schemas::connect(Box::new(registry), &ids).expect("its ids"));
    let mut told: BTreeMap<PositionKey, Told> = BTreeMap::new();
    let mut tail = Tail::open(&broker, CASH_FLOWS, From::Start).expect("it can be read");
    let read = tail.to_end(|record| {
        let Some(value) = record.value else { return Ok(()) };
        let flows = schemas.decode::<PositionFlows>(value).expect("flows").1;
        let rows = flows.rows.read().expect("rows").1;
        let position = told.entry(flows.key).or_default();
        if flows.part == 0 {
            (position.flows, position.depends) = (0, false);
        }
        (position.records, position.parts) = (position.records + 1, flows.parts);
        position.flows += rows.len();
        position.depends |= rows.iter().any(|row| {
            let floating = row.contract.as_str()[1..].parse::<u32>().expect("a number") % 2 == 1;
            let interest = matches!(row.kind, Kind::Interest | Kind::ShortRebate);
            floating && interest && row.start <= day && row.end.is_none_or(|end| day < end)
        });
        Ok(())
    });
    read.expect("up to its end");
    told
}

/// Runs a job by reference over everything to its end.
fn job(installation: &Installation, name: &str, more: Value) -> Value {
    let mut document = json!({ "requestId": name, "selection": "ALL" });
    document.as_object_mut().expect("an object").extend(more.as_object().expect("members").clone());
    let path = installation.file("job.json", &document);
    let began = Instant::now();
    let said = installation.ok(&["submit", "job", argument(&path), "--wait", "--json"]);
    let outcome: Value = serde_json::from_str(&said).expect("JSON");
    let totals = &outcome["totals"];
    println!(
        "{name}: {} flows, {} calculated, {} changed, {:.1?}",
        totals["flows"],
        totals["calculated"],
        totals["changed"],
        began.elapsed()
    );
    outcome
}
