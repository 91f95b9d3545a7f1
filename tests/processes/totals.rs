//! What the flows of a job come to: level by level, in each currency, and together what its outcome says.

use bookflow::domain::jobs::job::{Ending, JobId, Outcome};
use bookflow::domain::jobs::totals::ControlTotals;
use bookflow::domain::trade::captured::Place;
use bookflow::messages::schemas::Schemas;
use bookflow::pipeline::topics::CALCULATION_OUTCOMES;
use serde_json::{Value, json};

use crate::jobs::{PARTITIONS, PRECONDITION, outcome, put, request, submit};
use crate::program::Installation;

fn told(installation: &Installation, more: &[&str]) -> Vec<Value> {
    let out = installation.ok(&[&["flows", "--json", "--job", "JOB", "--totals"], more].concat());
    out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Contract, position and lot, with what they come to in minor units.
fn come_to(blocks: &[Value], currency: &str) -> Vec<(String, i64)> {
    let name = |block: &Value| {
        let names = ["contract", "position", "lot"].map(|level| block[level].as_str().unwrap_or_default().to_owned());
        names.join(" ").trim_end().to_owned()
    };
    let of_currency = |block: &Value| {
        let total = block["totals"].as_array().expect("totals").iter().find(|total| total["currency"] == currency)?;
        Some((name(block), total["minor"].as_str()?.parse().expect("minor units")))
    };
    blocks.iter().filter_map(of_currency).collect()
}

#[test]
fn totals_of_every_level_come_to_the_control_totals_of_the_job() {
    let mut installation = Installation::new("totals", PARTITIONS as u32);
    // Positions of a contract come in several chunks, so that totals must be put together again.
    installation.set("jobs.chunk_positions", "1");
    installation.set("jobs.chunk_lots", "5");
    let mut worker = installation.worker("one", &["--first-start"]);
    let mut request = request("JOB");
    request["contractPositions"][0]["currency"] = "EUR".into();
    for position in request["contractPositions"][0]["positions"].as_array_mut().expect("positions") {
        position["currency"] = "EUR".into();
    }
    let outcome = outcome(&submit(&installation, &request));

    for level in ["all", "contract", "position", "lot"] {
        let blocks = told(&installation, &[level]);
        let (all, blocks) = blocks.split_last().expect("everything stands last");
        assert_eq!((&all["level"], &all["flows"]), (&json!("all"), &outcome["totals"]["flows"]));
        let sums = all["sums"].as_array().expect("sums").iter().map(|sum| {
            let mut sum = sum.clone();
            sum.as_object_mut().expect("an object").retain(|name, _| name != "flows" && name != "amount");
            sum
        });
        assert_eq!(sums.collect::<Value>(), outcome["totals"]["sums"], "{level}");
        for currency in ["EUR", "USD"] {
            let together: i64 = come_to(blocks, currency).iter().map(|(_, minor)| minor).sum();
            let all = come_to(std::slice::from_ref(all), currency)[0].1;
            assert_eq!(together, if level == "all" { 0 } else { all }, "{level} {currency}");
        }
    }

    // 100 x (150 - 140); 14,000 x 5.4 % x 7/360, paid; 12 x 10 x (150 - 145.50)
    let named = |name: &str, minor| (name.to_owned(), minor);
    let positions = told(&installation, &["position"]);
    assert_eq!(come_to(&positions, "EUR"), [named("TWO P1", 100_000), named("TWO P2", -1_470), named("", 98_530)]);
    assert_eq!(come_to(&positions, "USD"), [named("MANY P3", 54_000), named("", 54_000)]);
    let lots = told(&installation, &["lot", "--position", "P3"]);
    assert_eq!(lots.len(), 13);
    assert!(lots[..12].iter().all(|lot| lot["totals"][0]["amount"] == "45.00"), "{lots:#?}");
    let interest = told(&installation, &["contract", "--kind", "interest"]);
    assert_eq!(come_to(&interest, "EUR"), [named("TWO", -1_470), named("", -1_470)]);
    assert_eq!(interest.len(), 2, "{interest:#?}");

    let table = installation.ok(&["flows", "--job", "JOB", "--totals", "position"]);
    let expected = [
        "contract  position  kind                status         flows                amount",
        "MANY      P3        equity performance  accrued           12                540.00  USD",
        "TWO       P1        equity performance  accrued            1               1000.00  EUR",
        "TWO       P2        interest            accrued            1                -14.70  EUR",
        "all                 equity performance  accrued            1               1000.00  EUR",
        "                    interest            accrued            1                -14.70  EUR",
        "                    total                                  2                985.30  EUR",
        "                    equity performance  accrued           12                540.00  USD",
    ];
    assert_eq!(table.lines().collect::<Vec<_>>(), expected, "{table}");
    let none = installation.ok(&["flows", "--job", "JOB", "--totals", "--status", "realised", "--json"]);
    let none: Value = serde_json::from_str(&none).expect("JSON");
    assert_eq!((&none["flows"], &none["sums"]), (&json!(0), &json!([])));
    worker.drain();
}

#[test]
fn totals_of_a_job_of_which_flows_are_gone_are_refused_and_an_unknown_one_too() {
    let mut installation = Installation::new("gone", PARTITIONS as u32);
    installation.set("registry.url", "");
    let job = JobId::new("JOB").expect("a name");
    let totals = ControlTotals { flows: 3, ..ControlTotals::default() };
    let ending = Ending::Completed;
    let outcome = Outcome { job, request: Some(1), predecessor: None, ending, totals, rows: Vec::new() };
    let mut value = Vec::new();
    let cause = Place { topic: 0, partition: 0, offset: 0 };
    Schemas::embedded().encode(&outcome, cause, &mut value).expect("it can be written");
    put(&installation, CALCULATION_OUTCOMES, &[("JOB".to_owned(), value)]);
    let refused = installation.run(&["flows", "--job", "JOB", "--totals"]);
    assert_eq!((refused.status.code(), refused.out.as_str()), (Some(PRECONDITION), ""), "{refused:?}");
    assert!(refused.err.contains("of the 3 flows of job JOB 0 are left"), "{refused:?}");
    let unknown = installation.run(&["flows", "--job", "NOBODY", "--totals"]);
    assert_eq!(unknown.status.code(), Some(PRECONDITION), "{unknown:?}");
    assert!(unknown.err.contains("no job NOBODY is known"), "{unknown:?}");
}
