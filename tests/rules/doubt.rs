//! Rules 5 and 6: a turn whose end is unknown is decided by its mark, and then it is a turn like any other.

use std::time::Duration;

use bookflow::engine::worker::Turn;
use bookflow::memory::interference::{CallKind, Fault};
use metrics_exporter_prometheus::PrometheusBuilder;

use crate::house::*;

// Rule 6: where every answer is slow every turn is in doubt.
#[test]
fn turns_that_were_committed_in_doubt_count() {
    let house = House::new();
    house.write(0, &["1"; 300]);
    (0..500).for_each(|_| house.stand.plan(CallKind::Commit, Fault::Slow(Duration::from_millis(500))));
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || idle(&mut house.worker()));
    assert_eq!((house.sum(0), house.answers()), (300, 300));
    assert_eq!(house.health.reports()["one"].records, 300);
    let stage = house.checked().spec.name;
    let told = recorder.handle().render();
    let processed = format!("bookflow_records_processed_total{{stage=\"{stage}\"}} 300");
    assert!(told.contains(&processed), "{told}");
    assert!(told.contains("cause=\"commit was slow\""), "nothing was in doubt: {told}");
}

// Rule 16: the same records would take as long again.
#[test]
fn a_turn_that_is_not_delivered_in_time_comes_again_in_halves() {
    let house = House::new();
    house.write(0, &["1"; 300]);
    (0..500).for_each(|_| house.stand.plan(CallKind::Drain, Fault::DeliveryFailed { delivered: 40 }));
    let mut worker = house.worker();
    let aborted = (0..500).filter(|_| matches!(worker.run_once().expect("turn"), Turn::Aborted(_))).count();
    assert_eq!((house.sum(0), house.answers(), house.dead()), (300, 300, vec![]));
    assert!((3..=20).contains(&aborted), "{aborted} turns were not delivered");
}

// Rule 16: what takes nearly as long as a delivery may take is smaller before it fails, and what is taken easily grows again.
#[test]
fn a_turn_that_is_delivered_late_is_followed_by_smaller_ones() {
    let house = House::new();
    let mut worker = house.worker();
    idle(&mut worker);
    let mut committed = |count: usize| {
        house.write(0, &vec!["1"; count]);
        let turns = (0..count).map(|_| worker.run_once().expect("turn"));
        let records = |turn| if let Turn::Committed { records } = turn { Some(records) } else { None };
        turns.filter_map(records).collect::<Vec<_>>()
    };
    house.stand.plan(CallKind::Drain, Fault::Slow(house.settings.delivery_time));
    assert_eq!(committed(300), [300]);
    assert_eq!(committed(600), [150, 300, 150]);
    assert_eq!(committed(900), [600, 300]);
    assert_eq!((house.sum(0), house.answers(), house.dead()), (1_800, 1_800, vec![]));
}
