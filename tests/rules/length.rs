//! Rule 7: a turn is over when its time is, however much there is to read.

use std::time::Duration;

use bookflow::engine::settings::Settings;
use bookflow::engine::worker::Turn;

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
