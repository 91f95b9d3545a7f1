//! Rules 9 and 13: offsets that expire, never were, or point to nothing.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bookflow::engine::broker::*;
use bookflow::engine::clock::Clock;
use bookflow::engine::first_start::first_start;
use bookflow::engine::settings::Settings;
use bookflow::engine::stop::Stop;
use bookflow::engine::topology::TopologyError;
use bookflow::engine::worker::Worker;
use bookflow::memory::interference::{CallKind, Fault};

use crate::cluster::*;
use crate::faults::{begin_with, offset};
use crate::house::*;
use crate::sums::Extras;

const DAY: Duration = Duration::from_secs(24 * 3_600);

// Rule 9: offsets of topics that nobody subscribes to expire after 7 days.
#[test]
fn offsets_of_companions_and_of_idle_partitions_do_not_expire_while_a_worker_runs() {
    let house = House::with(|stand| Extras { companion: Some(stand.topic(PARTITIONS)), ..Extras::default() });
    house.first_start().expect("first start");
    let companion = house.extras.companion.expect("there is one");
    house.write_to(companion, 3, &["1"]);
    let mut worker = house.worker();
    idle(&mut worker);
    let step = Duration::from_secs(100); // it polls in between, or it would be put out of its group
    for _ in 0..20 * DAY.as_secs() / step.as_secs() {
        house.stand.pass(step);
        turns(&mut worker, 1);
    }
    worker.close().expect("closes");
    let mut next = house.worker();
    for partition in 0..PARTITIONS {
        house.write_to(companion, partition, &["10"]);
        house.write(partition, &["100"]);
    }
    idle(&mut next);
    assert_eq!([0, 1, 2, 3].map(|partition| house.sum(partition)), [110, 110, 110, 111]);
}

// Rule 13.
#[test]
fn a_group_that_is_half_started_is_refused_and_the_partition_named() {
    let house = House::with(|_| Extras::default());
    let mut producer = house.stand.producer("somebody");
    let group = house.topology.stages[0].group();
    let nobody = GroupMembership { group, generation: -1, member_id: String::new(), instance_id: None };
    producer.begin().expect("begin");
    producer.send_offsets(&[offset(at(house.topics.numbers, 0), 0)], &nobody).expect("offsets");
    producer.commit().expect("commit");
    let refused = house.first_start().expect_err("half started");
    assert!(
        matches!(refused, Stop::NeverStarted { partition } if partition == at(house.topics.numbers, 1)),
        "{refused}"
    );
    let stopped = stop(&mut house.worker());
    assert_eq!(stopped.exit_code(), 3, "{stopped}");
}

// Rule 13.
#[test]
fn input_lost_before_a_takeover_stops_the_worker_and_the_partition_is_named() {
    let house = House::new();
    house.write(2, &["1", "2", "3"]);
    house.stand.broker.delete_before(at(house.topics.numbers, 2), 2).expect("deleted");
    let stopped = stop(&mut house.worker());
    let lost = at(house.topics.numbers, 2);
    assert!(matches!(stopped, Stop::InputLost { partition, wanted: 0, start: 2 } if partition == lost), "{stopped}");
    assert_eq!(stopped.exit_code(), 3);
}

/// A record and its marker.
fn write_in_transaction(house: &House, partition: i32, value: &str) {
    let mut producer = house.stand.producer("upstream");
    begin_with(producer.as_mut(), at(house.topics.numbers, partition), &[value]);
    producer.commit().expect("commit");
}

/// A worker that has come to the end of a partition where markers stand behind its last turn, up to 4.
fn behind_markers(house: &House, partition: i32) -> Worker {
    write_in_transaction(house, partition, "1");
    let mut worker = house.worker();
    idle(&mut worker);
    let mut upstream = house.stand.producer("upstream");
    begin_with(upstream.as_mut(), at(house.topics.numbers, partition), &["undone"]);
    upstream.abort().expect("abort");
    turns(&mut worker, 2);
    assert_eq!(house.mark(partition).turn, 2, "an attempt and the record: no turn for markers alone");
    worker
}

/// Retention deletes markers with their records, and what has been read is no loss.
fn goes_on_behind_them(house: &House, partition: i32) {
    house.stand.broker.delete_before(at(house.topics.numbers, partition), 4).expect("deleted");
    house.write(partition, &["2"]);
    idle(&mut house.worker());
    assert_eq!(house.sum(partition), 3);
}

// Rule 13.
#[test]
fn a_quiet_partition_that_retention_has_emptied_loses_nothing() {
    let house = House::new();
    let mut worker = behind_markers(&house, 2);
    for _ in 0..3 {
        house.stand.pass(house.settings.pass_after / 2);
        turns(&mut worker, 2);
    }
    assert_eq!(house.mark(2).turn, 3, "unless nothing else comes");
    drop(worker);
    house.forget_the_dead();
    goes_on_behind_them(&house, 2);
}

