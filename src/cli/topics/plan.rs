//! What the cluster lacks, what would change it, and what is refused because it would break what is there.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::cli::failure::Failure;
use crate::engine::admin::{Admin, Topic};
use crate::pipeline::topic_files::TopicSpec;

/// The steps from the cluster as it is to the cluster as the files want it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub cluster_id: String,
    pub namespace: String,
    pub changes: Vec<Change>,
    pub refused: Vec<Refusal>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    pub topic: String,
    pub risk: Risk,
    #[serde(flatten)]
    pub action: Action,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    Create { partitions: i32, replication: i32, config: BTreeMap<String, String> },
    Configure { set: BTreeMap<String, Setting> },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    /// `None`: the broker's default.
    pub from: Option<String>,
    pub to: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    Safe,
    /// The broker may delete or compact records afterwards.
    Destructive,
}

/// A wish that is not granted, with the reason and the way out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refusal {
    pub topic: String,
    pub reason: String,
}

impl Plan {
    /// Compares; `replication` is what the user said, else a topic may have more replicas than its file asks for.
    pub fn make(
        specs: &[TopicSpec],
        replication: Option<i32>,
        namespace: &str,
        admin: &dyn Admin,
    ) -> Result<Plan, Failure> {
        let (cluster_id, namespace) = (admin.cluster_id()?, namespace.to_string());
        let mut plan = Plan { cluster_id, namespace, changes: Vec::new(), refused: Vec::new() };
        for spec in specs {
            match admin.topic(&spec.name)? {
                None => plan.changes.push(create(spec)),
                Some(found) => plan.compare(spec, replication, &found),
            }
        }
        Ok(plan)
    }

    fn compare(&mut self, spec: &TopicSpec, replication: Option<i32>, found: &Topic) {
        let reasons = [partitions(spec, found), replicas(replication.unwrap_or(spec.replication), found)];
        let topic = || spec.name.clone();
        self.refused.extend(reasons.into_iter().flatten().map(|reason| Refusal { topic: topic(), reason }));
        let mut set = BTreeMap::new();
        for (name, to) in spec.config_with(found.replication) {
            let from = found.config.get(&name).cloned();
            if from.as_ref() != Some(&to) {
                set.insert(name, Setting { from, to });
            }
        }
        if !set.is_empty() {
            let risk = set.iter().map(|(name, setting)| setting.risk(name)).max().unwrap_or(Risk::Safe);
            self.changes.push(Change { topic: topic(), risk, action: Action::Configure { set } });
        }
    }
}

fn create(spec: &TopicSpec) -> Change {
    let TopicSpec { partitions, replication, .. } = *spec;
    let action = Action::Create { partitions, replication, config: spec.config_with(replication) };
    Change { topic: spec.name.clone(), risk: Risk::Safe, action }
}

/// Every topic of ours is keyed: a key's partition is its home for ever.
fn partitions(spec: &TopicSpec, found: &Topic) -> Option<String> {
    let (wanted, found) = (spec.partitions, found.partitions);
    let problem = match wanted.cmp(&found) {
        std::cmp::Ordering::Equal => return None,
        std::cmp::Ordering::Less => "Kafka cannot take partitions away",
        std::cmp::Ordering::Greater => "more partitions would move keys away from their state and their order",
    };
    Some(format!(
        "has {found} partitions, wanted are {wanted}: {problem}; use --partitions {found}, or copy into a new namespace"
    ))
}

fn replicas(wanted: i32, found: &Topic) -> Option<String> {
    let found = found.replication;
    (wanted != found).then(|| {
        format!(
            "has {found} replicas, wanted are {wanted}: replicas are moved by the cluster's operator \
             (kafka-reassign-partitions); use --replication {found} until then"
        )
    })
}

