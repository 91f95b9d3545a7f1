//! What the brokers know, and the two ways in which it changes: a request arrives, something comes due.

use std::collections::{BTreeMap, BTreeSet};

use super::group_client::GroupClient;
use super::log::{Content, Log};
use super::membership::Group;
use super::settings::{MarkerDelays, Settings, micros};
use super::transactions::{Identity, Marker, Place, Transactions};
use crate::engine::broker::{BrokerError, ErrorKind, GroupMembership, OffsetToCommit, TopicPartition};

pub(super) use super::log::Outcome;

pub(super) struct Cluster {
    pub settings: Settings,
    pub topics: BTreeMap<String, Topic>,
    pub topics_created: u64,
    pub transactions: Transactions,
    pub groups: BTreeMap<String, Group>,
    /// Every consumer there ever was, by its number.
    pub clients: Vec<GroupClient>,
    /// By time and order of booking.
    due: BTreeMap<(i64, u64), Event>,
    booked: u64,
}

pub(super) struct Topic {
    pub id: String,
    pub config: BTreeMap<String, String>,
    pub logs: Vec<Log>,
}

/// A request of a producer is a value, because it may arrive twice.
#[derive(Clone, Debug)]
pub(super) enum Request {
    AddPartitions { who: Identity, partitions: Vec<TopicPartition> },
    AddOffsets { who: Identity, group: String },
    CommitOffsets { who: Identity, member: GroupMembership, offsets: Vec<OffsetToCommit> },
    End { who: Identity, outcome: Outcome, delays: MarkerDelays },
}

/// What happens later than its cause.
pub(super) enum Event {
    Marker(Marker),
    /// The first copy of a request that was answered through its repetition.
    LateCopy(Request),
    TransactionTimeout {
        transactional_id: String,
        number: u64,
    },
    SessionEnd {
        client: usize,
        member_id: String,
    },
    PollDeadline {
        client: usize,
        member_id: String,
    },
    /// A rebalance that waited for time to pass, or for a member to be heard again.
    Rebalance {
        group: String,
    },
    RebalanceTimeout {
        group: String,
        since: i64,
    },
}

/// Why the cluster does not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// A transaction of this id is still being ended: ask again.
    Concurrent,
    /// Offsets are pending: ask again.
    Unstable,
    Fenced,
    WrongState,
    NotMember,
    Twin,
    TooLarge {
        to: TopicPartition,
        size: usize,
        limit: usize,
    },
    NoKey {
        to: TopicPartition,
    },
    MetadataTooLarge,
    NoTopic(TopicPartition),
}

impl Cluster {
    pub fn new(settings: Settings) -> Cluster {
        Cluster {
            settings,
            topics: BTreeMap::new(),
            topics_created: 0,
            transactions: Transactions::default(),
            groups: BTreeMap::new(),
            clients: Vec::new(),
            due: BTreeMap::new(),
            booked: 0,
        }
    }

    pub fn handle(&mut self, request: &Request, now: i64) -> Result<(), Refusal> {
        match request {
            Request::AddPartitions { who, partitions } => {
                for partition in partitions {
                    self.log(*partition)?;
                }
                let begun = self.transactions.add_partitions(who, partitions)?;
                self.book_timeout(who, begun, now);
            }
            Request::AddOffsets { who, group } => {
                let begun = self.transactions.add_offsets(who, group)?;
                self.book_timeout(who, begun, now);
            }
            Request::CommitOffsets { who, member, offsets } => {
                self.transactions.covers_group(who, &member.group)?;
                self.check_member(member)?;
                // The broker's default for offset.metadata.max.bytes.
                if offsets.iter().any(|offset| offset.metadata.len() > 4_096) {
                    return Err(Refusal::MetadataTooLarge);
                }
                self.group(&member.group).offsets.put(who.producer, offsets, now);
            }
            Request::End { who, outcome, delays } => {
                let markers = self.transactions.end(who, *outcome)?;
                self.send_markers(markers, *delays, now);
            }
        }
        Ok(())
    }

    /// Gives a producer its new epoch, once what the id had open is ended.
    pub fn initialise(&mut self, transactional_id: &str, now: i64) -> Result<Identity, Refusal> {
        let markers = self.transactions.fence(transactional_id);
        self.send_markers(markers, self.settings.markers, now);
        self.transactions.initialise(transactional_id)
    }

    /// Appends one record of a transaction and returns its offset.
    pub fn produce(&mut self, who: &Identity, to: TopicPartition, content: Content, now: i64) -> Result<i64, Refusal> {
        self.check_content(to, &content)?;
        // A partition asks the coordinator only for the first record it sees of a transaction: whoever was fenced can write
        // on there until the marker arrives.
        if !self.log(to)?.open(who.producer, who.epoch) {
            self.transactions.covers_partition(who, to)?;
            self.log(to)?.open_transaction(who.producer, who.epoch);
        }
        Ok(self.log(to)?.append(Some(who.producer), content, now))
    }

    /// What a topic takes, whoever writes.
    pub fn check_content(&self, to: TopicPartition, content: &Content) -> Result<(), Refusal> {
        let topic = self.topics.get(to.topic).ok_or(Refusal::NoTopic(to))?;
        let limit = topic.number("max.message.bytes").unwrap_or(self.settings.max_message_bytes);
        let size = content.size();
        if size > limit {
            return Err(Refusal::TooLarge { to, size, limit });
        }
        (content.key().is_some() || !topic.compacted()).then_some(()).ok_or(Refusal::NoKey { to })
    }

