//! Where a scenario ran: program, machine and cluster, which each of them says before what is its own.

use std::time::Duration;
use std::{env, fs, thread};

use rdkafka::consumer::{BaseConsumer, Consumer};
use serde_json::{Map, Value, json};

use super::bare;
use crate::cli::config::Config;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, chain};
use crate::cli::parts;
use crate::pipeline::topics::TRADES;

/// What is known before anything is measured: the machine's load is that of others then.
pub fn at_start(config: &Config) -> Map<String, Value> {
    let (_, librdkafka) = rdkafka::util::get_rdkafka_version();
    object(json!({
        "bookflow": env!("CARGO_PKG_VERSION"),
        // No program knows the profile of its build, but its folder in target/ has the profile's name.
        "program": env::current_exe().unwrap_or_default().to_string_lossy(), "optimised": !cfg!(debug_assertions),
        "librdkafka": librdkafka, "cores": thread::available_parallelism().map_or(0, |cores| cores.get()),
        "load_1m": load(), "turn_ms": config.worker.turn_time.as_millis() as u64, "turn_records": config.worker.turn_records,
    }))
}

/// The cluster that these topics are on.
pub fn cluster(config: &Config) -> Result<Map<String, Value>, Failure> {
    let failed = |error: &dyn std::error::Error| Failure::new(Exit::Failed, chain(error));
    let client: BaseConsumer = bare::client(config).create().map_err(|error| failed(&error))?;
    let metadata = client.fetch_metadata(Some(&parts::full_name(config, TRADES)), CALL);
    let metadata = metadata.map_err(|error| failed(&error))?;
    let partition = metadata.topics().first().and_then(|topic| topic.partitions().first());
    Ok(object(json!({
        "broker": config.kafka.bootstrap, "broker_is": env::var(BROKER).unwrap_or_else(|_| format!("not told: no cluster tells it, {BROKER} may")),
        "nodes": metadata.brokers().len(), "replicas": partition.map_or(0, |partition| partition.replicas().len()),
        "topics": "as topics/*.toml, but for their number of partitions, and of replicas, which is the broker's default",
    })))
}

/// Its version and the settings of its processes; `dev/up` says it of its own.
const BROKER: &str = "BOOKFLOW_BENCH_BROKER";
const CALL: Duration = Duration::from_secs(20);

/// Of the last minute; nothing where the system does not tell.
fn load() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}

pub fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}
