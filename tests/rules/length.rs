//! Rules 7, 16: a turn is over when its time is, however much there is to read, and waits for a little more where it has much.

use std::time::Duration;

use bookflow::engine::settings::Settings;
use bookflow::engine::worker::Turn;
use bookflow::memory::interference::{CallKind, Fault};

use crate::house::*;

/// How many records each turn had, of ten of 400 bytes, when a poll brings 1,000 bytes.
fn turns_of(turn_time: Duration) -> Vec<usize> {
    let mut house = House::new();
    house.settings = Settings { poll_bytes: 1_000, turn_time, ..house.settings };
    let number = format!("{:0>400}", 1);
    house.write(0, &[number.as_str(); 10]);
    let records = turns(&house);
    assert_eq!(house.sum(0), 10);
    records
}

fn turns(house: &House) -> Vec<usize> {
    let mut worker = house.worker();
    let mut records = Vec::new();
    for _ in 0..100 {
        if let Turn::Committed { records: of_turn @ 1.. } = worker.run_once().expect("turn") {
            records.push(of_turn);
        }
    }
    records
}

#[test]
fn a_turn_whose_time_is_over_ends_after_what_one_poll_brings() {
    assert_eq!(turns_of(Duration::ZERO), [3, 3, 3, 1]);
    assert_eq!(turns_of(Duration::from_secs(1)), [10], "it goes on polling while it has time");
}

#[test]
fn records_that_take_long_leave_the_rest_of_their_poll_to_other_turns() {
    let house = House::new();
    house.switches.clock.set(house.stand.clock.clone()).unwrap_or_else(|_| panic!("set once"));
    house.write(0, &["slow"; 40]);
    assert_eq!(turns(&house), [16, 16, 8]);
    assert_eq!(house.answers(), 40);
}

/// How long a turn of so many records waited for others, after one of 40 that took so long to be delivered.
fn waited(records: usize, delivery: Duration) -> Vec<Duration> {
    let house = House::new();
    let mut worker = house.worker();
    idle(&mut worker);
    house.write(0, &["1"; 40]);
    house.stand.plan(CallKind::Drain, Fault::Slow(delivery));
    idle(&mut worker);
    house.write(0, &vec!["1"; records]);
    house.stand.waits();
    assert!(matches!(worker.run_once(), Ok(Turn::Committed { records: of_turn }) if of_turn == records));
    house.stand.waits().split_off(1)
}

#[test]
fn a_turn_of_many_records_waits_for_others_for_half_of_the_last_delivery_and_a_tenth_of_a_turn_at_the_most() {
    let ms = Duration::from_millis;
    assert_eq!(Settings::default().turn_time, ms(100));
    assert_eq!(waited(32, ms(12)), [ms(6)]);
    assert_eq!(waited(32, ms(300)), [ms(10)]);
    assert_eq!(waited(31, ms(12)), [Duration::ZERO], "a quiet stream");
}
