//! The equity leg of a document's contract.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::object::{Item, Object};
use crate::domain::calendar::{Calendar, OutsideCalendar};
use crate::domain::equity::terms::{CommissionIn, EquityNotional, EquityTerms, ReturnType, UnwindPayment};
use crate::domain::market::fx::FxMode;
use crate::domain::schedule::{Disruption, valued};
use crate::domain::swap::product::Product;
use crate::messages::request::InvalidValue;

/// Business days from a valuation to its payment: what most markets settle equity amounts in.
const PAYMENT_OFFSET: u32 = 2;

/// The 2002 ISDA Equity Derivatives Definitions have eight; whoever means more than a month has mistyped.
const TRADING_DAYS_MAX: i64 = 23;

/// Valuation dates before any disruption, and where disruptions are known from.
pub(super) struct Scheduled<'a> {
    pub dates: Vec<NaiveDate>,
    pub exchange: &'a Calendar,
    pub disrupted: Option<&'a BTreeSet<NaiveDate>>,
}

/// The member `equity`; absent, everything is as usual for the product.
pub(super) fn equity(
    contract: &Object<'_>,
    product: Product,
    fx: FxMode,
    scheduled: Scheduled<'_>,
) -> Result<EquityTerms, InvalidValue> {
    let return_type = match product {
        Product::TotalReturnSwap => ReturnType::Total,
        Product::EquitySwap | Product::Cfd => ReturnType::Price,
    };
    let mut terms = EquityTerms {
        return_type,
        notional: EquityNotional::Reset,
        fx,
        valuation_dates: Vec::new(),
        disrupted: BTreeMap::new(),
        payment_offset: PAYMENT_OFFSET,
        unwind_payment: UnwindPayment::Settlement,
        commission: CommissionIn::OwnFlow,
    };
    let mut policy = None;
    if let Some(item) = contract.optional("equity") {
        let object = item.object()?;
        terms = EquityTerms {
            return_type: object.word("returnType", &RETURN_TYPES)?.unwrap_or(terms.return_type),
            notional: object.word("notional", &NOTIONALS)?.unwrap_or(terms.notional),
            payment_offset: object.count("paymentOffset")?.unwrap_or(terms.payment_offset),
            unwind_payment: object.word("unwindPayment", &UNWIND_PAYMENTS)?.unwrap_or(terms.unwind_payment),
            commission: object.word("commission", &COMMISSIONS)?.unwrap_or(terms.commission),
            ..terms
        };
        policy = object.optional("disruption").map(disruption).transpose()?;
        object.end()?;
    }
    let disrupted = |day| scheduled.disrupted.is_some_and(|days| days.contains(&day));
    let found = valued(&scheduled.dates, policy, scheduled.exchange, disrupted);
    let outside =
        |outside: OutsideCalendar| contract.path.field("calendars").field("exchange").invalid(outside.to_string());
    for (date, disrupted) in found.map_err(outside)? {
        terms.valuation_dates.push(date);
        terms.disrupted.extend(disrupted.map(|disrupted| (date, disrupted)));
    }
    Ok(terms)
}

/// `"FALLBACK_PRICE"`, or `{"postponeTradingDays": 8}`.
fn disruption(item: Item<'_>) -> Result<Disruption, InvalidValue> {
    if item.is_text() {
        return item.word(&[("FALLBACK_PRICE", Disruption::FallbackPrice)]);
    }
    let object = item.object()?;
    let days = object.member("postponeTradingDays")?;
    let path = days.path.clone();
    let trading_days = i64::from(days.count()?);
    object.end()?;
    if (1..=TRADING_DAYS_MAX).contains(&trading_days) {
        return Ok(Disruption::Postpone { trading_days });
    }
    Err(path.invalid(format!("{trading_days} trading days; allowed: 1 to {TRADING_DAYS_MAX}")))
}

const RETURN_TYPES: [(&str, ReturnType); 2] = [("PRICE", ReturnType::Price), ("TOTAL", ReturnType::Total)];

const NOTIONALS: [(&str, EquityNotional); 2] =
    [("RESET", EquityNotional::Reset), ("CONSTANT", EquityNotional::Constant)];

const UNWIND_PAYMENTS: [(&str, UnwindPayment); 2] =
    [("SETTLEMENT", UnwindPayment::Settlement), ("NEXT_PAYMENT", UnwindPayment::NextPayment)];

const COMMISSIONS: [(&str, CommissionIn); 2] = [("OWN_FLOW", CommissionIn::OwnFlow), ("PRICE", CommissionIn::Price)];
