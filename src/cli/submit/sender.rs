//! Records in transactions: what was reported as sent is committed and can be read, and nothing is half there.

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::engine::broker::{Broker, Header, Outgoing, Producer, Reader, TopicPartition};
use crate::engine::trace::trace;
use crate::messages::key;

/// A transaction ends with this many records or bytes, or after this time: long before the broker's patience with it does.
const RECORDS: usize = 5_000;
const BYTES: usize = 4 << 20;
pub const TIME: Duration = Duration::from_secs(1);

/// How long what is committed may stay out of sight: longer than a transaction before it that nobody ends.
const OUT_OF_SIGHT: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(2);

pub struct Sender {
    producer: Box<dyn Producer>,
    reader: Box<dyn Reader>,
    /// The offset after the last record of each partition that was written to.
    written: HashMap<TopicPartition, i64>,
    open: usize,
    bytes: usize,
    began: Instant,
    /// The trace that whoever runs the command is in, as the environment says.
    trace: Vec<Header>,
    /// Records in transactions that are committed.
    pub committed: u64,
}

impl Sender {
    /// Transactional ids are this process's own: two submissions never fence each other.
    pub fn open(broker: &dyn Broker) -> Result<Sender, Failure> {
        Sender::open_as(broker, &format!("bookflow.submit-{}-{:08x}", std::process::id(), rand::random::<u32>()))
    }

    /// Ends what others have begun under this id, and keeps them from committing anything more.
    pub fn open_as(broker: &dyn Broker, id: &str) -> Result<Sender, Failure> {
        let trace = trace(|name| std::env::var(name.to_uppercase()).ok()).collect();
        let (producer, reader) = (broker.producer(id)?, broker.reader()?);
        let (written, began) = (HashMap::new(), Instant::now());
        Ok(Sender { producer, reader, written, open: 0, bytes: 0, began, trace, committed: 0 })
    }

    /// Sends to the partition where the key belongs; answers true when this ended a transaction.
    pub fn send(&mut self, topic: &'static str, partitions: i32, key: &[u8], value: &[u8]) -> Result<bool, Failure> {
        self.send_along(TopicPartition { topic, partition: key::partition(key, partitions) }, key, value)?;
        let full = self.open >= RECORDS || self.bytes >= BYTES || self.began.elapsed() >= TIME;
        if full {
            self.commit()?;
        }
        Ok(full)
    }

    /// Sends within the transaction that is open, whatever its size: what belongs together and is bounded by itself.
    pub fn send_along(&mut self, to: TopicPartition, key: &[u8], value: &[u8]) -> Result<(), Failure> {
        if self.open == 0 {
            self.producer.begin()?;
            self.began = Instant::now();
        }
        self.producer.send(Outgoing { to, key: Some(key), value: Some(value), headers: &self.trace })?;
        self.written.entry(to).or_default();
        self.open += 1;
        self.bytes += key.len() + value.len();
        Ok(())
    }

    pub fn commit(&mut self) -> Result<(), Failure> {
        if self.open == 0 {
            return Ok(());
        }
        self.producer.drain()?;
        for (partition, end) in &mut self.written {
            *end = self.producer.delivered(*partition).unwrap_or(*end);
        }
        self.producer.commit()?;
        self.committed += self.open as u64;
        (self.open, self.bytes) = (0, 0);
        Ok(())
    }

    /// Commits, and waits until readers see it: a broker answers before it has marked the partitions, and a snapshot or a
    /// job that is submitted next must not miss what was sent before it.
    pub fn finish(&mut self) -> Result<(), Failure> {
        self.commit()?;
        let began = Instant::now();
        for (partition, end) in self.written.drain() {
            while self.reader.bounds(partition)?.end < end {
                if began.elapsed() > OUT_OF_SIGHT {
                    let message = format!(
                        "what was sent is committed, and {partition} has a transaction before it that does not end"
                    );
                    return Err(Failure::new(Exit::Unreachable, message)
                        .next("find it with Kafka's `kafka-transactions.sh find-hanging`"));
                }
                thread::sleep(LOOK_AGAIN);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryBroker;
    use crate::memory::settings::{MarkerDelays, Settings};

    const TOPIC: &str = "trades";

    #[test]
    fn what_is_finished_can_be_read_though_markers_come_after_the_answer_to_the_commit() {
        let data = Duration::from_millis(500); // longer than a busy machine takes for the look in between
        let markers = MarkerDelays { data, ..MarkerDelays::default() };
        let broker = MemoryBroker::new(Settings { markers, ..Settings::default() });
        broker.create_topic(TOPIC, 2, &[]).expect("is new");
        let mut reader = broker.reader().expect("a reader");
        let mut ends =
            || [0, 1].map(|partition| reader.bounds(TopicPartition { topic: TOPIC, partition }).expect("exists").end);
        let mut sender = Sender::open_as(&broker, "sender").expect("a producer");
        for partition in [0, 1] {
            sender.send_along(TopicPartition { topic: TOPIC, partition }, b"key", b"value").expect("is sent");
        }
        sender.commit().expect("is committed");
        assert_eq!(ends(), [0, 0], "committed, and not marked yet");
        sender.finish().expect("can be read");
        assert!(ends().iter().all(|end| *end >= 1), "{:?}", ends());
    }
}
