//! Requests that arrive late, or whose answer is lost: what they do to a client that believes in Ok.

use std::time::Duration;

use bookflow::engine::broker::*;
use bookflow::engine::clock::Clock;
use bookflow::memory::interference::{CallKind, Fault};

use crate::cluster::*;
use crate::faults::*;

const LATE: Duration = Duration::from_secs(2);
const DOUBLED: Fault = Fault::Doubled { late: LATE };
const WAIT: Duration = Duration::ZERO;

#[test]
fn a_silent_repetition_answers_ok_but_slowly() {
    let stand = Stand::new();
    let topic = stand.topic(1);
    let mut producer = stand.producer("worker");
    begin_with(producer.as_mut(), at(topic, 0), &["a"]);
    stand.plan(CallKind::Commit, DOUBLED);
    let before = stand.clock.elapsed();
    producer.commit().expect("ok");
    assert_eq!(stand.clock.elapsed() - before, Duration::from_secs(1));
    assert_eq!(stand.values(at(topic, 0)), ["a"]);
}

#[test]
fn a_late_commit_publishes_half_of_the_next_turn() {
    let stand = Stand::new();
    let topic = stand.topic(1);
    let mut producer = stand.producer("worker");
    begin_with(producer.as_mut(), at(topic, 0), &["whole"]);
    stand.plan(CallKind::Commit, DOUBLED);
    producer.commit().expect("ok");

    begin_with(producer.as_mut(), at(topic, 0), &["half"]);
    assert_eq!(stand.values(at(topic, 0)), ["whole"]);
    stand.pass(LATE);
    assert_eq!(stand.values(at(topic, 0)), ["whole", "half"]);
    // What comes after it in the same turn finds no transaction.
    producer.send(record(at(topic, 0), "rest")).expect("queued");
    producer.drain().expect_err("the partition was never added to a transaction");
    assert_eq!(stand.values(at(topic, 0)), ["whole", "half"]);
}

#[test]
fn a_late_abort_loses_half_of_a_turn_whose_offsets_are_committed() {
    let stand = Stand::new();
    let (input, output) = (stand.topic(1), stand.topic(1));
    let mut consumer = joined(&stand.broker, "group", input);
    let mut producer = stand.producer("worker");
    begin_with(producer.as_mut(), at(output, 0), &["given up"]);
    stand.plan(CallKind::Abort, DOUBLED);
    producer.abort().expect("ok");

    begin_with(producer.as_mut(), at(output, 0), &["lost"]);
    stand.pass(LATE);
    producer.send_offsets(&[offset(at(input, 0), 7)], &consumer.membership()).expect("a transaction of their own");
    producer.commit().expect("ok");
    assert_eq!(stand.values(at(output, 0)), [""; 0]);
    let committed = consumer.committed(&[at(input, 0)], WAIT).expect("stable");
    assert_eq!(committed[0].as_ref().map(|committed| committed.offset), Some(7));
}

#[test]
fn a_late_commit_of_offsets_moves_them_back() {
    let stand = Stand::new();
    let input = stand.topic(1);
    let mut consumer = joined(&stand.broker, "group", input);
    let mut producer = stand.producer("worker");
    producer.begin().expect("begin");
    stand.plan(CallKind::SendOffsets, DOUBLED);
    producer.send_offsets(&[offset(at(input, 0), 5)], &consumer.membership()).expect("ok");
    producer.commit().expect("ok");

    producer.begin().expect("begin");
    producer.send_offsets(&[offset(at(input, 0), 9)], &consumer.membership()).expect("ok");
    stand.pass(LATE);
    producer.commit().expect("ok");
    let committed = consumer.committed(&[at(input, 0)], WAIT).expect("stable");
    assert_eq!(committed[0].as_ref().map(|committed| committed.offset), Some(5));
}

