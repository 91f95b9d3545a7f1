//! Rule 18: a view is complete before the first turn, stands still during one, and never goes backwards.

use bookflow::engine::settings::Settings;
use bookflow::memory::interference::{CallKind, Fault};

use crate::cluster::*;
use crate::house::*;
use crate::sums::Extras;

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
    let mut next = house.worker();
    turns(&mut next, 50);
    assert_eq!(house.answers(), 1, "with the older rate it would compute 3");
    rates(&house, &["7"]);
    idle(&mut next);
    assert_eq!(house.sum(0), 9);
}
