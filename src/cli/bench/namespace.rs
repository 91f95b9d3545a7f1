//! Topics of a round's own, so that state, logs and groups are fresh; the broker forgets them within the hour.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use crate::cli::config::Config;
use crate::cli::failure::Failure;
use crate::cli::parts;
use crate::cli::tail::partitions;
use crate::engine::admin::TopicToCreate;
use crate::engine::broker::{Broker, TopicPartition};
use crate::pipeline::{topic_files, topics};

/// The settings of a round, whose topics are there, have their leaders and their schemas.
pub fn fresh(config: &Config, number: usize, partitions: i32) -> Result<Config, Failure> {
    let mut config = config.clone();
    let name = format!("bench-{}-{number}", std::process::id());
    config.kafka.namespace = match config.kafka.namespace.as_str() {
        "" => name,
        namespace => format!("{namespace}.{name}"),
    };
    create(&config, partitions, topic_files::embedded().into_iter().map(|file| file.name).collect())?;
    parts::schemas(&config)?; // by one, before processes come that would register the same at the same moment
    let broker = parts::broker(&config)?;
    let began = Instant::now();
    for topic in topics::all() {
        while let Err(error) = led(broker.as_ref(), topic) {
            if began.elapsed() > LEADERS_COME {
                return Err(error);
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
    Ok(config)
}

/// How long partitions may be without a leader.
const LEADERS_COME: Duration = Duration::from_secs(20);

/// Whether every partition of a topic answers.
fn led(broker: &dyn Broker, topic: &'static str) -> Result<(), Failure> {
    let mut reader = broker.reader()?;
    for partition in 0..partitions(broker, topic)? {
        reader.bounds(TopicPartition { topic, partition })?;
    }
    Ok(())
}

pub fn create(config: &Config, partitions: i32, names: Vec<String>) -> Result<(), Failure> {
    // The largest record that any topic file allows.
    let settings = [("retention.ms", "3600000"), ("max.message.bytes", "4194304")];
    let settings = BTreeMap::from(settings.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let topic = |name| TopicToCreate { name, partitions, replication: None, config: settings.clone() };
    Ok(parts::admin(config)?.create(&names.into_iter().map(topic).collect::<Vec<_>>())?)
}
