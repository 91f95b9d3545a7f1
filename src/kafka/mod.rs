//! The Broker port on Apache Kafka (rdkafka), admin, schema registry.

pub mod settings; // what is pinned, and why
pub mod consumer; // a group member on its worker's thread
pub mod producer; // transactions step by step
pub mod reader; // committed records without a group
pub mod admin; // topics: what is there, create, alter
pub mod registry; // schema ids from the Confluent API
mod markers; // how long those of a transaction take
mod fetch; // what is polled becomes a batch
mod missing; // topics that are not known, or gone
mod brokers; // whom a client asks
mod context; // what librdkafka tells: rebalances, deliveries, log lines
mod failure; // librdkafka's errors by what can be done about them
mod native; // the few accessors that only the C library has

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::client::Client;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use self::admin::KafkaAdmin;
use self::brokers::Brokers;
use self::consumer::KafkaConsumer;
use self::context::Silent;
use self::failure::{broker_error, unavailable};
use self::markers::Markers;
use self::producer::KafkaProducer;
use self::reader::KafkaReader;
use self::settings::{Settings, Use};
use crate::engine::broker::{
    Bounds, Broker, BrokerError, Consumer, ErrorKind, Member, Producer, Reader, TopicInfo, TopicPartition,
};

/// How long a question to the cluster may take before it counts as unavailable.
const QUESTION: Duration = Duration::from_secs(15);

/// After this long it is looked at why there is no answer yet.
const QUESTION_STEP: Duration = Duration::from_secs(1);

/// Between two times of asking the same.
const PAUSE: Duration = Duration::from_millis(20);

/// Reasons that are looked at when a question was not answered, and how long for each.
const REASONS: usize = 20;
const REASON: Duration = Duration::from_millis(10);

/// Apache Kafka behind the Broker port.
pub struct KafkaBroker {
    settings: Settings,
    asker: Arc<Asker>,
    markers: Arc<Markers>,
}

impl KafkaBroker {
    /// Checks the settings; connects when the first question is asked.
    pub fn new(settings: Settings) -> Result<Self, BrokerError> {
        let asker = Arc::new(Asker::new(&settings)?);
        Ok(KafkaBroker { settings, asker, markers: Arc::default() })
    }

    pub fn admin(&self) -> Result<KafkaAdmin, BrokerError> {
        KafkaAdmin::new(&self.settings)
    }
}

impl Broker for KafkaBroker {
    fn consumer(&self, member: &Member) -> Result<Box<dyn Consumer>, BrokerError> {
        Ok(Box::new(KafkaConsumer::new(&self.settings, self.asker.clone(), member)?))
    }

    fn producer(&self, transactional_id: &str) -> Result<Box<dyn Producer>, BrokerError> {
        Ok(Box::new(KafkaProducer::new(&self.settings, transactional_id, self.markers.clone())?))
    }

    fn reader(&self) -> Result<Box<dyn Reader>, BrokerError> {
        Ok(Box::new(KafkaReader::new(&self.settings)?))
    }

    fn cluster_id(&self) -> Result<String, BrokerError> {
        self.asker.cluster_id()
    }

    fn topic(&self, name: &str) -> Result<Option<TopicInfo>, BrokerError> {
        self.asker.answer(patiently(|| native::describe_topic(self.asker.client(), name, QUESTION)))
    }
}

/// Asks for ends of logs as they are, uncommitted records included: a `read_committed` client is told the last stable offset.
struct Asker {
    client: BaseConsumer<Silent>,
    brokers: Brokers,
}

impl Asker {
    fn new(settings: &Settings) -> Result<Self, BrokerError> {
        let client = settings.client(Use::Asking)?.create_with_context(Silent::default());
        let client = client.map_err(|error| broker_error("create a client", &error))?;
        Ok(Asker { client, brokers: Brokers::of(settings) })
    }

    fn client(&self) -> &Client<Silent> {
        let client = self.client.client();
        self.brokers.keep(client);
        client
    }

    fn bounds(&self, partition: TopicPartition) -> Result<Bounds, BrokerError> {
        self.brokers.keep(self.client.client());
        bounds(&self.client, partition)
    }

    /// Asks in short steps: librdkafka goes on asking where it was turned away, and an operator need not wait for that.
    fn cluster_id(&self) -> Result<String, BrokerError> {
        let deadline = Instant::now() + QUESTION;
        loop {
            let id = self.client().fetch_cluster_id(QUESTION_STEP);
            let error = match self.answer(id.ok_or_else(|| unavailable("the cluster does not tell its id"))) {
                Ok(id) => return Ok(id),
                Err(error) => error,
            };
            if error.kind == ErrorKind::Denied || Instant::now() >= deadline {
                return Err(error);
            }
        }
    }

    /// What could not be done gets the client's own reason: a refused connection, a certificate that is not trusted.
    fn answer<T>(&self, answer: Result<T, BrokerError>) -> Result<T, BrokerError> {
        let missing = matches!(&answer, Err(error) if error.kind == ErrorKind::Unavailable);
        let wait = if missing { REASON } else { Duration::ZERO };
        for _ in 0..REASONS {
            // Reasons are handed out one by one, as errors of a poll; the context keeps the last one.
            if self.client.poll(wait).is_none() && !missing {
                break;
            }
        }
        let Err(BrokerError { kind: ErrorKind::Unavailable, message }) = answer else {
            self.client.context().answered();
            return answer;
        };
        match self.client.context().trouble() {
            Some((ErrorKind::Denied, reason)) => {
                Err(BrokerError::new(ErrorKind::Denied, format!("{message}: {reason}")))
            }
            Some((_, reason)) => Err(unavailable(&format!("{message}: {reason}"))),
            None => Err(unavailable(&message)),
        }
    }
}

/// Asks again while brokers come back. What is done twice is as if it were done once.
fn patiently<T>(mut ask: impl FnMut() -> Result<T, BrokerError>) -> Result<T, BrokerError> {
    let deadline = Instant::now() + QUESTION;
    loop {
        match ask() {
            Err(error) if error.kind == ErrorKind::Unavailable && Instant::now() < deadline => thread::sleep(PAUSE),
            answered => return answered,
        }
    }
}

fn bounds<C: rdkafka::consumer::ConsumerContext>(
    client: &BaseConsumer<C>,
    partition: TopicPartition,
) -> Result<Bounds, BrokerError> {
    let ask = || client.fetch_watermarks(partition.topic, partition.partition, QUESTION);
    let told = ask().or_else(|error| match error.rdkafka_error_code() {
        // Said from what the client has kept since a broker was coming back, for minutes it would ask nobody; or by one that has led until now.
        Some(Code::UnknownPartition | Code::LeaderNotAvailable | Code::NotLeaderForPartition) => {
            client.fetch_metadata(Some(partition.topic), QUESTION).and_then(|_| ask())
        }
        _ => Err(error),
    });
    let (start, end) = told.map_err(|error| bounds_error(partition, &error))?;
    if start < 0 || end < start {
        return Err(BrokerError::new(
            ErrorKind::Unavailable,
            format!("{partition}: no valid bounds yet: {start} to {end}"),
        ));
    }
    Ok(Bounds { start, end })
}

/// Whoever asks has seen the topic: a broker that comes back does not know all of its partitions at once.
fn bounds_error(partition: TopicPartition, error: &KafkaError) -> BrokerError {
    let told = broker_error(&format!("ask for the bounds of {partition}"), error);
    match error.rdkafka_error_code() {
        Some(Code::UnknownPartition | Code::UnknownTopicOrPartition) => {
            BrokerError { kind: ErrorKind::Unavailable, ..told }
        }
        _ => told,
    }
}
