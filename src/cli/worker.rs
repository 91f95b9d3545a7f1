//! `worker`: runs stages until it is told to stop. SIGTERM or SIGINT drains and commits; a second one ends at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::config::Config;
use super::exit::Exit;
use super::failure::Failure;
use super::log::Usual;
use super::parts;
use super::session::Session;
use crate::cache::redis::Redis;
use crate::engine::clock::SystemClock;
use crate::engine::first_start::{FirstStart, first_start};
use crate::engine::health::Health;
use crate::engine::run::{Lane, Process};
use crate::gateway::admin::{AdminPort, Told};
use crate::gateway::metrics;
use crate::gateway::watch::{EVERY, Watch};
use crate::pipeline::topology::topology_with;

/// Nothing came for this long: idle. Several times the longest wait of a poll.
const IDLE_AFTER: Duration = Duration::from_secs(3);
/// How long one question for committed offsets may take.
const QUESTION: Duration = Duration::from_secs(15);

/// Runs stages: captures trades, calculates chunks, collects outcomes
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Stages to run, comma separated [default: worker.stages, or all]
    #[arg(long, value_delimiter = ',', value_name = "STAGES")]
    stages: Vec<String>,
    /// Threads per stage [default: worker.threads]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    threads: Option<u8>,
    /// Name of this worker, stable and unique [default: worker.instance, or the host's name]
    #[arg(long)]
    instance: Option<String>,
    /// Commit the start offsets of stages that have never run; does nothing to the others
    #[arg(long)]
    first_start: bool,
    /// Go on where retention has deleted input that was never read; without this the worker stops there
    #[arg(long)]
    skip_lost_input: bool,
    /// End when nothing has come for a few seconds
    #[arg(long)]
    until_idle: bool,
    /// End after this many records
    #[arg(long, value_name = "N")]
    max_records: Option<u64>,
}

pub fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    session.start_logs(Usual::Info);
    let mut config = session.config()?;
    if let Some(instance) = &arguments.instance {
        config.worker.instance = instance.clone();
    }
    if let Some(threads) = arguments.threads {
        config.worker.threads = threads.into();
    }
    if !arguments.stages.is_empty() {
        config.worker.stages = arguments.stages.clone();
    }
    let redis = parts::worker_redis(&config)?;
    let mut process = process(&config, redis.clone())?;
    process.settings.skip_lost_input = arguments.skip_lost_input;
    if arguments.first_start {
        for lane in &process.lanes {
            start_first(&process, &lane.stage, session)?;
        }
    }
    stop_at_signals(&process.stopping)?;
    let _port = admin_port(&config, &process, redis)?;
    let ended = thread::scope(|scope| {
        scope.spawn(|| stop_when_done(arguments, &process));
        let ended = process.run();
        process.stopping.store(true, Ordering::Relaxed);
        ended
    });
    let records: u64 = process.health.reports().values().map(|report| report.records).sum();
    ended?;
    session
        .output
        .say(json!({ "ended": "drained", "records": records }), format!("drained after {records} records"))?;
    Ok(Exit::Ok)
}

/// A process of all the stages that the settings ask for.
fn process(config: &Config, redis: Option<Arc<Redis>>) -> Result<Process, Failure> {
    let topology = Arc::new(topology_with(parts::schemas(config)?, parts::stage_settings(config, redis)?));
    let chosen = &config.worker.stages;
    let stages = match chosen.is_empty() {
        true => topology.stages.iter().map(|stage| stage.name.to_string()).collect(),
        false => chosen.clone(),
    };
    for stage in &stages {
        topology.stage(stage)?;
    }
    let threads = config.worker.threads;
    Ok(Process {
        lanes: stages.into_iter().map(|stage| Lane { stage, threads }).collect(),
        topology,
        settings: parts::engine_settings(config),
        broker: parts::broker(config)?,
        store: parts::store(config)?,
        clock: Arc::new(SystemClock::start()),
        health: Health::default(),
        stopping: Arc::default(),
    })
}

fn start_first(process: &Process, stage: &str, session: &Session) -> Result<(), Failure> {
    let Process { topology, broker, clock, .. } = process;
    let checked = topology.await_topics(topology.stage(stage)?, broker.as_ref(), clock.as_ref())?;
    session.output.note(match first_start(&checked, broker.as_ref(), clock.as_ref(), QUESTION)? {
        FirstStart::Committed { partitions } => {
            format!("{stage}: first start, {partitions} partitions from their start")
        }
        FirstStart::Joined { topics } => {
            format!("{stage}: has run before, offsets stay; new to it, from their start: {}", topics.join(", "))
        }
        FirstStart::AlreadyStarted => format!("{stage}: has run before, offsets stay"),
    });
    Ok(())
}

fn stop_at_signals(stopping: &Arc<AtomicBool>) -> Result<(), Failure> {
    let told_before = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // In this order: the first signal finds the flag unset and sets it, the second finds it set and ends the process.
        flag::register_conditional_shutdown(signal, 128 + signal, told_before.clone())?;
        flag::register(signal, told_before.clone())?;
        flag::register(signal, stopping.clone())?;
    }
    Ok(())
}

fn admin_port(config: &Config, process: &Process, redis: Option<Arc<Redis>>) -> Result<Option<AdminPort>, Failure> {
    let Some(bind) = config.admin.bind else { return Ok(None) };
    let metrics = metrics::install().map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
    let told = Told {
        health: process.health.clone(),
        clock: process.clock.clone(),
        draining: process.stopping.clone(),
        kafka: Arc::new(watch_kafka(process)?),
        redis: redis.map(|redis| watch_redis(redis, process)).transpose()?.map(Arc::new),
        metrics,
    };
    let port = AdminPort::open(bind, told).map_err(|error| {
        Failure::new(Exit::Precondition, format!("admin.bind {bind}: {error}"))
            .next("give this worker a port of its own: --set admin.bind=127.0.0.1:0 takes any free one")
    })?;
    tracing::info!(address = %port.address, "admin port open: /metrics /livez /readyz /startupz /healthz");
    Ok(Some(port))
}

/// Asks for a topic: any answer is one, also that there is no such topic.
fn watch_kafka(process: &Process) -> Result<Watch, Failure> {
    let broker = process.broker.clone();
    let topic = process.topology.stage(&process.lanes[0].stage)?.lead;
    let ask = move || broker.topic(topic).map(drop).map_err(|error| error.message);
    Ok(Watch::start("watch-kafka", ask, process.clock.clone(), EVERY)?)
}

fn watch_redis(redis: Arc<Redis>, process: &Process) -> Result<Watch, Failure> {
    let ask = move || redis.ping().map_err(|error| error.to_string());
    Ok(Watch::start("watch-redis", ask, process.clock.clone(), EVERY)?)
}

/// Watches for the end that the arguments ask for; without one, only for the worker's.
fn stop_when_done(arguments: &Arguments, process: &Process) {
    let mut seen = 0;
    let mut quiet_since = Instant::now();
    while !process.stopping.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(50));
        let records = process.health.reports().values().map(|report| report.records).sum();
        if records != seen || !process.health.ready() {
            (seen, quiet_since) = (records, Instant::now());
        }
        let enough = arguments.max_records.is_some_and(|most| records >= most);
        if enough || (arguments.until_idle && quiet_since.elapsed() >= IDLE_AFTER) {
            process.stopping.store(true, Ordering::Relaxed);
        }
    }
}
