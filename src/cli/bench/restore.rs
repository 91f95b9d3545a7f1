//! `bench restore`: a worker that has lost its local copy, beside a consumer that only reads the same topics.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::{Value, json};

use super::capture::capture;
use super::rounds::Rounds;
use super::times::rounded;
use super::usage::{Measured, Sample, median};
use super::{bare, stock};
use crate::cli::config::Config;
use crate::cli::embedded;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::parts;
use crate::cli::session::Session;
use crate::engine::run::{Lane, Process};
use crate::pipeline::topics::{CAPTURED_TRADES, LOTS, POSITIONS};
use crate::pipeline::topology::{BOOK, topology};

/// Restoring open lots from the changelog, beside a bare consumer of the same topics
#[derive(clap::Args, Debug)]
pub struct Arguments {
    #[arg(long, default_value_t = 1_000_000)]
    lots: u64,
    #[arg(long, default_value_t = 8)]
    partitions: i32,
    /// Rounds of consumer and worker, of which the other one goes first each time; their medians are the result
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Threads of the worker
    #[arg(long, default_value_t = 1)]
    threads: usize,
}

/// The worker, and the consumer that only reads.
struct Round {
    first: &'static str,
    limit: Measured,
    ours: Measured,
}

const STATE: [&str; 3] = [CAPTURED_TRADES, POSITIONS, LOTS];
/// At least this share of a bare consumer's rate.
const AIM: f64 = 0.5;
const PATIENCE: Duration = Duration::from_secs(300);
const CALL: Duration = Duration::from_secs(20);

pub fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let mut topics = Rounds::of(&session.config()?);
    let config = topics.fresh(arguments.partitions)?;
    capture(stock::lots(arguments.lots)?, 1, &config, parts::broker(&config)?, parts::schemas(&config)?)?;
    session.output.note(format!("{} lots are captured", arguments.lots));
    let records = bare(&config)?.records; // and from now on the system has read them, too, whoever goes first
    let mut rounds = Vec::new();
    for number in 1..=arguments.rounds.max(1) {
        let round = match number % 2 {
            1 => {
                let limit = bare(&config)?;
                Round { first: "consumer", limit, ours: restored(&config, arguments.threads, records)? }
            }
            _ => {
                let ours = restored(&config, arguments.threads, records)?;
                Round { first: "worker", limit: bare(&config)?, ours }
            }
        };
        session.output.note(format!("round {number}: {}", round.told()));
        rounds.push(round);
    }
    let middle = |of: fn(&Round) -> Measured| median(rounds.iter().map(of).collect()).expect("there is a round");
    let (limit, ours) = (middle(|round| round.limit), middle(|round| round.ours));
    let answer = json!({
        "scenario": "restore", "records": records, "rate": ours.per_second.round(), "limit_rate": limit.per_second.round(),
        "ratio": rounded(ours.per_second / limit.per_second), "aim_ratio": AIM, "seconds": rounded(ours.records as f64 / ours.per_second),
        "cpu_us_per_record": rounded(ours.cpu_us_per_record), "limit_cpu_us_per_record": rounded(limit.cpu_us_per_record),
        "rounds": rounds.iter().map(Round::told).collect::<Vec<_>>(),
        "conditions": topics.conditions(json!({
            "lots": arguments.lots, "positions": stock::KEYS, "partitions": arguments.partitions, "threads": arguments.threads,
            "rounds": rounds.len(), "seconds": "from the start of the worker's threads, so that joining the group is in it",
            "limit": "one consumer that reads the state topics to their end and looks at no byte",
        }))?,
    });
    session.output.say(answer.clone(), serde_json::to_string_pretty(&answer).unwrap_or_default())?;
    Ok(Exit::Ok)
}

impl Round {
    fn told(&self) -> Value {
        json!({ "first": self.first, "rate": self.ours.per_second.round(), "limit_rate": self.limit.per_second.round() })
    }
}

fn bare(config: &Config) -> Result<Measured, Failure> {
    read(config).map_err(|error| Failure::new(Exit::Failed, format!("bare consumer: {error}")))
}

/// Reads the state topics whole.
fn read(config: &Config) -> Result<Measured, KafkaError> {
    let mut client = bare::client(config);
    client
        .set("group.id", format!("{}.bare", config.kafka.namespace))
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("fetch.queue.backoff.ms", "20");
    let consumer: BaseConsumer = client.create()?;
    let mut all = TopicPartitionList::new();
    for topic in STATE {
        let topic = parts::full_name(config, topic);
        let metadata = consumer.fetch_metadata(Some(&topic), CALL)?;
        for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
            all.add_partition_offset(&topic, partition.id(), Offset::Beginning)?;
        }
    }
    let first = Sample::now(0);
    consumer.assign(&all)?;
    let (mut records, mut bytes, mut ended) = (0, 0, 0);
    while ended < all.count() {
        match consumer.poll(Duration::from_millis(200)) {
            Some(Ok(message)) => {
                records += 1;
                bytes += message.payload_len();
            }
            Some(Err(KafkaError::PartitionEOF(_))) => ended += 1,
            Some(Err(error)) => return Err(error),
            None => {}
        }
    }
    std::hint::black_box(bytes);
    Ok(Sample::now(records).since(&first))
}

/// A worker without local copies, until all of its tasks run.
fn restored(config: &Config, threads: usize, records: u64) -> Result<Measured, Failure> {
    let topology = Arc::new(topology(parts::schemas(config)?));
    let settings = crate::engine::settings::Settings { instance: "bench".into(), ..parts::engine_settings(config) };
    let process = embedded::process(&topology, &parts::broker(config)?, std::iter::empty(), settings);
    let process = Process { lanes: vec![Lane { stage: BOOK.to_owned(), threads }], ..process };
    thread::scope(|scope| {
        let (first, began) = (Sample::now(0), Instant::now());
        let worker = scope.spawn(|| process.run());
        let running = || process.health.reports().values().map(|report| report.running).sum::<usize>();
        let ready = || process.health.ready() && running() > 0;
        while !ready() && !worker.is_finished() && began.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(1));
        }
        let (measured, ready) = (Sample::now(records).since(&first), ready());
        process.stopping.store(true, Ordering::Relaxed);
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        match ready {
            true => Ok(measured),
            false => Err(Failure::new(Exit::Failed, format!("the worker is not ready after {PATIENCE:?}"))),
        }
    })
}
