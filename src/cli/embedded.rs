//! The embedded broker with all topics on it, and workers beside it: for the demo, for measuring without a cluster, for tests.

use std::sync::Arc;
use std::time::Duration;

use super::failure::Failure;
use super::verify::snapshot::Snapshot;
use crate::engine::broker::{Broker, BrokerError};
use crate::engine::clock::SystemClock;
use crate::engine::copy::NoCopies;
use crate::engine::first_start::first_start;
use crate::engine::health::Health;
use crate::engine::run::{Lane, Process};
use crate::engine::settings::Settings;
use crate::engine::topology::Topology;
use crate::memory::MemoryBroker;
use crate::memory::interference::Interference;
use crate::memory::settings::Settings as BrokerSettings;
use crate::pipeline::topic_files;

/// How long one question for committed offsets may take.
const QUESTION: Duration = Duration::from_secs(15);

/// A broker on which every topic but the views has this many partitions.
pub fn broker(
    settings: BrokerSettings,
    interference: Arc<dyn Interference>,
    partitions: i32,
) -> Result<MemoryBroker, BrokerError> {
    let broker = MemoryBroker::disturbed(settings, interference);
    for topic in topic_files::embedded() {
        let config: Vec<_> = topic.config.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let partitions = if topic.in_one_partition() { topic.partitions } else { partitions };
        broker.create_topic(&topic.name, partitions, &config)?;
    }
    Ok(broker)
}

/// Commits the start of every stage, as `worker --first-start` does.
pub fn start_all(topology: &Topology, broker: &dyn Broker) -> Result<(), Failure> {
    for stage in &topology.stages {
        first_start(&topology.check(stage, broker)?, broker, &SystemClock::start(), QUESTION)?;
    }
    Ok(())
}

/// A worker process without local copies, one thread for each of these stages.
pub fn process(
    topology: &Arc<Topology>,
    broker: &Arc<dyn Broker>,
    stages: impl Iterator<Item = &'static str>,
    settings: Settings,
) -> Process {
    Process {
        topology: topology.clone(),
        lanes: stages.map(|stage| Lane { stage: stage.to_owned(), threads: 1 }).collect(),
        settings,
        broker: broker.clone(),
        store: Arc::new(NoCopies),
        clock: Arc::new(SystemClock::start()),
        health: Health::default(),
        stopping: Arc::default(),
    }
}

/// Whether every record of every input has been consumed and committed.
pub fn caught_up(broker: &dyn Broker) -> Result<bool, Failure> {
    Snapshot::take(broker)?.caught_up(broker)
}
