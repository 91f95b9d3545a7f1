//! The real broker that `dev/up` has started, with topics and groups of a test's own.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bookflow::engine::admin::{Admin, TopicToCreate};
use bookflow::engine::batch::{Batch, Room};
use bookflow::engine::broker::*;
use bookflow::kafka::KafkaBroker;
use bookflow::kafka::settings::{Settings, TimeLimits};

/// Long enough for a busy machine; what is waited for comes much sooner.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub const ROOM: Room = Room { records: 1_000, bytes: 1 << 20 };

/// A variable that `dev/up` prints; a test without its broker fails, it is never skipped.
pub fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run tests/run, or eval \"$(dev/up)\" first"))
}

pub fn broker() -> KafkaBroker {
    broker_at(&variable("BOOKFLOW_KAFKA_BOOTSTRAP"))
}

pub fn broker_at(bootstrap: &str) -> KafkaBroker {
    broker_with(bootstrap, TimeLimits::short())
}

pub fn broker_with(bootstrap: &str, limits: TimeLimits) -> KafkaBroker {
    let settings = Settings::new(bootstrap).limits(limits).expect("limits belong together");
    KafkaBroker::new(settings).expect("settings are known")
}

/// For tests that wait until a limit is over.
pub fn hasty() -> TimeLimits {
    TimeLimits {
        heartbeat: Duration::from_secs(1),
        session: Duration::from_secs(6),
        transaction: Duration::from_secs(4),
        message: Duration::from_secs(3),
        socket: Duration::from_secs(2),
        max_poll_interval: Duration::from_secs(6),
        broker_cleanup: Duration::from_secs(1),
    }
}

/// A name that no other test and no earlier run has used.
pub fn unique(word: &str) -> &'static str {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    Box::leak(format!("{word}-{now}-{}-{count}", std::process::id()).into_boxed_str())
}

pub fn topic(word: &str, partitions: i32) -> &'static str {
    topic_with(word, partitions, &[])
}

pub fn topic_with(word: &str, partitions: i32, config: &[(&str, &str)]) -> &'static str {
    let name = unique(word);
    let config: BTreeMap<_, _> = config.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let topic = TopicToCreate { name: name.to_owned(), partitions, replication: None, config };
    broker().admin().expect("admin").create(&[topic]).expect("topic is created");
    name
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
pub fn write(broker: &KafkaBroker, to: TopicPartition, values: &[&str]) -> i64 {
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
pub fn values(broker: &KafkaBroker, partition: TopicPartition) -> Vec<String> {
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
pub fn joined(broker: &KafkaBroker, group: &str, lead: &'static str) -> Box<dyn Consumer> {
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
