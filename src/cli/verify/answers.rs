//! The blotter of one partition, walked beside its trades: each record's rows when it is the record's turn.

use std::collections::BTreeMap;

use super::cursor::{Cursor, decode};
use super::letters::at;
use super::report::{Damage, Report, Window};
use super::snapshot::{Snapshot, Stand};
use crate::cli::failure::Failure;
use crate::domain::trade::answer::Answer;
use crate::domain::trade::captured::Place;
use crate::engine::broker::{Broker, TopicPartition};
use crate::messages::blotter::BlotterRow;
use crate::messages::schemas::Schemas;

/// The blotter of one partition beside its trades.
pub struct Answers<'a> {
    cursor: Cursor,
    schemas: &'a Schemas,
    partition: TopicPartition,
    next: Option<(Place, BlotterRow)>,
    /// Records that had no answer when it was their turn, with their keys.
    pub unanswered: BTreeMap<i64, String>,
    /// Answers that stand too late.
    late: Vec<Answer>,
    /// Causes before it lie outside the window.
    pub from: i64,
    turn: u64,
    generation: i32,
}

impl<'a> Answers<'a> {
    pub fn open(
        broker: &dyn Broker,
        schemas: &'a Schemas,
        snapshot: &Snapshot,
        partition: TopicPartition,
    ) -> Result<Answers<'a>, Failure> {
        let bounds = snapshot.bounds(partition);
        let cursor = Cursor::open(broker, partition, bounds.start, bounds.end)?;
        let (unanswered, late) = (BTreeMap::new(), Vec::new());
        Ok(Answers { cursor, schemas, partition, next: None, unanswered, late, from: 0, turn: 0, generation: i32::MIN })
    }

    /// The cause of the first row that can still be read.
    pub fn first(&mut self, report: &mut Report) -> Result<Option<Place>, Failure> {
        Ok(self.peek(report)?.map(|(cause, _)| *cause))
    }

    /// The rows that a record caused. Rows of earlier records that stand here stand too late, or too often.
    pub fn of(&mut self, offset: i64, report: &mut Report) -> Result<Vec<BlotterRow>, Failure> {
        let mut rows = Vec::new();
        while let Some((cause, row)) = self.peek(report)?
            && cause.offset <= offset
        {
            let (cause, row) = (*cause, row.clone());
            self.next = None;
            match cause.offset == offset {
                true => rows.push(row),
                false => self.late(cause, &row, report),
            }
        }
        Ok(rows)
    }

    fn late(&mut self, cause: Place, row: &BlotterRow, report: &mut Report) {
        let place = format!("{} for offset {}", self.partition, cause.offset);
        match self.unanswered.remove(&cause.offset) {
            Some(_) => {
                report.differs(Damage::Misordered, place, &row.answer.key, "answers in input order", "a later place");
                self.late.push(row.answer.clone());
            }
            None if cause.offset < self.from => {}
            None => report.differs(Damage::Doubled, place, &row.answer.key, "one answer", shown(&row.answer)),
        }
    }

    fn peek(&mut self, report: &mut Report) -> Result<Option<&(Place, BlotterRow)>, Failure> {
        while self.next.is_none() {
            let Some(record) = self.cursor.peek()? else { break };
            match decode::<BlotterRow>(self.schemas, &record)? {
                Ok((cause, row)) if cause.partition == self.partition.partition => {
                    if row.generation < self.generation || row.turn < self.turn {
                        let expected = format!("turn {} of generation {} or later", self.turn, self.generation);
                        let found = format!("turn {} of generation {}", row.turn, row.generation);
                        report.differs(Damage::Zombie, at(&record), &row.answer.key, expected, found);
                    }
                    (self.turn, self.generation) = (row.turn, row.generation);
                    self.next = Some((cause, row));
                }
                Ok((cause, row)) => {
                    let expected = format!("causes in partition {}", self.partition.partition);
                    report.differs(Damage::Wrong, at(&record), &row.answer.key, expected, format!("{cause:?}"));
                }
                Err(error) => report.differs(Damage::Wrong, at(&record), "", "a blotter row", error),
            }
            self.cursor.step();
        }
        Ok(self.next.as_ref())
    }

    /// What is left: rows of later records, and records without an answer.
    pub fn finish(
        mut self,
        window: &Window,
        stand: &Stand,
        letters_whole: bool,
        report: &mut Report,
    ) -> Result<Vec<Answer>, Failure> {
        while let Some((cause, row)) = self.peek(report)? {
            let (cause, row) = (*cause, row.clone());
            self.next = None;
            if cause.offset < window.to {
                self.late(cause, &row, report);
            } else if stand.still {
                let expected = format!("no answer from offset {} on", window.to);
                let place = format!("{} for offset {}", self.partition, cause.offset);
                report.differs(Damage::Torn, place, &row.answer.key, expected, shown(&row.answer));
            }
        }
        for (offset, key) in &self.unanswered {
            let place = format!("{}@{offset}", window.partition);
            match letters_whole {
                true => report.differs(Damage::Lost, place, key, "one answer", "none"),
                false => report.unproved.push(format!("{place}: no blotter row, and older dead letters are gone")),
            }
        }
        Ok(self.late)
    }
}

/// An answer in a line of the report.
pub fn shown(answer: &Answer) -> String {
    let Answer { id, version, verdict, revision_before, revision_after, quantity_after, released_by, .. } = answer;
    let released = released_by.map_or_else(String::new, |place| format!(", by offset {}", place.offset));
    format!(
        "{id} version {version} {verdict:?}{released}, revision {revision_before} to {revision_after}, \
         quantity {quantity_after}"
    )
}
