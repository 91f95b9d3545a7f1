//! A job as people and programs read it: how it stands, and how it ended with its totals.

use chrono::TimeDelta;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::exit::Exit;
use super::failure::Failure;
use super::output::{Ink, Output, line};
use super::watch::instant;
use crate::domain::jobs::cashflow::{FlowKind, FlowStatus};
use crate::domain::jobs::collect::{Collecting, Progress, Stage};
use crate::domain::jobs::job::{Ending, JobId, Missing, Outcome};
use crate::domain::jobs::notice::Severity;
use crate::domain::jobs::totals::{ControlTotals, Counts};
use crate::domain::money::Currency;
use crate::domain::trade::captured::Place;
use crate::engine::clock::{Clock, SystemClock};
use crate::messages::schemas::Schemas;
use crate::messages::view;

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
        Ending::Cancelled { reason } | Ending::Rejected { reason } => format!(": {}", line(reason)),
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
