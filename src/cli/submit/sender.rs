//! Records in transactions: what was reported as sent is committed, and nothing is half there.

use std::time::{Duration, Instant};

use crate::cli::failure::Failure;
use crate::engine::broker::{Broker, Header, Outgoing, Producer, TopicPartition};
use crate::engine::stage::TRACE;
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
        let trace = trace(|name| std::env::var(name.to_uppercase()).ok());
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

/// W3C trace context, as whoever runs the command has given it: one that is not valid is none, and its state says nothing without it.
fn trace(given: impl Fn(&str) -> Option<String>) -> Vec<Header> {
    let header = |(name, bytes_max): (&str, usize)| {
        let value = given(name)
            .filter(|value| value.len() <= bytes_max && value.bytes().all(|byte| (b' '..=b'~').contains(&byte)))?;
        Some(Header { name: name.to_owned(), value: value.into_bytes() })
    };
    let [parent, state] = TRACE.map(header);
    let parent = parent.filter(|parent| is_trace_parent(&parent.value));
    let state = state.filter(|_| parent.is_some());
    parent.into_iter().chain(state).collect()
}

/// Version, trace, span and flags: 2, 32, 16 and 2 hexadecimal digits in lower case; a trace or span of zeros and version ff are invalid.
fn is_trace_parent(value: &[u8]) -> bool {
    let fields: Vec<_> = value.split(|byte| *byte == b'-').collect();
    let lengths: Vec<_> = fields.iter().map(|field| field.len()).collect();
    let hexadecimal = |field: &&[u8]| field.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let zero = |field: &[u8]| field.iter().all(|byte| *byte == b'0');
    lengths == [2, 32, 16, 2]
        && fields.iter().all(hexadecimal)
        && fields[0] != b"ff"
        && !zero(fields[1])
        && !zero(fields[2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_that_is_not_valid_is_none() {
        const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let taken = |parent: &str, state: &str| {
            trace(|name| Some(if name == "traceparent" { parent.to_owned() } else { state.to_owned() })).len()
        };
        assert_eq!(taken(PARENT, "vendor=1"), 2);
        assert_eq!(taken(PARENT, &"x".repeat(513)), 1);
        assert_eq!(taken(PARENT, "line\nfeed"), 1);
        let none = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
        for parent in ["", "garbage", none, &PARENT.to_uppercase(), &PARENT.replace("00-", "ff-"), &"0".repeat(100_000)]
        {
            assert_eq!(taken(parent, "vendor=1"), 0, "{parent}");
        }
    }
}
