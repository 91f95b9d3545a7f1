//! The limit: a loop by hand that only copies bytes, exactly once, with the fan-out, the sizes and the rhythm of our worker.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::Message;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::ours::Volume;
use super::usage::{Measured, Sample};
use super::{bare, rounds};
use crate::cli::config::Config;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::parts;
use crate::cli::session::Session;
use crate::pipeline::topics::TRADES;

/// Copying loops of one group, in a process of their own
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// How many
    #[arg(long)]
    loops: usize,
    /// Ends when all of them together have copied so many trades
    #[arg(long)]
    records: u64,
    /// What each of them writes, as JSON
    #[arg(long)]
    outputs: String,
}

/// One output of our worker, as it was measured.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Output {
    pub topic: String,
    /// Records for each record that was consumed.
    pub fan_out: f64,
    pub key_bytes: usize,
    pub value_bytes: usize,
}

pub struct Copying<'a> {
    config: &'a Config,
    /// As the cluster knows it.
    input: String,
    outputs: Vec<Output>,
    records: u64,
    /// Names group and producer.
    id: String,
}

/// The topics to be written, named `copy.` and as ours, with what our worker has written to them for so many records.
pub fn outputs(config: &Config, partitions: i32, volumes: &[Volume], consumed: u64) -> Result<Vec<Output>, Failure> {
    rounds::create_copies(config, partitions, &volumes.iter().map(|volume| volume.topic).collect::<Vec<_>>())?;
    let output = |volume: &Volume| {
        let records = volume.records.max(1);
        Output {
            topic: parts::full_name(config, &format!("copy.{}", volume.topic)),
            fan_out: volume.records as f64 / consumed as f64,
            key_bytes: (volume.key_bytes / records) as usize,
            value_bytes: (volume.value_bytes / records) as usize,
        }
    };
    Ok(volumes.iter().map(output).collect())
}

pub fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let config = session.config()?;
    let outputs = serde_json::from_str(&arguments.outputs);
    let outputs = outputs.map_err(|error| Failure::usage(format!("--outputs: {error}")))?;
    Copying::new(&config, TRADES, outputs, arguments.records).run_together(arguments.loops)?;
    Ok(Exit::Ok)
}

/// An output with bytes for its records: to the broker all bytes are the same. Their keys are those of the input, as a reader wants to know whose a copy is, and their values
/// fill what our worker's keys and values have.
struct Filled<'a> {
    of: &'a Output,
    bytes: Vec<u8>,
    /// The part of a record that is still due.
    owed: f64,
}

/// The answers of a loop.
pub const COPY_BLOTTER: &str = "copy.blotter";
const PATIENCE: Duration = Duration::from_secs(120);
const CALL: Duration = Duration::from_secs(20);

impl Filled<'_> {
    fn of(of: &Output) -> Filled<'_> {
        Filled { of, bytes: vec![b'v'; of.key_bytes + of.value_bytes], owed: 0.0 }
    }
}

impl Copying<'_> {
    /// Copies so many records of a topic of ours.
    pub fn new<'a>(config: &'a Config, input: &str, outputs: Vec<Output>, records: u64) -> Copying<'a> {
        let id = format!("{}.copy", config.kafka.namespace);
        Copying { input: parts::full_name(config, input), outputs, records, id, config }
    }

    pub fn run(&self) -> Result<Measured, Failure> {
        self.copy(&self.id, &AtomicU64::new(0)).map_err(|error| failed(&error))
    }

    /// So many loops, which end when all of them together have copied the records.
    fn run_together(&self, loops: usize) -> Result<(), Failure> {
        let all = &AtomicU64::new(0);
        thread::scope(|scope| {
            let copy = |number| move || self.copy(&format!("{}-{number}", self.id), all);
            let running: Vec<_> = (0..loops).map(|number| scope.spawn(copy(number))).collect();
            running.into_iter().try_for_each(|running| {
                let copied = running.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                copied.map(|_| ()).map_err(|error| failed(&error))
            })
        })
    }

    /// `all` counts what all loops of the group have copied.
    fn copy(&self, transactional_id: &str, all: &AtomicU64) -> Result<Measured, KafkaError> {
        let consumer: BaseConsumer = self.consumer().create()?;
        let producer: BaseProducer = self.producer(transactional_id).create()?;
        producer.init_transactions(CALL)?;
        consumer.subscribe(&[&self.input])?;
        let mut outputs: Vec<_> = self.outputs.iter().map(Filled::of).collect();
        let mut first = None;
        let mut alive = Instant::now();
        loop {
            let turn = self.turn(&consumer, &producer, &mut outputs)?;
            let copied = all.fetch_add(turn, Ordering::Relaxed) + turn;
            let now = Sample::now(copied);
            if turn > 0 {
                alive = Instant::now();
                first.get_or_insert(now);
            }
            if copied >= self.records {
                return Ok(now.since(&first.unwrap_or(now)));
            }
            if alive.elapsed() > PATIENCE {
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
            if copied % 256 == 0 && began.elapsed() >= self.config.worker.turn_time {
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
        let key = message.key().unwrap_or_default();
        for output in outputs {
            output.owed += output.of.fan_out;
            let value = output.bytes.get(key.len()..).unwrap_or_default();
            while output.owed >= 1.0 {
                output.owed -= 1.0;
                let record = BaseRecord::to(&output.of.topic).partition(message.partition());
                let mut record = record.key(key).payload(value);
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

    fn producer(&self, transactional_id: &str) -> ClientConfig {
        let mut config = bare::client(self.config);
        config
            .set("transactional.id", transactional_id)
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("linger.ms", "1")
            .set("queue.buffering.max.messages", "1000000")
            .set("queue.buffering.max.kbytes", "524288");
        config
    }
}

fn failed(error: &KafkaError) -> Failure {
    Failure::new(Exit::Failed, format!("copying loop: {error}"))
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
