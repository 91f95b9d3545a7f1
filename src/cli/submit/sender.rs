//! Records in transactions: what was reported as sent is committed, and nothing is half there.

use std::time::{Duration, Instant};

use crate::cli::failure::Failure;
use crate::engine::broker::{Broker, Header, Outgoing, Producer, TopicPartition};
use crate::engine::trace::trace;
use crate::messages::key;

/// A transaction ends with this many records or bytes, or after this time: long before the broker's patience with it does.
const RECORDS: usize = 5_000;
const BYTES: usize = 4 << 20;
pub const TIME: Duration = Duration::from_secs(1);

pub struct Sender {
    producer: Box<dyn Producer>,
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
        Ok(Sender { producer: broker.producer(id)?, open: 0, bytes: 0, began: Instant::now(), trace, committed: 0 })
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
        self.open += 1;
        self.bytes += key.len() + value.len();
        Ok(())
    }

    pub fn commit(&mut self) -> Result<(), Failure> {
        if self.open == 0 {
            return Ok(());
        }
        self.producer.drain()?;
        self.producer.commit()?;
        self.committed += self.open as u64;
        (self.open, self.bytes) = (0, 0);
        Ok(())
    }
}
