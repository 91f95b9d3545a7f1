//! `explain`: a published flow, calculated again from the log, compared byte by byte, and shown line by line.

mod log; // what was published, and what it was calculated from
mod position; // flows of a position: as they count now, or as a job by reference has them
mod chunk; // flows of a job that brought its contracts

use std::sync::Arc;

use chrono::NaiveDate;
use serde_json::{Value, json};

use self::log::Log;
use super::calculate::answer::Step;
use super::exit::Exit;
use super::failure::Failure;
use super::known_job;
use super::output::{Ink, Output};
use super::parts;
use super::recalculations;
use super::session::Session;
use crate::domain::flows::id::FlowId;
use crate::domain::flows::row::{FlowRow, Obstacle};
use crate::domain::jobs::cashflow::CashFlow;
use crate::domain::jobs::job::JobId;
use crate::domain::jobs::recalculation::RecalculationKind;
use crate::domain::key::ContractId;
use crate::domain::money::{Currency, Money};
use crate::domain::trade::captured::Place;
use crate::engine::broker::Broker;
use crate::messages::cash_flows::JobCashFlows;
use crate::messages::position_flows::PositionFlows;
use crate::messages::schemas::Schemas;
use crate::pipeline::topics::{self, HISTORICAL_FLOWS, WHAT_IF_FLOWS};

/// Calculates a published flow again from the log and shows how
///
/// A flow has the same id wherever it is published. Without --job it is the one that counts now for its position, or else the one that a job
/// published last.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Id of the flow: 32 hexadecimal digits
    #[arg(value_parser = flow_id)]
    flow: FlowId,
    /// As this calculation job has it
    #[arg(long)]
    job: Option<String>,
    /// As it stood on this day of the job's series; the last one without it
    #[arg(long, requires = "job")]
    date: Option<NaiveDate>,
    /// Of this position, as in ACCOUNT_BOOK_SECURITY: lots of the same name under one contract have flows of the same id
    #[arg(long)]
    position: Option<String>,
}

pub fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let job = arguments.job.as_deref().map(known_job::named).transpose()?;
    let config = session.config()?;
    let (broker, schemas) = (parts::broker(&config)?, parts::schemas(&config)?);
    let Arguments { flow, date, position, .. } = arguments;
    let wanted = Wanted { id: *flow, job: job.as_ref(), day: *date, position: position.as_deref() };
    let explained = explain(broker.as_ref(), &schemas, &wanted)?;
    session.output.say(explained.json(), explained.text(&session.output))?;
    Ok(if explained.same { Exit::Ok } else { Exit::Mismatch })
}

/// Which flow is to be explained.
pub struct Wanted<'a> {
    pub id: FlowId,
    pub job: Option<&'a JobId>,
    /// Of a series.
    pub day: Option<NaiveDate>,
    pub position: Option<&'a str>,
}

impl Wanted<'_> {
    fn is_in(&self, told: &PositionFlows) -> Result<bool, Failure> {
        if self.position.is_some_and(|position| position != told.key.as_str()) {
            return Ok(false);
        }
        Ok(told.rows.read().map_err(damaged)?.1.iter().any(|row| row.id == self.id))
    }
}

/// Looks a flow up, calculates it again with what was known when it was published, and explains it.
pub fn explain(broker: &dyn Broker, schemas: &Arc<Schemas>, wanted: &Wanted<'_>) -> Result<Explained, Failure> {
    let log = Log { broker, schemas };
    let found = match wanted.job {
        None => anywhere(&log, wanted)?,
        Some(job) => of_job(&log, job, wanted)?,
    };
    match found {
        Some(Found::OfPosition(cause, told)) => position::explain(&log, cause, told, wanted.id),
        Some(Found::OfChunk(cause, published)) => chunk::explain(&log, cause, published, wanted.id),
        None => Err(not_found(&log, wanted.job)?),
    }
}

/// A record with the flow in it, and its cause.
enum Found {
    OfPosition(Place, PositionFlows),
    OfChunk(Place, JobCashFlows),
}

