//! The dates of a document's contract: when it is valued, and the periods of its interest.

use chrono::NaiveDate;

use super::calendars::Found;
use super::object::{Item, Object};
use super::rule::{Paid, Rule};
use crate::domain::blocked::Blocked;
use crate::domain::calendar::Calendar;
use crate::domain::daycount::Coupons;
use crate::domain::equity::terms::EquityTerms;
use crate::domain::rates::schedule::Period;
use crate::domain::swap::interest_periods::between_payments;
use crate::domain::swap::terms::InterestPeriod;
use crate::messages::request::InvalidValue;

/// From when to when a contract lives, and the day on which it is looked at.
#[derive(Clone, Copy)]
pub(super) struct Life {
    pub effective: NaiveDate,
    /// None: open-ended.
    pub termination: Option<NaiveDate>,
    pub valuation_date: NaiveDate,
}

/// Dates in ascending order, each once.
pub(super) fn ascending(item: Item<'_>) -> Result<Vec<NaiveDate>, InvalidValue> {
    let mut dates: Vec<NaiveDate> = Vec::new();
    for item in item.list()? {
        let path = item.path.clone();
        let date = item.date()?;
        match dates.last() {
            Some(last) if date <= *last => {
                return Err(
                    path.invalid(format!("{date} does not come after {last}; allowed: ascending dates, each once"))
                );
            }
            _ => dates.push(date),
        }
    }
    Ok(dates)
}

/// A list of dates or a rule that makes them; absent, the termination date alone.
pub(super) fn valuation_dates(
    item: Option<Item<'_>>,
    life: Life,
    days: &Calendar,
) -> Result<Vec<NaiveDate>, InvalidValue> {
    let Some(item) = item else { return Ok(life.termination.into_iter().collect()) };
    if item.is_object() {
        // The first date of the rule is the start, on which nothing has been earned yet.
        return Ok(Rule::read(item, life, Paid::Elsewhere)?.dates(life, days)?.split_off(1));
    }
    let path = item.path.clone();
    let dates = ascending(item)?;
    let outside = |date: &NaiveDate| *date < life.effective || life.termination.is_some_and(|end| *date > end);
    match dates.iter().position(outside) {
        None => Ok(dates),
        Some(index) => {
            let allowed = match life.termination {
                Some(end) => format!("{} to {end}", life.effective),
                None => format!("from {} on", life.effective),
            };
            let problem = format!("{} is not within the contract's life; allowed: {allowed}", dates[index]);
            Err(path.item(index).invalid(problem))
        }
    }
}

/// The periods of a contract's interest, with the regular dates of the rule that made them, if one did.
pub(super) struct Interest {
    pub periods: Vec<InterestPeriod>,
    pub coupons: Option<Coupons>,
}

/// The member `interestPeriods`, a list or a rule; absent, the periods end with the payments of the equity leg.
pub(super) fn interest(
    contract: &Object<'_>,
    life: Life,
    equity: &EquityTerms,
    payment_days: &Found,
) -> Result<Interest, InvalidValue> {
    match contract.optional("interestPeriods") {
        Some(item) if item.is_object() => regular(item, life, payment_days),
        Some(item) => Ok(Interest { periods: listed(item, life.effective)?, coupons: None }),
        None => {
            let periods = with_equity_payments(contract, life, equity, payment_days)?;
            Ok(Interest { periods, coupons: None })
        }
    }
}

fn with_equity_payments(
    contract: &Object<'_>,
    life: Life,
    equity: &EquityTerms,
    payment_days: &Found,
) -> Result<Vec<InterestPeriod>, InvalidValue> {
    let mut payments = Vec::new();
    for valuation in &equity.valuation_dates {
        let payment = payment_days.days.after(*valuation, equity.payment_offset);
        let unknown = |blocked: Blocked| contract.path.field("calendars").field("payment").invalid(blocked.to_string());
        payments.push(payment.map_err(unknown)?);
    }
    let runs_until = if life.termination.is_none() { Some(life.valuation_date) } else { None };
    Ok(between_payments(life.effective, &payments, runs_until))
}

/// `[{"start": "2025-04-01", "end": "2025-05-02", "payment": "2025-05-02"}]`, touching from the effective date on.
fn listed(item: Item<'_>, effective: NaiveDate) -> Result<Vec<InterestPeriod>, InvalidValue> {
    let mut periods: Vec<InterestPeriod> = Vec::new();
    for item in item.list()? {
        let object = item.object()?;
        let (start_path, end_path) = (object.path.field("start"), object.path.field("end"));
        let period = Period { start: object.member("start")?.date()?, end: object.member("end")?.date()? };
        let expected = periods.last().map_or(effective, |last| last.period.end);
        if period.start != expected {
            let problem = format!("{} leaves a gap or overlaps; allowed: {expected}", period.start);
            return Err(start_path.invalid(problem));
        }
        if period.end <= period.start {
            let problem = format!("{} does not come after start {}", period.end, period.start);
            return Err(end_path.invalid(problem));
        }
        let payment = object.optional("payment").map(Item::date).transpose()?;
        object.end()?;
        periods.push(InterestPeriod { period, payment });
    }
    Ok(periods)
}

/// Periods at regular distances, each paid so many business days after its end.
fn regular(item: Item<'_>, life: Life, payment_days: &Found) -> Result<Interest, InvalidValue> {
    let path = item.path.clone();
    let rule = Rule::read(item, life, Paid::WithOffset)?;
    let dates = rule.dates(life, &payment_days.calendar)?;
    let mut periods = Vec::with_capacity(dates.len());
    for (start, end) in dates.iter().zip(dates.iter().skip(1)) {
        let payment = payment_days.days.after(*end, rule.payment_offset.unwrap_or(0));
        let payment = payment.map_err(|blocked| path.clone().invalid(blocked.to_string()))?;
        periods.push(InterestPeriod { period: Period { start: *start, end: *end }, payment: Some(payment) });
    }
    Ok(Interest { periods, coupons: Some(rule.coupons(life)) })
}
