//! A group member on its worker's thread: rebalances are reported, never answered here, and every poll has an end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::brokers::Brokers;
use super::context::Events;
use super::failure::{broker_error, coded, unavailable};
use super::fetch::{Unfilled, fill, position};
use super::missing::Missing;
use super::settings::{Settings, Use};
use super::{Asker, native};
use crate::engine::batch::{Batch, Room};
use crate::engine::broker::{
    Bounds, BrokerError, CommittedOffset, Consumer, ErrorKind, GroupMembership, Member, Rebalance, TopicPartition,
};

/// How long a move of the fetch position may take: a partition just given starts within a few milliseconds.
const SEEK: Duration = Duration::from_secs(10);
/// Between two questions for committed offsets: a coordinator is elected within a second or two.
const ASK_AGAIN: Duration = Duration::from_millis(100);

pub(super) struct KafkaConsumer {
    client: BaseConsumer<Events>,
    brokers: Brokers,
    asker: Arc<Asker>,
    member: Member,
    lead: Option<&'static str>,
    /// Where each assigned partition started: librdkafka knows no position before the first record.
    assigned: BTreeMap<TopicPartition, i64>,
    /// Those of them that librdkafka has not been given: it fetches at once from where it is told to, whatever is paused right after, and what is
    /// not in the log there would pass for lost input. Where a new task goes on is known later.
    held_back: BTreeSet<TopicPartition>,
    /// Reported and not yet answered.
    reported: Option<Rebalance>,
    /// Came after records of the same poll: told by the next one.
    later: Option<BrokerError>,
    missing: Missing,
}

impl KafkaConsumer {
    pub(super) fn new(settings: &Settings, asker: Arc<Asker>, member: &Member) -> Result<Self, BrokerError> {
        let client = settings
            .client(Use::Consuming(member))?
            .create_with_context(Events::default())
            .map_err(|error| broker_error("create a consumer", &error))?;
        Ok(KafkaConsumer {
            client,
            brokers: Brokers::of(settings),
            asker,
            member: member.clone(),
            lead: None,
            assigned: BTreeMap::new(),
            held_back: BTreeSet::new(),
            reported: None,
            later: None,
            missing: Missing::default(),
        })
    }

    fn failed(&self, failure: Unfilled) -> BrokerError {
        match failure {
            Unfilled::OutOfRange => self.out_of_range(),
            Unfilled::Other(error) => error,
        }
    }

    /// Why no call on our partitions can succeed any more, if that is so: this client has been fenced, or they are gone.
    fn over(&self) -> Option<BrokerError> {
        let fatal = self.client.client().fatal_error();
        let fatal = fatal.map(|(code, detail)| coded("go on consuming", code, &detail));
        let lost =
            || self.client.assignment_lost().then(|| BrokerError::new(ErrorKind::NotMember, "the assignment is lost"));
        fatal.or_else(lost)
    }

    /// librdkafka does not say which partition it has given up, and that one stays silent for ever: find it.
    fn out_of_range(&self) -> BrokerError {
        let mut gone = Vec::new();
        for (&partition, &start) in self.assigned.iter().filter(|(partition, _)| !self.held_back.contains(partition)) {
            let next = self.position(partition).unwrap_or(start);
            match self.asker.bounds(partition) {
                Ok(bounds) if next < bounds.start || next > bounds.end => {
                    gone.push(format!("{partition} at {next} (has {} to {})", bounds.start, bounds.end));
                }
                Ok(_) => {}
                Err(error) => return error,
            }
        }
        let message = format!("offsets that are not in the log: {}", gone.join(", "));
        BrokerError::new(ErrorKind::OffsetOutOfRange, message)
    }

    /// Gives librdkafka a partition to fetch from there, paused. It forgets over this that an assignment was lost, so that is asked first.
    fn hand_over(&mut self, partition: TopicPartition, offset: i64) -> Result<(), BrokerError> {
        if let Some(over) = self.over() {
            return Err(over);
        }
        let list = offsets(&[(partition, offset)])?;
        self.client.incremental_assign(&list).map_err(|error| broker_error("assign a partition", &error))?;
        self.held_back.remove(&partition);
        self.client.pause(&list).map_err(|error| broker_error("pause a new partition", &error))
    }

