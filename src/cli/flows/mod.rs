//! `flows`: the cash flows of positions that count now, or those of a job, by contract, position, date, kind and status, one by one or added up.
//! In reading order:

mod lines; // a line a flow
mod totals; // sums by level

use std::collections::HashMap;

use chrono::NaiveDate;
use serde_json::json;
use xxhash_rust::xxh3::xxh3_128;

use self::totals::{Level, Totals};
use super::exit::Exit;
use super::failure::Failure;
use super::job_flows;
use super::known_job::{self, Known};
use super::parts;
use super::recalculations::{self, Selected};
use super::session::Session;
use super::tail::{From, Tail};
use crate::domain::flows::row::{BlockedContract, FlowRow};
use crate::domain::jobs::cashflow::CashFlow;
use crate::domain::jobs::job::JobId;
use crate::domain::jobs::recalculation::RecalculationKind;
use crate::domain::jobs::totals::ControlTotals;
use crate::domain::key::ContractId;
use crate::domain::swap::flow::Kind;
use crate::domain::trade::captured::Place;
use crate::engine::batch::Record;
use crate::engine::broker::Broker;
use crate::messages::cash_flows::JobCashFlows;
use crate::messages::position_flows::{PositionFlows, SWAP_FLOW_KINDS};
use crate::messages::schemas::Schemas;
use crate::pipeline::topics::{CASH_FLOWS, HISTORICAL_FLOWS, WHAT_IF_FLOWS};

/// Shows the cash flows of positions as they count now, or those of a job; + is what the client receives
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Those of this calculation job, by valuation date
    #[arg(long)]
    job: Option<String>,
    /// Only those of this contract
    #[arg(long)]
    contract: Option<String>,
    /// Only those of this position, as in ACCOUNT_BOOK_SECURITY
    #[arg(long)]
    position: Option<String>,
    /// Only those that end on this day, as in 2025-04-30; of a job those of this valuation date, or day of its series
    #[arg(long)]
    date: Option<NaiveDate>,
    /// Only those of this stage, or those without an amount
    #[arg(long, ignore_case = true, value_parser = ["PROJECTED", "ACCRUED", "REALISED", "DEFERRED", BLOCKED])]
    status: Option<String>,
    /// Only those of this kind
    #[arg(long, ignore_case = true, value_parser = SWAP_FLOW_KINDS.map(Kind::name))]
    kind: Option<String>,
    /// Only what they come to, by currency, kind and status: everything, and before it each contract, position or lot
    #[arg(long, value_name = "LEVEL", num_args = 0..=1, default_missing_value = "all")]
    totals: Option<Level>,
}

const BLOCKED: &str = "BLOCKED";

pub fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let config = session.config()?;
    let (broker, schemas) = (parts::broker(&config)?, parts::schemas(&config)?);
    let (broker, schemas) = (broker.as_ref(), schemas.as_ref());
    let mut shown = Shown::new(arguments, session);
    let Some(job) = &arguments.job else {
        each(broker, schemas, arguments.position.as_deref(), |_, _, told| shown.show(&told))?;
        return shown.end();
    };
    let job = known_job::named(job)?;
    let Some((asked, _)) = recalculations::asked(broker, schemas, &job)? else {
        return of_job(&job, shown, broker, schemas);
    };
    shown.selected = Some(Selected::by(&asked.recalculation, broker, schemas)?);
    match asked.recalculation.kind {
        RecalculationKind::Historical { .. } => {
            shown.by_day = true;
            let before = shown.before(&job, broker, schemas)?;
            recalculations::each_flows(broker, schemas, HISTORICAL_FLOWS, &job, |told| shown.show(&told))?;
            shown.all_there(&job, before, shown.amounts, |totals| totals.flows)?;
        }
        RecalculationKind::WhatIf => {
            let before = shown.before(&job, broker, schemas)?;
            let mut changes = 0;
            recalculations::each_flows(broker, schemas, WHAT_IF_FLOWS, &job, |told| {
                changes += told.changes.len() as u64;
                shown.show(&told)
            })?;
            shown.all_there(&job, before, changes, |totals| totals.changed)?;
            if shown.totals.is_some() {
                session.output.note(
                    "only flows that would differ are added up; the outcome has the totals of all that is selected",
                );
            }
        }
        // What it has told stands among all others.
        RecalculationKind::Full | RecalculationKind::Incremental { .. } => {
            each(broker, schemas, arguments.position.as_deref(), |_, _, told| shown.show(&told))?;
        }
    }
    shown.end()
}

