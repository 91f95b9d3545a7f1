//! What is known of a job from the topics alone, and waiting for its outcome.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use indicatif::ProgressBar;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::config::units;
use super::exit::Exit;
use super::failure::{Failure, chain};
use super::output::{Ink, Output};
use super::tail::{From, Tail};
use super::watch::instant;
use crate::domain::jobs::cashflow::{FlowKind, FlowStatus};
use crate::domain::jobs::collect::{Collecting, Progress, Stage};
use crate::domain::jobs::job::{Ending, JobId, Missing, Outcome, Started};
use crate::domain::jobs::notice::Severity;
use crate::domain::jobs::totals::{ControlTotals, Counts};
use crate::domain::money::Currency;
use crate::domain::trade::captured::Place;
use crate::engine::broker::Broker;
use crate::engine::clock::{Clock, SystemClock};
use crate::messages::job_control::{ControlWord, JobControl};
use crate::messages::message::Message;
use crate::messages::schemas::Schemas;
use crate::messages::view;
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
    JobId::new(name).map_err(|error| Failure::usage(error.to_string()))
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
    show(&outcome, output)
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

/// Chunks have come in of a job that nobody has announced yet.
pub const UNANNOUNCED: &str = "UNANNOUNCED";

/// How a job stands in a word: how it ended, or that it has not.
pub fn state(progress: &Progress) -> &'static str {
    match &progress.stage {
        Stage::Collecting(Collecting { started: None, .. }) => UNANNOUNCED,
        Stage::Collecting(_) => "RUNNING",
        Stage::Ended(outcome) => outcome.ending.name(),
    }
}

/// How a job stands, in numbers.
pub fn progress_json(progress: &Progress) -> Value {
    let Shape { totals, received, planned, predecessor, request, deadline } = Shape::of(progress);
    let running = matches!(progress.stage, Stage::Collecting(_));
    json!({
        "job": progress.job.as_str(),
        "state": state(progress),
        "request": request.map(|request| format!("{request:032x}")),
        "predecessor": predecessor.map(JobId::as_str),
        "chunks_done": received,
        "chunks": planned.map(|(chunks, _)| chunks),
        "percent": received.zip(planned).map(|(received, (chunks, _))| u64::from(received) * 100 / u64::from(chunks.max(1))),
        "contracts_done": totals.counts.contracts,
        "contracts": planned.and_then(|(_, counts)| counts).map(|counts| counts.contracts),
        "flows": totals.flows,
        "errors": totals.errors,
        "warnings": totals.warnings,
        "started_at": instant(progress.first.0),
        "deadline": deadline.map(instant),
        "ended_at": (!running).then(|| instant(progress.last.0)),
        "seconds": progress.elapsed().as_seconds_f64(),
        "contracts_per_second": per_second(totals.counts.contracts, progress.elapsed()),
        "expected_end": progress.expected_end().map(|end| instant(end.0)),
        "late_chunks": progress.late,
    })
}

/// How a job stands, in a line.
pub fn progress_text(progress: &Progress) -> String {
    let Shape { totals, received, planned, .. } = Shape::of(progress);
    let of = |number: Option<u64>| number.map_or(String::new(), |number| format!(" of {number}"));
    let rate =
        per_second(totals.counts.contracts, progress.elapsed()).map_or(String::new(), |rate| format!(", {rate}/s"));
    let left = progress.expected_end().map(|end| (end.0 - SystemClock::start().now_us()).max(0) / 1_000_000);
    let left = left.map_or(String::new(), |seconds| format!(", about {seconds} s left"));
    format!(
        "{} {}: {}{}{} contracts{rate}{left}; {} flows, {} errors",
        progress.job,
        state(progress),
        received.map_or(String::new(), |received| {
            format!("{received}{} chunks, ", of(planned.map(|(chunks, _)| chunks.into())))
        }),
        totals.counts.contracts,
        of(planned.and_then(|(_, counts)| counts).map(|counts| counts.contracts)),
        totals.flows,
        totals.errors
    )
}

/// What both stages of a job tell of it. An outcome says nothing of chunks.
struct Shape<'a> {
    totals: &'a ControlTotals,
    received: Option<u32>,
    planned: Option<(u32, Option<Counts>)>,
    predecessor: Option<&'a JobId>,
    request: Option<u128>,
    deadline: Option<i64>,
}

impl Shape<'_> {
    fn of(progress: &Progress) -> Shape<'_> {
        match &progress.stage {
            Stage::Collecting(collecting) => Shape {
                totals: &collecting.totals,
                received: Some(collecting.received.count()),
                planned: collecting.planned,
                predecessor: collecting.started.as_ref().and_then(|started| started.predecessor.as_ref()),
                request: collecting.started.as_ref().map(|started| started.request),
                deadline: collecting.started.as_ref().map(|started| started.deadline.0),
            },
            Stage::Ended(outcome) => Shape {
                totals: &outcome.totals,
                received: None,
                planned: None,
                predecessor: outcome.predecessor.as_ref(),
                request: outcome.request,
                deadline: None,
            },
        }
    }
}