impl Found {
    fn of_position((cause, told): (Place, PositionFlows)) -> Found {
        Found::OfPosition(cause, told)
    }

    fn of_chunk((cause, published): (Place, JobCashFlows)) -> Found {
        Found::OfChunk(cause, published)
    }
}

fn anywhere(log: &Log<'_>, wanted: &Wanted<'_>) -> Result<Option<Found>, Failure> {
    if let Some(found) = log.now(wanted)? {
        return Ok(Some(Found::of_position(found)));
    }
    if let Some(found) = log.of_chunks(wanted)? {
        return Ok(Some(Found::of_chunk(found)));
    }
    let found = log.by_reference(HISTORICAL_FLOWS, wanted)?;
    let found = found.map_or_else(|| log.by_reference(WHAT_IF_FLOWS, wanted), |found| Ok(Some(found)))?;
    Ok(found.map(Found::of_position))
}

fn of_job(log: &Log<'_>, job: &JobId, wanted: &Wanted<'_>) -> Result<Option<Found>, Failure> {
    let Some((asked, _)) = recalculations::asked(log.broker, log.schemas, job)? else {
        if wanted.day.is_some() || wanted.position.is_some() {
            known_job::known(log.broker, log.schemas, job)?.or_unknown(job)?;
            let message =
                format!("job {job} has brought its contracts: --date and --position are for jobs by reference");
            return Err(Failure::usage(message).next("ask without them"));
        }
        return Ok(log.of_chunks(wanted)?.map(Found::of_chunk));
    };
    let found = match asked.recalculation.kind {
        RecalculationKind::Historical { .. } => log.by_reference(HISTORICAL_FLOWS, wanted)?,
        RecalculationKind::WhatIf => log.by_reference(WHAT_IF_FLOWS, wanted)?,
        // What it has told stands among all others.
        RecalculationKind::Full | RecalculationKind::Incremental { .. } => log.now(wanted)?,
    };
    Ok(found.map(Found::of_position))
}

fn not_found(log: &Log<'_>, job: Option<&JobId>) -> Result<Failure, Failure> {
    let Some(job) = job else {
        let next = "`bookflow flows` lists those of positions, `bookflow flows --job JOB` those of a job; one that was restated away, or that its \
                    topic has kept as long as it keeps results, is in none";
        return Ok(Failure::new(Exit::Failed, "no flow with this id is published").next(next));
    };
    known_job::known(log.broker, log.schemas, job)?.or_unknown(job)?;
    Ok(Failure::new(Exit::Failed, format!("job {job} has no flow with this id"))
        .next(format!("`bookflow flows --job {job}` lists its flows, as long as their topic keeps them")))
}

/// A published flow, and how it came to be.
pub struct Explained {
    pub flow: Flow,
    /// The same flow as it is calculated now; none where none comes out.
    pub again: Option<Flow>,
    pub publication: Publication,
    /// What the record was written for.
    pub cause: Place,
    /// None of a flow that is blocked.
    pub steps: Vec<Step>,
    /// Whether the same bytes came out again.
    pub same: bool,
}

/// A flow and what it came to.
#[derive(Clone, PartialEq, Debug)]
pub struct Flow {
    pub id: FlowId,
    pub contract: ContractId,
    pub kind: &'static str,
    pub stage: &'static str,
    /// The lot, or of a trade's fee the trade.
    pub of: String,
    pub currency: Currency,
    /// In minor units.
    pub result: Result<i64, Obstacle>,
}

/// Who has published a flow.
pub enum Publication {
    /// A position, or a job by reference for one.
    OfPosition { told: PositionFlows, job: Option<JobId> },
    /// A job that brought its contracts.
    OfJob(JobId),
}

impl From<&FlowRow> for Flow {
    fn from(row: &FlowRow) -> Flow {
        Flow {
            id: row.id,
            contract: row.contract.clone(),
            kind: row.kind.name(),
            stage: row.stage.name(),
            of: row.of.to_string(),
            currency: row.currency,
            result: row.result.as_ref().map(|amount| amount.minor).map_err(Clone::clone),
        }
    }
}