/// A job that brought its own contracts.
fn of_job(job: &JobId, mut shown: Shown<'_>, broker: &dyn Broker, schemas: &Schemas) -> Result<Exit, Failure> {
    let before = shown.before(job, broker, schemas)?;
    let cut = job_flows::each(broker, schemas, job, |message| shown.show_of_job(&message))?;
    if shown.flows == 0 {
        known_job::known(broker, schemas, job)?.or_unknown(job)?;
        if cut {
            shown.session.output.note("the oldest flows are past their retention: those of this job may be among them");
        }
    }
    shown.all_there(job, before, shown.amounts, |totals| totals.flows)?;
    shown.end()
}

/// Flows on their way to the user.
struct Shown<'a> {
    arguments: &'a Arguments,
    session: &'a Session,
    /// By the job that was asked for.
    selected: Option<Selected<'a>>,
    /// Whether each day has flows of its own.
    by_day: bool,
    totals: Option<Totals>,
    /// How many amounts the job has published, those that filters leave out among them.
    amounts: u64,
    /// The first and the last of the days that amounts are shown of.
    days: Option<(NaiveDate, NaiveDate)>,
    flows: u64,
    blocked: u64,
}

impl<'a> Shown<'a> {
    fn new(arguments: &'a Arguments, session: &'a Session) -> Shown<'a> {
        Shown {
            arguments,
            session,
            selected: None,
            by_day: false,
            totals: arguments.totals.map(Totals::by),
            amounts: 0,
            days: None,
            flows: 0,
            blocked: 0,
        }
    }

    /// Those of a position, or of a part of it.
    fn show(&mut self, told: &PositionFlows) -> Result<(), Failure> {
        let Shown { arguments, session, .. } = *self;
        if self.selected.as_ref().is_some_and(|selected| !selected.has_position(&told.key)) {
            return Ok(());
        }
        let of_position = arguments.position.as_ref().is_none_or(|position| position == told.key.as_str());
        let day = told.day.filter(|_| self.by_day);
        let unreadable = |error| Failure::new(Exit::Mismatch, format!("flows of {}: {error}", told.key));
        let (contracts, rows) = told.rows.read().map_err(unreadable)?;
        for blocked in &contracts {
            if of_position && self.chosen(&blocked.contract) && arguments.wants_blocked(blocked, day) {
                self.blocked += 1;
                match &mut self.totals {
                    Some(totals) => totals.add_blocked(&blocked.contract, told.key.as_str())?,
                    None => lines::say_blocked(told, blocked, day, session)?,
                }
            }
        }
        for row in &rows {
            let chosen = self.chosen(&row.contract);
            self.amounts += u64::from(chosen && row.result.is_ok());
            if of_position && chosen && arguments.wants(row, day) {
                self.count(row.result.is_ok(), day);
                match &mut self.totals {
                    Some(totals) => totals.add_row(row, Some(told.key.as_str()))?,
                    None => lines::say(told, row, day, session)?,
                }
            }
        }
        Ok(())
    }

    /// Those of a contract of a job that brought it, or of a part of it.
    fn show_of_job(&mut self, message: &JobCashFlows) -> Result<(), Failure> {
        let Shown { arguments, session, .. } = *self;
        let JobCashFlows { job, flows } = message;
        for row in &flows.rows {
            self.amounts += u64::from(row.result.is_ok());
            // Contracts of a document are in no position.
            if arguments.position.is_none() && arguments.wants(row, None) {
                self.count(row.result.is_ok(), None);
                match &mut self.totals {
                    Some(totals) => totals.add_row(row, None)?,
                    None => lines::say_row(row, "job", job.as_str(), None, json!({}), session)?,
                }
            }
        }
        for flow in &flows.flows {
            self.amounts += 1;
            if arguments.wants_of_job(flow) {
                self.count(true, Some(flow.valuation_date));
                match &mut self.totals {
                    Some(totals) => totals.add_flow(flow)?,
                    None => lines::say_of_job(job, flow, session)?,
                }
            }
        }
        Ok(())
    }

    fn chosen(&self, contract: &ContractId) -> bool {
        self.selected.as_ref().is_none_or(|selected| selected.has_contract(contract))
    }

    fn count(&mut self, amount: bool, day: Option<NaiveDate>) {
        self.flows += 1;
        self.blocked += u64::from(!amount);
        if let Some(day) = day.filter(|_| amount) {
            let (first, last) = self.days.unwrap_or((day, day));
            self.days = Some((first.min(day), last.max(day)));
        }
    }

    /// How a job stands before its flows are read for totals: what has ended has published everything.
    fn before(&self, job: &JobId, broker: &dyn Broker, schemas: &Schemas) -> Result<Option<Known>, Failure> {
        self.totals.as_ref().map(|_| known_job::known(broker, schemas, job)).transpose()
    }

    /// Refuses totals of a job of which retention has taken flows, and says where they are not those of its outcome.
    fn all_there(
        &self,
        job: &JobId,
        before: Option<Known>,
        left: u64,
        counted: impl Fn(&ControlTotals) -> u64,
    ) -> Result<(), Failure> {
        let (Some(known), output) = (before, &self.session.output) else { return Ok(()) };
        let Some(counted) = known.outcome.map(|outcome| counted(&outcome.totals)) else {
            output.note(format!("job {job} has no outcome: what it has published so far need not be all"));
            return Ok(());
        };
        if left < counted {
            let gone =
                format!("of the {counted} flows of job {job} {left} are left, the others are past their retention");
            return Err(Failure::new(Exit::Precondition, gone)
                .next(format!("`bookflow jobs describe {job}` has its control totals; for the others submit its request again under another name")));
        }
        if left > counted {
            output.note(format!(
                "{} flows of job {job} were published after its end: its outcome is without them",
                left - counted
            ));
        }
        Ok(())
    }

    fn end(self) -> Result<Exit, Failure> {
        let Shown { session, totals, days, flows, blocked, .. } = self;
        if let Some(totals) = totals {
            totals.show(&session.output)?;
            if let Some((first, last)) = days.filter(|(first, last)| first < last) {
                session
                    .output
                    .note(format!("the amounts of all days from {first} to {last} are added up; --date picks one"));
            }
        }
        session.output.note(format!("{flows} flows, {blocked} blocked"));
        Ok(Exit::Ok)
    }
}

