//! Rules 7, 15 and 16: a record that does harm is the only one that is lost to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bookflow::engine::admin::Admin;
use bookflow::engine::clock::Clock;
use bookflow::engine::stop::Stop;
use bookflow::engine::worker::Turn;
use bookflow::memory::interference::{CallKind, Fault};
use metrics_exporter_prometheus::PrometheusBuilder;

use crate::house::*;
use crate::sums::Extras;

// Rule 15.
#[test]
fn a_record_that_kills_the_process_becomes_a_dead_letter_and_its_neighbours_are_processed() {
    let house = House::new();
    house.write(0, &["1", "kill", "2"]);
    for partition in 1..PARTITIONS {
        house.write(partition, &["5", "6"]);
    }
    assert_eq!(house.deaths(), 4, "twice among others, twice alone");
    assert_eq!(house.dead(), ["kills_process:kill"]);
    assert_eq!([0, 1, 2, 3].map(|partition| house.sum(partition)), [3, 11, 11, 11]);
    assert_eq!(house.answers(), 8);
}

// Rule 15.
#[test]
fn a_deadly_record_is_found_behind_thousands_that_are_not() {
    let house = House::new();
    house.write(0, &["1"; 2_700]);
    house.write(0, &["kill", "1"]);
    assert!(house.deaths() <= 5);
    assert_eq!(house.dead(), ["kills_process:kill"]);
    assert_eq!((house.sum(0), house.answers()), (2_701, 2_701));
}

// Rule 15.
#[test]
fn two_deadly_records_in_two_partitions_are_both_found() {
    let house = House::new();
    house.write(0, &["1", "kill", "1"]);
    house.write(1, &["kill", "1"]);
    house.write(2, &["1"]);
    assert!(house.deaths() <= 9);
    assert_eq!(house.dead().len(), 2);
    assert!(house.dead().iter().all(|letter| letter == "kills_process:kill"));
    assert_eq!([0, 1, 2].map(|partition| house.sum(partition)), [2, 1, 1]);
}

// Rule 15: whichever input is read first.
#[test]
fn a_deadly_record_is_found_although_another_input_goes_on() {
    for deadly_companion in [false, true] {
        let house = House::with(|stand| Extras { companion: Some(stand.topic(PARTITIONS)), ..Extras::default() });
        house.first_start().expect("first start");
        let (lead, companion) = (house.topics.numbers, house.extras.companion.expect("there is one"));
        let (deadly, other) = if deadly_companion { (companion, lead) } else { (lead, companion) };
        house.write_to(deadly, 0, &["kill", "1"]);
        let deaths = (0..20).find(|_| {
            house.write_to(other, 0, &["1"; 3]);
            house.live() == Life::Idle
        });
        assert_eq!(deaths, Some(4));
        assert_eq!(house.dead(), ["kills_process:kill"]);
        assert_eq!(house.sum(0), 1 + 3 * 5);
    }
}

// Rule 15.
#[test]
fn a_first_turn_that_kills_is_counted_after_a_clean_end_too() {
    let house = House::new();
    let mut worker = house.worker();
    idle(&mut worker);
    worker.close().expect("closes");
    house.write(0, &["kill"]);
    assert_eq!(house.deaths(), 4);
    assert_eq!(house.dead(), ["kills_process:kill"]);
}

// Rule 15.
#[test]
fn crashes_that_make_progress_condemn_nobody() {
    let house = House::new();
    let mut expected = 0;
    for round in 0..12 {
        house.write(0, &["1"; 3]);
        expected += 3;
        // Every other worker is killed in the commit that follows its attempt's, the others after it.
        if round % 2 == 0 {
            house.stand.happen(CallKind::Commit, Default::default);
            house.stand.happen(CallKind::Commit, || panic!("killed"));
        }
        let life = house.live();
        assert_eq!(life, if round % 2 == 0 { Life::Killed } else { Life::Idle });
    }
    assert_eq!(house.dead(), [""; 0]);
    assert_eq!(house.sum(0), expected);
}

// Rule 15.
#[test]
fn caution_with_one_partition_does_not_hold_up_the_others() {
    let house = House::new();
    house.write(3, &["1"; 3]);
    for _ in 0..3 {
        house.stand.happen(CallKind::Commit, Default::default);
        house.stand.happen(CallKind::Commit, || panic!("killed"));
        assert_eq!(house.live(), Life::Killed);
    }
    house.write(0, &["1"; 5_000]);
    let mut worker = house.worker();
    let committed = (0..200).filter(|_| matches!(worker.run_once().expect("turn"), Turn::Committed { .. })).count();
    assert_eq!([0, 3].map(|partition| house.sum(partition)), [5_000, 3]);
    assert!(committed < 100, "only the three records were tried one by one: {committed}");
}

