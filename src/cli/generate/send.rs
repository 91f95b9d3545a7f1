//! A load straight to its topic, in transactions of a bounded size.

use super::record::Wire;
use super::trades::Generated;
use crate::engine::broker::{Broker, BrokerError, ErrorKind, Outgoing, TopicPartition};
use crate::messages::schemas::Schemas;
use crate::pipeline::topics::TRADES;

/// Large enough that commits cost nothing, small enough for the transaction time-out on a slow cluster.
const TRANSACTION_RECORDS: usize = 5_000;

/// What was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    pub records: u64,
    /// Of keys and values.
    pub bytes: u64,
}

/// Sends records to `trades`; `each` hears of every transaction. On an error some of the load has been sent.
pub fn send(
    broker: &dyn Broker,
    schemas: &Schemas,
    transactional_id: &str,
    load: impl Iterator<Item = Generated>,
    mut each: impl FnMut(Sent),
) -> Result<Sent, BrokerError> {
    let missing = || BrokerError::new(ErrorKind::Fatal, "topic trades does not exist: run `bookflow topics apply`");
    let partitions = broker.topic(TRADES)?.ok_or_else(missing)?.partitions;
    let mut producer = broker.producer(transactional_id)?;
    let mut load = load.peekable();
    let mut wire = Wire::default();
    let mut sent = Sent::default();
    while load.peek().is_some() {
        producer.begin()?;
        for generated in load.by_ref().take(TRANSACTION_RECORDS) {
            wire.fill(&generated, schemas);
            let to = TopicPartition { topic: TRADES, partition: wire.partition(partitions) };
            producer.send(Outgoing { to, key: wire.key(), value: wire.value(), headers: &[] })?;
            sent.records += 1;
            sent.bytes += (wire.key().map_or(0, <[u8]>::len) + wire.value().map_or(0, <[u8]>::len)) as u64;
        }
        producer.drain()?;
        producer.commit()?;
        each(sent);
    }
    Ok(sent)
}