/// Hands out every part of a position's flows that counts. A first pass finds the last record of each, because those that were replaced
/// are there for a while: 24 bytes a part are held.
pub(super) fn each(
    broker: &dyn Broker,
    schemas: &Schemas,
    position: Option<&str>,
    mut take: impl FnMut(&Record<'_>, Place, PositionFlows) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let open = || match position {
        Some(position) => Tail::of_key(broker, CASH_FLOWS, position.as_bytes(), From::Start),
        None => Tail::open(broker, CASH_FLOWS, From::Start),
    };
    let mut last = HashMap::new();
    open()?.to_end(|record| {
        let key = xxh3_128(record.key.unwrap_or_default());
        match record.value {
            Some(_) => last.insert(key, record.offset),
            None => last.remove(&key),
        };
        Ok(())
    })?;
    open()?.to_end(|record| {
        let key = xxh3_128(record.key.unwrap_or_default());
        let Some(value) = record.value.filter(|_| last.get(&key) == Some(&record.offset)) else { return Ok(()) };
        let (cause, told) = schemas.decode::<PositionFlows>(value).map_err(|error| {
            Failure::new(Exit::Mismatch, format!("{CASH_FLOWS}-{}@{}: {error}", record.from.partition, record.offset))
        })?;
        if position.is_none_or(|position| told.key.as_str() == position) { take(record, cause, told) } else { Ok(()) }
    })
}

impl Arguments {
    fn wants_blocked(&self, blocked: &BlockedContract, day: Option<NaiveDate>) -> bool {
        let status = self.status.as_ref().is_none_or(|status| status.eq_ignore_ascii_case(BLOCKED));
        let contract = self.contract.as_ref().is_none_or(|contract| contract == blocked.contract.as_str());
        status && contract && self.date.is_none_or(|date| day == Some(date)) && self.kind.is_none()
    }

    fn wants_of_job(&self, flow: &CashFlow) -> bool {
        let word = |wanted: &Option<String>, found: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(found))
        };
        self.contract.as_ref().is_none_or(|contract| contract == flow.contract.as_str())
            && self.position.as_ref().is_none_or(|position| position == flow.position.as_str())
            && self.date.is_none_or(|date| date == flow.valuation_date)
            && word(&self.status, flow.status.name())
            && word(&self.kind, flow.kind.name())
    }

    /// `day` is that of a series.
    fn wants(&self, row: &FlowRow, day: Option<NaiveDate>) -> bool {
        let status = |status: &String| match status.eq_ignore_ascii_case(BLOCKED) {
            true => row.result.is_err(),
            false => row.result.is_ok() && status.eq_ignore_ascii_case(row.stage.name()),
        };
        self.contract.as_ref().is_none_or(|contract| contract == row.contract.as_str())
            && self.date.is_none_or(|date| day.or(row.end) == Some(date))
            && self.kind.as_ref().is_none_or(|kind| kind.eq_ignore_ascii_case(row.kind.name()))
            && self.status.as_ref().is_none_or(status)
    }
}
