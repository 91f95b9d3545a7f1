//! Rule 14: fenced once goes on, fenced twice ends, twins end.

use std::time::Duration;

use bookflow::engine::settings::Settings;
use bookflow::engine::stop::Stop;
use bookflow::engine::worker::Worker;

use crate::house::*;

/// Somebody else takes the worker's transactional id, as a coordinator does that times its transaction out.
fn fence(house: &House) {
    let id = format!("{}-one-0", house.topology.stages[0].group());
    house.stand.producer(&id);
}

fn working(house: &House) -> Worker {
    let mut worker = house.worker();
    house.write(0, &["1"]);
    idle(&mut worker);
    worker
}

#[test]
fn a_worker_that_is_fenced_once_goes_on_and_loses_nothing() {
    let house = House::new();
    let mut worker = working(&house);
    fence(&house);
    house.write(0, &["2"]);
    idle(&mut worker);
    assert_eq!((house.sum(0), house.answers()), (3, 2));
}

#[test]
fn a_worker_that_is_fenced_twice_within_its_session_ends() {
    let house = House::new();
    let mut worker = working(&house);
    fence(&house);
    house.write(0, &["2"]);
    idle(&mut worker);
    house.stand.pass(SESSION - Duration::from_secs(1));
    fence(&house);
    house.write(0, &["3"]);
    let stopped = stop(&mut worker);
    assert!(matches!(stopped, Stop::Fenced { .. }), "{stopped}");
    assert_eq!(stopped.exit_code(), 8);
    assert_eq!((house.sum(0), house.answers()), (3, 2));
}

#[test]
fn a_worker_that_is_fenced_now_and_then_goes_on() {
    let house = House::new();
    let mut worker = working(&house);
    for _ in 0..3 {
        fence(&house);
        house.write(0, &["1"]);
        idle(&mut worker);
        house.stand.pass(SESSION + Duration::from_secs(1));
        turns(&mut worker, 1);
    }
    assert_eq!((house.sum(0), house.answers()), (4, 4));
}

#[test]
fn a_static_member_outlasts_its_twin_that_has_not_been_told_yet() {
    let mut house = House::new();
    house.settings.static_membership = true;
    let mut worker = working(&house);
    for _ in 0..3 {
        fence(&house);
        house.write(0, &["1"]);
        idle(&mut worker);
    }
    assert_eq!((house.sum(0), house.answers()), (4, 4));
}

#[test]
fn of_two_workers_with_one_name_the_first_ends_as_a_twin() {
    let house = House::new();
    let settings = Settings { static_membership: true, ..house.settings.clone() };
    let mut first = house.worker_with(settings.clone());
    house.write(0, &["1"]);
    idle(&mut first);
    let mut second = house.worker_with(settings);
    turns(&mut second, 1);
    let stopped = stop(&mut first);
    assert!(matches!(stopped, Stop::Twin { .. }), "{stopped}");
    assert_eq!(stopped.exit_code(), 8);
    house.write(0, &["2"]);
    idle(&mut second);
    assert_eq!((house.sum(0), house.answers()), (3, 2));
}
