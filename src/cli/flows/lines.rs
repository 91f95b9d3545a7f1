//! A line a flow, or a contract of which no flow can be known.

use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::output::Ink;
use crate::cli::session::Session;
use crate::cli::shown_job::major;
use crate::domain::flows::row::{BlockedContract, FlowRow, Obstacle};
use crate::domain::jobs::cashflow::CashFlow;
use crate::domain::jobs::job::JobId;
use crate::domain::money::Money;
use crate::messages::position_flows::PositionFlows;

pub(super) fn say_blocked(
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

pub(super) fn say(
    told: &PositionFlows,
    row: &FlowRow,
    day: Option<NaiveDate>,
    session: &Session,
) -> Result<(), Failure> {
    let json = json!({ "revision": told.revision, "day": told.day.map(|day| day.to_string()) });
    say_row(row, "position", told.key.as_str(), day, json, session)
}

/// The day of a series, where a line begins.
fn before(day: Option<NaiveDate>) -> String {
    day.map_or(String::new(), |day| format!("{day}: "))
}

/// A flow of a position or a job, with what is said of that beside it.
pub(super) fn say_row(
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

pub(super) fn say_of_job(job: &JobId, flow: &CashFlow, session: &Session) -> Result<(), Failure> {
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
