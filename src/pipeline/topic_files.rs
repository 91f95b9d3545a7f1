//! `topics/*.toml`: what each topic must be on a cluster, compiled in and checked.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use crate::messages::schemas::SchemaName;
use crate::pipeline::topics;

/// A local copy of state is trusted up to half of this age: it must see every tombstone that was written since.
pub const STATE_DELETE_RETENTION_MS: u64 = 7 * 24 * 3600 * 1000;
/// Kafka's own default is a little more than 1 MiB; producers fill batches up to 1 MB.
const MESSAGE_BYTES_MIN: u64 = 1 << 20;
/// Bounded so that a mistyped number does not create a million files.
const PARTITIONS_MAX: i32 = 1_000;
/// A mistyped name would be refused by the broker only when it is applied.
const CONFIG_NAMES: [&str; 6] = [
    "cleanup.policy",
    "retention.ms",
    "delete.retention.ms",
    "min.compaction.lag.ms",
    "max.message.bytes",
    "message.timestamp.type",
];

/// One topic as its file describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    pub name: String,
    pub role: Role,
    pub partitions: i32,
    pub replication: i32,
    /// What the record key is made of.
    pub key: String,
    pub schema: SchemaName,
    pub compatibility: Compatibility,
    pub config: BTreeMap<String, String>,
}

/// What a topic is to the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    Input,
    Result,
    /// A stage's changelog and result in one.
    State,
    DeadLetters,
    /// Read whole by a stage.
    View,
    /// Names that commands give and look up, for ever.
    Register,
}

/// Which schemas may follow each other under a topic's subject, in the registry's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Compatibility {
    FullTransitive,
    None,
}

/// What is wrong with a topic file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("topics/{topic}.toml: {problem}")]
pub struct TopicFileError {
    pub topic: String,
    pub problem: String,
}

macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../topics/", $name, ".toml")))),+]
    };
}

/// Every topic file, in the order of the topics' numbers.
const FILES: &[(&str, &str)] = files![
    "trades",
    "captured-trades",
    "positions",
    "lots",
    "blotter",
    "calculation-chunks.realtime",
    "calculation-chunks.batch",
    "job-cash-flows",
    "chunk-results.realtime",
    "job-control",
    "calculation-outcomes",
    "job-progress",
    "dead-letters",
    "contracts",
    "market-data",
    "reference-data",
    "cash-flows",
    "market-snapshots",
    "calculation-requests",
    "recalculations",
    "recalculation-shares",
    "historical-flows",
    "what-if-flows",
    "captured-actions",
    "chunk-results.batch",
    "stopped-jobs",
];

/// The files that are compiled in.
pub fn embedded() -> Vec<TopicSpec> {
    let parse = |&(name, text)| TopicSpec::parse(name, text).expect("a test parses every file that is compiled in");
    FILES.iter().map(parse).collect()
}

/// What `Schemas::connect` asks ids for: each topic with its schema.
pub fn subjects() -> Vec<(&'static str, SchemaName)> {
    let constant = |spec: TopicSpec| (topics::named(&spec.name).expect("a test finds every constant"), spec.schema);
    embedded().into_iter().map(constant).collect()
}

impl TopicSpec {
    /// Reads and checks the file of topic `name`.
    pub fn parse(name: &str, text: &str) -> Result<TopicSpec, TopicFileError> {
        let wrong = |problem: String| TopicFileError { topic: name.into(), problem };
        let file: File = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let schema = SchemaName::from_name(&file.schema)
            .ok_or_else(|| wrong(format!("schema {} has no file schemas/{0}.avsc", file.schema)))?;
        let spec = TopicSpec {
            name: name.into(),
            role: file.role,
            partitions: file.partitions,
            replication: file.replication,
            key: file.key,
            schema,
            compatibility: file.compatibility,
            config: file.config.into_iter().map(|(name, value)| (name, value.to_string())).collect(),
        };
        match spec.problem() {
            Some(problem) => Err(wrong(problem)),
            None => Ok(spec),
        }
    }

    /// Whether one partition orders all of it, whatever the size of the cluster.
    pub fn in_one_partition(&self) -> bool {
        matches!(self.role, Role::View | Role::Register)
    }

    /// The subject of the topic's schema in the registry.
    pub fn subject(&self) -> String {
        crate::messages::schemas::subject(&self.name)
    }

    /// The topic's configuration with this replication: writes need all replicas but one.
    pub fn config_with(&self, replication: i32) -> BTreeMap<String, String> {
        let mut config = self.config.clone();
        config.insert("min.insync.replicas".into(), (replication - 1).max(1).to_string());
        config
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.config.get(name)?.parse().ok()
    }

