//! The topology as a value: run by workers, checked at start, drawn in the docs, driven by the simulation.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::batch::Record;
use super::broker::{Broker, BrokerError, Header, TopicInfo, TopicPartition};
use super::clock::Clock;
use super::stage::{Stage, Tick};
use super::view::ViewTable;

#[derive(Clone)]
pub struct Topology {
    pub stages: Vec<StageSpec>,
    /// Which of a topic's partitions a key belongs to. The same function as the producers' upstream.
    pub partitioner: fn(key: &[u8], partitions: i32) -> i32,
    pub dead_letters: DeadLetters,
}

/// Handlers that share a consumer group, a state and a partitioning.
#[derive(Clone)]
pub struct StageSpec {
    pub name: &'static str,
    /// The one topic that is subscribed; partition p of it brings partition p of every companion and state topic.
    pub lead: &'static str,
    pub companions: Vec<&'static str>,
    pub views: Vec<ViewSpec>,
    /// Changelog topics of the stage's tables; they are results at the same time.
    pub state: Vec<&'static str>,
    /// What else it may send to.
    pub outputs: Vec<&'static str>,
    pub tick: Tick,
    /// Its threads take what others leave of the processors: nobody waits for a single one of its records.
    pub gives_way: bool,
    /// Changes with the meaning of the stage's tables; a local copy of another version is not read.
    pub state_version: u32,
    pub create: Arc<dyn Fn(i32) -> Box<dyn Stage> + Send + Sync>,
}

impl StageSpec {
    /// The consumer group.
    pub fn group(&self) -> String {
        format!("bookflow.{}", self.name)
    }

    /// The input partitions of one task.
    pub fn inputs(&self, partition: i32) -> Vec<TopicPartition> {
        let topics = std::iter::once(&self.lead).chain(&self.companions);
        topics.map(|&topic| TopicPartition { topic, partition }).collect()
    }
}

/// Whole topics as one table, read-only, kept in memory by every worker thread that declares it.
#[derive(Clone)]
pub struct ViewSpec {
    pub name: &'static str,
    pub topics: Vec<&'static str>,
    pub create: Arc<dyn Fn() -> Box<dyn ViewTable> + Send + Sync>,
}

/// Where rejected records go, and how they are written.
#[derive(Clone)]
pub struct DeadLetters {
    pub topic: &'static str,
    pub write: Arc<WriteDeadLetter>,
}

/// Appends the bytes of a dead letter.
pub type WriteDeadLetter = dyn Fn(&DeadLetter<'_>, &mut Vec<u8>) -> Result<(), String> + Send + Sync;

/// One rejected record.
pub struct DeadLetter<'a> {
    pub record: Record<'a>,
    pub stage: &'static str,
    pub reason: &'a str,
    pub message: &'a str,
    pub attempts: u32,
    pub now_us: i64,
}

impl DeadLetter<'_> {
    /// What an operator filters by without decoding; dead letters are rare enough to afford headers.
    pub fn headers(&self) -> Vec<Header> {
        let header = |name: &str, value: String| Header { name: name.into(), value: value.into_bytes() };
        vec![
            header("reason", self.reason.into()),
            header("stage", self.stage.into()),
            header("source", format!("{}@{}", self.record.from, self.record.offset)),
        ]
    }
}

/// How many partitions each topic that a stage sends to has, and how keys choose one.
pub struct Routes {
    partitioner: fn(&[u8], i32) -> i32,
    lead: i32,
    partitions: BTreeMap<&'static str, i32>,
}

impl Routes {
    pub fn partition(&self, topic: &'static str, key: &[u8]) -> Result<i32, String> {
        let partitions =
            self.partitions.get(topic).ok_or_else(|| format!("{topic} is not declared as an output of this stage"))?;
        Ok((self.partitioner)(key, *partitions))
    }

    /// The partition of the lead topic, and so the task, that a key belongs to.
    pub fn task(&self, key: &[u8]) -> i32 {
        (self.partitioner)(key, self.lead)
    }

    pub fn partitions(&self, topic: &'static str) -> Option<i32> {
        self.partitions.get(topic).copied()
    }
}

