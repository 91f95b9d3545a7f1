//! `flows`: the cash flows of positions that count now, or those of a job, by contract, position, date, kind and status.

use std::collections::HashMap;

use chrono::NaiveDate;
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_128;

use super::exit::Exit;
use super::failure::Failure;
use super::job_flows;
use super::known_job::{self, major};
use super::output::Ink;
use super::parts;
use super::recalculations::{self, Selected};
use super::session::Session;
use super::tail::{From, Tail};
use crate::domain::flows::row::{BlockedContract, FlowRow, Obstacle};
use crate::domain::jobs::cashflow::CashFlow;
use crate::domain::jobs::job::JobId;
use crate::domain::jobs::recalculation::RecalculationKind;
use crate::domain::key::ContractId;
use crate::domain::money::Money;
use crate::domain::swap::flow::Kind;
use crate::domain::trade::captured::Place;
use crate::engine::batch::Record;
use crate::engine::broker::Broker;
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
}

const BLOCKED: &str = "BLOCKED";

pub fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let config = session.config()?;
    let (broker, schemas) = (parts::broker(&config)?, parts::schemas(&config)?);
    let (broker, schemas) = (broker.as_ref(), schemas.as_ref());
    let mut shown = Shown { arguments, session, selected: None, by_day: false, flows: 0, blocked: 0 };
    let Some(job) = &arguments.job else {
        each(broker, schemas, arguments.position.as_deref(), |_, _, told| shown.show(&told))?;
        return shown.end();
    };
    let job = known_job::named(job)?;
    let Some((asked, _)) = recalculations::asked(broker, schemas, &job)? else {
        return of_job(&job, arguments, broker, schemas, session);
    };
    shown.selected = Some(Selected::by(&asked.recalculation, broker, schemas)?);
    match asked.recalculation.kind {
        RecalculationKind::Historical { .. } => {
            shown.by_day = true;
            recalculations::each_flows(broker, schemas, HISTORICAL_FLOWS, &job, |told| shown.show(&told))?;
        }
        RecalculationKind::WhatIf => {
            recalculations::each_flows(broker, schemas, WHAT_IF_FLOWS, &job, |told| shown.show(&told))?;
        }
        // What it has told stands among all others.
        RecalculationKind::Full | RecalculationKind::Incremental { .. } => {
            each(broker, schemas, arguments.position.as_deref(), |_, _, told| shown.show(&told))?;
        }
    }
    shown.end()
}

/// Flows of positions on their way to the user.
struct Shown<'a> {
    arguments: &'a Arguments,
    session: &'a Session,
    /// By the job that was asked for.
    selected: Option<Selected<'a>>,
    /// Whether each day has flows of its own.
    by_day: bool,
    flows: u64,
    blocked: u64,
}

impl Shown<'_> {
    fn show(&mut self, told: &PositionFlows) -> Result<(), Failure> {
        let Shown { arguments, session, selected, by_day, .. } = self;
        let of_position = arguments.position.as_ref().is_none_or(|position| position == told.key.as_str());
        if !of_position || selected.as_ref().is_some_and(|selected| !selected.has_position(&told.key)) {
            return Ok(());
        }
        let chosen = |id: &ContractId| selected.as_ref().is_none_or(|selected| selected.has_contract(id));
        let day = told.day.filter(|_| *by_day);
        let unreadable = |error| Failure::new(Exit::Mismatch, format!("flows of {}: {error}", told.key));
        let (contracts, rows) = told.rows.read().map_err(unreadable)?;
        for blocked in contracts.iter().filter(|blocked| chosen(&blocked.contract)) {
            if arguments.wants_blocked(blocked, day) {
                self.blocked += 1;
                say_blocked(told, blocked, day, session)?;
            }
        }
        for row in rows.iter().filter(|row| chosen(&row.contract) && arguments.wants(row, day)) {
            self.flows += 1;
            self.blocked += u64::from(row.result.is_err());
            say(told, row, day, session)?;
        }
        Ok(())
    }

    fn end(self) -> Result<Exit, Failure> {
        self.session.output.note(format!("{} flows, {} blocked", self.flows, self.blocked));
        Ok(Exit::Ok)
    }
}

