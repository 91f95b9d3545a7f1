//! The load: a source that sends at a steady pace and does not give up while brokers are away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bookflow::cli::generate::load::{Load, Mix, Share};
use bookflow::cli::generate::record::Wire;
use bookflow::kafka::registry::Registry;
use bookflow::messages::schemas::{SchemaName, Schemas};
use rdkafka::config::ClientConfig;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::cluster;

/// Records a second: a worker that was away has something to catch up with, and three of them do.
const PACE: u64 = 1_000;
/// Niceness: whoever else wants to run comes first.
const GIVES_WAY: i32 = 15;

pub struct Feed {
    sender: Option<JoinHandle<u64>>,
    sent: u64,
    enough: Arc<AtomicBool>,
    /// Records a second.
    pace: Arc<AtomicU64>,
}

/// The standard mix of the faults: 2,000 keys, 1 % poison, 2 % duplicates, 2 % late.
pub fn load(seed: u64) -> Load {
    let mix = Mix { poison: Share(100), duplicates: Share(200), late: Share(200), ..Mix::default() };
    Load { keys: 2_000, zipf: 1.1, mix, ..Load::new(seed, u64::MAX) }
}

impl Feed {
    /// Sends until `end`, and at least so many records.
    pub fn start(namespace: &str, load: Load, least: u64, partitions: i32) -> Feed {
        let topic = format!("{namespace}.trades");
        let registry = Registry::new(&cluster::variable("BOOKFLOW_REGISTRY_URL")).expect("an address");
        let schemas =
            Schemas::connect(Box::new(registry), &[(topic.as_str(), SchemaName::Trade)]).expect("the registry");
        let (enough, pace) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(PACE)));
        let (told, paced) = (enough.clone(), pace.clone());
        let sender = thread::spawn(move || {
            let enough = |sent| sent >= least && told.load(Ordering::Relaxed);
            send(&topic, &load, &schemas, partitions, &paced, enough)
        });
        Feed { sender: Some(sender), sent: 0, enough, pace }
    }

    /// From now on so many times the usual number of records a second.
    pub fn hurry(&self, times: u64) {
        self.pace.store(PACE * times, Ordering::Relaxed);
    }

    /// Waits until everything is on the topic; answers how much that is.
    pub fn end(&mut self) -> u64 {
        self.enough.store(true, Ordering::Relaxed);
        if let Some(sender) = self.sender.take() {
            self.sent = sender.join().expect("the load is sent");
        }
        self.sent
    }
}

fn send(
    topic: &str,
    load: &Load,
    schemas: &Schemas,
    partitions: i32,
    pace: &AtomicU64,
    enough: impl Fn(u64) -> bool,
) -> u64 {
    // Five requests of a partition in flight and something to send: librdkafka asks without a pause whether it may, and takes a core that the
    // brokers need to come back. Its threads have the niceness of this one.
    rustix::process::nice(GIVES_WAY).expect("whoever takes less is not refused");
    let mut client = ClientConfig::new();
    client
        .set("bootstrap.servers", cluster::variable("BOOKFLOW_KAFKA_BOOTSTRAP"))
        .set("enable.idempotence", "true")
        .set("linger.ms", "200")
        .set("message.timeout.ms", "300000");
    let producer: BaseProducer = client.create().expect("a producer");
    let (mut wire, mut sent, mut due) = (Wire::default(), 0, Instant::now());
    for generated in load.trades().expect("a load") {
        if enough(sent) {
            break;
        }
        thread::sleep(due.saturating_duration_since(Instant::now()));
        due += Duration::from_micros(1_000_000 / pace.load(Ordering::Relaxed));
        wire.fill(&generated, schemas);
        let mut record: BaseRecord<[u8], [u8]> = BaseRecord::to(topic).partition(wire.partition(partitions));
        if let Some(key) = wire.key() {
            record = record.key(key);
        }
        if let Some(value) = wire.value() {
            record = record.payload(value);
        }
        while let Err((error, again)) = producer.send(record) {
            assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::QueueFull), "{error}");
            producer.poll(Duration::from_millis(10));
            record = again;
        }
        producer.poll(Duration::ZERO);
        sent += 1;
    }
    producer.flush(Duration::from_secs(300)).expect("all of it is delivered");
    sent
}
