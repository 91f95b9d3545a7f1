//! Topics: identity, creation, configuration.

use std::collections::BTreeMap;

use bookflow::engine::admin::{Admin, TopicToCreate};
use bookflow::engine::broker::*;

use crate::cluster::*;

fn config(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

#[test]
fn a_topic_has_an_identity_and_a_missing_one_is_no_error() {
    let broker = broker();
    let name = topic("known", 3);
    let info = broker.topic(name).expect("answer").expect("there");
    assert_eq!(info.partitions, 3);
    assert_eq!(broker.topic(name), Ok(Some(info.clone())));
    assert_ne!(info.id, broker.topic(topic("other", 3)).expect("answer").expect("there").id);
    assert_eq!(broker.topic(unique("missing")), Ok(None));
    assert_eq!(broker.cluster_id().expect("id").len(), 22);
}

#[test]
fn a_change_of_configuration_leaves_what_else_was_set() {
    let admin = admin();
    let name = unique("configured");
    let set = config(&[("cleanup.policy", "compact"), ("max.message.bytes", "9000")]);
    let topic = TopicToCreate { name: name.to_owned(), partitions: 2, replication: Some(1), config: set };
    admin.create(std::slice::from_ref(&topic)).expect("created");
    assert!(admin.create(&[topic]).expect_err("there already").message.contains(name));
    admin.configure(name, &config(&[("max.message.bytes", "8000")])).expect("configured");
    let found = until("the new value", || {
        let found = admin.topic(name).expect("answer").expect("there");
        (found.config["max.message.bytes"] == "8000").then_some(found)
    });
    assert_eq!(found.config, config(&[("cleanup.policy", "compact"), ("max.message.bytes", "8000")]));
    assert_eq!((found.partitions, found.replication), (2, 1));
    assert!(admin.names().expect("names").iter().any(|known| known == name));
    assert_eq!(admin.topic(unique("missing")), Ok(None));
}
