//! What tests say to a broker, whichever it is.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bookflow::engine::batch::{Batch, Room};
use bookflow::engine::broker::*;

/// Long enough for a busy machine; what is waited for comes much sooner.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub const ROOM: Room = Room { records: 1_000, bytes: 1 << 20 };

/// A name that no other test and no earlier run has used.
pub fn unique(word: &str) -> &'static str {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    Box::leak(format!("{word}-{now}-{}-{count}", std::process::id()).into_boxed_str())
}

pub fn at(topic: &'static str, partition: i32) -> TopicPartition {
    TopicPartition { topic, partition }
}

pub fn member(group: &str) -> Member {
    Member { group: group.to_owned(), client_id: unique("member").to_owned(), instance_id: None }
}

pub fn record(to: TopicPartition, value: &str) -> Outgoing<'_> {
    Outgoing { to, key: Some(b"key"), value: Some(value.as_bytes()), headers: &[] }
}

/// Writes these values in one transaction and returns the offset after the last.
pub fn write(broker: &dyn Broker, to: TopicPartition, values: &[&str]) -> i64 {
    let mut producer = broker.producer(unique("writer")).expect("producer");
    producer.begin().expect("begin");
    for value in values {
        producer.send(record(to, value)).expect("send");
    }
    producer.drain().expect("drain");
    producer.commit().expect("commit");
    producer.delivered(to).expect("delivered")
}

/// All committed values of a partition, up to its last stable offset.
pub fn values(broker: &dyn Broker, partition: TopicPartition) -> Vec<String> {
    let mut reader = broker.reader().expect("reader");
    let bounds = reader.bounds(partition).expect("bounds");
    reader.assign(&[(partition, bounds.start)]).expect("assign");
    let mut batch = Batch::default();
    until("the end of the topic", || {
        reader.poll(Duration::from_millis(100), ROOM, &mut batch).expect("poll");
        (reader.position(partition) >= Some(bounds.end)).then_some(())
    });
    texts(&batch)
}

pub fn texts(batch: &Batch) -> Vec<String> {
    batch.iter().map(|record| String::from_utf8_lossy(record.value.unwrap_or(b"(tombstone)")).into_owned()).collect()
}

/// A member of a new group that has been given all partitions of `lead` from their start, and reads.
pub fn joined(broker: &dyn Broker, group: &str, lead: &'static str) -> Box<dyn Consumer> {
    let mut consumer = broker.consumer(&member(group)).expect("consumer");
    consumer.subscribe(lead).expect("subscribe");
    match next_event(consumer.as_mut()) {
        Rebalance::Assigned(partitions) => {
            let starts: Vec<_> = partitions.into_iter().map(|partition| (at(lead, partition), 0)).collect();
            consumer.assign(&starts).expect("assign");
            consumer.resume(&starts.iter().map(|(partition, _)| *partition).collect::<Vec<_>>()).expect("resume");
        }
        other => panic!("first event of a member: {other:?}"),
    }
    consumer
}

pub fn next_event(consumer: &mut dyn Consumer) -> Rebalance {
    until("a rebalance", || {
        let mut batch = Batch::default();
        consumer.poll(Duration::from_millis(100), ROOM, &mut batch).expect("poll")
    })
}

/// Polls until this many records are in.
pub fn take(consumer: &mut dyn Consumer, count: usize) -> Batch {
    let mut batch = Batch::default();
    until("records", || {
        let event = consumer.poll(Duration::from_millis(100), ROOM, &mut batch).expect("poll");
        assert_eq!(event, None);
        (batch.len() >= count).then_some(())
    });
    batch
}

/// Asks again and again, but not for ever.
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "no {what} in {PATIENCE:?}");
    }
}
