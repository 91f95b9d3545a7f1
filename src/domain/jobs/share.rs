//! What one partition does of a job by reference: how far it is, and what it came to since it said so last.

use std::ops::RangeInclusive;

use chrono::NaiveDate;

use super::chunk::ChunkResult;
use super::job::JobId;
use super::notice::{Notice, ROWS_KEPT, keep_first};
use super::totals::ControlTotals;
use crate::domain::key::{PositionKey, Timestamp};

/// Results that every share comes to, however many positions it has: a plan need not know them, and progress is seen in tenths.
pub const RESULTS: u32 = 10;

/// The source of truth for where a share goes on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Share {
    pub job: JobId,
    /// How many positions were selected when it began; none before.
    pub positions: Option<u64>,
    pub done: u64,
    /// The last position that is done, or has been begun, in the order of keys.
    pub after: Option<PositionKey>,
    /// How far that one is; none once it is done.
    pub begun: Option<Begun>,
    /// How many results have been told.
    pub results: u32,
    /// What came of the positions since the last one.
    pub totals: ControlTotals,
    pub rows: Vec<Notice>,
    pub end: Option<ShareEnd>,
}

/// A position of which some days are done and others are not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Begun {
    /// The last day that is done.
    pub day: NaiveDate,
    /// The last one of those that have flows.
    pub told: Option<NaiveDate>,
}

/// When a share ended, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ShareEnd {
    pub at: Timestamp,
    /// Not ended early because nobody waits for it.
    pub complete: bool,
}

impl Share {
    /// A share of which nothing is done.
    pub fn new(job: JobId) -> Share {
        let (totals, rows) = (ControlTotals::default(), Vec::new());
        Share { job, positions: None, done: 0, after: None, begun: None, results: 0, totals, rows, end: None }
    }

    /// One more position is done.
    pub fn pass(&mut self, position: PositionKey) {
        self.done += 1;
        self.after = Some(position);
        self.begun = None;
    }

    /// The first days of a position are done.
    pub fn begin(&mut self, position: PositionKey, begun: Begun) {
        self.after = Some(position);
        self.begun = Some(begun);
    }

    /// Keeps the first rows only; `totals` counts all.
    pub fn note(&mut self, row: Notice) {
        self.rows.push(row);
        if self.rows.len() > 2 * ROWS_KEPT {
            keep_first(&mut self.rows, ROWS_KEPT);
        }
    }

    /// The results that are due now, in order; the last one only once no position is left.
    pub fn results(&mut self, partition: i32, finished: bool) -> Vec<ChunkResult> {
        let tenths = self.done * u64::from(RESULTS) / self.positions.unwrap_or(0).max(1);
        let due = if finished { RESULTS } else { u32::try_from(tenths).unwrap_or(RESULTS).min(RESULTS - 1) };
        let mut results = Vec::new();
        while self.results < due {
            self.results += 1;
            let mut rows = std::mem::take(&mut self.rows);
            keep_first(&mut rows, ROWS_KEPT);
            let (job, number) = (self.job.clone(), number(partition, self.results));
            results.push(ChunkResult { job, number, totals: std::mem::take(&mut self.totals), rows });
        }
        results
    }
}

/// The number of a partition's result among those of all of them.
pub fn number(partition: i32, result: u32) -> u32 {
    u32::try_from(partition).expect("partitions are counted from 0") * RESULTS + result
}

/// All numbers of a partition's results.
pub fn numbers(partition: i32) -> RangeInclusive<u32> {
    number(partition, 1)..=number(partition, RESULTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(positions: u64) -> Share {
        Share { positions: Some(positions), ..Share::new(JobId::new("J").expect("a name")) }
    }

    fn numbers(share: &mut Share, finished: bool) -> Vec<u32> {
        share.results(2, finished).into_iter().map(|result| result.number).collect()
    }

    #[test]
    fn every_share_comes_to_all_of_its_results() {
        for positions in [0, 1, 3, 10, 25] {
            let mut share = share(positions);
            let mut told = numbers(&mut share, false);
            for position in 0..positions {
                let key = PositionKey::new("A", "B", &format!("S{position:02}")).expect("three names");
                share.pass(key);
                share.totals.flows += 1;
                told.extend(numbers(&mut share, false));
            }
            assert!(!told.contains(&30), "{positions} positions: the last result waits for the end");
            told.extend(numbers(&mut share, true));
            assert_eq!(told, (21..=30).collect::<Vec<_>>(), "{positions} positions");
            assert!(numbers(&mut share, true).is_empty());
        }
    }

    #[test]
    fn positions_that_came_in_the_meantime_change_no_number() {
        let mut share = share(1);
        for _ in 0..5 {
            share.pass(PositionKey::new("A", "B", "S").expect("three names"));
        }
        assert_eq!(numbers(&mut share, false).len(), 9);
        assert_eq!(numbers(&mut share, true), [30]);
    }
}