impl Setting {
    /// Longer is safe; shorter, or another way of cleaning up, may cost records.
    fn risk(&self, name: &str) -> Risk {
        let number = |text: &str| text.parse::<u64>().ok();
        match name {
            "cleanup.policy" => Risk::Destructive,
            "retention.ms" | "delete.retention.ms" | "min.compaction.lag.ms" => {
                // Without a value of its own the topic has the broker's, which is not known here.
                match (self.from.as_deref().and_then(number), number(&self.to)) {
                    (Some(from), Some(to)) if to >= from => Risk::Safe,
                    _ => Risk::Destructive,
                }
            }
            _ => Risk::Safe,
        }
    }
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Risk::Safe => "safe",
            Risk::Destructive => "destructive: records may be deleted",
        })
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Create { partitions, replication, .. } => {
                write!(f, "create with {partitions} partitions, {replication} replicas")
            }
            Action::Configure { set } => {
                let texts = set.iter().map(|(name, Setting { from, to })| {
                    format!("{name} {} -> {to}", from.as_deref().unwrap_or("(broker's default)"))
                });
                f.write_str(&texts.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::engine::admin::TopicToCreate;
    use crate::engine::broker::BrokerError;
    use crate::pipeline::topic_files;

    /// A cluster that remembers what was done to it.
    #[derive(Default)]
    struct Cluster(RefCell<BTreeMap<String, Topic>>);

    impl Admin for Cluster {
        fn cluster_id(&self) -> Result<String, BrokerError> {
            Ok("cluster".into())
        }

        fn names(&self) -> Result<Vec<String>, BrokerError> {
            Ok(self.0.borrow().keys().cloned().collect())
        }

        fn topic(&self, name: &str) -> Result<Option<Topic>, BrokerError> {
            Ok(self.0.borrow().get(name).cloned())
        }

        fn create(&self, topics: &[TopicToCreate]) -> Result<(), BrokerError> {
            for TopicToCreate { name, partitions, replication, config } in topics.iter().cloned() {
                let topic = Topic { id: name.clone(), partitions, replication: replication.unwrap_or(1), config };
                assert!(self.0.borrow_mut().insert(name, topic).is_none(), "is there already");
            }
            Ok(())
        }

        fn configure(&self, topic: &str, config: &BTreeMap<String, String>) -> Result<(), BrokerError> {
            self.0.borrow_mut().get_mut(topic).expect("is there").config.extend(config.clone());
            Ok(())
        }
    }

    fn plan(cluster: &Cluster, specs: &[TopicSpec]) -> Plan {
        Plan::make(specs, None, "", cluster).expect("the cluster answers")
    }

    fn applied() -> (Cluster, Vec<TopicSpec>) {
        let (cluster, specs) = (Cluster::default(), topic_files::embedded());
        let empty = plan(&cluster, &specs);
        assert_eq!(empty.changes.len(), specs.len());
        assert!(empty.changes.iter().all(|change| change.risk == Risk::Safe));
        for change in &empty.changes {
            super::super::apply::one(change, &cluster).expect("can be done");
        }
        (cluster, specs)
    }

    #[test]
    fn a_plan_that_was_carried_out_leaves_nothing_to_do() {
        let (cluster, specs) = applied();
        let plan = plan(&cluster, &specs);
        assert!(plan.changes.is_empty() && plan.refused.is_empty(), "{plan:?}");
    }

    #[test]
    fn a_plan_comes_back_from_its_file() {
        let plan = plan(&Cluster::default(), &topic_files::embedded());
        let text = serde_json::to_string(&plan).expect("plain data");
        assert_eq!(serde_json::from_str::<Plan>(&text).expect("reads back"), plan);
    }

    #[test]
    fn partitions_are_neither_taken_away_nor_added_because_keys_would_move() {
        for partitions in [24, 96] {
            let (cluster, mut specs) = applied();
            specs[0].partitions = partitions;
            let plan = plan(&cluster, &specs);
            assert!(plan.changes.is_empty());
            assert_eq!(plan.refused.len(), 1);
            assert!(plan.refused[0].reason.contains("has 48 partitions"), "{plan:?}");
        }
    }

    #[test]
    fn a_drifted_setting_is_set_back_and_a_shorter_retention_is_called_destructive() {
        let (cluster, specs) = applied();
        let drift = |value: &str| {
            let retention = BTreeMap::from([("retention.ms".to_string(), value.to_string())]);
            cluster.configure("trades", &retention).expect("is there");
            let plan = plan(&cluster, &specs);
            assert_eq!(plan.changes.len(), 1);
            plan.changes[0].risk
        };
        assert_eq!(drift("1000"), Risk::Safe);
        assert_eq!(drift("99999999999"), Risk::Destructive);
    }

    #[test]
    fn other_replicas_are_a_matter_for_the_operator() {
        let (cluster, mut specs) = applied();
        specs[0].replication = 1;
        assert!(plan(&cluster, &specs).refused[0].reason.contains("--replication 3"));
    }
}
