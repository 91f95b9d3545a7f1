//! Stage `collect`: what is said and calculated about a job -> its progress, and its one outcome.

use std::sync::Arc;

use super::refusals::{in_place, undecodable};
use super::topics::{self, CALCULATION_OUTCOMES, CHUNK_RESULTS, JOB_PROGRESS};
use crate::domain::jobs::chunk::ChunkResult;
use crate::domain::jobs::collect::{Progress, Stage as Life};
use crate::domain::jobs::job::{JobEvent, JobId, Outcome};
use crate::domain::key::Timestamp;
use crate::domain::trade::captured::Place;
use crate::engine::batch::Record;
use crate::engine::index::Index;
use crate::engine::stage::{Cause, Context, ProcessError, Stage};
use crate::engine::table::{Codec, Table, Undoable};
use crate::messages::job_control::JobControl;
use crate::messages::schemas::Schemas;

pub struct Collect {
    schemas: Arc<Schemas>,
    jobs: Table<JobId, Tracked>,
    /// Running jobs that have a deadline, the next one first.
    deadlines: Index<(), (Timestamp, JobId), ()>,
}

/// A job and the last record about it: what a deadline names as the cause of its outcome.
struct Tracked {
    progress: Progress,
    cause: Place,
}

impl Collect {
    pub fn new(schemas: Arc<Schemas>) -> Self {
        let jobs = Table::new(JOB_PROGRESS, Jobs { schemas: schemas.clone() });
        Collect { schemas, jobs, deadlines: Index::default() }
    }

    fn read(&self, record: &Record<'_>, context: &Context<'_>) -> Result<(JobId, JobEvent), ProcessError> {
        let value =
            record.value.ok_or_else(|| ProcessError::rejected("tombstone", "a word about a job has a value"))?;
        let (job, event) = if record.from.topic == CHUNK_RESULTS {
            let (_, result) = self.schemas.decode::<ChunkResult>(value).map_err(undecodable)?;
            (result.job.clone(), JobEvent::Chunk(result))
        } else {
            let (_, control) = self.schemas.decode::<JobControl>(value).map_err(undecodable)?;
            (control.job, control.word.into())
        };
        in_place(record, job.as_str(), context)?;
        Ok((job, event))
    }

    fn keep(&mut self, progress: Progress, cause: Cause) {
        let before = self.jobs.get(&progress.job).and_then(|tracked| deadline(&tracked.progress));
        let after = deadline(&progress);
        if before != after {
            if let Some(before) = before {
                self.deadlines.delete(&(), &(before, progress.job.clone()));
            }
            if let Some(after) = after {
                self.deadlines.put(&(), (after, progress.job.clone()), ());
            }
        }
        self.jobs.put(progress.job.clone(), Tracked { progress, cause: topics::place(cause) }, cause);
    }

    fn publish(&self, outcome: &Outcome, cause: Place, context: &mut Context<'_>) -> Result<(), ProcessError> {
        let key = outcome.job.as_str().as_bytes();
        context.send(CALCULATION_OUTCOMES, key, |out| self.schemas.encode(outcome, cause, out))
    }
}

impl Stage for Collect {
    fn tables(&mut self, visit: &mut dyn FnMut(&mut dyn Undoable)) {
        visit(&mut self.jobs);
        visit(&mut self.deadlines);
    }

    fn on_restored(&mut self) {
        self.deadlines.clear();
        for (_, job, tracked) in self.jobs.iter() {
            if let Some(deadline) = deadline(&tracked.progress) {
                self.deadlines.put(&(), (deadline, job.clone()), ());
            }
        }
    }

    fn on_record(&mut self, record: &Record<'_>, context: &mut Context<'_>) -> Result<(), ProcessError> {
        let (job, event) = self.read(record, context)?;
        let known = self.jobs.get(&job).map(|tracked| tracked.progress.clone());
        let mut progress = known.unwrap_or_else(|| Progress::new(job));
        let outcome = progress.record(event);
        self.keep(progress, record.cause());
        match outcome {
            Some(outcome) => self.publish(&outcome, topics::place(record.cause()), context),
            None => Ok(()),
        }
    }

    fn on_tick(&mut self, context: &mut Context<'_>) -> Result<(), ProcessError> {
        let now = Timestamp(context.now_us);
        let due = self.deadlines.scan(&()).map(|(order, ())| order).take_while(|(deadline, _)| *deadline <= now);
        let due: Vec<_> = due.take(DUE_MAX).map(|(_, job)| job.clone()).collect();
        for job in due {
            let Some(tracked) = self.jobs.get(&job) else { continue };
            let (mut progress, cause) = (tracked.progress.clone(), tracked.cause);
            let Some(outcome) = progress.tick(now) else { continue };
            self.keep(progress, topics::cause(cause));
            self.publish(&outcome, cause, context)?;
        }
        Ok(())
    }
}

/// Jobs ended by one tick: the rest waits for the next one, so that a turn stays short.
const DUE_MAX: usize = 1_000;

/// When a running job ends whatever has come in.
fn deadline(progress: &Progress) -> Option<Timestamp> {
    match &progress.stage {
        Life::Collecting(collecting) => collecting.started.map(|(_, deadline)| deadline),
        Life::Ended(_) => None,
    }
}

/// Jobs travel as `job-progress`.
struct Jobs {
    schemas: Arc<Schemas>,
}

impl Codec<JobId, Tracked> for Jobs {
    fn write_key(&self, key: &JobId, out: &mut Vec<u8>) {
        out.extend_from_slice(key.as_str().as_bytes());
    }

    fn write_value(&self, _: &JobId, value: &Tracked, cause: Cause, out: &mut Vec<u8>) -> Result<(), String> {
        // A local copy has no cause of its own, but the next deadline needs the job's.
        let cause = if cause == Cause::NONE { value.cause } else { topics::place(cause) };
        self.schemas.encode(&value.progress, cause, out).map_err(|error| error.to_string())
    }

    fn read_key(&self, key: &[u8]) -> Result<JobId, String> {
        let text = std::str::from_utf8(key).map_err(|error| error.to_string())?;
        JobId::new(text).map_err(|error| error.to_string())
    }

    fn read(&self, _: &[u8], value: &[u8]) -> Result<(JobId, Tracked), String> {
        let (cause, progress) = self.schemas.decode::<Progress>(value).map_err(|error| error.to_string())?;
        Ok((progress.job.clone(), Tracked { progress, cause }))
    }
}
