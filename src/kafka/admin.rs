//! Topics as the cluster has them, and the two changes we make to them: create, and set configuration.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::thread;
use std::time::Instant;

use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, ConfigSource, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::context::Silent;
use super::failure::{broker_error, coded, unavailable};
use super::settings::{Settings, Use};
use super::{PAUSE, QUESTION, native, patiently};
use crate::engine::admin::{Admin, Topic, TopicToCreate};
use crate::engine::broker::{BrokerError, ErrorKind, TopicInfo};

/// Talks to the cluster about topics. Never deletes.
pub struct KafkaAdmin {
    client: AdminClient<Silent>,
    runtime: tokio::runtime::Runtime,
}

impl KafkaAdmin {
    pub(super) fn new(settings: &Settings) -> Result<Self, BrokerError> {
        let client = settings
            .client(Use::Asking)?
            .create_with_context(Silent::default())
            .map_err(|error| broker_error("create an admin client", &error))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(|error| BrokerError::new(ErrorKind::Fatal, format!("cannot start the admin client: {error}")))?;
        Ok(KafkaAdmin { client, runtime })
    }

    fn config(&self, topic: &str) -> Result<BTreeMap<String, String>, BrokerError> {
        let asked = ResourceSpecifier::Topic(topic);
        let tried = format!("read the configuration of {topic}");
        let mut answers = self.answer(&tried, || self.client.describe_configs([&asked], &options()))?;
        let resource = answers
            .pop()
            .ok_or_else(|| unavailable(&format!("cannot {tried}: empty answer")))?
            .map_err(|code: RDKafkaErrorCode| coded(&tried, code, &code.to_string()))?;
        let set = resource.entries.into_iter().filter(|entry| entry.source == ConfigSource::DynamicTopic);
        Ok(set.filter_map(|entry| Some((entry.name, entry.value?))).collect())
    }

    fn describe(&self, topic: &str) -> Result<Option<TopicInfo>, BrokerError> {
        patiently(|| native::describe_topic(self.client.inner(), topic, QUESTION))
    }

    /// The controller's word comes before brokers know the topic: whoever looks at once would not find it.
    fn visible(&self, topic: &str) -> Result<(), BrokerError> {
        let deadline = Instant::now() + QUESTION;
        while self.describe(topic)?.is_none() {
            if Instant::now() >= deadline {
                return Err(unavailable(&format!("topic {topic} was created, but the cluster does not show it")));
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    fn answer<T, A: Future<Output = Result<T, KafkaError>>>(
        &self,
        tried: &str,
        mut ask: impl FnMut() -> A,
    ) -> Result<T, BrokerError> {
        patiently(|| self.runtime.block_on(ask()).map_err(|error| broker_error(tried, &error)))
    }
}

impl Admin for KafkaAdmin {
    fn cluster_id(&self) -> Result<String, BrokerError> {
        self.client.inner().fetch_cluster_id(QUESTION).ok_or_else(|| unavailable("the cluster does not tell its id"))
    }

    fn names(&self) -> Result<Vec<String>, BrokerError> {
        let metadata =
            self.client.inner().fetch_metadata(None, QUESTION).map_err(|error| broker_error("list topics", &error))?;
        Ok(metadata.topics().iter().map(|topic| topic.name().to_owned()).collect())
    }

    fn topic(&self, name: &str) -> Result<Option<Topic>, BrokerError> {
        let Some(info) = self.describe(name)? else {
            return Ok(None);
        };
        let tried = format!("describe topic {name}");
        let metadata =
            self.client.inner().fetch_metadata(Some(name), QUESTION).map_err(|error| broker_error(&tried, &error))?;
        let replication = metadata
            .topics()
            .first()
            .and_then(|topic| topic.partitions().first())
            .map_or(0, |partition| i32::try_from(partition.replicas().len()).expect("a handful of replicas"));
        Ok(Some(Topic { id: info.id, partitions: info.partitions, replication, config: self.config(name)? }))
    }

    fn create(&self, topics: &[TopicToCreate]) -> Result<(), BrokerError> {
        let new: Vec<_> = topics
            .iter()
            .map(|topic| NewTopic {
                name: &topic.name,
                num_partitions: topic.partitions,
                replication: TopicReplication::Fixed(topic.replication.unwrap_or(-1)),
                config: topic.config.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
            })
            .collect();
        let mut asked = 0;
        let results = self.answer("create topics", || {
            asked += 1;
            self.client.create_topics(&new, &options())
        })?;
        for (name, code) in results.into_iter().filter_map(Result::err) {
            // A busy controller did it at an earlier time of asking, which had no answer.
            if asked == 1 || code != RDKafkaErrorCode::TopicAlreadyExists {
                return Err(coded(&format!("create topic {name}"), code, &code.to_string()));
            }
        }
        topics.iter().try_for_each(|topic| self.visible(&topic.name))
    }

    fn configure(&self, topic: &str, config: &BTreeMap<String, String>) -> Result<(), BrokerError> {
        let mut all = self.config(topic)?;
        all.extend(config.clone());
        let entries: HashMap<&str, &str> = all.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let change = AlterConfig { specifier: ResourceSpecifier::Topic(topic), entries };
        for result in self.answer("configure a topic", || self.client.alter_configs([&change], &options()))? {
            result.map_err(|(_, code)| coded(&format!("configure topic {topic}"), code, &code.to_string()))?;
        }
        Ok(())
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(QUESTION)).operation_timeout(Some(QUESTION))
}
