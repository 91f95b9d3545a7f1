//! Reads a topic as a person would: committed records from a place on, to the end that it has now or for ever.

use std::time::{Duration, Instant};

use super::exit::Exit;
use super::failure::Failure;
use crate::engine::batch::{Batch, Record, Room};
use crate::engine::broker::{Broker, Reader, TopicPartition};

const ROOM: Room = Room { records: 2_000, bytes: 8 << 20 };
const WAIT: Duration = Duration::from_millis(200);

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum From {
    /// The oldest record that can still be read
    Start,
    /// Only what comes from now on
    End,
}

pub struct Tail {
    reader: Box<dyn Reader>,
    /// Each partition with the end it had when it was opened.
    ends: Vec<(TopicPartition, i64)>,
    cut: bool,
    batch: Batch,
}

impl Tail {
    /// All partitions of a topic.
    pub fn open(broker: &dyn Broker, topic: &'static str, from: From) -> Result<Tail, Failure> {
        let count = partitions(broker, topic)?;
        Tail::of(broker, (0..count).map(|partition| TopicPartition { topic, partition }), from)
    }

    /// The one partition where a key is at home.
    pub fn of_key(broker: &dyn Broker, topic: &'static str, key: &[u8], from: From) -> Result<Tail, Failure> {
        let partition = crate::messages::key::partition(key, partitions(broker, topic)?);
        Tail::of(broker, std::iter::once(TopicPartition { topic, partition }), from)
    }

    pub fn of_partition(broker: &dyn Broker, topic: &'static str, partition: i32, from: From) -> Result<Tail, Failure> {
        Tail::of(broker, std::iter::once(TopicPartition { topic, partition }), from)
    }

    /// One record; none once retention has taken it.
    pub fn of_record(broker: &dyn Broker, at: TopicPartition, offset: i64) -> Result<Option<Tail>, Failure> {
        let mut reader = broker.reader()?;
        let bounds = reader.bounds(at)?;
        if !(bounds.start..bounds.end).contains(&offset) {
            return Ok(None);
        }
        reader.assign(&[(at, offset)])?;
        Ok(Some(Tail { reader, ends: vec![(at, offset + 1)], cut: false, batch: Batch::default() }))
    }

    fn of(broker: &dyn Broker, partitions: impl Iterator<Item = TopicPartition>, from: From) -> Result<Tail, Failure> {
        let mut reader = broker.reader()?;
        let (mut starts, mut ends, mut cut) = (Vec::new(), Vec::new(), false);
        for partition in partitions {
            let bounds = reader.bounds(partition)?;
            let start = if from == From::Start { bounds.start } else { bounds.end };
            cut |= bounds.start > 0;
            starts.push((partition, start));
            ends.push((partition, bounds.end));
        }
        reader.assign(&starts)?;
        Ok(Tail { reader, ends, cut, batch: Batch::default() })
    }

    /// Hands out what has come in; an empty round is normal.
    pub fn round(&mut self, mut take: impl FnMut(&Record<'_>) -> Result<(), Failure>) -> Result<(), Failure> {
        self.batch.clear();
        self.reader.poll(WAIT, ROOM, &mut self.batch)?;
        self.batch.iter().try_for_each(|record| take(&record))
    }

    /// Whether the oldest records were gone when it was opened.
    pub fn cut(&self) -> bool {
        self.cut
    }

    /// Whether everything that was there when it was opened has been handed out.
    pub fn caught_up(&self) -> bool {
        self.ends.iter().all(|(partition, end)| self.reader.position(*partition).is_some_and(|at| at >= *end))
    }

    /// Hands out everything that is there now; fails when the cluster stays silent for a minute.
    pub fn to_end(&mut self, mut take: impl FnMut(&Record<'_>) -> Result<(), Failure>) -> Result<(), Failure> {
        let mut heard = Instant::now();
        while !self.caught_up() {
            let mut any = false;
            self.round(|record| {
                any = true;
                take(record)
            })?;
            if any {
                heard = Instant::now();
            } else if heard.elapsed() > Duration::from_secs(60) {
                return Err(Failure::new(Exit::Unreachable, "the cluster does not send records that it has"));
            }
        }
        Ok(())
    }
}

/// How many partitions a topic has; one that is missing is told with the remedy.
pub fn partitions(broker: &dyn Broker, topic: &str) -> Result<i32, Failure> {
    let info = broker.topic(topic)?.ok_or_else(|| {
        Failure::new(Exit::Precondition, format!("topic {topic} does not exist")).next("run `bookflow topics apply`")
    })?;
    Ok(info.partitions)
}
