//! Chunk results and job control -> one outcome per job, once the set of planned chunks is in.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::chunk::ChunkResult;
use super::job::{Ending, JobEvent, JobId, Missing, Outcome, Started};
use super::notice::{Notice, NoticeCode, Place, ROWS_KEPT, keep_first};
use super::totals::{ControlTotals, Counts};
use crate::domain::key::Timestamp;

/// How a job stands. The source of truth for what of it has come in, and afterwards for how it ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Progress {
    pub job: JobId,
    /// When the first and the last record about it was written, until it ended: the pace of a job is told by its records.
    pub first: Timestamp,
    pub last: Timestamp,
    pub stage: Stage,
    /// Chunks that came in after the end and changed nothing.
    pub late: u32,
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
    /// None until the job was announced.
    pub started: Option<Started>,
    /// Number of chunks, once it is known, and what they account for; a job by reference finds that out.
    pub planned: Option<(u32, Option<Counts>)>,
    pub received: ChunkSet,
    pub totals: ControlTotals,
    /// The first rows in their own order, at most `ROWS_KEPT`.
    pub rows: Vec<Notice>,
}

/// A set of chunk numbers as ranges `first -> last`, both included, so that a job of any size stays small.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ChunkSet(pub BTreeMap<u32, u32>);

/// What time does to a job.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Tick {
    /// Nothing yet.
    Waits,
    /// Its deadline has passed.
    Ends(Box<Outcome>),
    /// It has ended long ago, or was never announced: nobody needs its state any more.
    Forgotten,
}

impl Progress {
    /// A job of which the first record was written at `first`.
    pub fn new(job: JobId, first: Timestamp) -> Progress {
        Progress { job, first, last: first, stage: Stage::Collecting(Collecting::default()), late: 0 }
    }

    /// Whether it is known that somebody has asked for it, and until when.
    pub fn announced(&self) -> bool {
        !matches!(self.stage, Stage::Collecting(Collecting { started: None, .. }))
    }

    /// Takes in an event that was written at `at`. The outcome comes out when this event ends the job, once.
    pub fn record(&mut self, event: JobEvent, at: Timestamp) -> Option<Outcome> {
        let Stage::Collecting(collecting) = &mut self.stage else {
            self.late = self.late.saturating_add(u32::from(matches!(event, JobEvent::Chunk(_))));
            return None;
        };
        (self.first, self.last) = (self.first.min(at), self.last.max(at));
        match event {
            // The first word stands: a second submission of a running job waits for the same answer.
            JobEvent::Started(started) => drop(collecting.started.get_or_insert(started)),
            JobEvent::Planned { chunks, counts } => drop(collecting.planned.get_or_insert((chunks, counts))),
            JobEvent::Chunk(result) => collecting.add(result),
            JobEvent::Cancelled { reason } => return Some(self.end(Ending::Cancelled { reason })),
            JobEvent::Rejected { reason } => return Some(self.end(Ending::Rejected { reason })),
        }
        self.complete()
    }

    /// Ends a job whose deadline has passed, and forgets one of which nothing was heard for as long as jobs are `kept`.
    pub fn tick(&mut self, now: Timestamp, kept: TimeDelta) -> Tick {
        if now < self.due(kept) {
            return Tick::Waits;
        }
        let Stage::Collecting(collecting) = &self.stage else { return Tick::Forgotten };
        if collecting.started.is_none() {
            return Tick::Forgotten;
        }
        let missing = match collecting.planned {
            Some((chunks, _)) => Missing::Chunks(collecting.received.missing(chunks)),
            None => Missing::Plan { received: collecting.received.count() },
        };
        self.last = self.last.max(now);
        Tick::Ends(Box::new(self.end(Ending::TimedOut { missing })))
    }

    /// The next moment at which something happens to the job though nothing is heard of it.
    pub fn due(&self, kept: TimeDelta) -> Timestamp {
        match &self.stage {
            Stage::Collecting(Collecting { started: Some(started), .. }) => started.deadline,
            Stage::Collecting(_) | Stage::Ended(_) => {
                Timestamp(self.last.0.saturating_add(kept.num_microseconds().unwrap_or(i64::MAX)))
            }
        }
    }

    /// How long it has taken up to its last record, or took in all.
    pub fn elapsed(&self) -> TimeDelta {
        TimeDelta::microseconds(self.last.0.saturating_sub(self.first.0).max(0))
    }

    /// When the last chunk will be in if the others take as long as those that are; none before there is anything to go by.
    pub fn expected_end(&self) -> Option<Timestamp> {
        let Stage::Collecting(Collecting { planned: Some((chunks, _)), received, .. }) = &self.stage else {
            return None;
        };
        let (received, elapsed) = (received.count(), self.elapsed().num_microseconds()?);
        if received == 0 || elapsed == 0 {
            return None;
        }
        let left = i128::from(elapsed) * i128::from(chunks.saturating_sub(received)) / i128::from(received);
        Some(Timestamp(self.last.0.saturating_add(i64::try_from(left).ok()?)))
    }

    fn complete(&mut self) -> Option<Outcome> {
        let Stage::Collecting(collecting) = &mut self.stage else { return None };
        let (chunks, counts) = collecting.planned?;
        collecting.started.as_ref()?;
        if !collecting.received.missing(chunks).is_empty() {
            return None;
        }
        if let Some(counts) = counts.filter(|counts| *counts != collecting.totals.counts) {
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
        let (request, predecessor) =
            collected.started.map_or((None, None), |started| (Some(started.request), started.predecessor));
        let outcome = Outcome {
            job: self.job.clone(),
            request,
            predecessor,
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

    /// How many numbers are in it.
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