// Rule 15: what came after the death has killed nobody.
#[test]
fn caution_ends_with_what_was_there_at_the_takeover_however_much_comes_after_it() {
    for deaths in [1, 2, 3] {
        let house = House::new();
        house.write(0, &["1"; 3]);
        for _ in 0..deaths {
            house.stand.happen(CallKind::Commit, Default::default);
            house.stand.happen(CallKind::Commit, || panic!("killed"));
            assert_eq!(house.live(), Life::Killed);
        }
        house.write(3, &["5"]);
        let mut worker = house.worker();
        for _ in 0..100 {
            house.write(0, &["1"]);
            worker.run_once().expect("turn");
        }
        assert_eq!(house.sum(3), 5, "held up after {deaths} deaths by records that come without a pause");
    }
}

// Rule 15.
#[test]
fn a_death_before_a_record_is_touched_does_not_count_against_it() {
    let house = House::new();
    house.write(3, &["1"]);
    for _ in 0..10 {
        house.write(0, &["1"; 4_000]);
        // Attempts and the first polls are committed; then the worker dies, before it sees partition 3.
        house.stand.happen(CallKind::Commit, Default::default);
        house.stand.happen(CallKind::Commit, || panic!("killed"));
        assert_eq!(house.live(), Life::Killed);
        assert_eq!((house.sum(3), house.mark(3).attempt), (0, 1));
    }
    assert_eq!((house.deaths(), house.sum(3)), (0, 1));
}

// Rule 15: who lives has not been killed, however often it loses the task with the record in hand.
#[test]
fn a_process_that_gets_its_task_back_condemns_nobody() {
    let house = House::new();
    let mut worker = house.worker();
    house.write(0, &["1", "2"]);
    let lost = Arc::new(AtomicUsize::new(0));
    for _ in 0..6 {
        let (clock, lost) = (house.stand.clock.clone(), lost.clone());
        house.stand.happen(CallKind::Begin, Default::default); // the attempt's
        house.stand.happen(CallKind::Begin, move || {
            clock.sleep(3 * SESSION);
            lost.fetch_add(1, Ordering::Relaxed);
            Default::default()
        });
    }
    idle(&mut worker);
    assert_eq!((house.dead(), house.sum(0)), (vec![], 3));
    assert_eq!(lost.load(Ordering::Relaxed), 6);
}

// Rule 15: as good as dead.
#[test]
fn a_record_that_holds_its_process_up_until_the_task_is_lost_becomes_a_dead_letter() {
    let house = House::new();
    house.switches.clock.set(house.stand.clock.clone()).unwrap_or_else(|_| panic!("set once"));
    let mut worker = house.worker();
    house.write(0, &["1", "long", "2"]);
    house.write(1, &["5"]);
    turns(&mut worker, 2_000);
    idle(&mut worker);
    assert_eq!(house.dead(), ["kills_process:long"]);
    assert_eq!([0, 1].map(|partition| house.sum(partition)), [3, 5]);
}

// Rule 15.
#[test]
fn owners_that_die_without_records_condemn_nobody() {
    let house = House::new();
    for _ in 0..10 {
        house.live();
    }
    house.write(0, &["1"]);
    assert_eq!(house.deaths(), 0);
    assert_eq!((house.dead(), house.sum(0)), (vec![], 1));
}

// Rules 7 and 15.
#[test]
fn owners_that_die_while_a_record_waits_for_something_condemn_nobody() {
    let house = House::new();
    house.switches.outage.store(true, Ordering::Relaxed);
    house.write(0, &["needs", "1"]);
    house.write(1, &["2"]);
    for _ in 0..10 {
        let mut worker = house.worker();
        turns(&mut worker, 50);
        drop(worker);
        house.forget_the_dead();
    }
    assert_eq!((house.sum(0), house.sum(1)), (0, 2), "only the partition that waits is held up");
    house.switches.outage.store(false, Ordering::Relaxed);
    assert_eq!(house.deaths(), 0);
    assert_eq!((house.dead(), house.sum(0)), (vec![], 1));
}

// Rule 15: what the broker does not allow today it may allow tomorrow.
#[test]
fn workers_that_stop_by_themselves_condemn_nobody() {
    let house = House::new();
    let admin = house.stand.broker.admin();
    let dead_letters_of = |bytes: &str| {
        let config = [("max.message.bytes".to_owned(), bytes.to_owned())].into();
        admin.configure(house.topics.dead, &config).expect("configured");
    };
    dead_letters_of("5");
    house.write(0, &["1", "bad", "2"]);
    for _ in 0..8 {
        let stopped = house.process(1).run().expect_err("it cannot go on");
        assert!(matches!(stopped, Stop::NoDeadLetter { .. }), "{stopped}");
    }
    dead_letters_of("1000");
    assert_eq!(house.deaths(), 0);
    assert_eq!(house.dead(), ["bad_number:bad"]);
    assert_eq!(house.sum(0), 3);
}

