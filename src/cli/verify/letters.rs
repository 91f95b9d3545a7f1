//! Dead letters by the record they are about.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64;

use super::cursor::{Cursor, decode};
use super::report::{Damage, Report};
use super::snapshot::Snapshot;
use crate::cli::failure::Failure;
use crate::domain::trade::captured::Place;
use crate::engine::batch::Record;
use crate::engine::broker::Broker;
use crate::messages::dead_letter::{DeadLetter, Original};
use crate::messages::schemas::Schemas;
use crate::pipeline::topics::DEAD_LETTERS;

/// What matters of a dead letter; its bytes only as a hash, so that a flood of them fits into memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    pub stage: String,
    pub reason: String,
    key: Option<u64>,
    /// `None` when the value was too large for a dead letter.
    value: Option<Option<u64>>,
}

pub struct Letters {
    by_place: BTreeMap<Place, Vec<Letter>>,
    /// Nothing has been deleted yet: a record without a letter has none.
    pub whole: bool,
}

impl Letters {
    pub fn read(
        broker: &dyn Broker,
        schemas: &Schemas,
        snapshot: &Snapshot,
        report: &mut Report,
    ) -> Result<Letters, Failure> {
        let mut letters = Letters { by_place: BTreeMap::new(), whole: true };
        for partition in snapshot.partitions(DEAD_LETTERS) {
            let bounds = snapshot.bounds(partition);
            letters.whole &= bounds.start == 0;
            let mut cursor = Cursor::open(broker, partition, bounds.start, bounds.end)?;
            while let Some(record) = cursor.peek()? {
                match decode::<DeadLetter>(schemas, &record)? {
                    Ok((place, letter)) => letters.by_place.entry(place).or_default().push(Letter::of(letter)),
                    Err(error) => report.differs(Damage::Wrong, at(&record), "", "a dead letter", error),
                }
                cursor.step();
            }
        }
        Ok(letters)
    }

    /// Those about one record, once.
    pub fn take(&mut self, place: Place) -> Vec<Letter> {
        self.by_place.remove(&place).unwrap_or_default()
    }

    /// Those that nobody asked for among the records of one partition before `to`.
    pub fn left(&self, topic: u16, partition: i32, to: i64) -> impl Iterator<Item = (&Place, &Letter)> {
        let first = Place { topic, partition, offset: 0 };
        let letters = self.by_place.range(first..Place { offset: to, ..first });
        letters.flat_map(|(place, letters)| letters.iter().map(move |letter| (place, letter)))
    }
}

impl Letter {
    fn of(letter: DeadLetter) -> Letter {
        let value = match letter.value {
            Original::Tombstone => Some(None),
            Original::Bytes(bytes) => Some(Some(xxh3_64(&bytes))),
            Original::TooLarge { .. } => None,
        };
        Letter { stage: letter.stage, reason: letter.reason, key: letter.key.map(|key| xxh3_64(&key)), value }
    }

    /// Whether the letter has the record's own bytes.
    pub fn holds(&self, record: &Record<'_>) -> bool {
        self.key == record.key.map(xxh3_64) && self.value.is_none_or(|value| value == record.value.map(xxh3_64))
    }
}

/// A record's name in the report.
pub fn at(record: &Record<'_>) -> String {
    format!("{}@{}", record.from, record.offset)
}