#[test]
fn a_late_partition_opens_a_transaction_that_only_its_time_limit_ends() {
    let stand = Stand::new();
    let (topic, other) = (stand.topic(1), stand.topic(1));
    let mut producer = stand.producer("worker");
    stand.plan(CallKind::AddPartitions, DOUBLED);
    begin_with(producer.as_mut(), at(topic, 0), &["a"]);
    producer.commit().expect("ok");
    stand.pass(LATE);
    stand.pass(Duration::from_secs(31)); // 20 s, and the broker looks every 10
    producer.begin().expect("begin");
    producer.send(record(at(other, 0), "b")).expect("queued");
    assert_eq!(producer.drain().expect_err("fenced").kind, ErrorKind::Fenced);
    assert_eq!(stand.values(at(topic, 0)), ["a"]);
}

#[test]
fn no_late_request_reaches_a_producer_made_anew() {
    let stand = Stand::new();
    let (input, output) = (stand.topic(1), stand.topic(1));
    let mut consumer = joined(&stand.broker, "group", input);
    let mut producer = stand.producer("worker");
    stand.plan(CallKind::AddPartitions, DOUBLED);
    begin_with(producer.as_mut(), at(output, 0), &["a"]);
    stand.plan(CallKind::SendOffsets, DOUBLED);
    producer.send_offsets(&[offset(at(input, 0), 1)], &consumer.membership()).expect("ok");
    stand.plan(CallKind::Commit, DOUBLED);
    producer.commit().expect("ok");
    drop(producer);

    let mut producer = stand.producer("worker");
    begin_with(producer.as_mut(), at(output, 0), &["b"]);
    producer.send_offsets(&[offset(at(input, 0), 2)], &consumer.membership()).expect("ok");
    stand.pass(LATE * 2);
    assert_eq!(stand.values(at(output, 0)), ["a"]);
    producer.commit().expect("ok");
    assert_eq!(stand.values(at(output, 0)), ["a", "b"]);
    let committed = consumer.committed(&[at(input, 0)], WAIT).expect("stable");
    assert_eq!(committed[0].as_ref().map(|committed| committed.offset), Some(2));
}

#[test]
fn a_commit_whose_answer_is_lost_is_done_and_one_that_never_arrived_is_not() {
    let stand = Stand::new();
    let topic = stand.topic(1);
    for (fault, visible) in [(Fault::AnswerLost, true), (Fault::NotDone, false)] {
        let mut producer = stand.producer("worker");
        let value = format!("{fault:?}");
        begin_with(producer.as_mut(), at(topic, 0), &[&value]);
        stand.plan(CallKind::Commit, fault);
        assert_eq!(producer.commit().expect_err("no answer").kind, ErrorKind::Unavailable);
        stand.producer("worker");
        assert_eq!(stand.values(at(topic, 0)).contains(&value), visible, "{fault:?}");
    }
}

#[test]
fn a_delivery_that_fails_is_told_by_drain_and_leaves_only_the_way_back() {
    let stand = Stand::new();
    let topic = stand.topic(1);
    let mut producer = stand.producer("worker");
    producer.begin().expect("begin");
    for value in ["a", "b", "c"] {
        producer.send(record(at(topic, 0), value)).expect("queued");
    }
    stand.plan(CallKind::Drain, Fault::DeliveryFailed { delivered: 1 });
    assert_eq!(producer.drain().expect_err("two are missing").kind, ErrorKind::Unavailable);
    assert_eq!(producer.delivered(at(topic, 0)), Some(1));
    producer.commit().expect_err("not with records missing");
    producer.abort().expect("abort");
    begin_with(producer.as_mut(), at(topic, 0), &["again"]);
    producer.commit().expect("commit");
    assert_eq!(stand.values(at(topic, 0)), ["again"]);
}

#[test]
fn what_a_producer_has_queued_may_reach_the_log_before_it_is_drained() {
    let stand = Stand::new();
    let topic = stand.topic(1);
    let mut producer = stand.producer("worker");
    producer.begin().expect("begin");
    producer.send(record(at(topic, 0), "queued")).expect("queued");
    assert_eq!(stand.broker.entries(at(topic, 0)).expect("log").len(), 0);
    stand.plan(CallKind::Send, Fault::Delivered);
    producer.send(record(at(topic, 0), "delivered")).expect("delivered");
    assert_eq!(stand.broker.entries(at(topic, 0)).expect("log").len(), 2);
    drop(producer);
    stand.producer("worker");
    assert_eq!(stand.values(at(topic, 0)), [""; 0]);
}
