//! A cluster on paper: what the topics held at some moment, to be damaged by hand and read by the auditor.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bookflow::engine::batch::{Batch, Record, Room};
use bookflow::engine::broker::*;
use bookflow::memory::MemoryBroker;
use bookflow::memory::admin::LogEntry;
use bookflow::pipeline::topics;

#[derive(Clone, Default)]
pub struct Paper {
    pub logs: BTreeMap<TopicPartition, Log>,
    pub committed: BTreeMap<(String, TopicPartition), CommittedOffset>,
}

#[derive(Clone, Default)]
pub struct Log {
    pub start: i64,
    pub end: i64,
    pub records: Vec<Entry>,
}

/// Offset, key and value of a record.
pub type Entry = (i64, Option<Vec<u8>>, Option<Vec<u8>>);

impl Paper {
    /// Everything visible in `broker`, and what these stages have committed of these topics.
    pub fn copy(broker: &MemoryBroker, partitions: i32, inputs: &[(&str, &'static str)]) -> Paper {
        let mut paper = Paper::default();
        let mut reader = broker.reader().expect("a reader");
        for topic in topics::all() {
            let there = broker.topic(topic).expect("the broker answers").expect("it exists").partitions;
            for partition in (0..there).map(|partition| TopicPartition { topic, partition }) {
                let Bounds { start, end } = reader.bounds(partition).expect("it exists");
                let records =
                    broker.entries(partition).expect("it exists").into_iter().filter_map(|entry| match entry {
                        LogEntry::Record { offset, key, value } => Some((offset, key, value)),
                        LogEntry::Aborted { .. } | LogEntry::Marker { .. } => None,
                    });
                paper.logs.insert(partition, Log { start, end, records: records.collect() });
            }
        }
        for (stage, topic) in inputs {
            let group = format!("bookflow.{stage}");
            let member = Member { group: group.clone(), client_id: "paper".into(), instance_id: None };
            let mut consumer = broker.consumer(&member).expect("a consumer");
            let asked: Vec<_> = (0..partitions).map(|partition| TopicPartition { topic, partition }).collect();
            let answer = consumer.committed(&asked, Duration::from_secs(5)).expect("nothing is pending");
            for (partition, committed) in asked.into_iter().zip(answer) {
                paper.committed.extend(committed.map(|committed| ((group.clone(), partition), committed)));
            }
            consumer.close();
        }
        paper
    }

    pub fn log(&mut self, topic: &'static str, partition: i32) -> &mut Log {
        self.logs.get_mut(&TopicPartition { topic, partition }).expect("every topic is there")
    }
}

impl Broker for Paper {
    fn consumer(&self, member: &Member) -> Result<Box<dyn Consumer>, BrokerError> {
        Ok(Box::new(Asking { paper: self.clone(), group: member.group.clone() }))
    }

    fn producer(&self, _: &str) -> Result<Box<dyn Producer>, BrokerError> {
        panic!("the auditor writes nothing")
    }

    fn reader(&self) -> Result<Box<dyn Reader>, BrokerError> {
        Ok(Box::new(Reading { logs: Arc::new(Mutex::new(self.logs.clone())), at: BTreeMap::new() }))
    }

    fn cluster_id(&self) -> Result<String, BrokerError> {
        Ok("paper".into())
    }

    fn topic(&self, name: &str) -> Result<Option<TopicInfo>, BrokerError> {
        let partitions = self.logs.keys().filter(|partition| partition.topic == name).count() as i32;
        Ok(topics::named(name).map(|name| TopicInfo { id: name.into(), partitions }))
    }
}

struct Reading {
    logs: Arc<Mutex<BTreeMap<TopicPartition, Log>>>,
    at: BTreeMap<TopicPartition, i64>,
}

impl Reader for Reading {
    fn assign(&mut self, partitions: &[(TopicPartition, i64)]) -> Result<(), BrokerError> {
        self.at = partitions.iter().copied().collect();
        Ok(())
    }

    fn poll(&mut self, _: Duration, room: Room, batch: &mut Batch) -> Result<(), BrokerError> {
        let logs = self.logs.lock().expect("one thread");
        for (partition, at) in &mut self.at {
            let log = &logs[partition];
            let next = log.records.iter().filter(|(offset, ..)| *offset >= *at).take(room.records);
            let mut last = None;
            for (offset, key, value) in next {
                let (key, value) = (key.as_deref(), value.as_deref());
                batch.push(Record { from: *partition, offset: *offset, timestamp_us: 0, key, value, headers: &[] });
                last = Some(*offset);
            }
            *at = last.map_or(log.end, |last| last + 1);
        }
        Ok(())
    }

    fn position(&self, partition: TopicPartition) -> Option<i64> {
        self.at.get(&partition).copied()
    }

    fn bounds(&mut self, partition: TopicPartition) -> Result<Bounds, BrokerError> {
        let logs = self.logs.lock().expect("one thread");
        Ok(Bounds { start: logs[&partition].start, end: logs[&partition].end })
    }
}

/// A consumer that only knows what was committed.
struct Asking {
    paper: Paper,
    group: String,
}

impl Consumer for Asking {
    fn committed(
        &mut self,
        partitions: &[TopicPartition],
        _: Duration,
    ) -> Result<Vec<Option<CommittedOffset>>, BrokerError> {
        let committed =
            |partition: &TopicPartition| self.paper.committed.get(&(self.group.clone(), *partition)).cloned();
        Ok(partitions.iter().map(committed).collect())
    }

    fn close(self: Box<Self>) {}

    fn subscribe(&mut self, _: &'static str) -> Result<(), BrokerError> {
        panic!("the auditor joins no group")
    }

    fn poll(&mut self, _: Duration, _: Room, _: &mut Batch) -> Result<Option<Rebalance>, BrokerError> {
        panic!("the auditor joins no group")
    }

    fn assign(&mut self, _: &[(TopicPartition, i64)]) -> Result<(), BrokerError> {
        panic!("the auditor joins no group")
    }

    fn unassign(&mut self, _: &[TopicPartition]) -> Result<(), BrokerError> {
        panic!("the auditor joins no group")
    }

    fn pause(&mut self, _: &[TopicPartition]) -> Result<(), BrokerError> {
        panic!("the auditor joins no group")
    }

    fn resume(&mut self, _: &[TopicPartition]) -> Result<(), BrokerError> {
        panic!("the auditor joins no group")
    }

    fn seek(&mut self, _: TopicPartition, _: i64) -> Result<(), BrokerError> {
        panic!("the auditor joins no group")
    }

    fn position(&self, _: TopicPartition) -> Option<i64> {
        panic!("the auditor joins no group")
    }

    fn membership(&self) -> GroupMembership {
        panic!("the auditor joins no group")
    }

    fn assignment_lost(&self) -> bool {
        panic!("the auditor joins no group")
    }

    fn bounds(&mut self, _: TopicPartition) -> Result<Bounds, BrokerError> {
        panic!("the auditor asks a reader for bounds")
    }
}
