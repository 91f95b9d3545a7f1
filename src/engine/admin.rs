//! The Admin port: topics as the cluster has them, and the changes we make to them. Nothing here deletes by omission.

use std::collections::BTreeMap;

use super::broker::BrokerError;

pub trait Admin {
    fn cluster_id(&self) -> Result<String, BrokerError>;

    /// Names of all topics that we may see.
    fn names(&self) -> Result<Vec<String>, BrokerError>;

    /// `None` when there is no such topic.
    fn topic(&self, name: &str) -> Result<Option<Topic>, BrokerError>;

    /// Creates topics and waits until the cluster has them; one that is there already is an error.
    fn create(&self, topics: &[TopicToCreate]) -> Result<(), BrokerError>;

    /// Sets these names of a topic's configuration and leaves what else was set for it.
    fn configure(&self, topic: &str, config: &BTreeMap<String, String>) -> Result<(), BrokerError>;
}

/// A topic as it stands in the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    pub id: String,
    pub partitions: i32,
    pub replication: i32,
    /// What was set for this topic; what it inherits from the broker is not here.
    pub config: BTreeMap<String, String>,
}

/// A topic to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicToCreate {
    pub name: String,
    pub partitions: i32,
    /// `None`: the broker's default.
    pub replication: Option<i32>,
    pub config: BTreeMap<String, String>,
}