    pub fn log(&mut self, at: TopicPartition) -> Result<&mut Log, Refusal> {
        self.topics.get_mut(at.topic).and_then(|topic| topic.log(at.partition)).ok_or(Refusal::NoTopic(at))
    }

    pub fn group(&mut self, name: &str) -> &mut Group {
        self.groups.entry(name.to_owned()).or_default()
    }

    /// Committed offsets are kept while somebody subscribes to their topic, or for the time of retention.
    pub fn expire_offsets(&mut self, group: &str, now: i64) {
        let limit = now - micros(self.settings.offsets_retention);
        let clients = &self.clients;
        let Some(group) = self.groups.get_mut(group) else { return };
        let leads: BTreeSet<&str> = group.members.values().filter_map(|member| clients[member.client].lead).collect();
        let emptied_lately = leads.is_empty() && group.empty_since > limit;
        group.offsets.expire(limit, |topic| emptied_lately || leads.contains(topic));
    }

    pub fn book(&mut self, at: i64, event: Event) {
        self.booked += 1;
        self.due.insert((at, self.booked), event);
    }

    pub fn next_due(&self) -> Option<i64> {
        self.due.keys().next().map(|(at, _)| *at)
    }

    /// Lets happen what is due; true when something was.
    pub fn deliver_due(&mut self, now: i64) -> bool {
        let mut delivered = false;
        while let Some(entry) = self.due.first_entry().filter(|entry| entry.key().0 <= now) {
            let ((at, _), event) = entry.remove_entry();
            self.deliver(event, at);
            delivered = true;
        }
        delivered
    }

    fn deliver(&mut self, event: Event, now: i64) {
        match event {
            Event::Marker(marker) => self.mark(&marker, now),
            // Its answer reaches nobody: the client has had one.
            Event::LateCopy(request) => drop(self.handle(&request, now)),
            Event::TransactionTimeout { transactional_id, number } => {
                let markers = self.transactions.time_out(&transactional_id, number);
                self.send_markers(markers, self.settings.markers, now);
            }
            Event::SessionEnd { client, member_id } => self.end_session(client, &member_id, now),
            Event::PollDeadline { client, member_id } => self.check_poll_deadline(client, member_id, now),
            Event::Rebalance { group } => self.rebalance(&group, now),
            Event::RebalanceTimeout { group, since } => self.end_rebalance_wait(&group, since, now),
        }
    }

    fn book_timeout(&mut self, who: &Identity, begun: Option<u64>, now: i64) {
        let Some(number) = begun else { return };
        let check = micros(self.settings.transaction_check).max(1);
        let over = now + micros(self.settings.transaction);
        let noticed = (over / check + 1) * check;
        self.book(noticed, Event::TransactionTimeout { transactional_id: who.transactional_id.clone(), number });
    }

    fn send_markers(&mut self, markers: Vec<Marker>, delays: MarkerDelays, now: i64) {
        let mut data = now;
        for marker in markers {
            let at = match marker.place {
                Place::Group(_) => now + micros(delays.offsets),
                Place::Partition(_) => {
                    data += micros(delays.data);
                    data
                }
            };
            if at <= now {
                self.mark(&marker, now);
            } else {
                self.book(at, Event::Marker(marker));
            }
        }
    }

    fn mark(&mut self, marker: &Marker, now: i64) {
        match &marker.place {
            Place::Group(group) => self.group(group).offsets.end_transaction(marker.of.producer, marker.outcome),
            Place::Partition(partition) => {
                // A deleted topic has nobody left to tell.
                if let Ok(log) = self.log(*partition) {
                    log.end_transaction(marker.of.producer, marker.of.epoch, marker.outcome, now);
                }
            }
        }
        self.transactions.marked(marker);
    }
}

impl Topic {
    pub fn partitions(&self) -> i32 {
        i32::try_from(self.logs.len()).expect("made from an i32")
    }

    pub fn log(&mut self, partition: i32) -> Option<&mut Log> {
        usize::try_from(partition).ok().and_then(|partition| self.logs.get_mut(partition))
    }

    pub fn compacted(&self) -> bool {
        self.config.get("cleanup.policy").is_some_and(|policy| policy.contains("compact"))
    }

    pub fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.config.get(name).and_then(|value| value.parse().ok())
    }
}

impl Refusal {
    /// What a client tells who called it.
    pub fn told(&self, tried: &str) -> BrokerError {
        let (kind, why) = match self {
            Refusal::Concurrent => (ErrorKind::Unavailable, "an earlier transaction is still being ended".to_owned()),
            Refusal::Unstable => (ErrorKind::Unavailable, "offsets of an open transaction are pending".to_owned()),
            Refusal::Fenced => (ErrorKind::Fenced, "the transactional id has a newer epoch".to_owned()),
            Refusal::WrongState => (ErrorKind::Fenced, "the transaction is not in a state for that".to_owned()),
            Refusal::NotMember => (ErrorKind::NotMember, "unknown member or generation".to_owned()),
            Refusal::Twin => (ErrorKind::TwinInstance, "another process has this group instance id".to_owned()),
            Refusal::TooLarge { to, size, limit } => {
                (ErrorKind::TooLarge, format!("a record of {size} bytes, and {to} takes {limit}"))
            }
            Refusal::NoKey { to } => (ErrorKind::Fatal, format!("{to} is compacted and takes no record without a key")),
            Refusal::MetadataTooLarge => (ErrorKind::Fatal, "an offset's metadata is over 4096 bytes".to_owned()),
            Refusal::NoTopic(at) => (ErrorKind::Fatal, format!("there is no {at}")),
        };
        BrokerError::new(kind, format!("cannot {tried}: {why}"))
    }
}