    fn problem(&self) -> Option<String> {
        if !(1..=PARTITIONS_MAX).contains(&self.partitions) {
            return Some(format!("partitions = {}; from 1 to {PARTITIONS_MAX}", self.partitions));
        }
        if !(1..=9).contains(&self.replication) {
            return Some(format!("replication = {}; from 1 to 9", self.replication));
        }
        if let Some(name) = self.config.keys().find(|name| !CONFIG_NAMES.contains(&name.as_str())) {
            return Some(format!("{name} is none of {}", CONFIG_NAMES.join(", ")));
        }
        if self.number("max.message.bytes").is_none_or(|bytes| bytes < MESSAGE_BYTES_MIN) {
            return Some(format!("max.message.bytes must be at least {MESSAGE_BYTES_MIN}, the size of a full batch"));
        }
        let policy = self.config.get("cleanup.policy").map(String::as_str);
        match (self.role, policy) {
            (Role::State, Some("compact")) => (self.number("delete.retention.ms") != Some(STATE_DELETE_RETENTION_MS))
                .then(|| format!("delete.retention.ms of a state topic is {STATE_DELETE_RETENTION_MS}")),
            (Role::State, _) => Some("cleanup.policy of a state topic is compact".into()),
            (Role::View, _) if self.partitions != 1 => {
                Some("a view has one partition, so that an offset orders it".into())
            }
            (Role::Register, _) if self.partitions != 1 => {
                Some("a register has one partition, so that an offset is a number".into())
            }
            (_, Some("delete")) => self.number("retention.ms").is_none().then(|| "retention.ms is missing".into()),
            (_, _) => Some("cleanup.policy is delete, except for state topics".into()),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    role: Role,
    partitions: i32,
    replication: i32,
    key: String,
    schema: String,
    compatibility: Compatibility,
    config: BTreeMap<String, ConfigValue>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ConfigValue {
    Number(u64),
    Text(String),
}

impl fmt::Display for ConfigValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigValue::Number(number) => write!(f, "{number}"),
            ConfigValue::Text(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_constant_has_its_file_and_every_file_its_constant() {
        let files: Vec<_> = FILES.iter().map(|(name, _)| *name).collect();
        assert_eq!(files, topics::all().collect::<Vec<_>>());
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/topics");
        let mut found: Vec<_> = std::fs::read_dir(folder)
            .expect("the folder is part of the repository")
            .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
            .collect();
        let mut wanted: Vec<_> = files.iter().map(|name| format!("{name}.toml")).collect();
        found.sort();
        wanted.sort();
        assert_eq!(found, wanted);
    }

    #[test]
    fn every_file_is_sound_and_every_schema_is_used() {
        for (name, text) in FILES {
            TopicSpec::parse(name, text).unwrap_or_else(|error| panic!("{error}"));
        }
        let used: Vec<_> = subjects().into_iter().map(|(_, schema)| schema).collect();
        let unused: Vec<_> = SchemaName::ALL.iter().filter(|schema| !used.contains(schema)).collect();
        assert!(unused.is_empty(), "{unused:?}");
    }

    #[test]
    fn a_dead_letter_has_room_for_the_largest_input() {
        let specs = embedded();
        let bytes = |spec: &TopicSpec| spec.number("max.message.bytes").expect("checked");
        let largest = specs.iter().filter(|spec| spec.role != Role::DeadLetters).map(bytes).max();
        let letters = specs.iter().find(|spec| spec.role == Role::DeadLetters).map(bytes);
        assert!(letters.expect("there is one") >= largest.expect("there are some") + 65_536);
    }

    /// A snapshot is three offsets: what stands before them must be there for ever.
    #[test]
    fn nothing_that_a_snapshot_names_ever_leaves_its_topic() {
        let specs = embedded();
        for topic in crate::pipeline::knowledge::TOPICS {
            let spec = specs.iter().find(|spec| spec.name == topic).expect("a file");
            assert_eq!(spec.config.get("cleanup.policy").map(String::as_str), Some("delete"), "{topic}");
            assert_eq!(spec.number("retention.ms"), Some(i64::MAX.unsigned_abs()), "{topic}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_file_is_named() {
        let sound = FILES[2].1;
        let problem = |from: &str, to: &str| {
            assert!(sound.contains(from), "the test is out of date: {from}");
            TopicSpec::parse("positions", &sound.replace(from, to)).expect_err("it is wrong").to_string()
        };
        assert!(problem("partitions = 48", "partitions = 0").contains("from 1 to 1000"));
        assert!(problem("schema = \"position\"", "schema = \"posit\"").contains("schemas/posit.avsc"));
        assert!(problem("\"compact\"", "\"delete\"").contains("state topic is compact"));
        assert!(problem("604800000", "86400000").contains("delete.retention.ms"));
        assert!(problem("max.message.bytes", "max.mesage.bytes").contains("max.mesage.bytes"));
        assert!(problem("1048588", "65536").contains("size of a full batch"));
        assert!(problem("key =", "keys =").contains("unknown field"));
        assert!(problem("FULL_TRANSITIVE", "SOME").contains("unknown variant"));
    }
}
