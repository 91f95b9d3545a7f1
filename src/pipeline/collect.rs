//! Stage `collect`: what is said and calculated about a job -> its progress, and its one outcome.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use super::meter::Meter;
use super::refusals::{WRONG_KEY, in_place, undecodable, why};
use super::topics::{self, CALCULATION_OUTCOMES, JOB_CONTROL, JOB_PROGRESS, STOPPED_JOBS};
use crate::domain::jobs::chunk::ChunkResult;
use crate::domain::jobs::collect::{Progress, Tick};
use crate::domain::jobs::job::{JobEvent, JobId, Outcome};
use crate::domain::jobs::totals::ControlTotals;
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
    /// When something happens to a job though nothing is heard of it, the next one first.
    due: Index<(), (Timestamp, JobId), ()>,
    /// How long a job is kept that has ended or was never announced.
    kept: TimeDelta,
    meter: Meter,
}

/// A job and the last record about it: what a deadline names as the cause of its outcome.
struct Tracked {
    progress: Progress,
    cause: Place,
}

impl Collect {
    pub fn new(schemas: Arc<Schemas>, kept: Duration) -> Self {
        let jobs = Table::new(JOB_PROGRESS, Jobs { schemas: schemas.clone() });
        let kept = TimeDelta::from_std(kept).unwrap_or(TimeDelta::MAX);
        Collect { schemas, jobs, due: Index::default(), kept, meter: Meter::default() }
    }

    fn read(&self, record: &Record<'_>, context: &Context<'_>) -> Result<(JobId, JobEvent), ProcessError> {
        let value =
            record.value.ok_or_else(|| ProcessError::rejected("tombstone", "a word about a job has a value"))?;
        let (job, event) = if record.from.topic == JOB_CONTROL {
            let (_, control) = self.schemas.decode::<JobControl>(value).map_err(undecodable)?;
            (control.job, control.word.into())
        } else {
            let (_, result) = self.schemas.decode::<ChunkResult>(value).map_err(undecodable)?;
            (result.job.clone(), JobEvent::Chunk(result))
        };
        in_place(record, job.as_str(), context)?;
        Ok((job, event))
    }

    /// What a record says of a job counts; the job ends with it where that is the last that was missing.
    fn take_in(
        &mut self,
        job: JobId,
        event: JobEvent,
        record: &Record<'_>,
        context: &mut Context<'_>,
    ) -> Result<(), ProcessError> {
        let at = Timestamp(record.timestamp_us);
        let known = self.jobs.get(&job).map(|tracked| tracked.progress.clone());
        let mut progress = known.unwrap_or_else(|| Progress::new(job, at));
        if let JobEvent::Chunk(result) = &event {
            self.meter.result(result.totals.counts, &progress);
        }
        // What came in before its announcement waits for that from now on: nobody knows how long ago it was written when `collect` was not there.
        let waits = !progress.announced() && !matches!(event, JobEvent::Started(_));
        let at = if waits { at.max(Timestamp(context.now_us)) } else { at };
        let outcome = progress.record(event, at);
        self.keep(progress, record.cause());
        match outcome {
            Some(outcome) => self.publish(&outcome, topics::place(record.cause()), context),
            None => Ok(()),
        }
    }

    fn keep(&mut self, progress: Progress, cause: Cause) {
        let due = progress.due(self.kept);
        let before = self.jobs.get(&progress.job).map(|tracked| &tracked.progress);
        self.meter.moved(before, &progress);
        if let Some(before) = before.map(|before| before.due(self.kept)) {
            self.due.delete(&(), &(before, progress.job.clone()));
        }
        self.due.put(&(), (due, progress.job.clone()), ());
        self.jobs.put(progress.job.clone(), Tracked { progress, cause: topics::place(cause) }, cause);
    }

    fn forget(&mut self, progress: &Progress, cause: Cause) {
        self.due.delete(&(), &(progress.due(self.kept), progress.job.clone()));
        self.jobs.delete(&progress.job, cause);
    }

    fn publish(&self, outcome: &Outcome, cause: Place, context: &mut Context<'_>) -> Result<(), ProcessError> {
        let key = outcome.job.as_str().as_bytes();
        context.send(CALCULATION_OUTCOMES, key, |out| self.schemas.encode(outcome, cause, out))?;
        if outcome.ending.complete() {
            return Ok(());
        }
        let bare = Outcome { totals: ControlTotals::default(), rows: Vec::new(), ..outcome.clone() };
        context.send(STOPPED_JOBS, key, |out| self.schemas.encode(&bare, cause, out))
    }
}

impl Stage for Collect {
    fn tables(&mut self, visit: &mut dyn FnMut(&mut dyn Undoable)) {
        visit(&mut self.jobs);
        visit(&mut self.due);
        visit(&mut self.meter);
    }

    fn on_restored(&mut self) {
        self.due.clear();
        for (_, job, tracked) in self.jobs.iter() {
            self.due.put(&(), (tracked.progress.due(self.kept), job.clone()), ());
        }
        self.meter.restored(self.jobs.iter().map(|(_, _, tracked)| &tracked.progress));
    }

    fn on_record(&mut self, record: &Record<'_>, context: &mut Context<'_>) -> Result<(), ProcessError> {
        let (job, event) = self.read(record, context)?;
        self.take_in(job, event, record, context)
    }

    /// A word that may have been a job's announcement ends the job: nothing else would. The key tells which, because reading the value again may
    /// kill us again; but not where the value says that the key is wrong.
    fn on_rejected(
        &mut self,
        record: &Record<'_>,
        reason: &'static str,
        message: &str,
        context: &mut Context<'_>,
    ) -> Result<(), ProcessError> {
        let key = record.key.filter(|_| record.from.topic == JOB_CONTROL && reason != WRONG_KEY);
        let named = key.and_then(|key| std::str::from_utf8(key).ok()).and_then(|key| JobId::new(key).ok());
        let here = named.filter(|job| in_place(record, job.as_str(), context).is_ok());
        let announced = |job: &JobId| self.jobs.get(job).is_some_and(|tracked| tracked.progress.announced());
        let Some(job) = here.filter(|job| !announced(job)) else { return Ok(()) };
        let reason = format!("a word about it is a dead letter, {}", why(reason, message)).into();
        self.take_in(job, JobEvent::Rejected { reason }, record, context)
    }

    fn on_tick(&mut self, context: &mut Context<'_>) -> Result<(), ProcessError> {
        let now = Timestamp(context.now_us);
        let due = self.due.scan(&()).map(|(order, ())| order).take_while(|(due, _)| *due <= now);
        let due: Vec<_> = due.take(DUE_MAX).map(|(_, job)| job.clone()).collect();
        for job in due {
            let Some(tracked) = self.jobs.get(&job) else { continue };
            let (mut progress, cause) = (tracked.progress.clone(), tracked.cause);
            match progress.tick(now, self.kept) {
                Tick::Waits => {}
                Tick::Ends(outcome) => {
                    self.keep(progress, topics::cause(cause));
                    self.publish(&outcome, cause, context)?;
                }
                Tick::Forgotten => self.forget(&progress, topics::cause(cause)),
            }
        }
        Ok(())
    }
}

/// Jobs ended or forgotten by one tick: the rest waits for the next one, so that a turn stays short.
const DUE_MAX: usize = 1_000;

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
