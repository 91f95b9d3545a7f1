//! Positions, bounds, moves, lost offsets.

use std::time::Duration;

use bookflow::engine::batch::{Batch, Room};
use bookflow::engine::broker::*;

use crate::cluster::*;

#[test]
fn a_position_passes_the_marker_that_ends_a_transaction() {
    let broker = broker();
    let topic = topic("in", 1);
    let end = write(&broker, at(topic, 0), &["a", "b"]);
    assert_eq!(end, 2);
    let mut reader = broker.reader().expect("reader");
    reader.assign(&[(at(topic, 0), 0)]).expect("assign");
    assert_eq!(reader.position(at(topic, 0)), Some(0));
    let mut batch = Batch::default();
    until("the marker", || {
        reader.poll(Duration::from_millis(50), ROOM, &mut batch).expect("poll");
        (reader.position(at(topic, 0)) == Some(3)).then_some(())
    });
    assert_eq!(reader.bounds(at(topic, 0)), Ok(Bounds { start: 0, end: 3 }));
}

#[test]
fn a_members_position_passes_markers_and_goes_where_it_is_moved() {
    let broker = broker();
    let (topic, group) = (topic("in", 1), unique("group"));
    write(&broker, at(topic, 0), &["a", "b"]);
    let mut consumer = joined(&broker, group, topic);
    assert_eq!((consumer.position(at(topic, 0)), consumer.position(at(topic, 1))), (Some(0), None));
    let mut batch = Batch::default();
    until("the marker", || {
        consumer.poll(Duration::from_millis(50), ROOM, &mut batch).expect("poll");
        (consumer.position(at(topic, 0)) == Some(3)).then_some(())
    });
    consumer.pause(&[at(topic, 0)]).expect("pause");
    assert_eq!(consumer.position(at(topic, 0)), Some(3));
    consumer.seek(at(topic, 0), 0).expect("seek");
    assert_eq!(consumer.position(at(topic, 0)), Some(0), "not where it was");
    consumer.resume(&[at(topic, 0)]).expect("resume");
    batch.clear();
    until("the first record", || {
        consumer.poll(Duration::from_millis(50), Room { records: 1, ..ROOM }, &mut batch).expect("poll");
        (!batch.is_empty()).then_some(())
    });
    assert_eq!((texts(&batch), consumer.position(at(topic, 0))), (vec!["a".to_owned()], Some(1)));
}

/// Where a new task goes on is known a while after its partitions have been given to it.
#[test]
fn what_is_assigned_below_the_logs_start_is_no_loss_before_it_is_fetched() {
    let broker = broker();
    let (topic, group) = (topic("in", 8), unique("group"));
    let partitions: Vec<_> = (0..8).map(|partition| at(topic, partition)).collect();
    for &partition in &partitions {
        write(&broker, partition, &["gone", "read", "next"]);
        delete_before(partition, 2);
    }
    let mut consumer = broker.consumer(&member(group)).expect("consumer");
    consumer.subscribe(topic).expect("subscribe");
    let Rebalance::Assigned(_) = next_event(consumer.as_mut()) else { panic!("first event of a member") };
    let starts: Vec<_> = partitions.iter().map(|&partition| (partition, 0)).collect();
    consumer.assign(&starts).expect("assign");
    let mut batch = Batch::default();
    for _ in 0..10 {
        consumer.poll(Duration::from_millis(50), ROOM, &mut batch).expect("nothing is fetched");
    }
    partitions.iter().for_each(|&partition| consumer.seek(partition, 2).expect("seek"));
    consumer.resume(&partitions).expect("resume");
    let taken = take(consumer.as_mut(), 8);
    assert_eq!((batch.len(), texts(&taken)), (0, vec!["next".to_owned(); 8]));
}

#[test]
fn a_position_passes_an_aborted_transaction() {
    let broker = broker();
    let topic = topic("in", 1);
    let mut producer = broker.producer(unique("worker")).expect("producer");
    producer.begin().expect("begin");
    producer.send(record(at(topic, 0), "undone")).expect("send");
    producer.drain().expect("drain");
    producer.abort().expect("abort");
    let mut reader = broker.reader().expect("reader");
    reader.assign(&[(at(topic, 0), 0)]).expect("assign");
    let mut batch = Batch::default();
    until("the marker", || {
        reader.poll(Duration::from_millis(50), ROOM, &mut batch).expect("poll");
        (reader.position(at(topic, 0)) == Some(2)).then_some(())
    });
    assert!(batch.is_empty());
}

