//! Several installations on one cluster: a broker whose topics, groups and transactional ids all begin with one prefix.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::admin::{Admin, Topic, TopicToCreate};
use super::batch::{Batch, Room};
use super::broker::{
    Bounds, Broker, BrokerError, CommittedOffset, Consumer, GroupMembership, Member, OffsetToCommit, Outgoing,
    Producer, Reader, Rebalance, TopicInfo, TopicPartition,
};

/// A port of which this side sees plain names and the other side prefixed ones.
pub struct Namespaced<T> {
    inner: T,
    names: Names,
}

impl<T> Namespaced<T> {
    pub fn new(inner: T, namespace: &str) -> Self {
        Namespaced { inner, names: Names { prefix: format!("{namespace}."), known: Vec::new() } }
    }
}

/// Plain and prefixed names; topics are static texts, so each prefixed one is made once for the life of the process.
#[derive(Clone)]
struct Names {
    prefix: String,
    known: Vec<(&'static str, &'static str)>,
}

impl Names {
    fn prefixed(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn topic(&mut self, plain: &'static str) -> &'static str {
        if let Some((_, prefixed)) = self.known.iter().find(|(known, _)| *known == plain) {
            return prefixed;
        }
        let prefixed = interned(self.prefixed(plain));
        self.known.push((plain, prefixed));
        prefixed
    }

    fn partition(&mut self, plain: TopicPartition) -> TopicPartition {
        TopicPartition { topic: self.topic(plain.topic), ..plain }
    }

    fn partitions(&mut self, plain: &[TopicPartition]) -> Vec<TopicPartition> {
        plain.iter().map(|partition| self.partition(*partition)).collect()
    }

    fn offsets(&mut self, plain: &[(TopicPartition, i64)]) -> Vec<(TopicPartition, i64)> {
        plain.iter().map(|(partition, offset)| (self.partition(*partition), *offset)).collect()
    }

    /// `None` for one of a topic that has not been named yet.
    fn known(&self, plain: TopicPartition) -> Option<TopicPartition> {
        let (_, topic) = self.known.iter().find(|(known, _)| *known == plain.topic)?;
        Some(TopicPartition { topic, ..plain })
    }

    /// Records come only from topics that were named by us.
    fn plain(&self, prefixed: &'static str) -> &'static str {
        let known = self.known.iter().find(|(_, known)| *known == prefixed);
        known.map_or(prefixed, |(plain, _)| plain)
    }
}

fn interned(name: String) -> &'static str {
    static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = names.get(name.as_str()) {
        return known;
    }
    let name: &'static str = name.leak();
    names.insert(name);
    name
}

impl<T: Broker> Broker for Namespaced<T> {
    fn consumer(&self, member: &Member) -> Result<Box<dyn Consumer>, BrokerError> {
        let member = Member {
            group: self.names.prefixed(&member.group),
            client_id: self.names.prefixed(&member.client_id),
            instance_id: member.instance_id.as_ref().map(|id| self.names.prefixed(id)),
        };
        Ok(Box::new(Namespaced { inner: self.inner.consumer(&member)?, names: self.names.clone() }))
    }

    fn producer(&self, transactional_id: &str) -> Result<Box<dyn Producer>, BrokerError> {
        let inner = self.inner.producer(&self.names.prefixed(transactional_id))?;
        Ok(Box::new(Namespaced { inner, names: self.names.clone() }))
    }

    fn reader(&self) -> Result<Box<dyn Reader>, BrokerError> {
        Ok(Box::new(Namespaced { inner: self.inner.reader()?, names: self.names.clone() }))
    }

    fn cluster_id(&self) -> Result<String, BrokerError> {
        self.inner.cluster_id()
    }

    fn topic(&self, name: &str) -> Result<Option<TopicInfo>, BrokerError> {
        self.inner.topic(&self.names.prefixed(name))
    }
}

impl Consumer for Namespaced<Box<dyn Consumer>> {
    fn subscribe(&mut self, lead: &'static str) -> Result<(), BrokerError> {
        self.inner.subscribe(self.names.topic(lead))
    }

    fn poll(&mut self, wait: Duration, room: Room, batch: &mut Batch) -> Result<Option<Rebalance>, BrokerError> {
        let first = batch.len();
        let polled = self.inner.poll(wait, room, batch);
        batch.rename(first, |topic| self.names.plain(topic));
        polled
    }

    fn assign(&mut self, partitions: &[(TopicPartition, i64)]) -> Result<(), BrokerError> {
        self.inner.assign(&self.names.offsets(partitions))
    }

    fn unassign(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        self.inner.unassign(&self.names.partitions(partitions))
    }

    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        self.inner.pause(&self.names.partitions(partitions))
    }

    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        self.inner.resume(&self.names.partitions(partitions))
    }

