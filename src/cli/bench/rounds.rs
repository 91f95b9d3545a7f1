//! Topics of a round's own, so that state, logs and groups are fresh. They go when the command ends: a broker has only so many files.

use std::thread;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use serde_json::{Map, Value, json};

use super::{bare, conditions};
use crate::cli::config::Config;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, chain};
use crate::cli::parts;
use crate::cli::tail::partitions;
use crate::engine::admin::TopicToCreate;
use crate::engine::broker::{Broker, TopicPartition};
use crate::pipeline::topic_files::{self, TopicSpec};
use crate::pipeline::topics;

/// The rounds of a command. Not before its end: the broker is busy with deleting, and the next round would be measured beside it.
pub struct Rounds {
    config: Config,
    number: usize,
    conditions_at_start: Map<String, Value>,
}

impl Rounds {
    pub fn of(config: &Config) -> Rounds {
        Rounds { config: config.clone(), number: 0, conditions_at_start: conditions::at_start(config) }
    }

    /// The settings of the next round, whose topics are there, have their leaders and their schemas.
    pub fn fresh(&mut self, partitions: i32) -> Result<Config, Failure> {
        self.number += 1;
        let config = self.latest();
        create(&config, partitions, "", topic_files::embedded())?;
        parts::schemas(&config)?; // by one, before processes come that would register the same at the same moment
        await_leaders(&config, topics::all())?;
        Ok(config)
    }

    /// What every scenario says of where it ran, and `more` of its own.
    pub fn conditions(&self, more: Value) -> Result<Value, Failure> {
        let mut all = match self.number {
            0 => conditions::object(json!({ "broker": "embedded" })),
            _ => conditions::cluster(&self.latest())?,
        };
        all.extend(self.conditions_at_start.clone());
        all.extend(conditions::object(more));
        Ok(Value::Object(all))
    }

    /// The settings of the round that is on.
    fn latest(&self) -> Config {
        let mut config = self.config.clone();
        config.kafka.namespace = format!("{}{}", self.prefix(), self.number);
        config
    }

    /// What the namespaces of all rounds begin with, and nobody else's do.
    fn prefix(&self) -> String {
        let name = format!("bench-{}-", std::process::id());
        match self.config.kafka.namespace.as_str() {
            "" => name,
            namespace => format!("{namespace}.{name}"),
        }
    }

    /// Deletes all topics of all rounds, whoever has created them.
    fn delete(&self) -> Result<(), Failure> {
        // Whoever looks for topics from within a namespace sees none of another one, and each round has its own.
        let mut cluster = self.config.clone();
        cluster.kafka.namespace.clear();
        let mut names = parts::admin(&cluster)?.names()?;
        names.retain(|name| name.starts_with(&self.prefix()));
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let failed = |error: &dyn std::error::Error| Failure::new(Exit::Failed, chain(error));
        let client: AdminClient<DefaultClientContext> =
            bare::client(&self.config).create().map_err(|error| failed(&error))?;
        let deleted = client.delete_topics(&names, &AdminOptions::new().request_timeout(Some(DELETED)));
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let answers = runtime.block_on(deleted).map_err(|error| failed(&error))?;
        match answers.into_iter().find_map(Result::err) {
            Some((name, code)) => Err(Failure::new(Exit::Failed, format!("{name}: {code}"))),
            None => Ok(()),
        }
    }
}

impl Drop for Rounds {
    fn drop(&mut self) {
        if self.number == 0 {
            return;
        }
        if let Err(failure) = self.delete() {
            eprintln!("topics {}* may still be there: {}", self.prefix(), failure.message);
        }
    }
}

const DELETED: Duration = Duration::from_secs(30);
/// How long partitions may be without a leader.
const LEADERS_COME: Duration = Duration::from_secs(20);

/// Topics that have just been made are without them for a moment.
pub fn await_leaders(config: &Config, topics: impl IntoIterator<Item = &'static str>) -> Result<(), Failure> {
    let (broker, began) = (parts::broker(config)?, Instant::now());
    for topic in topics {
        while let Err(error) = led(broker.as_ref(), topic) {
            if began.elapsed() > LEADERS_COME {
                return Err(error);
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
    Ok(())
}

/// Whether every partition of a topic answers.
fn led(broker: &dyn Broker, topic: &'static str) -> Result<(), Failure> {
    let mut reader = broker.reader()?;
    for partition in 0..partitions(broker, topic)? {
        reader.bounds(TopicPartition { topic, partition })?;
    }
    Ok(())
}

/// The copying loop's: `copy.` and the name of ours, with the same settings.
pub fn create_copies(config: &Config, partitions: i32, of: &[&str]) -> Result<(), Failure> {
    let copied = topic_files::embedded().into_iter().filter(|spec| of.contains(&spec.name.as_str()));
    create(config, partitions, "copy.", copied.collect())
}

/// As `topics apply` does it with `--partitions`.
fn create(config: &Config, partitions: i32, prefix: &str, specs: Vec<TopicSpec>) -> Result<(), Failure> {
    let topic = |spec: TopicSpec| TopicToCreate {
        name: format!("{prefix}{}", spec.name),
        partitions: if spec.in_one_partition() { spec.partitions } else { partitions },
        replication: None,
        config: spec.config,
    };
    Ok(parts::admin(config)?.create(&specs.into_iter().map(topic).collect::<Vec<_>>())?)
}
