//! What is known of a job from the topics alone, and waiting for its outcome.

use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use serde_json::json;

use super::config::units;
use super::exit::Exit;
use super::failure::{Failure, chain};
use super::output::Output;
use super::shown_job;
use super::tail::{From, Tail};
use crate::domain::jobs::collect::{Collecting, Progress, Stage};
use crate::domain::jobs::job::{JobId, Outcome, Started};
use crate::domain::jobs::totals::Counts;
use crate::engine::broker::Broker;
use crate::messages::job_control::{ControlWord, JobControl};
use crate::messages::message::Message;
use crate::messages::schemas::Schemas;
use crate::pipeline::topics::{CALCULATION_OUTCOMES, JOB_CONTROL, JOB_PROGRESS};

/// Waiting for an outcome, as several commands offer it.
#[derive(clap::Args, Debug)]
pub struct Waiting {
    /// Wait for the outcome and print it
    #[arg(long)]
    pub wait: bool,
    /// Wait no longer than this, as in 30s; exit code 75 then, and the job goes on
    #[arg(long, value_name = "TIME", requires = "wait", value_parser = duration)]
    pub timeout: Option<Duration>,
}

/// A time limit on the command line.
pub fn duration(text: &str) -> Result<Duration, String> {
    units::duration(text).ok_or_else(|| "a number with ms, s, m, h or d, as in 30s".into())
}

/// A job's name on the command line.
pub fn named(name: &str) -> Result<JobId, Failure> {
    JobId::new(name).map_err(|error| {
        Failure::usage(format!("a job's {error}")).next("`bookflow jobs list` has the names of the last days")
    })
}

/// What has been said about a job so far.
#[derive(Default)]
pub struct Known {
    pub started: Option<Started>,
    pub planned: Option<(u32, Option<Counts>)>,
    /// Cancelled or rejected, whether or not its outcome is there yet: nothing more is to be sent for it.
    pub stopped: bool,
    /// None when it never ran, or so long ago that only its outcome is left.
    pub progress: Option<Progress>,
    pub outcome: Option<Outcome>,
}

impl Known {
    /// The request that runs or ran under this name.
    pub fn request(&self) -> Option<u128> {
        let started = self.started.as_ref().map(|started| started.request);
        started.or_else(|| self.outcome.as_ref().and_then(|outcome| outcome.request))
    }

    /// Fails where nobody has ever said anything about the job.
    pub fn or_unknown(self, job: &JobId) -> Result<Known, Failure> {
        match self.started.is_some() || self.progress.is_some() || self.outcome.is_some() {
            true => Ok(self),
            false => Err(Failure::new(Exit::Precondition, format!("no job {job} is known")).next(
                "`bookflow jobs list` has those of the last days, `bookflow watch job-control` all that were submitted",
            )),
        }
    }
}

/// Looks a job up: in what was announced, in how it stands, and once that is forgotten in how it ended.
pub fn known(broker: &dyn Broker, schemas: &Schemas, job: &JobId) -> Result<Known, Failure> {
    let mut known = announced(broker, schemas, job)?;
    known.progress = last::<Progress>(broker, schemas, JOB_PROGRESS, job)?;
    known.outcome = match known.progress.as_ref().map(|progress| &progress.stage) {
        Some(Stage::Ended(outcome)) => Some(outcome.clone()),
        Some(Stage::Collecting(Collecting { started: Some(started), planned, .. })) => {
            // What it collects for is what counts, even if another word was said first elsewhere.
            known.started = Some(started.clone());
            known.planned = planned.or(known.planned);
            None
        }
        // Forgotten after its end, whatever has come in late since.
        Some(Stage::Collecting(_)) | None => last::<Outcome>(broker, schemas, CALCULATION_OUTCOMES, job)?,
    };
    if known.outcome.is_some() && matches!(&known.progress, Some(Progress { stage: Stage::Collecting(_), .. })) {
        known.progress = None;
    }
    Ok(known)
}