    fn seek(&mut self, partition: TopicPartition, offset: i64) -> Result<(), BrokerError> {
        self.inner.seek(self.names.partition(partition), offset)
    }

    fn position(&self, partition: TopicPartition) -> Option<i64> {
        self.inner.position(self.names.known(partition)?)
    }

    fn membership(&self) -> GroupMembership {
        let membership = self.inner.membership();
        let group = membership.group.strip_prefix(&self.names.prefix).unwrap_or(&membership.group).to_string();
        GroupMembership { group, ..membership }
    }

    fn assignment_lost(&self) -> bool {
        self.inner.assignment_lost()
    }

    fn committed(
        &mut self,
        partitions: &[TopicPartition],
        wait: Duration,
    ) -> Result<Vec<Option<CommittedOffset>>, BrokerError> {
        self.inner.committed(&self.names.partitions(partitions), wait)
    }

    fn bounds(&mut self, partition: TopicPartition) -> Result<Bounds, BrokerError> {
        self.inner.bounds(self.names.partition(partition))
    }

    fn close(self: Box<Self>) {
        self.inner.close();
    }
}

impl Producer for Namespaced<Box<dyn Producer>> {
    fn begin(&mut self) -> Result<(), BrokerError> {
        self.inner.begin()
    }

    fn send(&mut self, record: Outgoing<'_>) -> Result<(), BrokerError> {
        self.inner.send(Outgoing { to: self.names.partition(record.to), ..record })
    }

    fn send_all<'a>(&mut self, records: &mut dyn Iterator<Item = Outgoing<'a>>) -> Result<(), BrokerError> {
        let names = &mut self.names;
        self.inner.send_all(&mut records.map(|record| Outgoing { to: names.partition(record.to), ..record }))
    }

    fn drain(&mut self) -> Result<(), BrokerError> {
        self.inner.drain()
    }

    fn delivered(&self, partition: TopicPartition) -> Option<i64> {
        self.inner.delivered(self.names.known(partition)?)
    }

    fn send_offsets(&mut self, offsets: &[OffsetToCommit], member: &GroupMembership) -> Result<(), BrokerError> {
        let offsets: Vec<_> = offsets
            .iter()
            .map(|offset| OffsetToCommit { partition: self.names.partition(offset.partition), ..offset.clone() })
            .collect();
        let member = GroupMembership { group: self.names.prefixed(&member.group), ..member.clone() };
        self.inner.send_offsets(&offsets, &member)
    }

    fn commit(&mut self) -> Result<(), BrokerError> {
        self.inner.commit()
    }

    fn abort(&mut self) -> Result<(), BrokerError> {
        self.inner.abort()
    }
}

impl Reader for Namespaced<Box<dyn Reader>> {
    fn assign(&mut self, partitions: &[(TopicPartition, i64)]) -> Result<(), BrokerError> {
        self.inner.assign(&self.names.offsets(partitions))
    }

    fn poll(&mut self, wait: Duration, room: Room, batch: &mut Batch) -> Result<(), BrokerError> {
        let first = batch.len();
        let polled = self.inner.poll(wait, room, batch);
        batch.rename(first, |topic| self.names.plain(topic));
        polled
    }

    fn position(&self, partition: TopicPartition) -> Option<i64> {
        self.inner.position(self.names.known(partition)?)
    }

    fn bounds(&mut self, partition: TopicPartition) -> Result<Bounds, BrokerError> {
        self.inner.bounds(self.names.partition(partition))
    }
}

impl<T: Admin> Admin for Namespaced<T> {
    fn cluster_id(&self) -> Result<String, BrokerError> {
        self.inner.cluster_id()
    }

    fn names(&self) -> Result<Vec<String>, BrokerError> {
        let names = self.inner.names()?;
        Ok(names.iter().filter_map(|name| name.strip_prefix(&self.names.prefix)).map(String::from).collect())
    }

    fn topic(&self, name: &str) -> Result<Option<Topic>, BrokerError> {
        self.inner.topic(&self.names.prefixed(name))
    }

    fn create(&self, topics: &[TopicToCreate]) -> Result<(), BrokerError> {
        let prefixed =
            |topic: &TopicToCreate| TopicToCreate { name: self.names.prefixed(&topic.name), ..topic.clone() };
        self.inner.create(&topics.iter().map(prefixed).collect::<Vec<_>>())
    }

    fn configure(&self, topic: &str, config: &BTreeMap<String, String>) -> Result<(), BrokerError> {
        self.inner.configure(&self.names.prefixed(topic), config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_as_they_went() {
        let mut names = Names { prefix: "test.".into(), known: Vec::new() };
        let prefixed = names.topic("trades");
        assert_eq!(prefixed, "test.trades");
        assert_eq!(names.plain(prefixed), "trades");
        assert!(std::ptr::eq(prefixed, names.clone().topic("trades")), "one text for the life of the process");
    }
}
