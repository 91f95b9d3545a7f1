//! A source that sends trades one by one and a read_committed reader that sees their answers: how long each took.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use super::bare;
use super::times::Times;
use crate::cli::config::Config;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, chain};
use crate::cli::parts;
use crate::cli::tail::{From, Tail, partitions};
use crate::domain::trade::Trade;
use crate::messages::blotter::BlotterRow;
use crate::messages::key::partition;
use crate::messages::schemas::Schemas;
use crate::pipeline::topics::{BLOTTER, TRADES};

/// A source as most are: one record after another, idempotent, without transactions.
pub struct Source {
    producer: BaseProducer,
    topic: String,
    schemas: Arc<Schemas>,
    pub partitions: i32,
}

/// Sees answers as they become visible.
pub struct Answers {
    tail: Tail,
    schemas: Arc<Schemas>,
}

const CALL: Duration = Duration::from_secs(20);
/// How long the last answers may take.
const PATIENCE: Duration = Duration::from_secs(120);

impl Source {
    /// Each record leaves by itself.
    pub fn open(config: &Config, topic: &'static str) -> Result<Source, Failure> {
        Source::lingering(config, topic, Duration::ZERO)
    }

    /// Records wait so long for others to leave with.
    pub fn lingering(config: &Config, topic: &'static str, linger: Duration) -> Result<Source, Failure> {
        let mut client = bare::client(config);
        client.set("enable.idempotence", "true").set("linger.ms", linger.as_millis().to_string());
        let partitions = partitions(parts::broker(config)?.as_ref(), topic)?;
        let producer = client.create().map_err(|error| failed(&error))?;
        Ok(Source { producer, topic: parts::full_name(config, topic), schemas: parts::schemas(config)?, partitions })
    }

    pub fn partition(&self, trade: &Trade) -> i32 {
        partition(trade.key.as_str().as_bytes(), self.partitions)
    }

    pub fn send(&self, trade: &Trade) -> Result<(), Failure> {
        let mut value = Vec::new();
        self.schemas.encode(trade, None, &mut value).map_err(|error| failed(&error))?;
        let record = BaseRecord::to(&self.topic).partition(self.partition(trade));
        let mut record = record.key(trade.key.as_str()).payload(&value);
        while let Err((error, again)) = self.producer.send(record) {
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                return Err(failed(&error));
            }
            self.producer.poll(Duration::from_millis(10));
            record = again;
        }
        self.producer.poll(Duration::ZERO);
        Ok(())
    }

    /// Sends at a steady rhythm; one that falls behind catches up at once. `before` hears when each was due: whoever measures from
    /// there counts the waits that a late source would hide.
    pub fn steady(
        &self,
        per_second: u64,
        trades: impl Iterator<Item = Trade>,
        mut before: impl FnMut(&Trade, Instant),
    ) -> Result<(), Failure> {
        let began = Instant::now();
        for (number, trade) in trades.enumerate() {
            let due = began + Duration::from_secs_f64(number as f64 / per_second as f64);
            thread::sleep(due.saturating_duration_since(Instant::now()));
            before(&trade, due);
            self.send(&trade)?;
        }
        self.producer.flush(CALL).map_err(|error| failed(&error))
    }
}

impl Answers {
    /// From now on.
    pub fn open(config: &Config) -> Result<Answers, Failure> {
        let tail = Tail::open(parts::broker(config)?.as_ref(), BLOTTER, From::End)?;
        Ok(Answers { tail, schemas: parts::schemas(config)? })
    }

    /// Hands out what has become visible.
    pub fn round(&mut self, mut take: impl FnMut(BlotterRow)) -> Result<(), Failure> {
        let schemas = &self.schemas;
        self.tail.round(|record| {
            let decoded = schemas.decode::<BlotterRow>(record.value.unwrap_or_default());
            take(decoded.map_err(|error| failed(&error))?.1);
            Ok(())
        })
    }
}

/// Sends these trades at a steady rhythm and answers how long each took until its answer was visible. Answers have the keys of their trades and come in
/// order of each key, so nobody else may send trades of these keys meanwhile.
pub fn latencies(
    config: &Config,
    answers: &'static str,
    per_second: u64,
    trades: Vec<Trade>,
) -> Result<Times, Failure> {
    let source = Source::open(config, TRADES)?;
    let mut answers = Tail::open(parts::broker(config)?.as_ref(), answers, From::End)?;
    let (count, trades) = (trades.len() as u64, trades.into_iter());
    let unanswered: Mutex<HashMap<Vec<u8>, VecDeque<Instant>>> = Mutex::default();
    let unanswered = || unanswered.lock().unwrap_or_else(PoisonError::into_inner);
    let before = |trade: &Trade, due| {
        unanswered().entry(trade.key.as_str().as_bytes().to_vec()).or_default().push_back(due);
    };
    answered(&source, per_second, trades, count, before, |times| {
        answers.round(|record| {
            if let Some(due) = unanswered().get_mut(record.key.unwrap_or_default()).and_then(VecDeque::pop_front) {
                times.record(due.elapsed());
            }
            Ok(())
        })
    })
}

/// Sends trades at a steady rhythm and takes the times of their answers beside it, until there is one for each. `before` hears of each trade when it
/// was due.
pub fn answered(
    source: &Source,
    per_second: u64,
    trades: impl Iterator<Item = Trade> + Send,
    count: u64,
    before: impl FnMut(&Trade, Instant) + Send,
    mut round: impl FnMut(&mut Times) -> Result<(), Failure>,
) -> Result<Times, Failure> {
    thread::scope(|scope| {
        let sender = scope.spawn(|| source.steady(per_second, trades, before));
        let (mut times, mut heard) = (Times::new(), Instant::now());
        while times.count() < count && heard.elapsed() < PATIENCE {
            let earlier = times.count();
            round(&mut times)?;
            if times.count() > earlier {
                heard = Instant::now();
            }
        }
        sender.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        match times.count() {
            all if all == count => Ok(times),
            some => Err(Failure::new(Exit::Failed, format!("{some} of {count} trades are answered"))),
        }
    })
}

fn failed(error: &dyn std::error::Error) -> Failure {
    Failure::new(Exit::Failed, chain(error))
}