impl From<&CashFlow> for Flow {
    fn from(flow: &CashFlow) -> Flow {
        Flow {
            id: flow.id,
            contract: flow.contract.clone(),
            kind: flow.kind.name(),
            stage: flow.status.name(),
            of: flow.lot.to_string(),
            currency: flow.amount.currency,
            result: Ok(flow.amount.minor),
        }
    }
}

impl Flow {
    /// What it comes to, or why it comes to nothing.
    fn amount(&self) -> String {
        match &self.result {
            Ok(minor) => Money { minor: *minor, currency: self.currency }.to_string(),
            Err(obstacle) => format!("blocked: {}: {}", obstacle.reason, obstacle.message),
        }
    }
}

impl Explained {
    fn json(&self) -> Value {
        let Explained { flow, again, publication, cause, steps, same } = self;
        let steps: Vec<Value> =
            steps.iter().map(|step| json!({ "name": step.name, "origin": step.origin, "value": step.value })).collect();
        let mut json = json!({
            "flow": flow.id.to_string(), "contract": flow.contract.as_str(), "kind": flow.kind, "stage": flow.stage, "of": flow.of,
            "cause": place(*cause),
            "amount": flow.result.as_ref().ok(),
            "currency": flow.currency.code(),
            "blocked": flow.result.as_ref().err().map(|obstacle| obstacle.message.as_str()),
            "calculated": again.as_ref().and_then(|again| again.result.as_ref().ok()),
            "steps": steps, "same_bytes": same,
        });
        match publication {
            Publication::OfPosition { told, job } => {
                json["job"] = job.as_ref().map(JobId::as_str).into();
                json["position"] = told.key.as_str().into();
                json["revision"] = told.revision.into();
                json["day"] = told.day.map(|day| day.to_string()).into();
                json["snapshot"] = json!({
                    "contracts": told.snapshot.contracts,
                    "market_data": told.snapshot.market_data,
                    "reference_data": told.snapshot.reference_data,
                });
            }
            Publication::OfJob(job) => json["job"] = job.as_str().into(),
        }
        json
    }

    fn text(&self, output: &Output) -> String {
        let Explained { flow, again, publication, cause, steps, same } = self;
        let by_job = |job: &Option<JobId>| job.as_ref().map_or(String::new(), |job| format!("job {job}, "));
        let published = match publication {
            Publication::OfPosition { told, job } => {
                let day = told.day.map_or("-".into(), |day| day.to_string());
                format!("{}position {} revision {}, end of {day}", by_job(job), told.key, told.revision)
            }
            Publication::OfJob(job) => format!("job {job}"),
        };
        let mut text = format!("{}  {} {} {}\n", flow.id, flow.contract, flow.kind, flow.of);
        text += &format!("{published}, because of {}\n{} {}\n", place(*cause), flow.stage, flow.amount());
        for (number, step) in steps.iter().enumerate() {
            text += &format!("{:>4}  {step}\n", number + 1);
        }
        let other = match again {
            Some(again) if again == flow => {
                "; this flow comes out as it is, others that were published with it do not".into()
            }
            Some(again) => format!("; it comes to {}", again.amount()),
            None => "; no such flow comes out".into(),
        };
        text + &match same {
            true => output.ink(Ink::Good, "calculated again from the log: the same bytes"),
            false => output.ink(Ink::Bad, format!("calculated again from the log: OTHER bytes{other}")),
        }
    }
}

fn place(place: Place) -> String {
    format!("{}-{}@{}", topics::coded(place.topic).unwrap_or("?"), place.partition, place.offset)
}

fn damaged(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Mismatch, format!("a record cannot be read: {error}")).next("run `bookflow verify`")
}

fn flow_id(text: &str) -> Result<FlowId, String> {
    let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = u128::from_str_radix(text, 16).ok().filter(|_| digits);
    id.map(FlowId).ok_or_else(|| "an id has 32 hexadecimal digits".to_owned())
}
