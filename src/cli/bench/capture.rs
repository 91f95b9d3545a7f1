//! `bench capture`: trades in, answers, positions and lots out, against a loop on the same broker that only copies bytes.

use std::sync::Arc;

use serde_json::{Value, json};

use super::copying::{Copying, outputs};
use super::counted::{Counted, Counting};
use super::ours::{self, Volume};
use super::rounds::Rounds;
use super::times::rounded;
use super::usage::{Measured, median};
use crate::cli::config::Config;
use crate::cli::embedded;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::generate::command::Shape;
use crate::cli::generate::send::{Sent, send};
use crate::cli::generate::trades::Generated;
use crate::cli::parts;
use crate::cli::session::Session;
use crate::engine::broker::Broker;
use crate::engine::settings::Settings;
use crate::engine::topology::Topology;
use crate::memory::interference::Undisturbed;
use crate::messages::schemas::Schemas;
use crate::pipeline::topics::TRADES;
use crate::pipeline::topology::topology;

/// Trades captured per second and their CPU time, beside the limit of a loop that only copies
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Trades of a round
    #[arg(long, default_value_t = 500_000)]
    trades: u64,
    /// Trades before those of each round: until it has touched its memory a worker waits for the system to give it
    #[arg(long, default_value_t = 0)]
    warm_up: u64,
    #[arg(long, default_value_t = 8)]
    partitions: i32,
    /// Rounds of worker and loop in turn; their medians are the result
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Threads of stage `book`
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// On the embedded broker, without the loop: what the worker itself costs
    #[arg(long)]
    memory: bool,
    #[command(flatten)]
    shape: Shape,
}

impl Arguments {
    /// Trades of a round, those before anything is measured too.
    fn all(&self) -> u64 {
        self.warm_up + self.trades
    }
}

/// One round: the worker, what it wrote, and the loop, if there is a broker to loop on.
struct Round {
    ours: Measured,
    volumes: Vec<Volume>,
    limit: Option<Measured>,
    first: &'static str,
}

const WORKER: &str = "worker";
const LOOP: &str = "loop";

/// Enough for a steady count.
const COUNTED_TRADES: u64 = 100_000;

pub fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let config = session.config()?;
    let (mut topics, mut rounds) = (Rounds::of(&config), Vec::<Round>::new());
    for number in 1..=arguments.rounds.max(1) {
        let round = match arguments.memory {
            true => in_memory(arguments, &config)?,
            false => on_cluster(arguments, &topics.fresh(arguments.partitions)?, &rounds, session)?,
        };
        session.output.note(told(number, &round));
        rounds.push(round);
    }
    let counted = counted(arguments, &config, &mut topics)?;
    let answer = answer(arguments, &topics, &rounds, &counted)?;
    session.output.say(answer.clone(), summary(&answer))?;
    Ok(Exit::Ok)
}

fn in_memory(arguments: &Arguments, config: &Config) -> Result<Round, Failure> {
    let broker = Arc::new(embedded::broker(Default::default(), Arc::new(Undisturbed), arguments.partitions)?);
    let load = arguments.shape.load(arguments.all()).trades()?;
    let loaded = Loaded::new(load, arguments.threads, config, broker.clone(), Arc::new(Schemas::embedded()))?;
    let ours = loaded.run(arguments.warm_up)?;
    let volumes = ours::volumes(broker.as_ref(), arguments.partitions)?;
    Ok(Round { ours, volumes, limit: None, first: WORKER })
}

/// Worker and loop take turns in going first, for whoever comes later has more of the machine warm. What the loop has to write is known from the
/// first round on.
fn on_cluster(arguments: &Arguments, config: &Config, earlier: &[Round], session: &Session) -> Result<Round, Failure> {
    let number = earlier.len() + 1;
    session.output.note(format!("round {number}: topics {}.*, {} trades", config.kafka.namespace, arguments.trades));
    let (load, broker) = (arguments.shape.load(arguments.all()).trades()?, parts::broker(config)?);
    let loaded = Loaded::new(load, arguments.threads, config, broker.clone(), parts::schemas(config)?)?;
    let known = earlier.last().filter(|last| last.first == WORKER);
    let before = known.map(|last| copied(&last.volumes, arguments, config)).transpose()?;
    let ours = loaded.run(arguments.warm_up)?;
    let volumes = ours::volumes(broker.as_ref(), arguments.partitions)?;
    let (limit, first) = match before {
        Some(limit) => (limit, LOOP),
        None => (copied(&volumes, arguments, config)?, WORKER),
    };
    Ok(Round { ours, volumes, limit: Some(limit), first })
}

fn copied(volumes: &[Volume], arguments: &Arguments, config: &Config) -> Result<Measured, Failure> {
    let outputs = outputs(config, arguments.partitions, volumes, arguments.all().max(1))?;
    Copying::new(config, TRADES, outputs, arguments.all()).run()
}

/// Loads the topic and lets the worker have it.
pub fn capture(
    load: impl Iterator<Item = Generated>,
    threads: usize,
    config: &Config,
    broker: Arc<dyn Broker>,
    schemas: Arc<Schemas>,
) -> Result<Measured, Failure> {
    Loaded::new(load, threads, config, broker, schemas)?.run(0)
}

