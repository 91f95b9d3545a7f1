//! Rule 11: what a member keeps through a rebalance may have been somebody else's in between.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bookflow::engine::settings::Settings;
use bookflow::engine::worker::Worker;
use bookflow::memory::interference::{CallKind, Fault};
use bookflow::memory::settings::Settings as BrokerSettings;

use crate::faults::Stand;
use crate::house::*;
use crate::sums::Extras;

/// Longer than it takes to be put out, to come back and to be checked, even if half of it is left to chance.
const WAIT: Duration = Duration::from_secs(400);

/// Static members that were put out hear nothing of it.
fn house() -> House {
    let settings = BrokerSettings { quiet_rejoin: true, ..BrokerSettings::default() };
    let house = House::on(Stand::with(settings), |_| Extras::default());
    house.first_start().expect("first start");
    house
}

fn fixed(house: &House) -> Worker {
    let (backoff, backoff_max) = (WAIT, WAIT);
    let settings =
        Settings { static_membership: true, restore_records: 1, backoff, backoff_max, ..house.settings.clone() };
    house.worker_with(settings)
}

/// The group has put this worker out, which does not know it yet.
fn put_out(house: &House, worker: &mut Worker) {
    house.stand.plan(CallKind::Poll, Fault::Muted(SESSION * 2));
    turns(worker, 1);
    house.stand.pass(SESSION + Duration::from_secs(1));
}

#[test]
fn a_task_that_waited_while_somebody_else_had_it_is_restored() {
    let house = house();
    let mut worker = fixed(&house);
    house.write(0, &["1"]);
    idle(&mut worker);
    house.switches.outage.store(true, Ordering::Relaxed);
    house.write(0, &["needs", "2"]);
    turns(&mut worker, 10);
    put_out(&house, &mut worker);
    house.switches.outage.store(false, Ordering::Relaxed);
    let mut other = house.other_worker();
    idle(&mut other);
    assert_eq!((house.sum(0), house.answers()), (3, 3));
    other.close().expect("closes");
    house.write(0, &["4"]);
    for _ in 0..10 {
        house.stand.pass(SESSION); // it polls in between, or it would be put out again
        turns(&mut worker, 20);
    }
    assert_eq!((house.sum(0), house.answers()), (7, 4));
}

#[test]
fn a_task_that_was_being_restored_while_somebody_else_had_it_is_restored_anew() {
    let house = house();
    let mut first = house.other_worker();
    for _ in 0..10 {
        house.write(0, &["1"]);
        idle(&mut first);
    }
    first.close().expect("closes");
    let mut worker = fixed(&house);
    turns(&mut worker, 4);
    put_out(&house, &mut worker);
    assert!(!house.health.reports()["one"].restoring.is_empty(), "it is too late");
    house.write(0, &["5"]);
    let mut other = house.other_worker();
    idle(&mut other);
    other.close().expect("closes");
    house.stand.pass(SESSION);
    turns(&mut worker, 100);
    assert_eq!((house.sum(0), house.answers()), (15, 11));
}

#[test]
fn a_member_that_comes_back_leaves_no_mark_on_what_others_have() {
    let house = house();
    let mut worker = fixed(&house);
    house.write(0, &["1"]);
    idle(&mut worker);
    put_out(&house, &mut worker);
    house.write(0, &["2"]);
    let mut other = house.other_worker();
    idle(&mut other);
    house.stand.pass(SESSION);
    for _ in 0..20 {
        turns(&mut worker, 1);
        turns(&mut other, 1);
    }
    (0..PARTITIONS).for_each(|partition| house.write(partition, &["4"]));
    for _ in 0..20 {
        turns(&mut worker, 1);
        turns(&mut other, 1);
    }
    assert_eq!([0, 1, 2, 3].map(|partition| house.sum(partition)), [7, 4, 4, 4]);
    assert_eq!(house.answers(), 2 + PARTITIONS as usize);
}