/// What was said about a job by whoever submitted it: the first word of each kind stands.
pub fn announced(broker: &dyn Broker, schemas: &Schemas, job: &JobId) -> Result<Known, Failure> {
    let mut known = Known::default();
    let key = job.as_str().as_bytes();
    Tail::of_key(broker, JOB_CONTROL, key, From::Start)?.to_end(|record| {
        let value = record.value.filter(|_| record.key == Some(key));
        // What cannot be read is a dead letter of `collect` and says nothing about the job.
        if let Some(Ok((_, JobControl { word, .. }))) = value.map(|value| schemas.decode::<JobControl>(value)) {
            match word {
                ControlWord::Started(started) => drop(known.started.get_or_insert(started)),
                ControlWord::Planned { chunks, counts } => drop(known.planned.get_or_insert((chunks, counts))),
                ControlWord::Cancelled { .. } | ControlWord::Rejected { .. } => known.stopped = true,
            }
        }
        Ok(())
    })?;
    Ok(known)
}

/// The last record of a job on a topic.
fn last<M: Message>(
    broker: &dyn Broker,
    schemas: &Schemas,
    topic: &'static str,
    job: &JobId,
) -> Result<Option<M>, Failure> {
    let key = job.as_str().as_bytes();
    let mut last = None;
    Tail::of_key(broker, topic, key, From::Start)?.to_end(|record| {
        if record.key == Some(key) {
            last = record.value.map(|value| read::<M>(schemas, topic, value)).transpose()?;
        }
        Ok(())
    })?;
    Ok(last)
}

/// Waits for the outcome of a job if it is asked to, and prints what there is to print.
pub fn answer(
    waiting: &Waiting,
    known: Option<Outcome>,
    job: &JobId,
    broker: &dyn Broker,
    schemas: &Schemas,
    output: &Output,
) -> Result<Exit, Failure> {
    let outcome = match known {
        Some(outcome) => outcome,
        None if waiting.wait => wait(broker, schemas, job, waiting.timeout, output)?,
        None => {
            output.say(json!({ "job": job.as_str(), "state": "SUBMITTED" }), job)?;
            return Ok(Exit::Ok);
        }
    };
    shown_job::show(&outcome, output)
}

/// Follows a job to its end; a bar shows how far it is.
pub fn wait(
    broker: &dyn Broker,
    schemas: &Schemas,
    job: &JobId,
    limit: Option<Duration>,
    output: &Output,
) -> Result<Outcome, Failure> {
    let bar = output.progress(1, "chunks");
    let mut ended = None;
    follow(broker, schemas, job, limit, |progress| {
        advance(&bar, &progress);
        if let Stage::Ended(outcome) = progress.stage {
            ended = Some(outcome);
        }
        Ok(ended.is_some())
    })?;
    bar.finish_and_clear();
    ended.ok_or_else(|| {
        Failure::new(
            Exit::Temporary,
            format!("job {job} has not ended within {:?}; it goes on", limit.unwrap_or_default()),
        )
        .next(format!("`bookflow watch job {job}` shows how far it is; no progress at all: does a worker run?"))
    })
}

/// Hands out how a job stands, each time that it changes, until `take` says that this is enough or the time is over.
pub fn follow(
    broker: &dyn Broker,
    schemas: &Schemas,
    job: &JobId,
    limit: Option<Duration>,
    mut take: impl FnMut(Progress) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let began = Instant::now();
    let key = job.as_str().as_bytes();
    let mut tail = Tail::of_key(broker, JOB_PROGRESS, key, From::Start)?;
    let mut enough = false;
    while !enough && limit.is_none_or(|limit| began.elapsed() < limit) {
        tail.round(|record| {
            if let Some(value) = record.value.filter(|_| record.key == Some(key) && !enough) {
                enough = take(read(schemas, JOB_PROGRESS, value)?)?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// A record that stages wrote.
pub fn read<M: Message>(schemas: &Schemas, topic: &str, value: &[u8]) -> Result<M, Failure> {
    let read = schemas.decode::<M>(value).map_err(|error| Failure::new(Exit::Failed, chain(&error)).during(topic))?;
    Ok(read.1)
}

fn advance(bar: &ProgressBar, progress: &Progress) {
    if let Stage::Collecting(collecting) = &progress.stage {
        bar.set_position(u64::from(collecting.received.count()));
        bar.set_length(collecting.planned.map_or(1, |(chunks, _)| u64::from(chunks)));
    }
}
