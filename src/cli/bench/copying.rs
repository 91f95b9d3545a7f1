//! The limit: a loop by hand that only copies bytes, exactly once, with the fan-out, the sizes and the rhythm of our worker.

use std::thread;
use std::time::{Duration, Instant};

use rdkafka::Message;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::bare;
use super::usage::{Measured, Sample};
use crate::cli::config::Config;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;

/// One output of our worker, as it was measured.
#[derive(Clone, Debug)]
pub struct Output {
    pub topic: String,
    /// Records for each record that was consumed.
    pub fan_out: f64,
    pub key_bytes: usize,
    pub value_bytes: usize,
}

pub struct Copying<'a> {
    pub config: &'a Config,
    /// As the cluster knows it.
    pub input: String,
    pub outputs: Vec<Output>,
    /// How many records of the input to copy.
    pub records: u64,
    pub turn: Duration,
    /// Names group and producer.
    pub id: String,
}

/// An output with the bytes it is filled with: to the broker all bytes are the same.
struct Filled<'a> {
    of: &'a Output,
    key: Vec<u8>,
    value: Vec<u8>,
    /// The part of a record that is still due.
    owed: f64,
}

const PATIENCE: Duration = Duration::from_secs(120);
const CALL: Duration = Duration::from_secs(20);

impl Filled<'_> {
    fn of(of: &Output) -> Filled<'_> {
        Filled { of, key: vec![b'k'; of.key_bytes], value: vec![b'v'; of.value_bytes], owed: 0.0 }
    }
}

impl Copying<'_> {
    pub fn run(&self) -> Result<Measured, Failure> {
        self.copy().map_err(|error| Failure::new(Exit::Failed, format!("copying loop: {error}")))
    }

    fn copy(&self) -> Result<Measured, KafkaError> {
        let consumer: BaseConsumer = self.consumer().create()?;
        let producer: BaseProducer = self.producer().create()?;
        producer.init_transactions(CALL)?;
        consumer.subscribe(&[&self.input])?;
        let mut outputs: Vec<_> = self.outputs.iter().map(Filled::of).collect();
        let (mut copied, mut first) = (0, None);
        let mut alive = Instant::now();
        loop {
            let turn = self.turn(&consumer, &producer, &mut outputs)?;
            copied += turn;
            if turn > 0 {
                alive = Instant::now();
                let now = Sample::now(copied);
                let first = *first.get_or_insert(now);
                if copied >= self.records {
                    return Ok(now.since(&first));
                }
            } else if alive.elapsed() > PATIENCE {
                return Err(KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut));
            }
        }
    }

    /// One transaction; answers how many records it copied.
    fn turn(
        &self,
        consumer: &BaseConsumer,
        producer: &BaseProducer,
        outputs: &mut [Filled<'_>],
    ) -> Result<u64, KafkaError> {
        let mut wait = Duration::from_millis(50);
        let mut began: Option<Instant> = None;
        let mut offsets = TopicPartitionList::new();
        let mut next = std::collections::BTreeMap::new();
        let mut copied = 0;
        while let Some(message) = consumer.poll(wait) {
            let message = message?;
            if began.is_none() {
                producer.begin_transaction()?;
            }
            let began = *began.get_or_insert_with(Instant::now);
            wait = Duration::ZERO;
            self.produce(producer, &message, outputs)?;
            next.insert(message.partition(), message.offset() + 1);
            copied += 1;
            // Looking at the clock for each record would be a cost that our worker does not have either.
            if copied % 256 == 0 && began.elapsed() >= self.turn {
                break;
            }
        }
        if copied == 0 {
            return Ok(0);
        }
        for (partition, offset) in next {
            offsets.add_partition_offset(&self.input, partition, Offset::Offset(offset))?;
        }
        drain(producer)?;
        let group = consumer.group_metadata().ok_or(KafkaError::Canceled)?;
        producer.send_offsets_to_transaction(&offsets, &group, CALL)?;
        producer.commit_transaction(CALL)?;
        Ok(copied)
    }

    fn produce(
        &self,
        producer: &BaseProducer,
        message: &impl Message,
        outputs: &mut [Filled<'_>],
    ) -> Result<(), KafkaError> {
        for output in outputs {
            output.owed += output.of.fan_out;
            while output.owed >= 1.0 {
                output.owed -= 1.0;
                let record = BaseRecord::to(&output.of.topic).partition(message.partition());
                let mut record = record.key(&output.key).payload(&output.value);
                while let Err((error, again)) = producer.send(record) {
                    if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                        return Err(error);
                    }
                    producer.poll(Duration::from_millis(10));
                    record = again;
                }
            }
        }
        producer.poll(Duration::ZERO);
        Ok(())
    }

    fn consumer(&self) -> ClientConfig {
        let mut config = bare::client(self.config);
        config
            .set("group.id", &self.id)
            .set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            .set("fetch.queue.backoff.ms", "20")
            .set("fetch.wait.max.ms", "100");
        config
    }

    fn producer(&self) -> ClientConfig {
        let mut config = bare::client(self.config);
        config
            .set("transactional.id", &self.id)
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("linger.ms", "1")
            .set("queue.buffering.max.messages", "1000000")
            .set("queue.buffering.max.kbytes", "524288");
        config
    }
}

/// Not `flush`: it looks for delivery reports every 100 ms only, and the loop must be no worse than it can be.
fn drain(producer: &BaseProducer) -> Result<(), KafkaError> {
    let began = Instant::now();
    while producer.in_flight_count() > 0 {
        if began.elapsed() > CALL {
            return Err(KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut));
        }
        producer.poll(Duration::ZERO);
        thread::sleep(LOOK_AGAIN);
    }
    Ok(())
}

const LOOK_AGAIN: Duration = Duration::from_micros(200);