fn per_second(count: u64, elapsed: TimeDelta) -> Option<u64> {
    let micros = u128::try_from(elapsed.num_microseconds()?).ok().filter(|micros| *micros > 0)?;
    u64::try_from(u128::from(count) * 1_000_000 / micros).ok()
}

/// Prints an outcome; a job that did not complete without errors is exit code 7.
pub fn show(outcome: &Outcome, output: &Output) -> Result<Exit, Failure> {
    let complete = outcome.ending == Ending::Completed;
    output.say(outcome_json(outcome), outcome_text(outcome, output))?;
    Ok(if complete { Exit::Ok } else { Exit::Partial })
}

/// The outcome in the words of its schema.
pub fn outcome_json(outcome: &Outcome) -> Value {
    let mut bytes = Vec::new();
    let schemas = Schemas::embedded();
    let cause = Place { topic: 0, partition: 0, offset: 0 };
    let written = schemas.encode(outcome, cause, &mut bytes).map_err(|error| error.to_string());
    let shown = written.and_then(|()| view::record(&schemas, &bytes).map_err(|error| error.to_string()));
    match shown {
        Ok(Value::Object(mut fields)) => {
            fields.remove("cause");
            Value::Object(fields)
        }
        other => json!({ "job": outcome.job.as_str(), "unreadable": format!("{other:?}") }),
    }
}

/// The outcome for people.
pub fn outcome_text(outcome: &Outcome, output: &Output) -> String {
    let detail = match &outcome.ending {
        Ending::Completed | Ending::CompletedWithErrors => String::new(),
        Ending::TimedOut { missing: Missing::Plan { received } } => {
            format!(": never planned, {received} chunks came in")
        }
        Ending::TimedOut { missing: Missing::Chunks(missing) } => format!(": chunks {missing:?} missing"),
        Ending::Cancelled { reason } | Ending::Rejected { reason } => format!(": {reason}"),
    };
    let ink = if outcome.ending == Ending::Completed { Ink::Good } else { Ink::Bad };
    let totals = &outcome.totals;
    let counts = totals.counts;
    let again = outcome.predecessor.as_ref().map(|job| format!("  calculates {job} again"));
    let mut lines = vec![
        format!("{} {}{detail}", outcome.job, output.ink(ink, outcome.ending.name())),
        format!(
            "  {} contracts, {} positions, {} lots: {} flows, {} errors, {} warnings, hash {:032x}",
            counts.contracts, counts.positions, counts.lots, totals.flows, totals.errors, totals.warnings, totals.hash
        ),
    ];
    lines.extend(again);
    for ((currency, kind, status), minor) in &totals.sums {
        let amount = major(*minor, *currency);
        lines.push(format!("  {:<18} {:<9} {amount:>20} {}", kind_word(*kind), status_word(*status), currency.code()));
    }
    for row in &outcome.rows {
        let ink = if row.severity == Severity::Error { Ink::Bad } else { Ink::Odd };
        let severity = output.ink(ink, format!("{:?}", row.severity));
        let contract = row.contract.as_ref().map_or("request", |contract| contract.as_str());
        let position = row.position.as_ref().map_or(String::new(), |position| format!(" {position}"));
        lines.push(format!("  {severity} {contract}{position} {} {}: {}", row.code.name(), row.field, row.message));
    }
    lines.join("\n")
}

pub fn kind_word(kind: FlowKind) -> &'static str {
    match kind {
        FlowKind::EquityPerformance => "equity performance",
        FlowKind::Interest => "interest",
        FlowKind::Dividend => "dividend",
        FlowKind::CashInLieu => "cash in lieu",
        FlowKind::ShortRebate => "short rebate",
        FlowKind::Commission => "commission",
        FlowKind::Fee => "fee",
        FlowKind::BorrowFee => "borrow fee",
        FlowKind::Reinvestment => "reinvestment",
    }
}

pub fn status_word(status: FlowStatus) -> &'static str {
    match status {
        FlowStatus::Accrued => "accrued",
        FlowStatus::Realised => "realised",
        FlowStatus::Projected => "projected",
        FlowStatus::Deferred => "deferred",
    }
}

/// Minor units as people write money; a sum that has too many digits for that stays as it is.
pub fn major(minor: i128, currency: Currency) -> String {
    match Decimal::try_from_i128_with_scale(minor, currency.decimals()) {
        Ok(amount) => amount.to_string(),
        Err(_) => format!("{minor} minor units of"),
    }
}
