//! Rule 18: a view is complete before the first turn, stands still during one, and never goes backwards; what it once was can be asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bookflow::engine::settings::Settings;
use bookflow::engine::stop::Stop;
use bookflow::engine::view::{Past, Views};
use bookflow::memory::interference::{CallKind, Fault};
use metrics_exporter_prometheus::PrometheusBuilder;

use crate::cluster::*;
use crate::house::*;
use crate::sums::{Extras, Rates};

fn house() -> House {
    let house = House::with(|stand| {
        let rates = stand.topic_with(1, &[("cleanup.policy", "compact")]);
        Extras { rates: Some(rates), ..Extras::default() }
    });
    house.first_start().expect("first start");
    house
}

fn rates(house: &House, values: &[&str]) {
    house.write_to(house.extras.rates.expect("there is one"), 0, values);
}

#[test]
fn a_view_is_read_to_its_end_before_the_first_turn() {
    let mut house = house();
    house.settings = Settings { restore_records: 1, ..house.settings };
    rates(&house, &["1", "2", "3", "4", "5"]);
    house.write(0, &["rate"]);
    idle(&mut house.worker());
    assert_eq!(house.sum(0), 5);
}

#[test]
fn a_view_stands_still_during_a_turn() {
    let mut house = house();
    house.settings = Settings { poll_records: 1, ..house.settings };
    rates(&house, &["10"]);
    house.write(0, &["1"]);
    let mut worker = house.worker();
    idle(&mut worker);
    house.write(0, &["rate", "rate"]);
    // Between the two polls of one turn the rate changes.
    let (broker, topic) = (house.stand.broker.clone(), house.extras.rates.expect("there is one"));
    house.stand.happen(CallKind::Poll, || Fault::None);
    house.stand.happen(CallKind::Poll, move || {
        broker.append(record(at(topic, 0), "1000")).expect("append");
        Fault::None
    });
    turns(&mut worker, 1);
    assert_eq!((house.sum(0), house.answers()), (21, 3), "both records in one turn, at one rate");
    house.write(0, &["rate"]);
    idle(&mut worker);
    assert_eq!(house.sum(0), 1_021);
}

#[test]
fn a_task_does_not_resume_before_its_view_is_where_it_was_last_used() {
    let house = house();
    rates(&house, &["1", "2"]);
    house.write(0, &["rate"]);
    house.live();
    assert_eq!(house.sum(0), 2);
    house.stand.broker.lose_from(at(house.extras.rates.expect("there is one"), 0), 1).expect("lost");
    house.write(0, &["rate"]);
    let asked = Arc::new(AtomicUsize::new(0));
    for _ in 0..50 {
        let asked = asked.clone();
        house.stand.happen(CallKind::Committed, move || {
            asked.fetch_add(1, Ordering::Relaxed);
            Fault::None
        });
    }
    let mut next = house.worker();
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || turns(&mut next, 50));
    assert_eq!(house.answers(), 1, "with the older rate it would compute 3");
    assert!(asked.load(Ordering::Relaxed) <= 3, "the group is asked without a pause: {asked:?}");
    let told = recorder.handle().render();
    assert!(told.contains("bookflow_retries_total"), "nobody is told: {told}");
    rates(&house, &["7"]);
    house.stand.pass(Duration::from_secs(1));
    idle(&mut next);
    assert_eq!(house.sum(0), 9);
}

// Rule 12, for views.
#[test]
fn a_view_whose_log_ends_below_the_mark_stops_the_worker() {
    let house = house();
    rates(&house, &["1", "2"]);
    house.write(0, &["rate"]);
    house.live();
    let lost = at(house.extras.rates.expect("there is one"), 0);
    house.stand.broker.lose_from(lost, 1).expect("lost");
    let mut worker = house.worker();
    turns(&mut worker, 50);
    house.stand.pass(SESSION + Duration::from_secs(1));
    let stopped = stop(&mut worker);
    assert!(matches!(stopped, Stop::StateLost { partition, end: 1, wanted: 2 } if partition == lost), "{stopped}");
    assert_eq!(stopped.exit_code(), 9);
}

#[test]
fn what_a_view_has_read_before_its_reader_fails_counts() {
    let house = house();
    rates(&house, &["1", "2"]);
    let mut views = Views::open(&house.topology.stages[0].views, &house.stand.broker).expect("opens");
    house.stand.plan(CallKind::ReaderPoll, Fault::AnswerLost);
    views.advance(ROOM).expect_err("the answer is lost");
    views.advance(ROOM).expect("reads on");
    assert_eq!(views.get::<Rates>(house.extras.rates.expect("one")).expect("a view").0["key"], 2);
}

/// The rate in a past that ends at an offset, with records behind it that are there alone.
fn past(house: &House, end: i64, then: &[&str]) -> Past {
    let topic = house.extras.rates.expect("there is one");
    let then: Vec<_> = then.iter().map(|value| (topic, value.as_bytes().to_vec())).collect();
    Past { view: topic, ends: vec![(at(topic, 0), end)], then: Arc::from(then) }
}

fn rate(views: &Views, past: &Past, key: &str) -> Option<i64> {
    views.past::<Rates>(past).and_then(|rates| rates.0.get(key).copied())
}

#[test]
fn a_view_as_it_was_is_read_aside_and_kept_while_it_is_asked_for() {
    let house = house();
    rates(&house, &["1", "2", "3"]);
    let broker = &house.stand.broker;
    let mut views = Views::open(&house.topology.stages[0].views, broker).expect("opens");
    let (second, changed) = (past(&house, 2, &[]), past(&house, 1, &["40"]));
    let turn = |views: &mut Views, asked: &[&Past]| {
        views.keep(asked.iter().map(|past| (*past).clone()).collect(), broker, &|| {}).expect("opens");
        views.advance(ROOM).expect("reads");
    };
    assert_eq!(rate(&views, &second, "key"), None, "nobody has asked");
    for _ in 0..3 {
        turn(&mut views, &[&second, &changed]);
    }
    rates(&house, &["4"]);
    turn(&mut views, &[&second, &changed]);
    assert_eq!(rate(&views, &second, "key"), Some(2));
    assert_eq!((rate(&views, &changed, "key"), rate(&views, &changed, "")), (Some(1), Some(40)));
    assert_eq!(views.get::<Rates>(house.extras.rates.expect("one")).expect("a view").0["key"], 4);
    turn(&mut views, &[&changed]);
    assert_eq!((rate(&views, &second, "key"), rate(&views, &changed, "key")), (None, Some(1)));
}

#[test]
fn a_past_that_is_the_present_is_not_read_twice_and_a_future_is_waited_for() {
    let house = house();
    rates(&house, &["1", "2"]);
    let broker = &house.stand.broker;
    let mut views = Views::open(&house.topology.stages[0].views, broker).expect("opens");
    let (now, future) = (past(&house, 2, &[]), past(&house, 4, &[]));
    views.advance(ROOM).expect("reads");
    assert_eq!(rate(&views, &now, "key"), Some(2), "the view itself");
    for (value, wanted) in [("3", None), ("4", Some(4)), ("5", Some(4))] {
        rates(&house, &[value]);
        views.keep(vec![future.clone()], broker, &|| {}).expect("opens");
        views.advance(ROOM).expect("reads");
        assert_eq!(rate(&views, &future, "key"), wanted);
    }
}
