//! Turns, marks, fencing.

use std::time::{Duration, Instant};

use bookflow::engine::broker::*;

use crate::cluster::*;

const WAIT: Duration = Duration::from_secs(10);

fn offset(partition: TopicPartition, offset: i64, metadata: &str) -> OffsetToCommit {
    OffsetToCommit { partition, offset, metadata: metadata.to_owned() }
}

#[test]
fn a_committed_turn_is_seen_and_its_mark_comes_back() {
    let broker = broker();
    let (input, output, group) = (topic("in", 1), topic("out", 1), unique("group"));
    write(&broker, at(input, 0), &["a", "b"]);
    let mut consumer = joined(&broker, group, input);
    let batch = take(consumer.as_mut(), 2);
    assert_eq!(texts(&batch), ["a", "b"]);

    let mut producer = broker.producer(unique("worker")).expect("producer");
    producer.begin().expect("begin");
    for value in texts(&batch) {
        producer.send(record(at(output, 0), &value)).expect("send");
    }
    producer.drain().expect("drain");
    assert_eq!(producer.delivered(at(output, 0)), Some(2));
    assert_eq!(producer.delivered(at(input, 0)), None);
    let mark = "turn=7;generation=1;äöü";
    producer.send_offsets(&[offset(at(input, 0), 3, mark)], &consumer.membership()).expect("offsets");
    producer.commit().expect("commit");

    let committed = consumer.committed(&[at(input, 0), at(output, 0)], WAIT).expect("committed");
    assert_eq!(committed, [Some(CommittedOffset { offset: 3, metadata: mark.to_owned() }), None]);
    assert_eq!(values(&broker, at(output, 0)), ["a", "b"]);
}

#[test]
fn an_aborted_turn_leaves_no_record_and_no_offset() {
    let broker = broker();
    let (input, output, group) = (topic("in", 1), topic("out", 1), unique("group"));
    write(&broker, at(input, 0), &["a"]);
    let mut consumer = joined(&broker, group, input);
    let mut producer = broker.producer(unique("worker")).expect("producer");
    producer.begin().expect("begin");
    producer.send(record(at(output, 0), "undone")).expect("send");
    producer.drain().expect("drain");
    producer.send_offsets(&[offset(at(input, 0), 1, "")], &consumer.membership()).expect("offsets");
    producer.abort().expect("abort");
    producer.begin().expect("begin again");
    producer.send(record(at(output, 0), "kept")).expect("send");
    producer.drain().expect("drain");
    producer.commit().expect("commit");
    assert_eq!(values(&broker, at(output, 0)), ["kept"]);
    assert_eq!(consumer.committed(&[at(input, 0)], WAIT).expect("committed"), [None]);
}

#[test]
fn an_abort_does_not_wait_for_the_reports_that_nobody_asks_for() {
    let broker = broker();
    let output = topic("out", 1);
    let mut producer = broker.producer(unique("worker")).expect("producer");
    for pause_ms in [0, 2, 50] {
        producer.begin().expect("begin");
        for _ in 0..1_000 {
            producer.send(record(at(output, 0), "undone")).expect("send");
        }
        std::thread::sleep(Duration::from_millis(pause_ms)); // queued, on their way, or arrived
        let start = Instant::now();
        producer.abort().expect("abort");
        assert!(start.elapsed() < Duration::from_secs(3), "{pause_ms}: {:?}", start.elapsed());
    }
    producer.begin().expect("begin");
    producer.send(record(at(output, 0), "kept")).expect("send");
    producer.drain().expect("drain");
    producer.commit().expect("commit");
    assert_eq!(values(&broker, at(output, 0)), ["kept"]);
}

