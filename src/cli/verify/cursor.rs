//! One partition as a stream of records between two offsets, and many at once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::engine::batch::{Batch, Record, Room};
use crate::engine::broker::{Broker, Reader, TopicPartition};
use crate::messages::message::Message;
use crate::messages::schemas::{Schemas, Undecodable};

/// How much is held of a partition at a time.
const ROOM: Room = Room { records: 5_000, bytes: 4 << 20 };
const WAIT: Duration = Duration::from_millis(200);
/// A broker that gives nothing for so long, though there is something to read, is not there.
const PATIENCE: Duration = Duration::from_secs(60);

/// Reads committed records; what lies between `from` and `to` and is not handed out does not exist.
pub struct Cursor {
    reader: Box<dyn Reader>,
    partition: TopicPartition,
    to: i64,
    batch: Batch,
    next: usize,
}

/// Reads a message; a registry that does not answer is no damage, only no audit.
pub fn decode<M: Message>(
    schemas: &Schemas,
    record: &Record<'_>,
) -> Result<Result<(M::Cause, M), Undecodable>, Failure> {
    match schemas.decode::<M>(record.value.unwrap_or_default()) {
        Err(Undecodable::Registry(error)) => Err(error.into()),
        read => Ok(read),
    }
}

/// Hands out the committed records of many partitions, each between two offsets. One reader for all: where little is to be read, opening one is what
/// takes the time.
pub fn each(
    broker: &dyn Broker,
    partitions: &BTreeMap<TopicPartition, (i64, i64)>,
    mut act: impl FnMut(&Record<'_>),
) -> Result<(), Failure> {
    let some = partitions.iter().filter(|(_, (from, to))| from < to);
    let (starts, mut left): (Vec<_>, Vec<_>) =
        some.map(|(&partition, &(from, to))| ((partition, from), (partition, to))).unzip();
    if left.is_empty() {
        return Ok(());
    }
    let mut reader = broker.reader()?;
    reader.assign(&starts)?;
    let (mut batch, mut moved) = (Batch::default(), Instant::now());
    loop {
        left.retain(|&(partition, to)| reader.position(partition).is_some_and(|position| position < to));
        let Some(&(partition, to)) = left.first() else { return Ok(()) };
        if moved.elapsed() > PATIENCE {
            return Err(silent(partition, to));
        }
        batch.clear();
        reader.poll(WAIT, ROOM, &mut batch)?;
        if !batch.is_empty() {
            moved = Instant::now();
        }
        batch.iter().filter(|record| record.offset < partitions[&record.from].1).for_each(|record| act(&record));
    }
}

fn silent(partition: TopicPartition, to: i64) -> Failure {
    let message = format!("{partition} gives no records up to {to}");
    Failure::new(Exit::Unreachable, message).next("look at the broker, then verify again")
}

impl Cursor {
    pub fn open(broker: &dyn Broker, partition: TopicPartition, from: i64, to: i64) -> Result<Cursor, Failure> {
        let mut reader = broker.reader()?;
        if from < to {
            reader.assign(&[(partition, from)])?;
        }
        Ok(Cursor { reader, partition, to: to.max(from), batch: Batch::default(), next: 0 })
    }

    /// The record at hand, until `step` moves on; `None` at the end.
    pub fn peek(&mut self) -> Result<Option<Record<'_>>, Failure> {
        let began = Instant::now();
        while self.next == self.batch.len() {
            if self.reader.position(self.partition).is_none_or(|position| position >= self.to) {
                return Ok(None);
            }
            self.batch.clear();
            self.next = 0;
            self.reader.poll(WAIT, ROOM, &mut self.batch)?;
            if self.batch.is_empty() && began.elapsed() > PATIENCE {
                return Err(silent(self.partition, self.to));
            }
        }
        Ok(self.batch.get(self.next).filter(|record| record.offset < self.to))
    }

    pub fn step(&mut self) {
        self.next += 1;
    }
}