// Rule 7: what is undone is no dead letter.
#[test]
fn a_dead_letter_counts_once_however_often_its_turn_is_undone() {
    let house = House::new();
    house.write(0, &["1", "bad", "2"]);
    (0..3).for_each(|_| house.stand.plan(CallKind::Drain, Fault::DeliveryFailed { delivered: 0 }));
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || idle(&mut house.worker()));
    assert_eq!((house.dead(), house.sum(0)), (vec!["bad_number:bad".to_owned()], 3));
    let told = recorder.handle().render();
    let counted = told.lines().filter(|line| line.starts_with("bookflow_dlq_records_total{"));
    assert!(counted.map(|line| line.rsplit(' ').next()).eq([Some("1")]), "{told}");
}

// Rule 16.
#[test]
fn an_entry_out_of_bounds_and_an_output_too_large_land_on_their_records() {
    let house = House::new();
    let long = format!("{}1", "0".repeat(3_000));
    house.write(0, &["1"; 700]);
    house.write(0, &["2000000", "1", &long, "1"]);
    house.write(1, &["7"; 300]);
    let mut worker = house.worker();
    let mut aborted = 0;
    for _ in 0..200 {
        aborted += usize::from(matches!(worker.run_once().expect("turn"), Turn::Aborted(_)));
    }
    let letters = house.dead();
    assert_eq!(letters, ["state_bound:2000000", &format!("too_large:{long}")]);
    assert_eq!((house.sum(0), house.sum(1)), (702, 2_100));
    assert!(aborted <= 30, "turns are halved, not made one by one: {aborted}");
}

// Rule 16: whichever of them is read next, the other one stays condemned.
#[test]
fn two_inputs_that_begin_with_records_over_which_turns_fail_are_both_read_on() {
    let house = House::with(|stand| Extras { companion: Some(stand.topic(PARTITIONS)), ..Extras::default() });
    house.first_start().expect("first start");
    for topic in [house.topics.numbers, house.extras.companion.expect("there is one")] {
        house.write_to(topic, 0, &["2000000", "1"]);
    }
    let mut worker = house.worker();
    for _ in 0..200 {
        worker.run_once().expect("turn");
    }
    assert_eq!(house.dead(), ["state_bound:2000000"; 2]);
    assert_eq!(house.sum(0), 2);
}

// Rule 16: a tick has no record that could be given up for it.
#[test]
fn an_output_of_a_tick_that_is_too_large_stops_the_worker_and_condemns_no_record() {
    let house = House::with(|_| Extras { tick_bytes: Some(5_000), ..Extras::default() });
    house.first_start().expect("first start");
    let mut worker = house.worker();
    idle(&mut worker);
    house.write(0, &["1"]);
    let stopped = (0..100).find_map(|_| {
        house.stand.pass(Duration::from_secs(2));
        worker.run_once().err()
    });
    let stopped = stopped.expect("it cannot go on");
    assert!(matches!(stopped, Stop::TickFailed { .. }), "{stopped}");
    assert_eq!((house.dead(), house.sum(0)), (vec![], 1));
}

#[test]
fn a_tick_that_panics_stops_the_worker_and_one_that_has_to_wait_is_told() {
    let house = House::with(|_| Extras { tick_bytes: Some(usize::MAX / 2), ..Extras::default() });
    house.first_start().expect("first start");
    let mut worker = house.worker();
    idle(&mut worker);
    house.switches.outage.store(true, Ordering::Relaxed);
    house.stand.pass(Duration::from_secs(2));
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || turns(&mut worker, 1));
    let told = recorder.handle().render();
    assert!(told.contains("bookflow_retries_total"), "nobody is told: {told}");
    house.switches.outage.store(false, Ordering::Relaxed);
    house.stand.pass(Duration::from_secs(2));
    let stopped = stop(&mut worker);
    assert!(matches!(&stopped, Stop::TickFailed { message, .. } if message.contains("capacity")), "{stopped}");
}

// Rule 16: a failure that shows only at the turn's end lands on its record.
#[test]
fn what_is_due_once_a_turn_counts_with_it_and_its_rejection_finds_the_record() {
    let house = House::with(|_| Extras { turn_ends: true, ..Extras::default() });
    house.first_start().expect("first start");
    house.write(0, &["1", "2"]);
    let mut worker = house.worker();
    idle(&mut worker);
    assert_eq!((house.sum(0), house.answers()), (3, 3), "two records, one end");
    house.write(0, &["5", "7", "12985"]);
    idle(&mut worker);
    assert_eq!(house.dead(), ["unlucky:12985"]);
    assert_eq!(house.sum(0), 15);
}

// Rule 16: a part of what is due that a stage contains by itself condemns nothing.
#[test]
fn what_is_done_all_or_nothing_at_the_turns_end_leaves_nothing_when_it_panics_and_the_turn_counts() {
    let house = House::with(|_| Extras { turn_ends: true, ..Extras::default() });
    house.first_start().expect("first start");
    house.write(0, &["4000", "7000"]);
    idle(&mut house.worker());
    assert_eq!((house.dead(), house.sum(0), house.answers()), (vec![], 11_000, 3), "two records, one end, no part");
}
