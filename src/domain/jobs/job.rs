//! Calculation jobs: what is asked for, and what comes back in the end.

use chrono::NaiveDate;
use compact_str::CompactString;

use super::chunk::ChunkResult;
use super::notice::Notice;
use super::totals::{ControlTotals, Counts};
use crate::domain::key::{ID_LENGTH_MAX, Timestamp};
use crate::domain::names::name;

name! {
    /// Name of a job, given by whoever asks; the same name again is answered, not run again.
    JobId, "name", ID_LENGTH_MAX
}

/// What a job calculates. It rides along in every chunk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Job {
    pub id: JobId,
    /// A 128-bit hash of the request's bytes: tells the same request again from another one of the same name.
    pub request: u128,
    /// Results stand at the end of this day.
    pub valuation_date: NaiveDate,
    pub calculation: Calculation,
}

/// The days a job values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Calculation {
    /// The valuation date alone.
    Valuation,
    /// Every day of a range, both ends included.
    Historical { from: NaiveDate, to: NaiveDate },
}

impl Job {
    /// The last day that is valued.
    pub fn last_day(&self) -> NaiveDate {
        match self.calculation {
            Calculation::Valuation => self.valuation_date,
            Calculation::Historical { to, .. } => to,
        }
    }

    /// The first day that is valued.
    pub fn first_day(&self) -> NaiveDate {
        match self.calculation {
            Calculation::Valuation => self.valuation_date,
            Calculation::Historical { from, .. } => from,
        }
    }

    /// All days that are valued, in order.
    pub fn days(&self) -> impl Iterator<Item = NaiveDate> + use<> {
        let last = self.last_day();
        self.first_day().iter_days().take_while(move |day| *day <= last)
    }
}

/// The road a job takes, so that a small one never waits behind a large one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Lane {
    Realtime,
    Batch,
}

/// The first word of whoever submits a job.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Started {
    pub request: u128,
    pub deadline: Timestamp,
    /// The job whose request this one calculates again.
    pub predecessor: Option<JobId>,
}

/// What `collect` is told about a job, in any order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum JobEvent {
    Started(Started),
    /// All chunks are written: how many there are, and what of the request they account for, where that is known.
    Planned {
        chunks: u32,
        counts: Option<Counts>,
    },
    Cancelled {
        reason: CompactString,
    },
    /// The request cannot be calculated at all.
    Rejected {
        reason: CompactString,
    },
    Chunk(ChunkResult),
}

/// How a job ended: exactly one of these, exactly once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ending {
    Completed,
    CompletedWithErrors,
    TimedOut { missing: Missing },
    Cancelled { reason: CompactString },
    Rejected { reason: CompactString },
}

impl Ending {
    /// Whether everything that was planned has come in.
    pub fn complete(&self) -> bool {
        matches!(self, Ending::Completed | Ending::CompletedWithErrors)
    }

    /// The ending as it is written.
    pub fn name(&self) -> &'static str {
        match self {
            Ending::Completed => "COMPLETED",
            Ending::CompletedWithErrors => "COMPLETED_WITH_ERRORS",
            Ending::TimedOut { .. } => "TIMED_OUT",
            Ending::Cancelled { .. } => "CANCELLED",
            Ending::Rejected { .. } => "REJECTED",
        }
    }
}

/// What had not come in at the deadline.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Missing {
    /// Nobody said how many chunks there are; `received` came in.
    Plan { received: u32 },
    /// Ranges of chunk numbers, both ends included.
    Chunks(Vec<(u32, u32)>),
}

/// The answer to a job.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    pub job: JobId,
    /// The request that ran under this name; none when the job ended before it was announced.
    pub request: Option<u128>,
    /// The job whose request this one calculated again.
    pub predecessor: Option<JobId>,
    pub ending: Ending,
    pub totals: ControlTotals,
    /// The first rows in their own order; `totals` counts all of them.
    pub rows: Vec<Notice>,
}