    /// What librdkafka has been given of these.
    fn handed_over(&self, partitions: impl Iterator<Item = TopicPartition>) -> TopicPartitionList {
        names(&partitions.filter(|partition| !self.held_back.contains(partition)).collect::<Vec<_>>())
    }

    /// A thread of librdkafka that has nothing to fetch sleeps for up to a second, and a resumed partition wakes it only on its
    /// way from an offset above 0: a first record would come late. Any question wakes it; the answer does not matter, and one that is
    /// fetching answers after the fetch only: waiting for that took a tenth of a second for each task that was resumed.
    fn wake_for(&self, resumed: &[TopicPartition]) {
        let first = resumed.iter().filter(|partition| self.assigned.get(partition) == Some(&0));
        let first: Vec<_> = first.map(|partition| (*partition, 0)).collect();
        if let Ok(times) = offsets(&first) {
            native::ask_for_offsets(self.client.client(), &times);
        }
    }
}

impl Consumer for KafkaConsumer {
    fn subscribe(&mut self, lead: &'static str) -> Result<(), BrokerError> {
        self.lead = Some(lead);
        self.client.subscribe(&[lead]).map_err(|error| broker_error(&format!("subscribe to {lead}"), &error))
    }

    /// The last record may exceed `room.bytes`: its size is only known once librdkafka has handed it out.
    fn poll(&mut self, wait: Duration, room: Room, batch: &mut Batch) -> Result<Option<Rebalance>, BrokerError> {
        if let Some(error) = self.later.take() {
            return Err(error);
        }
        self.brokers.keep(self.client.client());
        // The lead topic too: once it is gone the group takes all of its partitions away.
        let topics = self.assigned.keys().map(|partition| partition.topic).chain(self.lead);
        self.missing.look(self.client.client(), topics)?;
        let before = batch.len();
        let interrupted = || self.client.context().some();
        match fill(&self.client, &self.assigned, wait, room, batch, &mut self.missing, interrupted) {
            Ok(()) => {}
            Err(error) if batch.len() == before => return Err(self.failed(error)),
            Err(error) => self.later = Some(self.failed(error)),
        }
        if self.reported.is_none() {
            self.reported = self.client.context().next();
            return Ok(self.reported.clone());
        }
        Ok(None)
    }

    /// The event is answered; librdkafka is given the partitions once they are moved or resumed.
    fn assign(&mut self, partitions: &[(TopicPartition, i64)]) -> Result<(), BrokerError> {
        let none = TopicPartitionList::new();
        self.client.incremental_assign(&none).map_err(|error| broker_error("answer an assignment", &error))?;
        self.reported = None;
        self.assigned.extend(partitions.iter().copied());
        self.held_back.extend(partitions.iter().map(|(partition, _)| *partition));
        Ok(())
    }

