//! Requests that arrive late: what they do to a client that believes in Ok, and what makes them harmless.

use std::time::{Duration, Instant};

use bookflow::engine::broker::*;
use bookflow::engine::settings::Settings;

use crate::cluster::*;
use crate::proxy::{Api, Loss, Proxy};

const WAIT: Duration = Duration::from_secs(10);

fn one_record(producer: &mut dyn Producer, to: TopicPartition, value: &str) {
    producer.begin().expect("begin");
    producer.send(record(to, value)).expect("send");
    producer.drain().expect("drain");
}

/// These values and no others become visible; a marker may reach a partition after the commit is answered.
fn visible(partition: TopicPartition, expected: &[&str]) {
    until("the values that were committed", || (values(&broker(), partition) == expected).then_some(()));
}

/// What the engine takes for a silent retry.
fn doubt_after() -> Duration {
    Settings::default().doubt_after
}

fn timed<T>(call: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    (call(), start.elapsed())
}

/// One turn is committed while the first copy of that commit is kept back; the answer is Ok, but it comes slowly.
fn commit_with_a_twin(proxy: &Proxy, producer: &mut dyn Producer, id: &str) {
    proxy.hold_next(Api::END_TXN, id, Loss::Disconnect);
    let (answer, took) = timed(|| producer.commit());
    answer.expect("librdkafka retried silently");
    proxy.wait_held();
    assert!(took >= doubt_after(), "a silent retry cannot be told from a normal answer: {took:?}");
}

#[test]
fn a_late_copy_of_a_commit_publishes_half_of_the_next_turn() {
    let proxy = Proxy::start();
    let broker = broker_at(proxy.bootstrap());
    let (output, id) = (topic("out", 1), unique("worker"));
    let mut producer = broker.producer(id).expect("producer");
    one_record(producer.as_mut(), at(output, 0), "whole");
    commit_with_a_twin(&proxy, producer.as_mut(), id);

    one_record(producer.as_mut(), at(output, 0), "half");
    let late = proxy.deliver();
    assert_eq!((late.len(), late[0].api), (1, Api::END_TXN));
    producer.abort().expect_err("there is nothing left to abort");
    visible(at(output, 0), &["whole", "half"]);
    let counts = proxy.counts();
    assert_eq!((counts.held, counts.delivered_late), (1, 1));
    assert!(counts.of(Api::END_TXN) >= 3, "the copy held, its retry, and the abort: {counts:?}");
}

#[test]
fn a_producer_made_anew_after_a_slow_ok_is_safe_from_the_late_copy() {
    let proxy = Proxy::start();
    let broker = broker_at(proxy.bootstrap());
    let (output, id) = (topic("out", 1), unique("worker"));
    let mut producer = broker.producer(id).expect("producer");
    one_record(producer.as_mut(), at(output, 0), "whole");
    commit_with_a_twin(&proxy, producer.as_mut(), id);
    drop(producer);

    let mut producer = broker.producer(id).expect("a new producer of the same id");
    one_record(producer.as_mut(), at(output, 0), "undone");
    proxy.deliver();
    producer.abort().expect("our own abort");
    one_record(producer.as_mut(), at(output, 0), "next");
    producer.commit().expect("commit");
    visible(at(output, 0), &["whole", "next"]);
}

#[test]
fn a_late_copy_of_an_abort_undoes_half_of_the_next_turn() {
    let proxy = Proxy::start();
    let broker = broker_at(proxy.bootstrap());
    let (output, id) = (topic("out", 1), unique("worker"));
    let mut producer = broker.producer(id).expect("producer");
    one_record(producer.as_mut(), at(output, 0), "undone");
    proxy.hold_next(Api::END_TXN, id, Loss::Disconnect);
    let (answer, took) = timed(|| producer.abort());
    answer.expect("librdkafka retried silently");
    assert!(took >= doubt_after(), "{took:?}");

    one_record(producer.as_mut(), at(output, 0), "half that is lost");
    proxy.deliver();
    let rest = producer.send(record(at(output, 0), "other half")).and_then(|()| producer.drain());
    rest.and_then(|()| producer.commit()).expect_err("the transaction is gone");
    assert_eq!(values(&crate::cluster::broker(), at(output, 0)), [""; 0]);
}

