//! Chunk results and job control -> one outcome per job, once the set of planned chunks is in.

use std::collections::BTreeMap;

use super::chunk::ChunkResult;
use super::job::{Ending, JobEvent, JobId, Missing, Outcome};
use super::notice::{Notice, NoticeCode, Place, ROWS_KEPT, keep_first};
use super::totals::{ControlTotals, Counts};
use crate::domain::key::Timestamp;

/// How a job stands. The source of truth for what of it has come in, and afterwards for how it ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Progress {
    pub job: JobId,
    pub stage: Stage,
}

/// Collecting until it ended; then only the answer is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stage {
    Collecting(Collecting),
    Ended(Outcome),
}

/// What is known of a job that runs.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Collecting {
    /// Request hash and deadline, once the job was announced.
    pub started: Option<(u128, Timestamp)>,
    /// Number of chunks and what they account for, once it is known.
    pub planned: Option<(u32, Counts)>,
    pub received: ChunkSet,
    pub totals: ControlTotals,
    /// The first rows in their own order, at most `ROWS_KEPT`.
    pub rows: Vec<Notice>,
}

/// A set of chunk numbers as ranges `first -> last`, both included, so that a job of any size stays small.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ChunkSet(pub BTreeMap<u32, u32>);

impl Progress {
    pub fn new(job: JobId) -> Progress {
        Progress { job, stage: Stage::Collecting(Collecting::default()) }
    }

    /// Takes an event in. The outcome comes out when this event ends the job, and again when an ended job is started again.
    pub fn record(&mut self, event: JobEvent) -> Option<Outcome> {
        let collecting = match &mut self.stage {
            Stage::Collecting(collecting) => collecting,
            Stage::Ended(outcome) => return matches!(event, JobEvent::Started { .. }).then(|| outcome.clone()),
        };
        match event {
            JobEvent::Started { request, deadline } => {
                // The first word stands: a second submission of a running job waits for the same answer.
                collecting.started.get_or_insert((request, deadline));
            }
            JobEvent::Planned { chunks, counts } => {
                collecting.planned.get_or_insert((chunks, counts));
            }
            JobEvent::Chunk(result) => collecting.add(result),
            JobEvent::Cancelled { reason } => return Some(self.end(Ending::Cancelled { reason })),
            JobEvent::Rejected { reason } => return Some(self.end(Ending::Rejected { reason })),
        }
        self.complete()
    }

    /// Ends a job whose deadline has passed.
    pub fn tick(&mut self, now: Timestamp) -> Option<Outcome> {
        let Stage::Collecting(collecting) = &self.stage else { return None };
        let (_, deadline) = collecting.started?;
        if now < deadline {
            return None;
        }
        let missing = match collecting.planned {
            Some((chunks, _)) => Missing::Chunks(collecting.received.missing(chunks)),
            None => Missing::Plan { received: collecting.received.count() },
        };
        Some(self.end(Ending::TimedOut { missing }))
    }

    fn complete(&mut self) -> Option<Outcome> {
        let Stage::Collecting(collecting) = &mut self.stage else { return None };
        let (chunks, counts) = collecting.planned?;
        collecting.started?;
        if !collecting.received.missing(chunks).is_empty() {
            return None;
        }
        if collecting.totals.counts != counts {
            collecting.add_row(differing(counts, collecting.totals.counts));
        }
        let ending = if collecting.totals.errors == 0 { Ending::Completed } else { Ending::CompletedWithErrors };
        Some(self.end(ending))
    }

    fn end(&mut self, ending: Ending) -> Outcome {
        let collected = match &mut self.stage {
            Stage::Collecting(collecting) => std::mem::take(collecting),
            Stage::Ended(outcome) => return outcome.clone(),
        };
        let outcome = Outcome {
            job: self.job.clone(),
            request: collected.started.map(|(request, _)| request),
            ending,
            totals: collected.totals,
            rows: collected.rows,
        };
        self.stage = Stage::Ended(outcome.clone());
        outcome
    }
}

impl Collecting {
    fn add(&mut self, result: ChunkResult) {
        if !self.received.insert(result.number) {
            return;
        }
        self.totals.merge(&result.totals);
        self.rows.extend(result.rows);
        keep_first(&mut self.rows, ROWS_KEPT);
    }

    fn add_row(&mut self, row: Notice) {
        self.totals.errors += 1;
        self.rows.push(row);
        keep_first(&mut self.rows, ROWS_KEPT);
    }
}

impl ChunkSet {
    /// False when the number was there already.
    pub fn insert(&mut self, number: u32) -> bool {
        let before = self.0.range(..=number).next_back().map(|(first, last)| (*first, *last));
        if before.is_some_and(|(_, last)| last >= number) {
            return false;
        }
        let first = match before {
            Some((first, last)) if last + 1 == number => first,
            _ => number,
        };
        let last = number.checked_add(1).and_then(|next| self.0.remove(&next)).unwrap_or(number);
        self.0.insert(first, last);
        true
    }

    pub fn count(&self) -> u32 {
        self.0.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// The ranges of `1..=chunks` that are not in the set.
    pub fn missing(&self, chunks: u32) -> Vec<(u32, u32)> {
        let mut missing = Vec::new();
        let mut next = 1;
        for (&first, &last) in self.0.range(..=chunks) {
            if next < first {
                missing.push((next, first - 1));
            }
            next = last.saturating_add(1);
        }
        if next <= chunks {
            missing.push((next, chunks));
        }
        missing
    }
}

fn differing(planned: Counts, calculated: Counts) -> Notice {
    Place::request().error(
        NoticeCode::TotalsDiffer,
        "contractPositions",
        format!("planned {planned}, calculated {calculated}: the result is not whole; submit it again under another requestId"),
    )
}