fn of_job(
    job: &JobId,
    arguments: &Arguments,
    broker: &dyn Broker,
    schemas: &Schemas,
    session: &Session,
) -> Result<Exit, Failure> {
    let (mut shown, mut blocked) = (0u64, 0u64);
    let cut = job_flows::each(broker, schemas, job, |message| {
        // Contracts of a document are in no position.
        for row in message.flows.rows.iter().filter(|row| arguments.position.is_none() && arguments.wants(row, None)) {
            shown += 1;
            blocked += u64::from(row.result.is_err());
            say_row(row, "job", job.as_str(), None, json!({}), session)?;
        }
        for flow in message.flows.flows.iter().filter(|flow| arguments.wants_of_job(flow)) {
            shown += 1;
            say_of_job(job, flow, session)?;
        }
        Ok(())
    })?;
    session.output.note(if blocked > 0 {
        format!("{shown} flows, {blocked} blocked")
    } else {
        format!("{shown} flows")
    });
    if shown == 0 {
        known_job::known(broker, schemas, job)?.or_unknown(job)?;
    }
    if cut && shown == 0 {
        session.output.note("the oldest flows are past their retention: those of this job may be among them");
    }
    Ok(Exit::Ok)
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

fn say_blocked(
    told: &PositionFlows,
    blocked: &BlockedContract,
    day: Option<NaiveDate>,
    session: &Session,
) -> Result<(), Failure> {
    let BlockedContract { contract, obstacle } = blocked;
    let json = json!({
        "position": told.key.as_str(), "contract": contract.as_str(), "revision": told.revision,
        "day": told.day.map(|day| day.to_string()), "blocked": reason(obstacle),
    });
    let Obstacle { reason, message } = obstacle;
    let reason = session.output.ink(Ink::Odd, reason);
    session.output.say(json, format!("{}{} {contract} {reason}: {message}", before(day), told.key))
}

fn say(told: &PositionFlows, row: &FlowRow, day: Option<NaiveDate>, session: &Session) -> Result<(), Failure> {
    let json = json!({ "revision": told.revision, "day": told.day.map(|day| day.to_string()) });
    say_row(row, "position", told.key.as_str(), day, json, session)
}

/// The day of a series, where a line begins.
fn before(day: Option<NaiveDate>) -> String {
    day.map_or(String::new(), |day| format!("{day}: "))
}

/// A flow of a position or a job, with what is said of that beside it.
fn say_row(
    row: &FlowRow,
    owner: &str,
    name: &str,
    day: Option<NaiveDate>,
    mut json: Value,
    session: &Session,
) -> Result<(), Failure> {
    let date = |date: Option<NaiveDate>| date.map(|date| date.to_string());
    json[owner] = name.into();
    for (name, value) in [
        ("flow", Some(row.id.to_string())),
        ("contract", Some(row.contract.to_string())),
        ("kind", Some(row.kind.name().to_owned())),
        ("status", Some(row.stage.name().to_owned())),
        ("of", Some(row.of.to_string())),
        ("detail", row.detail.as_ref().map(ToString::to_string)),
        ("closed_by", row.closed_by.as_ref().map(ToString::to_string)),
        ("start", Some(row.start.to_string())),
        ("end", date(row.end)),
        ("payment_date", date(row.payment_date)),
        ("currency", Some(row.currency.code().to_owned())),
    ] {
        json[name] = value.into();
    }
    let amount = match &row.result {
        Ok(amount) => {
            let money = Money { minor: amount.minor, currency: row.currency };
            json["amount"] = money.to_decimal().to_string().into();
            json["unrounded"] = amount.unrounded.to_string().into();
            json["provisional"] = amount.provisional.into();
            format!("{:>18} {}", money.to_decimal(), row.currency)
        }
        Err(obstacle) => {
            json["blocked"] = reason(obstacle);
            session.output.ink(Ink::Odd, format!("{:>22}", obstacle.reason))
        }
    };
    let dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    let detail = row.detail.as_deref().unwrap_or_default();
    let text = format!(
        "{}{} {:<10} {:<10} {amount} {:<9} {:<18} {} {} {} {detail}",
        before(day),
        row.start,
        dash(date(row.end)),
        dash(date(row.payment_date)),
        row.stage.name(),
        row.kind.name(),
        row.contract,
        name,
        row.of,
    );
    session.output.say(json, text.trim_end())
}

fn reason(obstacle: &Obstacle) -> Value {
    json!({ "reason": obstacle.reason.as_str(), "message": obstacle.message.as_str() })
}

fn say_of_job(job: &JobId, flow: &CashFlow, session: &Session) -> Result<(), Failure> {
    let CashFlow { id, contract, position, lot, kind, status, valuation_date, amount, .. } = flow;
    let shown = major(amount.minor.into(), amount.currency);
    let closing_lot = flow.closing_lot.as_ref().map(|lot| lot.as_str());
    let json = json!({
        "flow": format!("{:032x}", id.0), "job": job.as_str(), "contract": contract.as_str(),
        "position": position.as_str(), "lot": lot.as_str(), "closing_lot": closing_lot, "kind": kind.name(),
        "status": status.name(), "date": valuation_date.to_string(), "amount": shown,
        "currency": amount.currency.code(), "unrounded": flow.unrounded.to_string(),
    });
    let (kind, status, currency) = (kind.name(), status.name(), amount.currency.code());
    let text =
        format!("{valuation_date} {shown:>18} {currency} {status:<8} {kind:<18} {job} {contract} {position} {lot}");
    session.output.say(json, text)
}
