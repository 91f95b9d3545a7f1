//! What is known of a job from the topics alone, and waiting for its outcome.

use indicatif::ProgressBar;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::exit::Exit;
use super::failure::{Failure, chain};
use super::output::{Ink, Output};
use super::tail::{From, Tail};
use crate::domain::jobs::cashflow::{FlowKind, FlowStatus};
use crate::domain::jobs::collect::{Progress, Stage};
use crate::domain::jobs::job::{Ending, JobId, Missing, Outcome};
use crate::domain::jobs::notice::Severity;
use crate::domain::key::Timestamp;
use crate::domain::money::Currency;
use crate::domain::trade::captured::Place;
use crate::engine::broker::Broker;
use crate::messages::job_control::{ControlWord, JobControl};
use crate::messages::schemas::Schemas;
use crate::messages::view;
use crate::pipeline::topics::{JOB_CONTROL, JOB_PROGRESS};

/// What has been said about a job so far.
#[derive(Default)]
pub struct Known {
    pub request: Option<u128>,
    /// Of the first one who announced it.
    pub deadline: Option<Timestamp>,
    pub planned: bool,
    pub outcome: Option<Outcome>,
}

/// Looks a job up: in what was announced, and in how it stands.
pub fn known(broker: &dyn Broker, schemas: &Schemas, job: &JobId) -> Result<Known, Failure> {
    let mut known = Known::default();
    let key = job.as_str().as_bytes();
    Tail::of_key(broker, JOB_CONTROL, key, From::Start)?.to_end(|record| {
        let value = record.value.filter(|_| record.key == Some(key));
        // What cannot be read is a dead letter of `collect` and says nothing about the job.
        if let Some(Ok((_, JobControl { word, .. }))) = value.map(|value| schemas.decode::<JobControl>(value)) {
            match word {
                ControlWord::Started { request, deadline } => {
                    known.request.get_or_insert(request);
                    known.deadline.get_or_insert(deadline);
                }
                ControlWord::Planned { .. } => known.planned = true,
                ControlWord::Cancelled { .. } | ControlWord::Rejected { .. } => {}
            }
        }
        Ok(())
    })?;
    let mut progress = None;
    Tail::of_key(broker, JOB_PROGRESS, key, From::Start)?.to_end(|record| {
        if let Some(value) = record.value.filter(|_| record.key == Some(key)) {
            progress = Some(read_progress(schemas, value)?);
        }
        Ok(())
    })?;
    match progress.map(|progress| progress.stage) {
        Some(Stage::Ended(outcome)) => {
            known.request = outcome.request.or(known.request);
            known.outcome = Some(outcome);
        }
        Some(Stage::Collecting(collecting)) => {
            known.request = collecting.started.map(|(request, _)| request).or(known.request);
            known.planned |= collecting.planned.is_some();
        }
        None => {}
    }
    Ok(known)
}

/// Follows a job to its end; a bar shows how far it is.
pub fn wait(broker: &dyn Broker, schemas: &Schemas, job: &JobId, output: &Output) -> Result<Outcome, Failure> {
    let bar = output.progress(1, "chunks");
    let mut ended = None;
    follow(broker, schemas, job, |progress| {
        advance(&bar, &progress);
        if let Stage::Ended(outcome) = progress.stage {
            ended = Some(outcome);
        }
        Ok(ended.is_some())
    })?;
    bar.finish_and_clear();
    Ok(ended.expect("followed until it ended"))
}

/// Hands out how a job stands, each time that it changes, until `take` says that this is enough.
pub fn follow(
    broker: &dyn Broker,
    schemas: &Schemas,
    job: &JobId,
    mut take: impl FnMut(Progress) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let key = job.as_str().as_bytes();
    let mut tail = Tail::of_key(broker, JOB_PROGRESS, key, From::Start)?;
    let mut enough = false;
    while !enough {
        tail.round(|record| {
            if let Some(value) = record.value.filter(|_| record.key == Some(key) && !enough) {
                enough = take(read_progress(schemas, value)?)?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn read_progress(schemas: &Schemas, value: &[u8]) -> Result<Progress, Failure> {
    let (_, progress) = schemas
        .decode::<Progress>(value)
        .map_err(|error| Failure::new(Exit::Failed, chain(&error)).during("job-progress"))?;
    Ok(progress)
}

fn advance(bar: &ProgressBar, progress: &Progress) {
    if let Stage::Collecting(collecting) = &progress.stage {
        bar.set_position(u64::from(collecting.received.count()));
        bar.set_length(collecting.planned.map_or(1, |(chunks, _)| u64::from(chunks)));
    }
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
    let (word, detail) = match &outcome.ending {
        Ending::Completed => ("COMPLETED", String::new()),
        Ending::CompletedWithErrors => ("COMPLETED_WITH_ERRORS", String::new()),
        Ending::TimedOut { missing: Missing::Plan { received } } => {
            ("TIMED_OUT", format!(": never planned, {received} chunks came in"))
        }
        Ending::TimedOut { missing: Missing::Chunks(missing) } => {
            ("TIMED_OUT", format!(": chunks {missing:?} missing"))
        }
        Ending::Cancelled { reason } => ("CANCELLED", format!(": {reason}")),
        Ending::Rejected { reason } => ("REJECTED", format!(": {reason}")),
    };
    let ink = if outcome.ending == Ending::Completed { Ink::Good } else { Ink::Bad };
    let totals = &outcome.totals;
    let counts = totals.counts;
    let mut lines = vec![
        format!("{} {}{detail}", outcome.job, output.ink(ink, word)),
        format!(
            "  {} contracts, {} positions, {} lots: {} flows, {} errors, {} warnings, hash {:032x}",
            counts.contracts, counts.positions, counts.lots, totals.flows, totals.errors, totals.warnings, totals.hash
        ),
    ];
    for ((currency, kind, status), minor) in &totals.sums {
        let amount = major(*minor, *currency);
        lines.push(format!("  {:<18} {:<9} {amount:>20} {}", kind_word(*kind), status_word(*status), currency.code()));
    }
    for row in &outcome.rows {
        let ink = if row.severity == Severity::Error { Ink::Bad } else { Ink::Odd };
        let severity = output.ink(ink, format!("{:?}", row.severity));
        let contract = row.contract.as_ref().map_or("request", |contract| contract.as_str());
        lines.push(format!("  {severity} {contract} {} {}: {}", row.code.name(), row.field, row.message));
    }
    lines.join("\n")
}

fn kind_word(kind: FlowKind) -> &'static str {
    match kind {
        FlowKind::EquityPerformance => "equity performance",
        FlowKind::Interest => "interest",
        FlowKind::Dividend => "dividend",
    }
}

fn status_word(status: FlowStatus) -> &'static str {
    match status {
        FlowStatus::Accrued => "accrued",
        FlowStatus::Realised => "realised",
    }
}

/// Minor units as people write money; a sum that has too many digits for that stays as it is.
fn major(minor: i128, currency: Currency) -> String {
    match Decimal::try_from_i128_with_scale(minor, currency.decimals()) {
        Ok(amount) => amount.to_string(),
        Err(_) => format!("{minor} minor units of"),
    }
}
