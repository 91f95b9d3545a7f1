//! What happens to logs and offsets by themselves: cleaning, retention, loss.

use std::time::Duration;

use bookflow::engine::batch::Batch;
use bookflow::engine::broker::*;
use bookflow::memory::admin::LogEntry;

use crate::cluster::*;
use crate::faults::*;

const COMPACTED: [(&str, &str); 2] = [("cleanup.policy", "compact"), ("delete.retention.ms", "60000")];

fn put(stand: &Stand, to: TopicPartition, key: &str, value: Option<&str>) -> i64 {
    let (key, value) = (Some(key.as_bytes()), value.map(str::as_bytes));
    stand.broker.append(Outgoing { to, key, value, headers: &[] }).expect("append")
}

/// Offsets and keys of the records that are there.
fn records(stand: &Stand, partition: TopicPartition) -> Vec<(i64, String)> {
    let entries = stand.broker.entries(partition).expect("log");
    let record = |entry| match entry {
        LogEntry::Record { offset, key, .. } => {
            Some((offset, String::from_utf8(key.unwrap_or_default()).expect("text")))
        }
        LogEntry::Aborted { .. } | LogEntry::Marker { .. } => None,
    };
    entries.into_iter().filter_map(record).collect()
}

#[test]
fn cleaning_keeps_the_last_version_of_every_key_at_its_offset() {
    let stand = Stand::new();
    let topic = stand.topic_with(1, &COMPACTED);
    for key in ["a", "b", "a", "c", "b"] {
        put(&stand, at(topic, 0), key, Some("value"));
    }
    stand.broker.compact(topic);
    let kept = [(2, "a"), (3, "c"), (4, "b")].map(|(offset, key)| (offset, key.to_owned()));
    assert_eq!(records(&stand, at(topic, 0)), kept);
    assert_eq!(stand.values(at(topic, 0)).len(), 3);
}

#[test]
fn a_tombstone_survives_its_first_cleaning_and_is_gone_after_its_time() {
    let stand = Stand::new();
    let topic = stand.topic_with(1, &COMPACTED);
    put(&stand, at(topic, 0), "a", Some("value"));
    put(&stand, at(topic, 0), "a", None);
    stand.broker.compact(topic);
    assert_eq!(stand.values(at(topic, 0)), ["(tombstone)"]);
    stand.pass(Duration::from_millis(59_999));
    stand.broker.compact(topic);
    assert_eq!(stand.values(at(topic, 0)), ["(tombstone)"]);
    stand.pass(Duration::from_millis(1));
    stand.broker.compact(topic);
    assert_eq!(stand.values(at(topic, 0)), [""; 0]);
}

#[test]
fn cleaning_leaves_what_is_not_decided_and_drops_what_was_aborted() {
    let stand = Stand::new();
    let topic = stand.topic_with(1, &COMPACTED);
    let mut aborted = stand.producer("aborted");
    let mut open = stand.producer("open");
    begin_with(aborted.as_mut(), at(topic, 0), &["aborted"]);
    put(&stand, at(topic, 0), "key", Some("kept"));
    aborted.abort().expect("abort");
    begin_with(open.as_mut(), at(topic, 0), &["open"]);
    put(&stand, at(topic, 0), "key", Some("after it"));
    stand.broker.compact(topic);
    assert_eq!(records(&stand, at(topic, 0)).iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), [1, 3, 4]);
    assert_eq!(stand.values(at(topic, 0)), ["kept"]);
}

#[test]
fn a_compacted_topic_takes_no_record_without_a_key() {
    let stand = Stand::new();
    let topic = stand.topic_with(1, &COMPACTED);
    let record = Outgoing { to: at(topic, 0), key: None, value: Some(b"value"), headers: &[] };
    assert_eq!(stand.broker.append(record).expect_err("no key").kind, ErrorKind::Fatal);
    let mut producer = stand.producer("worker");
    producer.begin().expect("begin");
    producer.send(record).expect("queued");
    assert_eq!(producer.drain().expect_err("no key").kind, ErrorKind::Fatal);
}

#[test]
fn a_position_that_retention_has_passed_is_out_of_range() {
    let stand = Stand::new();
    let topic = stand.topic(1);
    write(&stand.broker, at(topic, 0), &["a", "b", "c"]);
    stand.broker.delete_before(at(topic, 0), 2).expect("deleted");
    assert_eq!(stand.values(at(topic, 0)), ["c"]);
    let mut reader = stand.broker.reader().expect("reader");
    reader.assign(&[(at(topic, 0), 1)]).expect("assign");
    let error = reader.poll(Duration::ZERO, ROOM, &mut Batch::default()).expect_err("gone");
    assert_eq!(error.kind, ErrorKind::OffsetOutOfRange);
    assert!(error.message.contains("at 1 (has 2 to 4)"), "{error}");
}

#[test]
fn a_broker_that_lost_its_disk_ends_earlier_than_it_said() {
    let stand = Stand::new();
    let topic = stand.topic(1);
    assert_eq!(write(&stand.broker, at(topic, 0), &["a", "b", "c"]), 3);
    stand.broker.lose_from(at(topic, 0), 1).expect("lost");
    let mut reader = stand.broker.reader().expect("reader");
    assert_eq!(reader.bounds(at(topic, 0)), Ok(Bounds { start: 0, end: 1 }));
    assert_eq!(stand.values(at(topic, 0)), ["a"]);
}

#[test]
fn offsets_expire_where_nobody_subscribes_and_stay_where_somebody_does() {
    let stand = Stand::new();
    let (lead, companion) = (stand.topic(1), stand.topic(1));
    let mut consumer = joined(&stand.broker, "group", lead);
    let mut producer = stand.producer("worker");
    producer.begin().expect("begin");
    let both = [offset(at(lead, 0), 1), offset(at(companion, 0), 1)];
    producer.send_offsets(&both, &consumer.membership()).expect("offsets");
    producer.commit().expect("commit");
    let mut there = |after: Duration| {
        stand.pass(after);
        consumer.poll(Duration::ZERO, ROOM, &mut Batch::default()).expect("poll");
        let committed = consumer.committed(&[at(lead, 0), at(companion, 0)], Duration::ZERO).expect("stable");
        (committed[0].is_some(), committed[1].is_some())
    };
    let week = Duration::from_secs(7 * 24 * 3_600);
    // It polls in between, or it would be put out of its group.
    for _ in 0..7 * 24 * 60 - 1 {
        assert_eq!(there(Duration::from_secs(60)), (true, true));
    }
    assert_eq!(there(Duration::from_secs(60)), (true, false));
    consumer.close();
    stand.pass(week - Duration::from_secs(60));
    let mut asking = stand.broker.consumer(&member("group")).expect("consumer");
    assert!(asking.committed(&[at(lead, 0)], Duration::ZERO).expect("stable")[0].is_some());
    stand.pass(Duration::from_secs(60));
    assert_eq!(asking.committed(&[at(lead, 0)], Duration::ZERO).expect("stable"), [None]);
}

#[test]
fn a_topic_created_again_has_another_identity() {
    let stand = Stand::new();
    let topic = stand.topic(1);
    let before = stand.broker.topic(topic).expect("answer").expect("there");
    stand.broker.delete_topic(topic);
    assert_eq!(stand.broker.topic(topic), Ok(None));
    stand.broker.create_topic(topic, 1, &[]).expect("created");
    assert_ne!(stand.broker.topic(topic).expect("answer").expect("there").id, before.id);
}
