//! The load: a source that sends at a steady pace and does not give up while brokers are away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bookflow::cli::generate::load::{Load, Mix, Share};
use bookflow::cli::generate::record::Wire;
use bookflow::cli::generate::trades::Generated;
use bookflow::domain::trade::TradeEvent;
use bookflow::messages::key;
use bookflow::messages::schemas::Schemas;
use rdkafka::config::ClientConfig;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::letters::Bytes;
use crate::scene::PARTITIONS;
use crate::{cluster, poison};

/// Records a second: a worker that was away has something to catch up with, and three of them do.
pub const PACE: u64 = 1_000;
/// Niceness: whoever else wants to run comes first.
const GIVES_WAY: i32 = 15;

pub struct Feed {
    sender: Option<JoinHandle<Sent>>,
    sent: Sent,
    enough: Arc<AtomicBool>,
    /// Records a second.
    pace: Arc<AtomicU64>,
    passed: Arc<AtomicU64>,
}

/// What was sent.
#[derive(Clone, Default)]
pub struct Sent {
    pub records: u64,
    /// New trades of an earlier day than one before them.
    pub late: u64,
    /// What must become a dead letter.
    pub poison: Vec<Bytes>,
}

/// The standard mix of the faults: 2,000 keys, 1 % poison, 2 % duplicates, 2 % late.
pub fn load(seed: u64) -> Load {
    let mix = Mix { poison: Share(100), duplicates: Share(200), late: Share(200), ..Mix::default() };
    Load { keys: 2_000, zipf: 1.1, mix, ..Load::new(seed, u64::MAX) }
}

impl Feed {
    /// Sends until `end`, and at least so many records; with `more_poison` half of the poison is of kinds that `generate` does not have.
    pub fn start(namespace: &str, schemas: Arc<Schemas>, load: Load, least: u64, more_poison: bool) -> Feed {
        let topic = format!("{namespace}.trades");
        let (enough, pace, passed) =
            (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(PACE)), Arc::new(AtomicU64::new(0)));
        let (told, paced, counted) = (enough.clone(), pace.clone(), passed.clone());
        let sender = thread::spawn(move || {
            // Five requests of a partition in flight and something to send: librdkafka asks without a pause whether it may, and takes a core that the
            // brokers need to come back. Its threads have the niceness of this one.
            rustix::process::nice(GIVES_WAY).expect("whoever takes less is not refused");
            let producer = producer();
            let mut sent = Sent::default();
            let (mut records, mut due) = (Records::new(more_poison), Instant::now());
            for generated in load.trades().expect("a load") {
                if sent.records >= least && told.load(Ordering::Relaxed) {
                    break;
                }
                thread::sleep(due.saturating_duration_since(Instant::now()));
                due += Duration::from_micros(1_000_000 / paced.load(Ordering::Relaxed));
                send(&producer, &topic, records.next(&generated, &schemas, &mut sent));
                counted.store(sent.records, Ordering::Relaxed);
            }
            producer.flush(Duration::from_secs(300)).expect("all of it is delivered");
            sent
        });
        Feed { sender: Some(sender), sent: Sent::default(), enough, pace, passed }
    }

    /// From now on so many times the usual number of records a second.
    pub fn hurry(&self, times: u64) {
        self.pace.store(PACE * times, Ordering::Relaxed);
    }

    /// How many records have been given to the client so far.
    pub fn passed(&self) -> u64 {
        self.passed.load(Ordering::Relaxed)
    }

    /// Waits until everything is on the topic; answers what that is.
    pub fn end(&mut self) -> Sent {
        self.enough.store(true, Ordering::Relaxed);
        if let Some(sender) = self.sender.take() {
            self.sent = sender.join().expect("the load is sent");
        }
        self.sent.clone()
    }
}

/// Generated records as they are put on the topic, and an account of them.
struct Records {
    wire: Wire,
    more_poison: bool,
    latest_day: i32,
}

impl Records {
    fn new(more_poison: bool) -> Records {
        Records { wire: Wire::default(), more_poison, latest_day: i32::MIN }
    }

    fn next(&mut self, generated: &Generated, schemas: &Schemas, sent: &mut Sent) -> (Bytes, i32) {
        sent.records += 1;
        self.wire.fill(generated, schemas);
        let owned = |bytes: &[u8]| bytes.to_vec();
        let mut record = ((self.wire.key().map(owned), self.wire.value().map(owned)), self.wire.partition(PARTITIONS));
        match generated {
            Generated::Trade(trade) => {
                if let (1, TradeEvent::New(terms)) = (trade.version, &trade.event) {
                    let day = terms.trade_date.to_epoch_days();
                    sent.late += u64::from(day < self.latest_day);
                    self.latest_day = self.latest_day.max(day);
                }
            }
            Generated::Poison { trade, salt, .. } => {
                let ours = *salt as usize % (2 * poison::KINDS);
                if self.more_poison && ours < poison::KINDS {
                    let home = trade.key.as_str().as_bytes();
                    let value = poison::of(trade, ours, schemas);
                    record = ((Some(home.to_vec()), Some(value)), key::partition(home, PARTITIONS));
                }
                sent.poison.push(record.0.clone());
            }
        }
        record
    }
}

fn producer() -> BaseProducer {
    let mut client = ClientConfig::new();
    client
        .set("bootstrap.servers", cluster::variable("BOOKFLOW_KAFKA_BOOTSTRAP"))
        .set("enable.idempotence", "true")
        .set("linger.ms", "200")
        .set("message.timeout.ms", "300000");
    client.create().expect("a producer")
}

fn send(producer: &BaseProducer, topic: &str, ((key, value), partition): (Bytes, i32)) {
    let mut record: BaseRecord<[u8], [u8]> = BaseRecord::to(topic).partition(partition);
    if let Some(key) = &key {
        record = record.key(key);
    }
    if let Some(value) = &value {
        record = record.payload(value);
    }
    while let Err((error, again)) = producer.send(record) {
        assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::QueueFull), "{error}");
        producer.poll(Duration::from_millis(10));
        record = again;
    }
    producer.poll(Duration::ZERO);
}
