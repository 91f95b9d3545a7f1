//! `jobs retry`: a job that did not complete without errors once more, under a new name, from its chunks that are still on the topic.

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::known_job::{self, Known, Waiting};
use crate::cli::parts;
use crate::cli::session::Session;
use crate::cli::submit::job::{Submission, too_many};
use crate::cli::tail::{From, Tail};
use crate::domain::jobs::collect::ChunkSet;
use crate::domain::jobs::job::{Ending, JobId, Lane, Outcome};
use crate::domain::jobs::totals::Counts;
use crate::engine::broker::Broker;
use crate::messages::any_chunk::AnyChunk;
use crate::messages::key::of_job;
use crate::messages::schemas::Schemas;
use crate::pipeline::topics::{CALCULATION_CHUNKS_BATCH, CALCULATION_CHUNKS_REALTIME};

/// Calculates a job again that was cancelled, timed out or had errors
///
/// A job ends once, so the new attempt is a job of its own: JOB.2 after JOB, JOB.3 after JOB.2. It names its predecessor, has the
/// same chunks and a deadline of its own. The same retry again is answered, not run again.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    job: String,
    #[command(flatten)]
    waiting: Waiting,
}

pub fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let job = known_job::named(&arguments.job)?;
    let config = session.config()?;
    let (broker, schemas) = (parts::broker(&config)?, parts::schemas(&config)?);
    let broker = broker.as_ref();
    let before = known_job::known(broker, &schemas, &job)?.or_unknown(&job)?;
    let Failed { outcome, request, chunks, counts } = Failed::of(&job, &before)?;
    let next = successor(outcome)?;
    let mut known = known_job::known(broker, &schemas, &next)?;
    same_attempt(&job, &next, &known)?;
    if known.outcome.is_none() && known.planned.is_none() && !known.stopped {
        if let Some(reason) = too_many(chunks, config.jobs.max_chunks) {
            return Err(Failure::new(Exit::Precondition, format!("job {job} is not tried again: {reason}"))
                .next("set a higher limit, and try it again"));
        }
        all_there(broker, &schemas, &job, request, chunks)?;
        let mut submission = Submission::open(broker, schemas.clone(), &next)?;
        known = known_job::announced(broker, &schemas, &next)?;
        same_attempt(&job, &next, &known)?;
        submission.take_up(&known);
        submission.announce(request, Some(job.clone()), &config)?;
        let mut sent = ChunkSet::default();
        each(broker, &schemas, &job, request, |lane, chunk| match sent.insert(chunk.number()) {
            true => submission.chunk(lane, &chunk.of(next.clone())),
            false => Ok(()),
        })?;
        submission.plan(chunks, Some(counts))?;
        session.output.note(format!("{next}: the {chunks} chunks of {job} again"));
    }
    known_job::answer(&arguments.waiting, known.outcome, &next, broker, &schemas, &session.output)
}

/// How a job can be calculated once more.
pub fn once_more(job: &JobId, known: &Known) -> String {
    match Failed::of(job, known) {
        Ok(_) => format!("`bookflow jobs retry {job}` calculates it again"),
        Err(refused) => refused.next.unwrap_or_default(),
    }
}

/// A job that can be tried again.
struct Failed<'a> {
    outcome: &'a Outcome,
    request: u128,
    chunks: u32,
    counts: Counts,
}

impl Failed<'_> {
    fn of<'a>(job: &JobId, known: &'a Known) -> Result<Failed<'a>, Failure> {
        let refused = |why: &str, next: String| Failure::new(Exit::Precondition, format!("job {job} {why}")).next(next);
        let again =
            || "submit the request again under another name: `bookflow submit job FILE --idempotency-key NAME`".into();
        let Some(outcome) = &known.outcome else {
            return Err(refused(
                "still runs",
                format!("`bookflow watch {job}` follows it, `bookflow jobs cancel {job}` ends it"),
            ));
        };
        match &outcome.ending {
            Ending::Completed => {
                return Err(refused("is complete", format!("`bookflow flows --job {job}` shows its flows")));
            }
            Ending::Rejected { reason } => return Err(refused(&format!("was rejected: {reason}"), again())),
            Ending::CompletedWithErrors | Ending::TimedOut { .. } | Ending::Cancelled { .. } => {}
        }
        match (outcome.request, known.planned) {
            (_, Some((_, None))) => Err(refused("calculates positions by reference, and has no chunks", again())),
            (Some(request), Some((chunks, Some(counts)))) => Ok(Failed { outcome, request, chunks, counts }),
            _ => Err(refused("was never planned as a whole, or so long ago that its plan is gone", again())),
        }
    }
}

