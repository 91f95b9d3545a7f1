//! Interest on a slice: its amount, and the rates it was calculated from.

use chrono::NaiveDate;
use compact_str::CompactString;
use rust_decimal::Decimal;

use crate::domain::blocked::Blocked;
use crate::domain::explain::pad::Silent;
use crate::domain::financing::interest::interest as interest_on;
use crate::domain::financing::notional::{Financed, Price};
use crate::domain::financing::terms::FinancingTerms;
use crate::domain::jobs::cashflow::{Explain, FlowKind, FlowStatus, RATES_EXPLAINED, RateSpan};
use crate::domain::jobs::contract::{Averaging, Financing, Rate};
use crate::domain::jobs::market::MarketData;
use crate::domain::jobs::notice::NoticeCode;
use crate::domain::jobs::payment::{Fault, Payment};
use crate::domain::jobs::rates::RequestedRates;
use crate::domain::lots::slice::Slice;
use crate::domain::money::Currency;
use crate::domain::names::{IndexName, LotId};
use crate::domain::rates::schedule::Period;

/// Interest from the settlement of the opening (counted) to the settlement of the closing or the end of the day before `day`, whichever is
/// earlier. A long pays it, a short receives it.
pub fn interest(
    slice: &Slice<&LotId>,
    terms: &Financing,
    currency: Currency,
    market: &MarketData,
    rates: &RequestedRates,
    day: NaiveDate,
) -> Result<Payment, Fault> {
    let start = slice.start.settle_date;
    let closed = slice.end.map(|end| end.edge.settle_date);
    let end = closed.map_or(day, |closed| closed.min(day)).max(start);
    let period = Period { start, end };
    let mut spans = spans(&terms.rate, market, period)?;
    let part = Financed { quantity: slice.quantity, price: Price::of(slice.start.price), period };
    let out_of_range = || Fault::out_of_range("costPrice");

    let full_terms = FinancingTerms::from(terms);
    let coupon = rates.coupon(&full_terms, currency, start).map_err(fault)?;
    let borne = interest_on(&mut Silent, &coupon, period, &part, end).map_err(fault)?;
    let amount = borne.amount(&mut Silent, currency).map_err(fault)?;
    if spans.len() > RATES_EXPLAINED {
        spans = drawn_together(&spans, rates.average(terms, currency, period).map_err(fault)?);
    }
    let settled = closed.is_some_and(|closed| closed <= day);
    Ok(Payment {
        kind: FlowKind::Interest,
        detail: CompactString::default(),
        status: if settled { FlowStatus::Realised } else { FlowStatus::Accrued },
        amount: amount.money,
        unrounded: amount.unrounded,
        explain: Explain::Interest {
            notional: slice.quantity.checked_mul(slice.start.price).ok_or_else(out_of_range)?,
            day_count: terms.day_count,
            spread: terms.spread,
            compounded: matches!(terms.rate, Rate::Index { averaging: Averaging::Compounded, .. }),
            from: start,
            to: end,
            rates: spans,
        },
    })
}

/// Many rates become the one that comes to the same.
fn drawn_together(spans: &[RateSpan], average: Decimal) -> Vec<RateSpan> {
    let ends = spans.first().zip(spans.last());
    ends.map(|(first, last)| RateSpan { from: first.from, rate: average.round_dp(12), ..*last }).into_iter().collect()
}

fn spans(rate: &Rate, market: &MarketData, Period { start: from, end: to }: Period) -> Result<Vec<RateSpan>, Fault> {
    let (spans, field) = match rate {
        Rate::Fixed(rate) if from < to => (vec![RateSpan { from, to, rate: *rate, observed: None }], "rate"),
        Rate::Fixed(_) => (Vec::new(), "rate"),
        Rate::Index { name, .. } => (index_spans(name, market, from, to)?, "index"),
    };
    match spans.iter().find(|span| span.rate.abs() >= Decimal::ONE) {
        Some(span) => Err(rate_unit(span.rate, field)),
        None => Ok(spans),
    }
}

fn index_spans(name: &IndexName, market: &MarketData, from: NaiveDate, to: NaiveDate) -> Result<Vec<RateSpan>, Fault> {
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

fn missing(message: String) -> Fault {
    Fault { code: NoticeCode::MissingFixing, field: "index", message }
}

fn fault(blocked: Blocked) -> Fault {
    match blocked {
        Blocked::OutOfRange { .. } => Fault::out_of_range("costPrice"),
        other => missing(other.to_string()),
    }
}