    fn unassign(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        let ours = partitions.iter().copied().filter(|partition| self.assigned.contains_key(partition));
        let list = self.handed_over(ours);
        self.client.incremental_unassign(&list).map_err(|error| broker_error("give partitions up", &error))?;
        self.reported = None;
        for partition in partitions {
            self.assigned.remove(partition);
            self.held_back.remove(partition);
        }
        Ok(())
    }

    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        self.client
            .pause(&self.handed_over(partitions.iter().copied()))
            .map_err(|error| broker_error("pause partitions", &error))
    }

    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        for partition in
            partitions.iter().filter(|partition| self.held_back.contains(partition)).copied().collect::<Vec<_>>()
        {
            self.seek(partition, self.assigned[&partition])?;
        }
        self.client.resume(&names(partitions)).map_err(|error| broker_error("resume partitions", &error))?;
        self.wake_for(partitions);
        Ok(())
    }

    fn seek(&mut self, partition: TopicPartition, offset: i64) -> Result<(), BrokerError> {
        if self.held_back.contains(&partition) {
            self.hand_over(partition, offset)?;
        }
        let deadline = Instant::now() + SEEK;
        loop {
            match self.client.seek(partition.topic, partition.partition, Offset::Offset(offset), SEEK) {
                Ok(()) => break,
                Err(error) => match self.over() {
                    Some(over) => return Err(over),
                    // A partition just given is not being fetched yet and refuses.
                    None if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)),
                    None => return Err(unavailable(&format!("cannot move {partition} to {offset}: {error}"))),
                },
            }
        }
        if let Some(start) = self.assigned.get_mut(&partition) {
            *start = offset;
        }
        Ok(())
    }

    fn position(&self, partition: TopicPartition) -> Option<i64> {
        position(&self.client, &self.assigned, partition)
    }

    fn membership(&self) -> GroupMembership {
        let (generation, member_id) =
            native::generation_and_member(self.client.client()).unwrap_or((-1, String::new()));
        GroupMembership {
            group: self.member.group.clone(),
            generation,
            member_id,
            instance_id: self.member.instance_id.clone(),
        }
    }

    fn assignment_lost(&self) -> bool {
        self.client.assignment_lost()
    }

    fn committed(
        &mut self,
        partitions: &[TopicPartition],
        wait: Duration,
    ) -> Result<Vec<Option<CommittedOffset>>, BrokerError> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let deadline = Instant::now() + wait;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let asked = self.client.committed_offsets(names(partitions), left);
            match asked.map_err(|error| broker_error("read committed offsets", &error)) {
                // A new cluster, or one that elects, answers at once that it has no coordinator yet.
                Err(error) if error.kind == ErrorKind::Unavailable && Instant::now() + ASK_AGAIN < deadline => {
                    thread::sleep(ASK_AGAIN);
                }
                asked => {
                    let list = asked?;
                    return partitions.iter().map(|partition| committed(&list, *partition)).collect();
                }
            }
        }
    }

    fn bounds(&mut self, partition: TopicPartition) -> Result<Bounds, BrokerError> {
        self.asker.bounds(partition)
    }

    fn close(self: Box<Self>) {
        drop(self);
    }
}

/// librdkafka closes only when its rebalances are answered: what is open is answered here, what comes is by the callback. All that it was given is
/// given up before; companions are ours alone, and the group's own revocation would name the lead topic's partitions only.
impl Drop for KafkaConsumer {
    fn drop(&mut self) {
        self.client.context().close();
        let open = self.reported.take().or_else(|| self.client.context().next());
        let answered = match open {
            Some(Rebalance::Assigned(_)) => self.client.incremental_assign(&TopicPartitionList::new()),
            Some(Rebalance::Revoked(_) | Rebalance::Lost(_)) | None => Ok(()),
        };
        let held = self.handed_over(self.assigned.keys().copied());
        if let Err(error) = answered.and_then(|()| self.client.incremental_unassign(&held)) {
            tracing::debug!(%error, "giving partitions up while closing");
        }
    }
}

pub(super) fn offsets(partitions: &[(TopicPartition, i64)]) -> Result<TopicPartitionList, BrokerError> {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for (partition, offset) in partitions {
        list.add_partition_offset(partition.topic, partition.partition, Offset::Offset(*offset))
            .map_err(|error| broker_error(&format!("use offset {offset} of {partition}"), &error))?;
    }
    Ok(list)
}

pub(super) fn names(partitions: &[TopicPartition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        list.add_partition(partition.topic, partition.partition);
    }
    list
}

/// Each element's own error counts: the call as a whole says Ok when only some are known.
fn committed(list: &TopicPartitionList, partition: TopicPartition) -> Result<Option<CommittedOffset>, BrokerError> {
    let element = list
        .find_partition(partition.topic, partition.partition)
        .ok_or_else(|| unavailable(&format!("no answer about the committed offset of {partition}")))?;
    element.error().map_err(|error| broker_error(&format!("read the committed offset of {partition}"), &error))?;
    match element.offset() {
        Offset::Offset(offset) => Ok(Some(CommittedOffset { offset, metadata: element.metadata().to_owned() })),
        Offset::Invalid => Ok(None),
        other => Err(unavailable(&format!("no plain committed offset of {partition}: {other:?}"))),
    }
}
