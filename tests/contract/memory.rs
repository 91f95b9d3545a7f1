//! The broker in process, one for each test, with topics as the test wants them.

use std::cell::RefCell;
use std::time::Duration;

use bookflow::engine::admin::Admin;
use bookflow::engine::broker::TopicPartition;
use bookflow::memory::MemoryBroker;
use bookflow::memory::settings::Settings;

#[path = "language.rs"]
mod language; // what tests say to any broker
pub use language::*;

thread_local! {
    static BROKER: RefCell<MemoryBroker> = RefCell::new(MemoryBroker::new(Settings::default()));
}

pub fn broker() -> MemoryBroker {
    BROKER.with_borrow(MemoryBroker::clone)
}

/// For tests that wait until a limit is over: from here on the test's broker has short ones.
pub fn hasty_broker() -> MemoryBroker {
    let settings = Settings {
        session: Duration::from_millis(600),
        max_poll_interval: Duration::from_millis(600),
        transaction: Duration::from_millis(400),
        transaction_check: Duration::from_millis(100),
        ..Settings::default()
    };
    BROKER.replace(MemoryBroker::new(settings));
    broker()
}

/// When the broker has noticed that a transaction of a hasty client is over its time.
pub fn transaction_over() -> Duration {
    Duration::from_millis(700)
}

pub fn admin() -> impl Admin {
    broker().admin()
}

/// As retention does.
pub fn delete_before(partition: TopicPartition, offset: i64) {
    broker().delete_before(partition, offset).expect("deleted");
}

pub fn topic(word: &str, partitions: i32) -> &'static str {
    topic_with(word, partitions, &[])
}

pub fn topic_with(word: &str, partitions: i32, config: &[(&str, &str)]) -> &'static str {
    let name = unique(word);
    broker().create_topic(name, partitions, config).expect("topic is created");
    name
}
