//! Markers that arrive later than the answer: each place learns for itself how a transaction ended.

use std::time::Duration;

use bookflow::engine::broker::*;
use bookflow::engine::clock::Clock;
use bookflow::memory::interference::{CallKind, Fault};
use bookflow::memory::settings::{MarkerDelays, Settings};

use crate::cluster::*;
use crate::faults::*;

const WAIT: Duration = Duration::ZERO;

fn late(offsets_ms: u64, data_ms: u64) -> Fault {
    Fault::Markers(MarkerDelays { offsets: Duration::from_millis(offsets_ms), data: Duration::from_millis(data_ms) })
}

/// A turn with five records on each of two partitions, and its offsets.
fn turn(producer: &mut dyn Producer, input: &'static str, output: &'static str, member: &GroupMembership) {
    begin_with(producer, at(output, 0), &["1", "2", "3", "4", "5"]);
    for value in ["6", "7", "8", "9", "10"] {
        producer.send(record(at(output, 1), value)).expect("send");
    }
    producer.drain().expect("drain");
    producer.send_offsets(&[offset(at(input, 0), 10)], member).expect("offsets");
}

#[test]
fn five_committed_records_are_invisible_while_the_offsets_are_already_stable() {
    let stand = Stand::new();
    let (input, output) = (stand.topic(1), stand.topic(2));
    let mut consumer = joined(&stand.broker, "group", input);
    let mut producer = stand.producer("worker");
    turn(producer.as_mut(), input, output, &consumer.membership());
    stand.plan(CallKind::Commit, late(0, 10));
    producer.commit().expect("ok");

    let visible = || (stand.values(at(output, 0)).len(), stand.values(at(output, 1)).len());
    assert!(consumer.committed(&[at(input, 0)], WAIT).expect("stable")[0].is_some());
    assert_eq!(visible(), (0, 0));
    stand.pass(Duration::from_millis(10));
    assert_eq!(visible(), (5, 0));
    stand.pass(Duration::from_millis(10));
    assert_eq!(visible(), (5, 5));
}

#[test]
fn offsets_are_pending_while_the_records_are_already_visible() {
    let stand = Stand::new();
    let (input, output) = (stand.topic(1), stand.topic(2));
    let mut consumer = joined(&stand.broker, "group", input);
    let mut producer = stand.producer("worker");
    turn(producer.as_mut(), input, output, &consumer.membership());
    stand.plan(CallKind::Commit, late(50, 0));
    producer.commit().expect("ok");
    assert_eq!(stand.values(at(output, 1)).len(), 5);
    let error = consumer.committed(&[at(input, 0)], WAIT).expect_err("pending");
    assert_eq!(error.kind, ErrorKind::Unavailable);
    stand.pass(Duration::from_millis(50));
    assert!(consumer.committed(&[at(input, 0)], WAIT).expect("stable")[0].is_some());
}

#[test]
fn the_next_transaction_of_a_producer_waits_until_every_marker_has_arrived() {
    let stand = Stand::new();
    let (input, output) = (stand.topic(1), stand.topic(2));
    let consumer = joined(&stand.broker, "group", input);
    let mut producer = stand.producer("worker");
    turn(producer.as_mut(), input, output, &consumer.membership());
    stand.plan(CallKind::Commit, late(0, 40));
    producer.commit().expect("ok");
    let before = stand.clock.elapsed();
    begin_with(producer.as_mut(), at(output, 0), &["next"]);
    assert_eq!(stand.clock.elapsed() - before, Duration::from_millis(80));
    assert_eq!(stand.values(at(output, 1)).len(), 5);
}

#[test]
fn a_producer_made_anew_waits_until_every_marker_has_arrived() {
    let stand = Stand::new();
    let (input, output) = (stand.topic(1), stand.topic(2));
    let mut consumer = joined(&stand.broker, "group", input);
    let mut producer = stand.producer("worker");
    turn(producer.as_mut(), input, output, &consumer.membership());
    stand.plan(CallKind::Commit, late(300, 200));
    producer.commit().expect("ok");
    stand.producer("worker");
    assert_eq!((stand.values(at(output, 0)).len(), stand.values(at(output, 1)).len()), (5, 5));
    assert!(consumer.committed(&[at(input, 0)], WAIT).expect("stable")[0].is_some());
}

#[test]
fn what_a_fenced_producer_writes_before_the_marker_arrives_goes_with_the_rest() {
    let markers = MarkerDelays { data: Duration::from_secs(1), ..MarkerDelays::default() };
    let stand = Stand::with(Settings { markers, ..Settings::default() });
    let topic = stand.topic(1);
    let mut zombie = stand.producer("worker");
    begin_with(zombie.as_mut(), at(topic, 0), &["in time"]);
    stand.pass(Duration::from_secs(30)); // 20 s, and the broker looks every 10
    zombie.send(record(at(topic, 0), "too late")).expect("queued");
    zombie.drain().expect("the partition does not know yet");
    stand.pass(Duration::from_secs(1));
    assert_eq!(stand.broker.entries(at(topic, 0)).expect("log").len(), 3);
    assert_eq!(stand.values(at(topic, 0)), [""; 0]);
    zombie.send(record(at(topic, 0), "much too late")).expect("queued");
    assert_eq!(zombie.drain().expect_err("now it knows").kind, ErrorKind::Fenced);
}

#[test]
fn a_marker_takes_an_offset_in_every_partition_of_its_transaction() {
    let stand = Stand::new();
    let topic = stand.topic(2);
    let mut producer = stand.producer("worker");
    for _ in 0..3 {
        begin_with(producer.as_mut(), at(topic, 0), &["a"]);
        producer.send(record(at(topic, 1), "b")).expect("send");
        producer.drain().expect("drain");
        producer.commit().expect("commit");
    }
    assert_eq!(producer.delivered(at(topic, 0)), Some(5));
    let mut reader = stand.broker.reader().expect("reader");
    assert_eq!(reader.bounds(at(topic, 1)), Ok(Bounds { start: 0, end: 6 }));
}
