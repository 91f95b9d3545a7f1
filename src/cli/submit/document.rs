//! `submit job` with a document: contracts with all their terms, cut into chunks while it is read.

use std::fs::File;
use std::io::{BufReader, Seek};
use std::sync::mpsc::SyncSender;

use super::job::{Arguments, Submission, lane_name, pass_on, same_request};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, chain};
use crate::cli::known_job;
use crate::cli::parts;
use crate::cli::session::Session;
use crate::domain::jobs::job::{Calculation, Job, JobId, Lane};
use crate::domain::jobs::split::{Plan, SplitLimits};
use crate::engine::priority::give_way;
use crate::messages::any_chunk::{AnyChunk, DocumentChunk};
use crate::messages::document::split::Splitter;
use crate::messages::document::stream::{Head, read_head, stream_contracts};
use crate::messages::request::Stopped;

pub fn run(mut file: File, arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    file.rewind()?;
    let head = read_head(BufReader::new(&file))
        .map_err(|error| Failure::new(Exit::Partial, format!("{}: {}", arguments.file, chain(&error))))?;
    let name = arguments.idempotency_key.clone().unwrap_or_else(|| format!("document-{:032x}", head.request));
    let id = JobId::new(&name).map_err(|error| Failure::usage(format!("--idempotency-key: {error}")))?;
    let (request, valuation_date) = (head.request, head.valuation_date);
    let job = Job { id, request, valuation_date, calculation: Calculation::Valuation };
    let config = session.config()?;
    if head.contracts > config.jobs.realtime_positions as u64 {
        give_way(); // to workers and brokers on this machine, that a large job must not slow down
    }
    let (broker, schemas) = (parts::broker(&config)?, parts::schemas(&config)?);
    let known = known_job::known(broker.as_ref(), &schemas, &job.id)?;
    same_request(&job.id, request, &known)?;
    // A submission that was cut off before its plan was written is taken up again: its chunks are the same.
    if known.outcome.is_none() && known.planned.is_none() {
        let mut submission = Submission::open(broker.as_ref(), schemas.clone(), &job.id)?;
        // Whoever has begun in the meantime is fenced now: what they have said by now is all that they will say.
        let known = known_job::announced(broker.as_ref(), &schemas, &job.id)?;
        same_request(&job.id, request, &known)?;
        file.rewind()?;
        let limits = parts::split_limits(&config);
        let read = |hand_over: &SyncSender<_>| read_chunks(&file, &job, &head, limits, session, hand_over);
        let Plan { chunks, lane, .. } = submission.send_all(request, &config, read)?;
        session.output.note(format!("{}: {chunks} chunks in the {} lane", job.id, lane_name(lane)));
    }
    known_job::answer(&arguments.waiting, known.outcome, &job.id, broker.as_ref(), &schemas, &session.output)
}

/// Hands the chunks of a document over in order. Ends early when nobody takes them any more: whoever did knows why.
fn read_chunks(
    file: &File,
    job: &Job,
    head: &Head,
    limits: SplitLimits,
    session: &Session,
    hand_over: &SyncSender<(Lane, AnyChunk)>,
) -> Result<Plan, Failure> {
    let pass_on = |chunks: Vec<(Lane, DocumentChunk)>| pass_on(hand_over, AnyChunk::OfDocument, chunks);
    let mut splitter = Splitter::new(job.clone(), &head.frame, limits);
    let bar = session.output.progress(head.contracts, "contracts");
    let notices = head.notices.iter().cloned().try_for_each(|notice| pass_on(splitter.notice(notice)));
    let read = notices.map_err(Stopped::Taker).and_then(|()| {
        stream_contracts(file, |place, contract| {
            bar.inc(1);
            pass_on(match contract {
                Ok(contract) => splitter.contract(place, contract),
                Err(notice) => splitter.notice(*notice),
            })
        })
    });
    bar.finish_and_clear();
    read.map_err(|stopped| match stopped {
        Stopped::Taker(failure) => failure,
        Stopped::Request(error) => Failure::new(Exit::Partial, chain(&error)),
    })?;
    let (last, plan) = splitter.finish();
    pass_on(last)?;
    Ok(plan)
}