#[test]
fn offsets_of_another_generation_or_a_stranger_are_refused_and_those_of_nobody_are_not() {
    let broker = broker();
    let (input, group) = (topic("in", 1), unique("group"));
    write(&broker, at(input, 0), &["a"]);
    let mut consumer = joined(&broker, group, input);
    let us = consumer.membership();
    assert!(us.valid(), "{us:?}");
    let refused = [
        GroupMembership { generation: us.generation + 1, ..us.clone() },
        GroupMembership { member_id: "stranger".to_owned(), ..us.clone() },
    ];
    for member in refused {
        let mut producer = broker.producer(unique("worker")).expect("producer");
        producer.begin().expect("begin");
        let error = producer.send_offsets(&[offset(at(input, 0), 1, "")], &member).expect_err("refused");
        assert_eq!(error.kind, ErrorKind::NotMember, "{member:?}: {error}");
    }
    assert_eq!(consumer.committed(&[at(input, 0)], WAIT).expect("committed"), [None]);

    // Why no turn may open with such a membership: the group is live, and still nobody can move its offsets.
    let nobody = GroupMembership { generation: -1, member_id: String::new(), ..us };
    let mut producer = broker.producer(unique("worker")).expect("producer");
    producer.begin().expect("begin");
    producer.send_offsets(&[offset(at(input, 0), 1, "")], &nobody).expect("accepted");
    producer.commit().expect("committed");
    let committed = consumer.committed(&[at(input, 0)], WAIT).expect("committed");
    assert_eq!(committed[0].as_ref().map(|committed| committed.offset), Some(1));
}

#[test]
fn a_second_producer_of_the_same_id_ends_the_first_ones_transaction_and_fences_it() {
    let broker = broker();
    let (output, id) = (topic("out", 1), unique("worker"));
    let mut first = broker.producer(id).expect("first");
    first.begin().expect("begin");
    first.send(record(at(output, 0), "of the first")).expect("send");
    first.drain().expect("drain");
    let mut second = broker.producer(id).expect("second");
    let error = first.commit().expect_err("fenced");
    assert_eq!(error.kind, ErrorKind::Fenced, "{error}");
    second.begin().expect("begin");
    second.send(record(at(output, 0), "of the second")).expect("send");
    second.drain().expect("drain");
    second.commit().expect("commit");
    assert_eq!(values(&broker, at(output, 0)), ["of the second"]);
}

#[test]
fn a_producer_that_is_fenced_says_so_whatever_becomes_of_its_records() {
    let broker = broker();
    let (output, id) = (topic("out", 4), unique("worker"));
    for already in [0, 2, 4] {
        let mut first = broker.producer(id).expect("first");
        first.begin().expect("begin");
        for partition in 0..already {
            first.send(record(at(output, partition), "of the first")).expect("send");
        }
        first.drain().expect("drain");
        let _second = broker.producer(id).expect("second");
        let sent = (0..400).try_for_each(|number| first.send(record(at(output, number % 4), "too late")));
        let error = sent.and_then(|()| first.drain()).expect_err("fenced");
        assert_eq!(error.kind, ErrorKind::Fenced, "{already}: {error}");
    }
}

#[test]
fn a_transaction_over_its_time_is_ended_by_the_broker_and_its_producer_is_fenced() {
    let broker = hasty_broker();
    let output = topic("out", 1);
    let mut producer = broker.producer(unique("worker")).expect("producer");
    producer.begin().expect("begin");
    producer.send(record(at(output, 0), "too late")).expect("send");
    producer.drain().expect("drain");
    std::thread::sleep(transaction_over());
    let error = producer.commit().expect_err("over its time");
    assert_eq!(error.kind, ErrorKind::Fenced, "{error}");
    assert_eq!(values(&broker, at(output, 0)), [""; 0]);
}

#[test]
fn a_record_that_the_topic_does_not_take_is_told_by_drain() {
    let broker = broker();
    let output = topic_with("small", 1, &[("max.message.bytes", "2000")]);
    let mut producer = broker.producer(unique("worker")).expect("producer");
    producer.begin().expect("begin");
    producer.send(record(at(output, 0), &"x".repeat(3_000))).expect("send");
    let error = producer.drain().expect_err("too large");
    assert_eq!(error.kind, ErrorKind::TooLarge, "{error}");
    assert!(error.message.contains(output), "{error}");
}

