//! `explain`: every flow that was told comes out of the log again, byte by byte, and one that somebody has changed does not.

use bookflow::cli::explain::{Explained, Flow, Publication, Wanted, explain};
use bookflow::cli::failure::Failure;
use bookflow::domain::flows::id::FlowId;
use bookflow::domain::flows::row::FlowRow;
use bookflow::domain::jobs::job::JobId;
use bookflow::domain::key::PositionKey;
use bookflow::domain::trade::Side;
use bookflow::domain::trade::captured::Place;
use bookflow::messages::data_point::{DataKind, Value};
use bookflow::messages::key::{day_key, partition};
use bookflow::messages::position_flows::{PositionFlows, Rows};
use bookflow::pipeline::topics::{CASH_FLOWS, HISTORICAL_FLOWS, WHAT_IF_FLOWS};
use chrono::Datelike;
use serde_json::json;

use crate::desk::{Desk, TERMS, march};
use crate::house::{House, PARTITIONS};
use crate::office::{Office, key};
use crate::recalculation::last_in;

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

/// As it counts now, or as a job has it.
pub fn ask(house: &House, id: FlowId, job: Option<&str>, day: Option<u32>) -> Result<Explained, Failure> {
    ask_of(house, None, id, job, day)
}

fn ask_of(
    house: &House,
    position: Option<&PositionKey>,
    id: FlowId,
    job: Option<&str>,
    day: Option<u32>,
) -> Result<Explained, Failure> {
    let job = job.map(|job| JobId::new(job).expect("a name"));
    let (day, position) = (day.map(march), position.map(PositionKey::as_str));
    explain(&house.stand.broker, &house.schemas, &Wanted { id, job: job.as_ref(), day, position })
}

/// The flow came out again with the same bytes, and its lines end with its amount.
pub fn comes_out(explained: &Explained, flow: Flow) {
    assert!(explained.same, "{flow:?}");
    assert_eq!((&explained.flow, explained.again.as_ref()), (&flow, Some(&flow)));
    let last = explained.steps.last().expect("lines").value.replace(['.', ','], "");
    let amount = flow.result.as_ref().expect("an amount").abs().to_string();
    assert!(last.contains(&amount), "{last} ends what comes to {amount}");
}

/// The partition of a position.
fn at_home(key: &PositionKey) -> i32 {
    partition(key.as_str().as_bytes(), PARTITIONS)
}

fn rows(told: &PositionFlows) -> Vec<FlowRow> {
    told.rows.read().expect("rows").1
}

/// The same with another amount in its first flow.
fn falsified(told: &PositionFlows) -> PositionFlows {
    let (blocked, mut rows) = told.rows.read().expect("rows");
    rows[0].result.as_mut().expect("an amount").minor += 1;
    PositionFlows { rows: Rows::parts(&blocked, &rows).expect("they fit").swap_remove(0), ..told.clone() }
}

#[test]
fn every_flow_comes_out_of_the_log_again_with_its_lines() {
    let mut desk = desk();
    let rows = desk.now().1;
    assert_eq!(rows.len(), 6, "of what is open and of what was closed: performance, interest, dividend");
    for row in &rows {
        comes_out(&ask(&desk.house, row.id, None, None).expect("explained"), row.into());
    }
    desk.price(10, 2, "54");
    desk.settle();
    let again = desk.now().1;
    comes_out(&ask(&desk.house, again[0].id, None, None).expect("explained"), (&again[0]).into());
}

#[test]
fn a_record_that_somebody_has_changed_is_noticed() {
    let desk = desk();
    let (cause, told) = desk.told().pop().expect("told");
    let right = rows(&told);
    desk.house.put(CASH_FLOWS, &desk.house.caused(&falsified(&told), cause, told.key.as_str()));
    let changed = ask(&desk.house, right[0].id, None, None).expect("explained");
    assert!(!changed.same);
    assert_eq!(changed.again, Some(Flow::from(&right[0])), "what it should be");
    let beside = ask(&desk.house, right[1].id, None, None).expect("explained");
    assert!(!beside.same, "it was published with one that is wrong");
    assert_eq!(beside.again, Some(beside.flow));
}

#[test]
fn a_flow_that_nobody_has_told_is_not_found() {
    let mut office = Office::new();
    office.run(
        "UP",
        "WHAT_IF",
        json!({ "changes": { "marketData": { "prices": { "CORE": { "2025-03-10": "30" } } } } }),
    );
    let missing = |job: Option<&str>| {
        let failure = ask(&office.desk.house, FlowId(7), job, None).err().expect("not found");
        assert!(failure.next.is_some());
        failure.message
    };
    assert_eq!(missing(None), "no flow with this id is published");
    assert_eq!(missing(Some("UP")), "job UP has no flow with this id");
    assert_eq!(missing(Some("NOBODY")), "no job NOBODY is known");
}