#[test]
fn a_late_copy_of_offsets_moves_them_back() {
    let proxy = Proxy::start();
    let broker = broker_at(proxy.bootstrap());
    let (input, id, group) = (topic("in", 1), unique("worker"), unique("group"));
    let mut consumer = joined(&broker, group, input);
    let mut producer = broker.producer(id).expect("producer");
    let offsets = |offset| [OffsetToCommit { partition: at(input, 0), offset, metadata: format!("turn {offset}") }];

    proxy.hold_next(Api::TXN_OFFSET_COMMIT, id, Loss::Disconnect);
    producer.begin().expect("begin");
    let (answer, took) = timed(|| producer.send_offsets(&offsets(1), &consumer.membership()));
    answer.expect("librdkafka retried silently");
    assert!(took >= doubt_after(), "{took:?}");
    producer.commit().expect("commit");

    producer.begin().expect("begin");
    producer.send_offsets(&offsets(2), &consumer.membership()).expect("offsets");
    proxy.deliver();
    producer.commit().expect("commit");
    let committed = consumer.committed(&[at(input, 0)], WAIT).expect("committed");
    assert_eq!(committed, [Some(CommittedOffset { offset: 1, metadata: "turn 1".to_owned() })]);
}

#[test]
fn offsets_alone_right_behind_an_abort_are_not_taken_for_a_silent_retry() {
    let (broker, input, output, group) = (broker(), topic("in", 1), topic("out", 1), unique("group"));
    let consumer = joined(&broker, group, input);
    let mut producer = broker.producer(unique("worker")).expect("producer");
    for offset in 1..=5 {
        one_record(producer.as_mut(), at(output, 0), "undone");
        producer.abort().expect("abort");
        let offset = OffsetToCommit { partition: at(input, 0), offset, metadata: String::new() };
        producer.begin().expect("begin");
        let (sent, took) = timed(|| producer.send_offsets(&[offset], &consumer.membership()));
        sent.expect("offsets");
        producer.commit().expect("commit");
        assert!(took < doubt_after(), "{took:?}");
    }
}

#[test]
fn an_answer_that_is_lost_makes_a_slow_ok_or_an_error_but_no_second_record() {
    for loss in [Loss::Disconnect, Loss::Silence] {
        let proxy = Proxy::start();
        let broker = broker_at(proxy.bootstrap());
        let (output, id) = (topic("out", 1), unique("worker"));
        let mut producer = broker.producer(id).expect("producer");
        one_record(producer.as_mut(), at(output, 0), "once");
        proxy.lose_answers(Api::END_TXN, 1, loss);
        let (answer, took) = timed(|| producer.commit());
        assert!(answer.is_err() || took >= doubt_after(), "{loss:?}: {answer:?} after {took:?}");
        assert_eq!(proxy.counts().answers_lost, 1);
        drop(producer);
        broker.producer(id).expect("resolves what was open");
        visible(at(output, 0), &["once"]);
    }
}

#[test]
fn a_lost_answer_to_a_produce_request_does_not_double_the_record() {
    let proxy = Proxy::start();
    let broker = broker_at(proxy.bootstrap());
    let (output, id) = (topic("out", 1), unique("worker"));
    let mut producer = broker.producer(id).expect("producer");
    proxy.lose_answers(Api::PRODUCE, 1, Loss::Disconnect);
    one_record(producer.as_mut(), at(output, 0), "once");
    producer.commit().expect("commit");
    assert!(proxy.counts().of(Api::PRODUCE) >= 2);
    visible(at(output, 0), &["once"]);
}

#[test]
fn a_delay_is_felt_and_nothing_else_happens() {
    let proxy = Proxy::start();
    let broker = broker_at(proxy.bootstrap());
    let (output, id) = (topic("out", 1), unique("worker"));
    let mut producer = broker.producer(id).expect("producer");
    proxy.delay(Api::END_TXN, Duration::from_millis(300));
    one_record(producer.as_mut(), at(output, 0), "slow");
    let (answer, took) = timed(|| producer.commit());
    answer.expect("commit");
    assert!(took >= Duration::from_millis(300), "{took:?}");
    visible(at(output, 0), &["slow"]);
}

#[test]
fn a_drain_ends_with_the_last_report_and_not_with_the_next_look() {
    let (broker, output) = (broker(), topic("out", 1));
    let mut producer = broker.producer(unique("worker")).expect("producer");
    // On a busy machine most of them take longer for other reasons; none is as quick where each waits for the next look.
    let mut drains = (0..500).map(|number: u32| {
        producer.begin().expect("begin");
        producer.send(record(at(output, 0), &number.to_string())).expect("send");
        let (drained, took) = timed(|| producer.drain());
        drained.expect("drain");
        producer.commit().expect("commit");
        took
    });
    assert!(drains.any(|took| took < Duration::from_millis(10)), "looks are 10 ms apart");
}