// Rule 13: who leaves in order says how far the log has been read.
#[test]
fn markers_that_were_passed_are_committed_on_leaving() {
    let house = House::new();
    behind_markers(&house, 2).close().expect("closes");
    goes_on_behind_them(&house, 2);
}

// Rule 13: a marker is passed when all before it has been taken, and not when it has only been fetched.
#[test]
fn markers_behind_a_record_that_waits_are_not_passed() {
    let house = House::new();
    house.switches.outage.store(true, Ordering::Relaxed);
    write_in_transaction(&house, 2, "needs");
    write_in_transaction(&house, 2, "2");
    let mut worker = house.worker();
    for _ in 0..10 {
        house.stand.pass(house.settings.pass_after / 2);
        turns(&mut worker, 10);
    }
    worker.close().expect("closes");
    house.switches.outage.store(false, Ordering::Relaxed);
    idle(&mut house.worker());
    assert_eq!((house.sum(2), house.answers()), (2, 2));
}

// Rule 13: what is lost is skipped only when somebody has said so, and however often the turn behind it is undone.
#[test]
fn input_that_is_lost_is_skipped_when_that_is_asked_for() {
    let house = House::new();
    house.write(2, &["1", "2", "needs", "4"]);
    house.stand.broker.delete_before(at(house.topics.numbers, 2), 2).expect("deleted");
    let skipping = Settings { skip_lost_input: true, ..house.settings.clone() };
    house.switches.outage.store(true, Ordering::Relaxed);
    house.stand.plan(CallKind::Commit, Fault::NotDone);
    let mut worker = house.worker_with(skipping.clone());
    turns(&mut worker, 50);
    house.switches.outage.store(false, Ordering::Relaxed);
    house.stand.pass(skipping.backoff_max);
    idle(&mut worker);
    worker.close().expect("closes");
    assert_eq!((house.sum(2), house.answers()), (4, 2));
    idle(&mut house.worker());
}

// Rule 13: a partition whose offset is gone is otherwise silent for ever.
#[test]
fn input_lost_under_a_running_worker_stops_it_and_the_partition_is_named() {
    let house = House::new();
    let mut worker = house.worker();
    idle(&mut worker);
    house.write(1, &["1", "2", "3"]);
    house.stand.broker.delete_before(at(house.topics.numbers, 1), 3).expect("deleted");
    let stopped = stop(&mut worker);
    assert_eq!(stopped.exit_code(), 3);
    assert!(stopped.to_string().contains(&at(house.topics.numbers, 1).to_string()), "{stopped}");
}

// Rule 13: metadata that is no mark is somebody else's offset.
#[test]
fn offsets_that_something_else_has_set_stop_the_worker() {
    let house = House::new();
    let group = house.topology.stages[0].group();
    let nobody = GroupMembership { group, generation: -1, member_id: String::new(), instance_id: None };
    let mut producer = house.stand.producer("somebody");
    producer.begin().expect("begin");
    producer.send_offsets(&[offset(at(house.topics.numbers, 3), 0)], &nobody).expect("offsets");
    producer.commit().expect("commit");
    let stopped = stop(&mut house.worker());
    assert!(matches!(stopped, Stop::NotAMark { partition, .. } if partition == at(house.topics.numbers, 3)));
}

// Rule 13: right after its topics were made a cluster elects its coordinators, and brokers hear of topics one by one.
#[test]
fn a_first_start_waits_for_a_cluster_that_has_just_been_given_its_topics() {
    let house = House::with(|_| Extras::default());
    let (stand, answers) = (&house.stand, house.topics.answers);
    stand.broker.delete_topic(answers);
    let broker = stand.broker.clone();
    (0..4).for_each(|_| stand.plan(CallKind::Metadata, Fault::None));
    stand.happen(CallKind::Metadata, move || {
        broker.create_topic(answers, PARTITIONS, &[]).expect("created");
        Fault::None
    });
    let stage = &house.topology.stages[0];
    let checked = house.topology.await_topics(stage, &stand.broker, stand.clock.as_ref()).expect("it is there by now");
    for call in [CallKind::Init, CallKind::Committed, CallKind::SendOffsets] {
        stand.plan(call, Fault::NotDone);
    }
    first_start(&checked, &stand.broker, stand.clock.as_ref(), Duration::ZERO).expect("tried again");

    stand.broker.delete_topic(answers);
    let before = stand.clock.elapsed();
    let missing = house.topology.await_topics(stage, &stand.broker, stand.clock.as_ref()).err().expect("never made");
    assert!(matches!(missing, TopologyError::MissingTopic { topic, .. } if topic == answers), "{missing}");
    assert!(stand.clock.elapsed() - before < Duration::from_secs(20));
}