/// One round more, a short one that nobody times: counting takes time itself.
fn counted(arguments: &Arguments, config: &Config, topics: &mut Rounds) -> Result<Counted, Failure> {
    let load = arguments.shape.load(arguments.trades.min(COUNTED_TRADES)).trades()?;
    let loaded = if arguments.memory {
        let broker = embedded::broker(Default::default(), Arc::new(Undisturbed), arguments.partitions)?;
        Loaded::new(load, arguments.threads, config, Arc::new(broker), Arc::new(Schemas::embedded()))?
    } else {
        let config = topics.fresh(arguments.partitions)?;
        Loaded::new(load, arguments.threads, &config, parts::broker(&config)?, parts::schemas(&config)?)?
    };
    let counting = Counting::start();
    loaded.run(0)?;
    Ok(counting.end(loaded.records))
}

/// A broker with trades on it, and what the worker needs to capture them.
struct Loaded {
    broker: Arc<dyn Broker>,
    topology: Arc<Topology>,
    settings: Settings,
    threads: usize,
    records: u64,
}

impl Loaded {
    fn new(
        load: impl Iterator<Item = Generated>,
        threads: usize,
        config: &Config,
        broker: Arc<dyn Broker>,
        schemas: Arc<Schemas>,
    ) -> Result<Loaded, Failure> {
        let id = format!("bookflow.bench-{}", std::process::id());
        let Sent { records, .. } = send(broker.as_ref(), &schemas, &id, load, |_| {})?;
        let topology = Arc::new(topology(schemas));
        embedded::start_all(&topology, broker.as_ref())?;
        let settings = Settings { instance: "bench".into(), ..parts::engine_settings(config) };
        Ok(Loaded { broker, topology, settings, threads, records })
    }

    fn run(&self, warm_up: u64) -> Result<Measured, Failure> {
        ours::run(&self.topology, &self.broker, self.settings.clone(), self.threads, self.records, warm_up)
    }
}

fn answer(arguments: &Arguments, topics: &Rounds, rounds: &[Round], counted: &Counted) -> Result<Value, Failure> {
    let ours = median(rounds.iter().map(|round| round.ours).collect());
    let limit = median(rounds.iter().filter_map(|round| round.limit).collect());
    let ours = ours.expect("there is at least one round");
    let volumes = &rounds[rounds.len() - 1].volumes;
    let outputs: Vec<_> = volumes
        .iter()
        .map(|volume| {
            let records = volume.records.max(1);
            json!({
                "topic": volume.topic, "per_trade": rounded(volume.records as f64 / arguments.all().max(1) as f64),
                "key_bytes": volume.key_bytes / records, "value_bytes": volume.value_bytes / records,
            })
        })
        .collect();
    let bytes: u64 = volumes.iter().map(|volume| volume.key_bytes + volume.value_bytes).sum();
    Ok(json!({
        "scenario": "capture",
        "conditions": topics.conditions(json!({
            "trades": arguments.trades, "warm_up": arguments.warm_up, "partitions": arguments.partitions, "threads": arguments.threads,
            "keys": arguments.shape.keys, "zipf": arguments.shape.zipf, "seed": arguments.shape.seed,
            "plain": arguments.shape.plain, "rounds": rounds.len(), "outputs": outputs,
        }))?,
        "rate": ours.per_second.round(),
        "cpu_us_per_record": rounded(ours.cpu_us_per_record),
        "bytes_per_trade": (bytes as f64 / arguments.all().max(1) as f64).round(),
        "allocations_per_trade": counted.allocations.map(rounded),
        "instructions_per_trade": counted.instructions.as_ref().ok().map(|count| count.round()),
        "instructions_unknown": counted.instructions.as_ref().err(),
        "limit_rate": limit.map(|limit| limit.per_second.round()),
        "limit_cpu_us_per_record": limit.map(|limit| rounded(limit.cpu_us_per_record)),
        "ratio": limit.map(|limit| rounded(ours.per_second / limit.per_second)),
        "rounds": rounds.iter().map(|round| json!({
            "first": round.first, "rate": round.ours.per_second.round(),
            "cpu_us_per_record": rounded(round.ours.cpu_us_per_record),
            "limit_rate": round.limit.map(|limit| limit.per_second.round()),
            "limit_cpu_us_per_record": round.limit.map(|limit| rounded(limit.cpu_us_per_record)),
        })).collect::<Vec<_>>(),
    }))
}

fn told(number: usize, round: &Round) -> String {
    let shown = |measured: &Measured| {
        format!("{:.0}/s, {:.2} µs CPU a record", measured.per_second, measured.cpu_us_per_record)
    };
    match &round.limit {
        Some(limit) => {
            format!(
                "round {number}, {} first: worker {}; copying loop {}",
                round.first,
                shown(&round.ours),
                shown(limit)
            )
        }
        None => format!("round {number}: worker {}", shown(&round.ours)),
    }
}

fn summary(answer: &Value) -> String {
    let conditions = serde_json::to_string_pretty(&answer["conditions"]).unwrap_or_default();
    let limit = match answer["limit_rate"].as_f64() {
        Some(limit) => format!(
            "\nlimit   {limit} trades/s, {} µs CPU a trade, copying the same bytes\nratio   {}",
            answer["limit_cpu_us_per_record"], answer["ratio"]
        ),
        None => String::new(),
    };
    let unknown = answer["instructions_unknown"].as_str().map_or(String::new(), |why| format!(" ({why})"));
    format!(
        "capture {} trades/s, {} µs CPU a trade{limit}\n\
         a trade {} bytes written, {} allocations, {} instructions{unknown}\nconditions {conditions}",
        answer["rate"],
        answer["cpu_us_per_record"],
        answer["bytes_per_trade"],
        answer["allocations_per_trade"],
        answer["instructions_per_trade"],
    )
}
