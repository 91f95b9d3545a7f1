//! What librdkafka hands out becomes a batch.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::topic_partition_list::Offset;

use super::consumer::names;
use super::failure::{broker_error, only_news, unknown};
use super::missing::Missing;
use super::native;
use crate::engine::batch::{Batch, Record, Room};
use crate::engine::broker::{BrokerError, ErrorKind, Header, TopicPartition};

/// Why a batch could not be filled further; the records before it are good.
pub(super) enum Unfilled {
    /// An offset is not in the log, and librdkafka does not say which one.
    OutOfRange,
    Other(BrokerError),
}

/// Waits for a first record, then takes what is at hand while there is room. `interrupted` ends the wait.
pub(super) fn fill<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    assigned: &BTreeMap<TopicPartition, i64>,
    wait: Duration,
    room: Room,
    batch: &mut Batch,
    missing: &mut Missing,
    interrupted: impl Fn() -> bool,
) -> Result<(), Unfilled> {
    let before = (batch.len(), batch.bytes());
    let deadline = Instant::now() + wait;
    let mut headers = Vec::new();
    let mut recent = None;
    while batch.len() - before.0 < room.records && batch.bytes() - before.1 < room.bytes {
        let empty = batch.len() == before.0;
        let wait = if empty { deadline.saturating_duration_since(Instant::now()) } else { Duration::ZERO };
        match client.poll(whole_ms(wait)) {
            Some(Ok(message)) => {
                let from = find(recent.iter().chain(assigned.keys()), &message).map_err(Unfilled::Other)?;
                recent = Some(from);
                push(&message, from, &mut headers, batch);
            }
            Some(Err(error)) if error.rdkafka_error_code().is_some_and(only_news) => {}
            Some(Err(error)) if error.rdkafka_error_code().is_some_and(unknown) => missing.reported(),
            Some(Err(error)) => return Err(error.into()),
            None if empty && !interrupted() && Instant::now() < deadline => {}
            None => break,
        }
    }
    Ok(())
}

/// The offset after all that has been handed out; where the partition was assigned or moved to, as long as nothing has been.
pub(super) fn position<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    assigned: &BTreeMap<TopicPartition, i64>,
    partition: TopicPartition,
) -> Option<i64> {
    let start = *assigned.get(&partition)?;
    let known = names(&[partition]);
    native::positions(client.client(), &known);
    match known.find_partition(partition.topic, partition.partition)?.offset() {
        Offset::Offset(offset) => Some(offset),
        _ => Some(start),
    }
}

/// Rounded up: the client counts in whole milliseconds and spins through what is less, which took two thirds of an idle worker's time.
fn whole_ms(wait: Duration) -> Duration {
    Duration::from_millis(wait.as_micros().div_ceil(1_000) as u64)
}

impl From<KafkaError> for Unfilled {
    fn from(error: KafkaError) -> Self {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => Unfilled::OutOfRange,
            _ => Unfilled::Other(broker_error("poll", &error)),
        }
    }
}

/// The partition by our name for it: a record brings librdkafka's copy of its topic's name.
fn find<'a>(
    mut assigned: impl Iterator<Item = &'a TopicPartition>,
    message: &BorrowedMessage<'_>,
) -> Result<TopicPartition, BrokerError> {
    assigned
        .find(|assigned| assigned.partition == message.partition() && assigned.topic == message.topic())
        .copied()
        .ok_or_else(|| {
            let message = format!("record of {}-{}, which is not assigned", message.topic(), message.partition());
            BrokerError::new(ErrorKind::Fatal, message)
        })
}

fn push(message: &BorrowedMessage<'_>, from: TopicPartition, headers: &mut Vec<Header>, batch: &mut Batch) {
    headers.clear();
    if let Some(all) = message.headers() {
        headers.extend(all.iter().map(|header| Header {
            name: header.key.to_owned(),
            value: header.value.map(<[u8]>::to_vec).unwrap_or_default(),
        }));
    }
    batch.push(Record {
        from,
        offset: message.offset(),
        timestamp_us: message.timestamp().to_millis().unwrap_or(0) * 1_000,
        key: message.key(),
        value: message.payload(),
        headers,
    });
}
