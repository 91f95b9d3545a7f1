//! Interest on the settled notional of a slice, day by day at the rate of the day.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::domain::cashflow::{Explain, FlowKind, FlowStatus, RATES_EXPLAINED, RateSpan};
use crate::domain::contract::{Averaging, Financing, IndexName, Rate};
use crate::domain::daycount::{DayCount, days};
use crate::domain::market::MarketData;
use crate::domain::money::{Currency, Money};
use crate::domain::notice::NoticeCode;
use crate::domain::slice::{Fault, Payment, Slice};

/// Interest from the settlement of the opening (counted) to the settlement of the closing or the end of the day before `day`, whichever is
/// earlier. A long pays it, a short receives it.
pub fn interest(
    slice: Slice<'_>,
    terms: &Financing,
    currency: Currency,
    market: &MarketData,
    day: NaiveDate,
) -> Result<Payment, Fault> {
    let from = slice.lot.settlement_date;
    let to = slice.close.map_or(day, |close| close.settlement_date.min(day)).max(from);
    let rates = rates(&terms.rate, market, from, to)?;
    let compounded = matches!(terms.rate, Rate::Index { averaging: Averaging::Compounded, .. });
    let out_of_range = || Fault::out_of_range("costPrice");
    let notional = slice.quantity.checked_mul(slice.lot.cost_price).ok_or_else(out_of_range)?;
    let unrounded = amount(notional, &rates, terms, compounded).ok_or_else(out_of_range)?;
    let settled = slice.close.is_some_and(|close| close.settlement_date <= day);
    Ok(Payment {
        kind: FlowKind::Interest,
        status: if settled { FlowStatus::Realised } else { FlowStatus::Accrued },
        amount: Money::round(unrounded, currency).ok_or_else(out_of_range)?,
        unrounded,
        explain: Explain::Interest {
            notional,
            day_count: terms.day_count,
            spread: terms.spread,
            compounded,
            from,
            to,
            rates: explained(rates, compounded, terms.day_count),
        },
    })
}

fn explained(rates: Vec<RateSpan>, compounded: bool, day_count: DayCount) -> Vec<RateSpan> {
    let (Some(first), Some(last), Some(basis)) = (rates.first(), rates.last(), day_count.basis()) else { return rates };
    if rates.len() <= RATES_EXPLAINED {
        return rates;
    }
    let (basis, total) = (Decimal::from(basis), Decimal::from(days(first.from, last.to)));
    let weighted = |span: &RateSpan| span.rate * Decimal::from(days(span.from, span.to));
    let average = if compounded {
        let factor = rates.iter().fold(Decimal::ONE, |factor, span| factor * (Decimal::ONE + weighted(span) / basis));
        (factor - Decimal::ONE) * basis / total
    } else {
        rates.iter().map(weighted).sum::<Decimal>() / total
    };
    vec![RateSpan { from: first.from, to: last.to, rate: average.round_dp(12), observed: last.observed }]
}

/// From the client's view: a long's notional is above zero and it pays.
fn amount(notional: Decimal, rates: &[RateSpan], terms: &Financing, compounded: bool) -> Option<Decimal> {
    let basis = Decimal::from(terms.day_count.basis()?);
    let mut rate_days = Decimal::ZERO;
    let mut factor = Decimal::ONE;
    for span in rates {
        let days = Decimal::from(days(span.from, span.to));
        let weighted = span.rate.checked_mul(days)?;
        let spread = terms.spread.checked_mul(days)?;
        if compounded {
            // The spread stays outside of the compounding, as agreed unless a contract says otherwise.
            factor = factor.checked_mul(Decimal::ONE.checked_add(weighted.checked_div(basis)?)?)?;
            rate_days = rate_days.checked_add(spread)?;
        } else {
            rate_days = rate_days.checked_add(weighted)?.checked_add(spread)?;
        }
    }
    let simple = notional.checked_mul(rate_days)?.checked_div(basis)?;
    let compound = notional.checked_mul(factor - Decimal::ONE)?;
    Some(-simple.checked_add(compound)?)
}

fn rates(rate: &Rate, market: &MarketData, from: NaiveDate, to: NaiveDate) -> Result<Vec<RateSpan>, Fault> {
    let (spans, field) = match rate {
        Rate::Fixed(rate) if from < to => (vec![RateSpan { from, to, rate: *rate, observed: None }], "rate"),
        Rate::Fixed(_) => (Vec::new(), "rate"),
        Rate::Index { name, .. } => (index_rates(name, market, from, to)?, "index"),
    };
    match spans.iter().find(|span| span.rate.abs() >= Decimal::ONE) {
        Some(span) => Err(rate_unit(span.rate, field)),
        None => Ok(spans),
    }
}

fn index_rates(name: &IndexName, market: &MarketData, from: NaiveDate, to: NaiveDate) -> Result<Vec<RateSpan>, Fault> {
    let missing = |message| Fault { code: NoticeCode::MissingFixing, field: "index", message };
    let Some(series) = market.rates.get(name) else {
        return Err(missing(format!("no rates of index {name}; add it to marketData.data.rates")));
    };
    series.rates_between(from, to).map_err(|day| {
        missing(format!("no rate of index {name} on or before {day}; add it, or a baseRate, to marketData.data.rates"))
    })
}

fn rate_unit(rate: Decimal, field: &'static str) -> Fault {
    let rate = rate.normalize();
    let fraction = (rate / Decimal::ONE_HUNDRED).normalize();
    Fault { code: NoticeCode::RateUnit, field, message: format!("{rate}: percent? write {fraction}") }
}