/// `JOB` -> `JOB.2` -> `JOB.3`: only a job that is itself a retry counts on.
fn successor(outcome: &Outcome) -> Result<JobId, Failure> {
    let name = outcome.job.as_str();
    let counted = name.rsplit_once('.').filter(|_| outcome.predecessor.is_some());
    let counted = counted.and_then(|(stem, number)| Some((stem, number.parse::<u32>().ok()?)));
    let (stem, attempt) = counted.unwrap_or((name, 1));
    JobId::new(&format!("{stem}.{}", attempt.saturating_add(1))).map_err(|error| {
        Failure::new(Exit::Precondition, format!("no name for the retry of job {name}: {error}"))
            .next("submit the request again under a shorter name: --idempotency-key")
    })
}

/// The successor's name may be another job's.
fn same_attempt(job: &JobId, next: &JobId, known: &Known) -> Result<(), Failure> {
    let predecessor = match (&known.started, &known.outcome) {
        (Some(started), _) => &started.predecessor,
        (None, Some(outcome)) => &outcome.predecessor,
        (None, None) => return Ok(()),
    };
    match predecessor.as_ref() == Some(job) {
        true => Ok(()),
        false => Err(Failure::new(Exit::Precondition, format!("{next}, the name of the retry, is another job's"))
            .next("submit the request again under another name: `bookflow submit job FILE --idempotency-key NAME`")),
    }
}

/// Before anything is written: a retry without all chunks could only time out.
fn all_there(broker: &dyn Broker, schemas: &Schemas, job: &JobId, request: u128, chunks: u32) -> Result<(), Failure> {
    let mut there = ChunkSet::default();
    each(broker, schemas, job, request, |_, chunk| {
        there.insert(chunk.number());
        Ok(())
    })?;
    let missing = there.missing(chunks);
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!("of the {chunks} chunks of job {job}, {missing:?} are no longer there or cannot be read");
    Err(Failure::new(Exit::Precondition, message)
        .next("submit the request again under another name: `bookflow submit job FILE --idempotency-key NAME`"))
}

/// The chunks of a job that can be read, one after another.
fn each(
    broker: &dyn Broker,
    schemas: &Schemas,
    job: &JobId,
    request: u128,
    mut take: impl FnMut(Lane, AnyChunk) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let beginning = of_job(job).into_bytes();
    for (lane, topic) in [(Lane::Realtime, CALCULATION_CHUNKS_REALTIME), (Lane::Batch, CALCULATION_CHUNKS_BATCH)] {
        Tail::open(broker, topic, From::Start)?.to_end(|record| {
            let value = record.value.filter(|_| record.key.is_some_and(|key| key.starts_with(&beginning)));
            match value.map(|value| schemas.decode::<AnyChunk>(value)) {
                Some(Ok((_, chunk))) if chunk.job().id == *job && chunk.job().request == request => take(lane, chunk),
                _ => Ok(()),
            }
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::jobs::totals::ControlTotals;

    #[test]
    fn whoever_is_told_to_try_a_job_again_can() {
        let job = JobId::new("JOB").expect("a name");
        let ended = |ending: Ending, counts| Known {
            planned: Some((10, counts)),
            outcome: Some(Outcome {
                job: job.clone(),
                request: Some(7),
                predecessor: None,
                ending,
                totals: ControlTotals::default(),
                rows: Vec::new(),
            }),
            ..Known::default()
        };
        let cancelled = || Ending::Cancelled { reason: "asked for".into() };
        assert!(once_more(&job, &ended(cancelled(), Some(Counts::default()))).contains("jobs retry JOB"));
        assert!(once_more(&job, &ended(cancelled(), None)).contains("--idempotency-key"), "by reference");
        let rejected = Ending::Rejected { reason: "no".into() };
        assert!(once_more(&job, &ended(rejected, Some(Counts::default()))).contains("--idempotency-key"));
    }
}