#[test]
fn offsets_of_an_open_transaction_are_pending_until_it_ends() {
    let broker = broker();
    let (input, group) = (topic("in", 2), unique("group"));
    let mut consumer = joined(&broker, group, input);
    let mut producer = broker.producer(unique("worker")).expect("producer");
    producer.begin().expect("begin");
    producer.send_offsets(&[offset(at(input, 0), 4, "mark")], &consumer.membership()).expect("offsets");
    let error = consumer.committed(&[at(input, 0)], Duration::from_millis(300)).expect_err("pending");
    assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
    assert_eq!(consumer.committed(&[at(input, 1)], WAIT).expect("nothing is pending here"), [None]);
    producer.commit().expect("commit");
    let committed = consumer.committed(&[at(input, 0)], WAIT).expect("committed");
    assert_eq!(committed, [Some(CommittedOffset { offset: 4, metadata: "mark".to_owned() })]);
}

#[test]
fn a_producer_made_anew_finds_the_offsets_of_the_one_before_decided() {
    let broker = broker();
    let (input, group, id) = (topic("in", 1), unique("group"), unique("worker"));
    let mut consumer = joined(&broker, group, input);
    let mut producer = broker.producer(id).expect("producer");
    producer.begin().expect("begin");
    producer.send_offsets(&[offset(at(input, 0), 4, "")], &consumer.membership()).expect("offsets");
    drop(producer);
    let _anew = broker.producer(id).expect("producer made anew");
    assert_eq!(consumer.committed(&[at(input, 0)], WAIT).expect("decided"), [None]);
}

#[test]
fn a_transaction_in_which_nothing_was_sent_ends_without_a_trace() {
    let broker = broker();
    let topic = topic("out", 1);
    let mut producer = broker.producer(unique("worker")).expect("producer");
    for _ in 0..2 {
        producer.begin().expect("begin");
        producer.commit().expect("commit nothing");
        producer.begin().expect("begin");
        producer.abort().expect("abort nothing");
    }
    let mut reader = broker.reader().expect("reader");
    assert_eq!(reader.bounds(at(topic, 0)), Ok(Bounds { start: 0, end: 0 }));
}

#[test]
fn headers_and_tombstones_survive_the_way() {
    let broker = broker();
    let (topic, group) = (topic("in", 1), unique("group"));
    let mut producer = broker.producer(unique("worker")).expect("producer");
    let headers = [Header { name: "reason".to_owned(), value: b"wrong_key".to_vec() }];
    producer.begin().expect("begin");
    let tombstone = Outgoing { to: at(topic, 0), key: Some(b"gone"), value: None, headers: &headers };
    producer.send(tombstone).expect("send");
    producer.drain().expect("drain");
    producer.commit().expect("commit");
    let mut consumer = joined(&broker, group, topic);
    let batch = take(consumer.as_mut(), 1);
    let read = batch.get(0).expect("one record");
    assert_eq!((read.key, read.value, read.headers), (Some(b"gone".as_slice()), None, headers.as_slice()));
    assert_eq!((read.from, read.offset), (at(topic, 0), 0));
    assert!(read.timestamp_us > 1_600_000_000_000_000, "{}", read.timestamp_us);
}

#[test]
fn many_records_at_once_keep_their_order_in_each_partition() {
    let broker = broker();
    let topic = topic("out", 2);
    let headers = [Header { name: "reason".to_owned(), value: b"wrong_key".to_vec() }];
    let names: Vec<String> = (0..1_500).map(|number| number.to_string()).collect();
    // Runs of one partition, single records of the other one, and headers in between.
    let partition = |number: usize| i32::from(number.is_multiple_of(400) || (700..710).contains(&number));
    let records = names.iter().enumerate().map(|(number, name)| Outgoing {
        headers: if number.is_multiple_of(450) { &headers } else { &[] },
        ..record(at(topic, partition(number)), name)
    });
    let mut producer = broker.producer(unique("worker")).expect("producer");
    producer.begin().expect("begin");
    producer.send_all(&mut records.clone()).expect("send");
    producer.drain().expect("drain");
    producer.commit().expect("commit");
    for to in [at(topic, 0), at(topic, 1)] {
        let sent: Vec<_> = names.iter().enumerate().filter(|(number, _)| partition(*number) == to.partition).collect();
        assert_eq!(producer.delivered(to), Some(sent.len() as i64));
        // The commit's marker may come later than its answer.
        let seen = until("all of them", || Some(values(&broker, to)).filter(|seen| seen.len() == sent.len()));
        assert!(seen.iter().eq(sent.into_iter().map(|(_, name)| name)), "{to}");
    }
}
