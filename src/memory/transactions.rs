//! The transaction coordinator, for clients of the old protocol: one epoch lives through many transactions, so a request
//! that comes late acts on whichever transaction is open then.
//!
//! ```text
//!            add                  end                     last marker
//!   Empty ────────► Ongoing ────────────► Ending(outcome) ────────► Ended(outcome) ──add──► Ongoing
//!                      └── time-out, or a new producer of the id: epoch + 1 ──► Ending(Aborted)
//! ```

use std::collections::{BTreeMap, BTreeSet};

use super::cluster::Refusal;
use super::log::Outcome;
use crate::engine::broker::TopicPartition;

/// The source of truth for who may write under which transactional id.
#[derive(Default)]
pub(super) struct Transactions {
    by_id: BTreeMap<String, Transaction>,
    started: u64,
}

/// A producer as it names itself in every request.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub transactional_id: String,
    pub producer: i64,
    pub epoch: i32,
}

/// Says to one place how a transaction ended.
#[derive(Clone, Debug)]
pub(super) struct Marker {
    pub of: Identity,
    pub outcome: Outcome,
    pub place: Place,
}

#[derive(Clone, Debug)]
pub(super) enum Place {
    Group(String),
    Partition(TopicPartition),
}

struct Transaction {
    producer: i64,
    epoch: i32,
    phase: Phase,
    /// Tells this transaction from later ones of the same producer and epoch.
    number: u64,
    groups: BTreeSet<String>,
    partitions: BTreeSet<TopicPartition>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Empty,
    Ongoing,
    Ending(Outcome),
    Ended(Outcome),
}

impl Transactions {
    /// A new epoch for this id, once its last transaction is resolved.
    pub fn initialise(&mut self, transactional_id: &str) -> Result<Identity, Refusal> {
        let producer = self.by_id.len() as i64;
        let transaction = self.by_id.entry(transactional_id.to_owned()).or_insert_with(|| Transaction::new(producer));
        if let Phase::Ongoing | Phase::Ending(_) = transaction.phase {
            return Err(Refusal::Concurrent);
        }
        transaction.epoch += 1;
        transaction.phase = Phase::Empty;
        Ok(transaction.identity(transactional_id))
    }

    /// Ends an open transaction of this id under a new epoch, so that whoever opened it can do nothing more.
    pub fn fence(&mut self, transactional_id: &str) -> Vec<Marker> {
        match self.by_id.get_mut(transactional_id) {
            Some(transaction) if transaction.phase == Phase::Ongoing => {
                transaction.epoch += 1;
                transaction.end(transactional_id, Outcome::Aborted)
            }
            _ => Vec::new(),
        }
    }

    /// The same for a transaction that is over its time, if it is still that one.
    pub fn time_out(&mut self, transactional_id: &str, number: u64) -> Vec<Marker> {
        match self.by_id.get(transactional_id) {
            Some(transaction) if transaction.number == number => self.fence(transactional_id),
            _ => Vec::new(),
        }
    }

    /// Makes these partitions part of the transaction; the number of a transaction that begins with it.
    pub fn add_partitions(&mut self, who: &Identity, partitions: &[TopicPartition]) -> Result<Option<u64>, Refusal> {
        self.add(who, |transaction| transaction.partitions.extend(partitions))
    }

    /// The same for a group whose offsets will follow.
    pub fn add_offsets(&mut self, who: &Identity, group: &str) -> Result<Option<u64>, Refusal> {
        self.add(who, |transaction| transaction.groups.extend([group.to_owned()]))
    }

    /// True when this partition may be written under this identity now.
    pub fn covers_partition(&self, who: &Identity, partition: TopicPartition) -> Result<(), Refusal> {
        self.ongoing(who, |transaction| transaction.partitions.contains(&partition))
    }

    pub fn covers_group(&self, who: &Identity, group: &str) -> Result<(), Refusal> {
        self.ongoing(who, |transaction| transaction.groups.contains(group))
    }

    pub fn end(&mut self, who: &Identity, outcome: Outcome) -> Result<Vec<Marker>, Refusal> {
        let transaction = self.known(who)?;
        match transaction.phase {
            Phase::Ongoing => Ok(transaction.end(&who.transactional_id, outcome)),
            Phase::Ending(ending) if ending == outcome => Err(Refusal::Concurrent),
            Phase::Ended(ended) if ended == outcome => Ok(Vec::new()),
            _ => Err(Refusal::WrongState),
        }
    }

    /// A marker has arrived.
    pub fn marked(&mut self, marker: &Marker) {
        let Some(transaction) = self.by_id.get_mut(&marker.of.transactional_id) else { return };
        match &marker.place {
            Place::Group(group) => transaction.groups.remove(group),
            Place::Partition(partition) => transaction.partitions.remove(partition),
        };
        transaction.close_when_marked();
    }

    fn add(&mut self, who: &Identity, add: impl FnOnce(&mut Transaction)) -> Result<Option<u64>, Refusal> {
        let number = self.started + 1;
        let transaction = self.known(who)?;
        let begun = match transaction.phase {
            Phase::Ending(_) => return Err(Refusal::Concurrent),
            Phase::Ongoing => None,
            Phase::Empty | Phase::Ended(_) => {
                transaction.phase = Phase::Ongoing;
                transaction.number = number;
                Some(number)
            }
        };
        add(transaction);
        self.started = number;
        Ok(begun)
    }

    fn ongoing(&self, who: &Identity, covers: impl FnOnce(&Transaction) -> bool) -> Result<(), Refusal> {
        let transaction = self.by_id.get(&who.transactional_id).ok_or(Refusal::Fenced)?;
        transaction.check(who)?;
        (transaction.phase == Phase::Ongoing && covers(transaction)).then_some(()).ok_or(Refusal::WrongState)
    }

    fn known(&mut self, who: &Identity) -> Result<&mut Transaction, Refusal> {
        let transaction = self.by_id.get_mut(&who.transactional_id).ok_or(Refusal::Fenced)?;
        transaction.check(who)?;
        Ok(transaction)
    }
}

impl Transaction {
    fn new(producer: i64) -> Transaction {
        Transaction {
            producer,
            epoch: -1,
            phase: Phase::Empty,
            number: 0,
            groups: BTreeSet::new(),
            partitions: BTreeSet::new(),
        }
    }

    fn identity(&self, transactional_id: &str) -> Identity {
        Identity { transactional_id: transactional_id.to_owned(), producer: self.producer, epoch: self.epoch }
    }

    fn check(&self, who: &Identity) -> Result<(), Refusal> {
        (self.epoch == who.epoch).then_some(()).ok_or(Refusal::Fenced)
    }

    fn end(&mut self, transactional_id: &str, outcome: Outcome) -> Vec<Marker> {
        self.phase = Phase::Ending(outcome);
        let of = self.identity(transactional_id);
        let groups = self.groups.iter().cloned().map(Place::Group);
        let partitions = self.partitions.iter().copied().map(Place::Partition);
        groups.chain(partitions).map(|place| Marker { of: of.clone(), outcome, place }).collect()
    }

    fn close_when_marked(&mut self) {
        if let (Phase::Ending(outcome), true, true) = (self.phase, self.groups.is_empty(), self.partitions.is_empty()) {
            self.phase = Phase::Ended(outcome);
        }
    }
}
