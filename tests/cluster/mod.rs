//! The real broker that `dev/up` has started, with topics and groups of a test's own.

use std::collections::BTreeMap;
use std::time::Duration;

use bookflow::engine::admin::{Admin, TopicToCreate};
use bookflow::engine::broker::TopicPartition;
use bookflow::kafka::KafkaBroker;
use bookflow::kafka::settings::{Settings, TimeLimits};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

#[path = "../contract/language.rs"]
mod language; // what tests say to any broker
pub use language::*;

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
pub fn hasty_broker() -> KafkaBroker {
    broker_with(&variable("BOOKFLOW_KAFKA_BOOTSTRAP"), hasty())
}

/// When the broker has noticed that a transaction of a hasty client is over its time.
pub fn transaction_over() -> Duration {
    Duration::from_secs(7) // 4 s, and the broker looks every second
}

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

pub fn admin() -> impl Admin {
    broker().admin().expect("admin")
}

/// As retention does.
pub fn delete_before(partition: TopicPartition, offset: i64) {
    let config = ClientConfig::from_iter([("bootstrap.servers".to_owned(), variable("BOOKFLOW_KAFKA_BOOTSTRAP"))]);
    let admin: AdminClient<DefaultClientContext> = config.create().expect("admin");
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(partition.topic, partition.partition, Offset::Offset(offset)).expect("an offset");
    let deleted = admin.delete_records(&offsets, &AdminOptions::new());
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("runtime");
    let deleted = runtime.block_on(deleted).expect("deleted");
    deleted.elements().iter().for_each(|element| element.error().expect("deleted"));
}

pub fn topic(word: &str, partitions: i32) -> &'static str {
    topic_with(word, partitions, &[])
}

pub fn topic_with(word: &str, partitions: i32, config: &[(&str, &str)]) -> &'static str {
    let name = unique(word);
    let config: BTreeMap<_, _> = config.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let topic = TopicToCreate { name: name.to_owned(), partitions, replication: None, config };
    admin().create(&[topic]).expect("topic is created");
    name
}