#[test]
fn every_flow_of_a_series_comes_out_again_as_it_stood_on_its_day() {
    let mut office = Office::new();
    let series = |office: &mut Office, job: &str, from: u32, to: u32| -> Vec<PositionFlows> {
        let before = office.of(HISTORICAL_FLOWS);
        let range = json!({ "from": march(from).to_string(), "to": march(to).to_string() });
        office.run(job, "HISTORICAL", range);
        office.of(HISTORICAL_FLOWS).into_iter().filter(|told| !before.contains(told)).collect()
    };
    let first = series(&mut office, "FIRST", 4, 10);
    office.price("ACME", 6, 2, "70");
    office.quiet();
    let second = series(&mut office, "SECOND", 6, 7);
    assert_eq!((first.len(), second.len()), (12 * 5, 12 * 2));
    let house = &office.desk.house;
    let day = |told: &PositionFlows| told.day.map(|day| day.day());
    for (job, told) in [("FIRST", first), ("SECOND", second.clone())] {
        for (number, told) in told.iter().enumerate() {
            let row = &rows(told)[number % 2];
            comes_out(&ask_of(house, Some(&told.key), row.id, Some(job), day(told)).expect("explained"), row.into());
        }
    }
    let (of_acme, others): (Vec<_>, Vec<_>) = second.iter().partition(|told| told.key == key(0, "ACME"));
    let (friday, row) = (of_acme[1], &rows(of_acme[1])[0]);
    let last = ask_of(house, Some(&friday.key), row.id, Some("SECOND"), None).expect("explained");
    comes_out(&last, row.into());
    assert!(matches!(&last.publication, Publication::OfPosition { told, .. } if told == friday), "the last day");
    assert!(ask_of(house, Some(&friday.key), row.id, Some("SECOND"), Some(10)).is_err(), "the series ends before");

    let cause = house.read::<PositionFlows>(HISTORICAL_FLOWS).pop().expect("told").0;
    let job = JobId::new("SECOND").expect("a name");
    let put = |told: &PositionFlows| {
        let key = day_key(&job, &told.key, told.day.expect("of a series"), told.part);
        let raw = house.caused(&falsified(told), Place { partition: at_home(&told.key), ..cause }, &key);
        house.put(HISTORICAL_FLOWS, &raw);
    };
    put(friday);
    let changed = ask_of(house, Some(&friday.key), row.id, Some("SECOND"), Some(7)).expect("explained");
    assert!(!changed.same && changed.again == Some(row.into()));

    // Another method by which lots are closed, though they are worked out by it now.
    office.contract(2, &last_in("0.05").to_string(), "FIX");
    office.quiet();
    let sold = second.iter().rfind(|told| told.key == key(0, "BOLT")).expect("some were sold");
    for row in &rows(sold) {
        let explained = ask_of(&office.desk.house, Some(&sold.key), row.id, Some("SECOND"), day(sold));
        comes_out(&explained.expect("explained"), row.into());
    }

    // Lots are kept as they are now.
    office.trade(&others[0].key, "LATE", "FIX", Side::Buy, 10, 5);
    office.quiet();
    let traded = rows(others[0])[0].id;
    let of_traded = Some(&others[0].key);
    let refused = ask_of(&office.desk.house, of_traded, traded, Some("SECOND"), Some(7)).err().expect("refused");
    assert!(refused.message.contains("they are kept as they are now"), "{}", refused.message);
    assert!(refused.next.is_some_and(|next| next.contains("under another name")));
}

#[test]
fn what_would_differ_comes_out_again_whatever_was_changed() {
    let mut office = Office::new();
    for (job, changes) in [
        ("UP", json!({ "marketData": { "prices": { "CORE": { "2025-03-10": "30" } } } })),
        ("LAST-IN", json!({ "contracts": [last_in("0.05")] })),
        ("EARLIER", json!({ "businessDate": "2025-03-07" })),
    ] {
        let before = office.of(WHAT_IF_FLOWS);
        office.run(job, "WHAT_IF", json!({ "changes": changes }));
        let house = &office.desk.house;
        let told = office.of(WHAT_IF_FLOWS);
        let differing: Vec<_> = told.iter().filter(|told| !before.contains(told)).collect();
        assert!(!differing.is_empty());
        for told in differing {
            for row in &rows(told) {
                let explained = ask_of(house, Some(&told.key), row.id, Some(job), None);
                comes_out(&explained.expect("explained"), row.into());
            }
        }
    }
    // Without the job it is the flow that counts.
    let core = office.told().into_iter().find(|told| told.key == key(0, "CORE")).expect("it has flows");
    let row = &rows(&core)[0];
    office.run("EOD", "FULL", json!({}));
    for job in [None, Some("EOD")] {
        comes_out(&ask_of(&office.desk.house, Some(&core.key), row.id, job, None).expect("explained"), row.into());
    }
    let up = ask_of(&office.desk.house, Some(&core.key), row.id, Some("UP"), None).expect("explained");
    assert_ne!(up.flow.result, Flow::from(row).result);
}

/// Trades are called the same in every position of the office.
#[test]
fn an_id_that_two_positions_have_is_asked_about() {
    let office = Office::new();
    let told = office.told();
    let row = &rows(&told[0])[0];
    let refused = ask(&office.desk.house, row.id, None, None).err().expect("which one?");
    assert!(refused.message.contains(told[0].key.as_str()), "{}", refused.message);
    assert!(refused.next.is_some_and(|next| next.contains("--position")));
}
