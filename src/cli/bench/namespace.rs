//! Topics of a round's own, so that state, logs and groups are fresh; the broker forgets them within the hour.

use std::collections::BTreeMap;

use crate::cli::config::Config;
use crate::cli::failure::Failure;
use crate::cli::parts;
use crate::engine::admin::TopicToCreate;
use crate::pipeline::topic_files;

/// The settings of a round, whose topics are there.
pub fn fresh(config: &Config, number: usize, partitions: i32) -> Result<Config, Failure> {
    let mut config = config.clone();
    let name = format!("bench-{}-{number}", std::process::id());
    config.kafka.namespace = match config.kafka.namespace.as_str() {
        "" => name,
        namespace => format!("{namespace}.{name}"),
    };
    create(&config, partitions, topic_files::embedded().into_iter().map(|file| file.name).collect())?;
    Ok(config)
}

pub fn create(config: &Config, partitions: i32, names: Vec<String>) -> Result<(), Failure> {
    // The largest record that any topic file allows.
    let settings = [("retention.ms", "3600000"), ("max.message.bytes", "4194304")];
    let settings = BTreeMap::from(settings.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let topic = |name| TopicToCreate { name, partitions, replication: None, config: settings.clone() };
    Ok(parts::admin(config)?.create(&names.into_iter().map(topic).collect::<Vec<_>>())?)
}
