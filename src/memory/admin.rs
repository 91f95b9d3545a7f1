//! Topics, and what happens to logs on a real cluster without anybody asking: cleaning, retention, loss.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::broker::MemoryBroker;
use super::cluster::{Refusal, Topic as StoredTopic};
use super::log::{Content, Log, What};
use super::settings::micros;
use super::shared::Shared;
use crate::engine::admin::{Admin, Topic, TopicToCreate};
use crate::engine::broker::{BrokerError, ErrorKind, Outgoing, TopicPartition};

/// As long as a real one.
pub(super) const CLUSTER_ID: &str = "bookflow-in-memory-001";

/// One entry of a log as it is, for tests and for people: what a reader never sees is here too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogEntry {
    Record { offset: i64, key: Option<Vec<u8>>, value: Option<Vec<u8>> },
    Aborted { offset: i64 },
    Marker { offset: i64 },
}

/// The Admin port. Apart from the broker, because both ports know topics.
pub struct MemoryAdmin {
    shared: Arc<Shared>,
}

impl MemoryBroker {
    pub fn admin(&self) -> MemoryAdmin {
        MemoryAdmin { shared: self.shared.clone() }
    }

    /// A topic with what the broker has for defaults, or this configuration.
    pub fn create_topic(&self, name: &str, partitions: i32, config: &[(&str, &str)]) -> Result<(), BrokerError> {
        let config = config.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        self.admin().create(&[TopicToCreate { name: name.to_owned(), partitions, replication: None, config }])
    }

    /// Appends one record without a transaction, as a plain producer does, and returns its offset.
    pub fn append(&self, record: Outgoing<'_>) -> Result<i64, BrokerError> {
        let content = Content::of(&record);
        let appended = self.shared.change(|cluster, now| {
            cluster.check_content(record.to, &content)?;
            Ok(cluster.log(record.to)?.append(None, content, now))
        });
        appended.map_err(|refusal: Refusal| refusal.told("append"))
    }

    /// Cleans a compacted topic, as the broker does from time to time; does nothing to another.
    pub fn compact(&self, topic: &str) {
        self.shared.change(|cluster, now| {
            let retention = micros(cluster.settings.delete_retention);
            let Some(topic) = cluster.topics.get_mut(topic).filter(|topic| topic.compacted()) else { return };
            let from_ms = |topic: &StoredTopic, name| topic.number::<i64>(name).map(|ms| ms.saturating_mul(1_000));
            let lag = from_ms(topic, "min.compaction.lag.ms").unwrap_or(0);
            let retention = from_ms(topic, "delete.retention.ms").unwrap_or(retention);
            topic.logs.iter_mut().for_each(|log| log.compact(now, lag, retention));
        });
    }

    /// Forgets what lies before this offset, as retention does.
    pub fn delete_before(&self, partition: TopicPartition, offset: i64) -> Result<(), BrokerError> {
        self.on_log(partition, |log| log.delete_before(offset))
    }

    /// Loses what lies from this offset on, as a broker does that comes back without its disk.
    pub fn lose_from(&self, partition: TopicPartition, offset: i64) -> Result<(), BrokerError> {
        self.on_log(partition, |log| log.lose_from(offset))
    }

    /// Deletes a topic with everything in it.
    pub fn delete_topic(&self, name: &str) {
        self.shared.change(|cluster, _| cluster.topics.remove(name));
    }

    /// Everything in a log, markers and aborted records included.
    pub fn entries(&self, partition: TopicPartition) -> Result<Vec<LogEntry>, BrokerError> {
        self.on_log(partition, |log| {
            let entry = |offset, what: &What| match what {
                What::Aborted => LogEntry::Aborted { offset },
                What::Marker => LogEntry::Marker { offset },
                What::Record(content) | What::Tombstone(content, _) => LogEntry::Record {
                    offset,
                    key: content.key().map(<[u8]>::to_vec),
                    value: content.value().map(<[u8]>::to_vec),
                },
            };
            log.entries.iter().map(|stored| entry(stored.offset, &stored.what)).collect()
        })
    }

    fn on_log<T>(&self, partition: TopicPartition, act: impl FnOnce(&mut Log) -> T) -> Result<T, BrokerError> {
        let done = self.shared.change(|cluster, _| cluster.log(partition).map(act));
        done.map_err(|refusal| refusal.told("look at a log"))
    }
}

impl Admin for MemoryAdmin {
    fn cluster_id(&self) -> Result<String, BrokerError> {
        Ok(CLUSTER_ID.to_owned())
    }

    fn names(&self) -> Result<Vec<String>, BrokerError> {
        Ok(self.shared.with(|cluster, _| cluster.topics.keys().cloned().collect()))
    }

    fn topic(&self, name: &str) -> Result<Option<Topic>, BrokerError> {
        Ok(self.shared.with(|cluster, _| {
            cluster.topics.get(name).map(|topic| Topic {
                id: topic.id.clone(),
                partitions: topic.partitions(),
                replication: 1,
                config: topic.config.clone(),
            })
        }))
    }

    fn create(&self, topics: &[TopicToCreate]) -> Result<(), BrokerError> {
        for TopicToCreate { name, partitions, config, .. } in topics {
            let refused = |why: &str| BrokerError::new(ErrorKind::Fatal, format!("cannot create topic {name}: {why}"));
            if *partitions < 1 {
                return Err(refused("it has no partitions"));
            }
            self.shared.change(|cluster, _| {
                if cluster.topics.contains_key(name) {
                    return Err(refused("it is there already"));
                }
                cluster.topics_created += 1;
                let id = format!("topic-{}", cluster.topics_created);
                let logs = (0..*partitions).map(|_| Log::default()).collect();
                cluster.topics.insert(name.clone(), StoredTopic { id, config: config.clone(), logs });
                Ok(())
            })?;
        }
        Ok(())
    }

    fn configure(&self, topic: &str, config: &BTreeMap<String, String>) -> Result<(), BrokerError> {
        self.shared.change(|cluster, _| match cluster.topics.get_mut(topic) {
            Some(topic) => {
                topic.config.extend(config.clone());
                Ok(())
            }
            None => Err(BrokerError::new(ErrorKind::Fatal, format!("cannot configure topic {topic}: there is none"))),
        })
    }
}