#[test]
fn an_open_transaction_holds_the_readers_end_but_not_the_logs() {
    let broker = broker();
    let (topic, group) = (topic("in", 1), unique("group"));
    write(&broker, at(topic, 0), &["a"]);
    let mut producer = broker.producer(unique("worker")).expect("producer");
    producer.begin().expect("begin");
    producer.send(record(at(topic, 0), "open")).expect("send");
    producer.drain().expect("drain");
    let mut consumer = broker.consumer(&member(group)).expect("consumer");
    let mut reader = broker.reader().expect("reader");
    assert_eq!(reader.bounds(at(topic, 0)), Ok(Bounds { start: 0, end: 2 }));
    assert_eq!(consumer.bounds(at(topic, 0)), Ok(Bounds { start: 0, end: 3 }));
    producer.abort().expect("abort");
}

#[test]
fn a_move_drops_what_had_been_fetched_and_a_pause_loses_nothing() {
    let broker = broker();
    let (topic, group) = (topic("in", 1), unique("group"));
    let words: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    write(&broker, at(topic, 0), &words.iter().map(String::as_str).collect::<Vec<_>>());
    let mut consumer = joined(&broker, group, topic);
    let mut batch = Batch::default();
    let few = Room { records: 10, bytes: 1 << 20 };
    until("ten records", || {
        consumer.poll(Duration::from_millis(100), few, &mut batch).expect("poll");
        (!batch.is_empty()).then_some(())
    });
    assert_eq!(texts(&batch), words[..batch.len()]);

    consumer.pause(&[at(topic, 0)]).expect("pause");
    consumer.seek(at(topic, 0), 40).expect("seek while paused");
    let mut nothing = Batch::default();
    consumer.poll(Duration::from_millis(500), ROOM, &mut nothing).expect("poll");
    assert!(nothing.is_empty(), "{:?}", texts(&nothing));
    consumer.resume(&[at(topic, 0)]).expect("resume");
    assert_eq!(texts(&take(consumer.as_mut(), 60)), words[40..]);

    consumer.seek(at(topic, 0), 97).expect("seek");
    assert_eq!(texts(&take(consumer.as_mut(), 3)), ["97", "98", "99"]);
}

#[test]
fn a_poll_takes_no_more_records_than_there_is_room_for() {
    let broker = broker();
    let (topic, group) = (topic("in", 1), unique("group"));
    write(&broker, at(topic, 0), &["a", "b", "c", "d", "e"]);
    let mut consumer = joined(&broker, group, topic);
    let mut seen = Vec::new();
    until("all", || {
        let mut batch = Batch::default();
        consumer.poll(Duration::from_millis(100), Room { records: 2, bytes: 1 << 20 }, &mut batch).expect("poll");
        assert!(batch.len() <= 2);
        seen.extend(texts(&batch));
        (seen.len() == 5).then_some(())
    });
    assert_eq!(seen, ["a", "b", "c", "d", "e"]);
}

#[test]
fn an_offset_that_is_not_in_the_log_is_named_with_its_partition() {
    let broker = broker();
    let (topic, group) = (topic("in", 3), unique("group"));
    for partition in 0..3 {
        write(&broker, at(topic, partition), &["a"]);
    }
    let mut consumer = broker.consumer(&member(group)).expect("consumer");
    consumer.subscribe(topic).expect("subscribe");
    assert!(matches!(next_event(consumer.as_mut()), Rebalance::Assigned(_)));
    consumer.assign(&[(at(topic, 0), 0), (at(topic, 1), 77), (at(topic, 2), 0)]).expect("assign");
    consumer.resume(&[at(topic, 0), at(topic, 1), at(topic, 2)]).expect("resume");
    let mut batch = Batch::default();
    let error = until("the error", || consumer.poll(Duration::from_millis(100), ROOM, &mut batch).err());
    assert_eq!(error.kind, ErrorKind::OffsetOutOfRange);
    assert!(error.message.contains(&format!("{topic}-1 at 77 (has 0 to 2)")), "{error}");
    assert!(!error.message.contains(&format!("{topic}-0")), "{error}");
}