/// Why a topology cannot run on this cluster. Each names the remedy.
#[derive(Debug, thiserror::Error)]
pub enum TopologyError {
    #[error("no stage is called {0}; stages: {1}")]
    UnknownStage(String, String),
    #[error("topic {topic} of stage {stage} does not exist: run `bookflow topics apply`")]
    MissingTopic { stage: &'static str, topic: &'static str },
    #[error(
        "{topic} has {found} partitions, but {lead} of stage {stage} has {wanted}: they must be co-partitioned; \
         create the topic anew with {wanted} partitions"
    )]
    NotCoPartitioned { stage: &'static str, lead: &'static str, topic: &'static str, wanted: i32, found: i32 },
    #[error("stage {stage} declares state {declared:?}, but its tables are {found:?}")]
    OtherTables { stage: &'static str, declared: Vec<&'static str>, found: Vec<&'static str> },
    #[error(transparent)]
    Broker(#[from] BrokerError),
}

/// A stage with what the cluster says about its topics.
pub struct Checked {
    pub spec: StageSpec,
    pub routes: Routes,
    pub partitions: i32,
    pub topics: BTreeMap<&'static str, TopicInfo>,
    pub cluster_id: String,
    pub dead_letters: DeadLetters,
}

impl Topology {
    pub fn stage(&self, name: &str) -> Result<&StageSpec, TopologyError> {
        let names = || self.stages.iter().map(|stage| stage.name).collect::<Vec<_>>().join(", ");
        let found = self.stages.iter().find(|stage| stage.name == name);
        found.ok_or_else(|| TopologyError::UnknownStage(name.into(), names()))
    }

    /// Refuses what cannot work, before anything is consumed.
    pub fn check(&self, stage: &StageSpec, broker: &dyn Broker) -> Result<Checked, TopologyError> {
        check_tables(stage)?;
        let views = stage.views.iter().flat_map(|view| &view.topics);
        let co_partitioned: Vec<_> = stage.companions.iter().chain(&stage.state).copied().collect();
        let all = std::iter::once(&stage.lead).chain(&co_partitioned).chain(&stage.outputs).chain(views);
        let mut topics = BTreeMap::new();
        for &topic in all.chain([&self.dead_letters.topic]) {
            let info = broker.topic(topic)?.ok_or(TopologyError::MissingTopic { stage: stage.name, topic })?;
            topics.insert(topic, info);
        }
        let partitions = topics[stage.lead].partitions;
        for topic in co_partitioned {
            let found = topics[topic].partitions;
            if found != partitions {
                let (stage, lead, wanted) = (stage.name, stage.lead, partitions);
                return Err(TopologyError::NotCoPartitioned { stage, lead, topic, wanted, found });
            }
        }
        let outputs = stage.outputs.iter().chain([&self.dead_letters.topic]);
        let routes = Routes {
            partitioner: self.partitioner,
            lead: partitions,
            partitions: outputs.map(|&topic| (topic, topics[topic].partitions)).collect(),
        };
        let cluster_id = broker.cluster_id()?;
        let dead_letters = self.dead_letters.clone();
        Ok(Checked { spec: stage.clone(), routes, partitions, topics, cluster_id, dead_letters })
    }

    /// The same for a worker that starts: brokers that come back, or have not heard yet of topics that were just made, do not know them for a while.
    pub fn await_topics(
        &self,
        stage: &StageSpec,
        broker: &dyn Broker,
        clock: &dyn Clock,
    ) -> Result<Checked, TopologyError> {
        let deadline = clock.elapsed() + TOPICS_KNOWN;
        loop {
            match self.check(stage, broker) {
                Err(TopologyError::MissingTopic { .. }) if clock.elapsed() < deadline => clock.sleep(ASK_AGAIN),
                checked => return checked,
            }
        }
    }
}

/// How long a topic may take until every broker knows it, and between two questions: whoever has forgotten to make it waits for that.
const TOPICS_KNOWN: Duration = Duration::from_secs(10);
const ASK_AGAIN: Duration = Duration::from_millis(500);

fn check_tables(stage: &StageSpec) -> Result<(), TopologyError> {
    let mut found = Vec::new();
    (stage.create)(0).tables(&mut |table| found.extend(table.topic()));
    let declared = stage.state.clone();
    match found == declared {
        true => Ok(()),
        false => Err(TopologyError::OtherTables { stage: stage.name, declared, found }),
    }
}
