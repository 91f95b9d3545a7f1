//! Rule 12: a takeover restores to the mark, no more and no less.

use std::time::Duration;

use bookflow::engine::settings::{Planted, Settings};
use bookflow::engine::stop::Stop;
use bookflow::engine::worker::{Turn, Worker};
use bookflow::memory::interference::{CallKind, Fault};
use bookflow::memory::settings::MarkerDelays;

use crate::cluster::*;
use crate::house::*;

const LATE: Duration = Duration::from_secs(100);

/// A worker has summed up to 6 and is dead; the markers of its last turn are this late.
fn killed_after_six(house: &House, offsets: Duration, data: Duration) {
    let mut worker = house.worker();
    house.write(0, &["1"]);
    idle(&mut worker);
    house.write(0, &["2", "3"]);
    house.stand.plan(CallKind::Commit, Fault::Markers(MarkerDelays { offsets, data }));
    idle_once(&mut worker);
    drop(worker);
    house.forget_the_dead();
    house.write(0, &["4"]);
}

fn idle_once(worker: &mut Worker) {
    assert_eq!(worker.run_once().expect("turn"), Turn::Committed { records: 2 });
}

// Rule 12: markers reach partitions one by one.
#[test]
fn the_next_owner_waits_for_state_that_is_committed_but_not_visible_yet() {
    let house = House::new();
    killed_after_six(&house, Duration::ZERO, LATE);
    let mut next = house.other_worker();
    turns(&mut next, 50);
    assert_eq!(house.answers(), 1, "it cannot run yet");
    house.stand.pass(LATE * 4);
    idle(&mut next);
    assert_eq!(house.sum(0), 10);
}

// Rule 12: the same with the planted bug, so that the test above is known to see it.
#[test]
fn a_restore_to_the_last_stable_offset_would_lose_that_state() {
    let house = House::new();
    killed_after_six(&house, Duration::ZERO, LATE);
    let planted = Some(Planted::RestoreToStableOffset);
    let mut next = house.worker_with(Settings { instance: "two".into(), planted, ..house.settings.clone() });
    turns(&mut next, 50);
    house.stand.pass(LATE * 4);
    turns(&mut next, 50);
    assert_eq!(house.sum(0), 5);
}

// Rule 12: a time-out means "still pending", never "none".
#[test]
fn the_next_owner_asks_again_while_the_offsets_are_pending() {
    let house = House::new();
    killed_after_six(&house, LATE, Duration::ZERO);
    let mut next = house.other_worker();
    turns(&mut next, 50);
    assert_eq!(house.answers(), 3, "it cannot run yet");
    house.stand.pass(LATE);
    idle(&mut next);
    assert_eq!((house.sum(0), house.answers()), (10, 4));
}

// Rule 12.
#[test]
fn a_log_that_ends_below_the_mark_stops_the_worker() {
    let house = House::new();
    house.write(0, &["1"]);
    house.live();
    house.write(0, &["2"]);
    house.live();
    house.stand.broker.lose_from(at(house.topics.sums, 0), 1).expect("lost");
    let mut worker = house.worker();
    turns(&mut worker, 50);
    house.stand.pass(SESSION + Duration::from_secs(1));
    let stopped = stop(&mut worker);
    let lost = at(house.topics.sums, 0);
    assert!(matches!(stopped, Stop::StateLost { partition, end: 1, .. } if partition == lost), "{stopped}");
    assert_eq!(stopped.exit_code(), 9);
}

// Rule 12.
#[test]
fn a_log_whose_beginning_was_deleted_stops_the_worker_unless_a_copy_has_it() {
    let house = House::new();
    house.write(0, &["1"]);
    house.live();
    house.write(0, &["2"]);
    house.live();
    let lost = at(house.topics.sums, 0);
    house.stand.broker.delete_before(lost, 1).expect("deleted");
    let stopped = stop(&mut house.worker());
    assert!(matches!(stopped, Stop::StateDeleted { partition, start: 1 } if partition == lost), "{stopped}");
    assert_eq!(stopped.exit_code(), 9);
}

// Rule 12.
#[test]
fn a_visible_state_record_past_the_mark_stops_the_worker() {
    for (partition, history) in [(0, true), (1, false)] {
        let house = House::new();
        if history {
            house.write(partition, &["1"]);
        }
        house.live();
        house.write_to(house.topics.sums, partition, &["0|77"]);
        let stopped = stop(&mut house.worker());
        let torn = at(house.topics.sums, partition);
        assert!(matches!(stopped, Stop::Torn { partition, .. } if partition == torn), "{stopped}");
        assert_eq!(stopped.exit_code(), 9);
    }
}

// Rule 12: what was aborted past the mark is nobody's.
#[test]
fn what_was_aborted_past_the_mark_is_passed_over() {
    let house = House::new();
    house.write(0, &["1"]);
    house.live();
    house.write(0, &["2"]);
    house.stand.happen(CallKind::Commit, Default::default); // the attempt's
    house.stand.happen(CallKind::Commit, || panic!("killed"));
    assert_eq!(house.live(), Life::Killed);
    assert_eq!(house.live(), Life::Idle);
    assert_eq!((house.sum(0), house.answers()), (3, 2));
}

// Rule 12: however many tasks are restored at a time, each comes to its own mark.
#[test]
fn tasks_that_are_restored_beside_each_other_come_to_their_own_state() {
    for restore_threads in [1, 2, 64] {
        let house = House::new();
        for partition in 0..PARTITIONS {
            house.write(partition, &["1", &partition.to_string()]);
        }
        assert_eq!(house.live(), Life::Idle);
        for partition in 0..PARTITIONS {
            house.write(partition, &["10"]);
        }
        let mut next = house.worker_with(Settings { restore_threads, ..house.settings.clone() });
        idle(&mut next);
        for partition in 0..PARTITIONS {
            assert_eq!(house.sum(partition), 11 + i64::from(partition), "{restore_threads} at a time");
        }
    }
}

// A worker that somebody else restores for now is ready all the same.
#[test]
fn a_task_that_is_taken_away_while_it_is_restored_is_not_waited_for() {
    let house = House::new();
    let mut worker = house.worker();
    let write = || (0..PARTITIONS).for_each(|partition| house.write(partition, &["1"]));
    write();
    idle(&mut worker);
    write();
    house.stand.plan(CallKind::Commit, Fault::Markers(MarkerDelays { offsets: Duration::ZERO, data: LATE }));
    assert_eq!(worker.run_once().expect("turn"), Turn::Committed { records: PARTITIONS as usize });
    drop(worker);
    house.forget_the_dead();
    let (mut next, restoring) = (house.other_worker(), |of: &str| house.health.reports()[of].restoring.len());
    turns(&mut next, 50);
    assert_eq!(restoring("two"), PARTITIONS as usize, "it restores all of them");
    let mut third = house.worker_with(Settings { instance: "three".into(), ..house.settings.clone() });
    for _ in 0..50 {
        turns(&mut next, 1);
        turns(&mut third, 1);
    }
    assert_eq!((restoring("two"), restoring("three")), (2, 2));
}
