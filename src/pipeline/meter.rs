//! What turns have done to jobs, counted for whoever watches once a turn is kept: one that is undone has done nothing.

use chrono::TimeDelta;

use crate::domain::jobs::collect::{Collecting, Progress, Stage};
use crate::domain::jobs::totals::Counts;
use crate::engine::table::Undoable;
use crate::telemetry;

#[derive(Default)]
pub struct Meter {
    /// Of this turn.
    happened: Vec<Happened>,
    /// How many of them there were when the record began.
    record: usize,
    active: Active,
}

enum Happened {
    Began,
    /// It does not run any more.
    Stopped,
    Ended {
        ending: &'static str,
        contracts: u64,
        took: TimeDelta,
    },
    Result {
        late: bool,
        counts: Counts,
    },
}

/// Jobs that run in this task; the process tells the sum of all of its tasks.
#[derive(Default)]
struct Active(i64);

impl Meter {
    /// A job stands otherwise than before.
    pub fn moved(&mut self, before: Option<&Progress>, after: &Progress) {
        match (before.is_some_and(active), active(after)) {
            (false, true) => self.happened.push(Happened::Began),
            (true, false) => self.happened.push(Happened::Stopped),
            _ => {}
        }
        if let Stage::Ended(outcome) = &after.stage
            && before.is_none_or(|before| matches!(before.stage, Stage::Collecting(_)))
        {
            let (ending, contracts) = (outcome.ending.name(), outcome.totals.counts.contracts);
            self.happened.push(Happened::Ended { ending, contracts, took: after.elapsed() });
        }
    }

    /// A chunk's result comes in, too late where its job has ended.
    pub fn result(&mut self, counts: Counts, job: &Progress) {
        let late = matches!(job.stage, Stage::Ended(_));
        self.happened.push(Happened::Result { late, counts });
    }

    /// Begins anew with the jobs that are there.
    pub fn restored<'a>(&mut self, jobs: impl Iterator<Item = &'a Progress>) {
        self.active.set(jobs.filter(|job| active(job)).count() as i64);
    }
}

fn active(job: &Progress) -> bool {
    matches!(job.stage, Stage::Collecting(Collecting { started: Some(_), .. }))
}

impl Active {
    fn set(&mut self, jobs: i64) {
        telemetry::jobs_active(jobs - std::mem::replace(&mut self.0, jobs));
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.set(0);
    }
}

impl Undoable for Meter {
    fn begin_record(&mut self) {
        self.record = self.happened.len();
    }

    fn undo_record(&mut self) {
        self.happened.truncate(self.record);
    }

    fn undo_turn(&mut self) {
        self.happened.clear();
    }

    fn keep_turn(&mut self) {
        let mut active = self.active.0;
        for happened in self.happened.drain(..) {
            match happened {
                Happened::Began => active += 1,
                Happened::Stopped => active -= 1,
                Happened::Ended { ending, contracts, took } => {
                    telemetry::job_ended(ending, contracts, took.to_std().unwrap_or_default());
                }
                Happened::Result { late, counts } => telemetry::chunk_collected(late, counts.contracts, counts.lots),
            }
        }
        self.active.set(active);
    }

    fn changed(&self) -> bool {
        self.happened.len() > self.record
    }

    fn clear(&mut self) {
        self.happened.clear();
    }

    fn len(&self) -> usize {
        0
    }
}
