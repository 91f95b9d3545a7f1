//! The fees of a document's contract: of trades, and of nights.

use rust_decimal::Decimal;

use super::object::{Item, Object};
use crate::domain::fees::daily::DailyFeeKind;
use crate::domain::fees::early_end::BreakFee;
use crate::domain::fees::trade::{Charge, FeeRounding, Sides, TradeFee, TradeFeeKind};
use crate::domain::names::Symbol;
use crate::domain::swap::terms::{DailyFeeRate, DailyFeeTerms};
use crate::domain::trade::Side;
use crate::messages::request::InvalidValue;
use crate::messages::request::scalar::Number;

pub(super) fn trade_fees(item: Item<'_>) -> Result<Vec<TradeFee>, InvalidValue> {
    item.list()?.into_iter().map(trade_fee).collect()
}

pub(super) fn daily_fees(item: Item<'_>) -> Result<Vec<DailyFeeTerms>, InvalidValue> {
    item.list()?.into_iter().map(daily_fee).collect()
}

/// Exactly one of `fixed`, `rate` and `spread`.
pub(super) fn break_fee(item: Item<'_>) -> Result<BreakFee, InvalidValue> {
    let object = item.object()?;
    let (fixed, rate) = (charged(&object, "fixed", Number::Price)?, charged(&object, "rate", Number::Rate)?);
    let year_days = object.optional("yearDays").map(Item::year_days).transpose()?;
    let fee = match (fixed, rate, charged(&object, "spread", Number::Rate)?) {
        (Some(amount), None, None) => BreakFee::Fixed(amount),
        (None, Some(rate), None) => BreakFee::OfNotional(rate),
        (None, None, Some(spread)) => BreakFee::MakeWhole { spread, year_days: year_days.unwrap_or(360) },
        _ => return Err(object.invalid("is charged in no way or in several; allowed: one of fixed, rate, spread")),
    };
    if year_days.is_some() && !matches!(fee, BreakFee::MakeWhole { .. }) {
        return Err(object.path.field("yearDays").invalid("means something with spread only"));
    }
    object.end()?;
    Ok(fee)
}

fn trade_fee(item: Item<'_>) -> Result<TradeFee, InvalidValue> {
    let object = item.object()?;
    let fee = TradeFee {
        kind: object.member("kind")?.word(&TRADE_FEE_KINDS)?,
        charge: charge(&object)?,
        sides: object.word("side", &SIDES)?.unwrap_or(Sides::Both),
        rounding: object.above_zero("roundUpTo", Number::Price)?.map_or(FeeRounding::MinorUnits, FeeRounding::UpTo),
    };
    object.end()?;
    Ok(fee)
}

/// Exactly one of `rate`, `perUnit` and `fixed`, each with the limit that goes with it.
fn charge(object: &Object<'_>) -> Result<Charge, InvalidValue> {
    let (rate, amount) = (charged(object, "rate", Number::Rate)?, charged(object, "perUnit", Number::Price)?);
    match (rate, amount, charged(object, "fixed", Number::Price)?) {
        (Some(rate), None, None) => Ok(Charge::OnValue { rate, minimum: charged(object, "minimum", Number::Price)? }),
        (None, Some(amount), None) => {
            Ok(Charge::PerUnit { amount, maximum_rate: charged(object, "maximumRate", Number::Rate)? })
        }
        (None, None, Some(amount)) => Ok(Charge::Fixed(amount)),
        _ => Err(object.invalid("is charged in no way or in several; allowed: one of rate, perUnit, fixed")),
    }
}

fn charged(object: &Object<'_>, name: &'static str, kind: Number) -> Result<Option<Decimal>, InvalidValue> {
    object.optional(name).map(|item| item.not_below_zero(kind)).transpose()
}

fn daily_fee(item: Item<'_>) -> Result<DailyFeeTerms, InvalidValue> {
    let object = item.object()?;
    let kind = object.member("kind")?.word(&DAILY_FEE_KINDS)?;
    let published = object.optional("published").map(|item| item.named(Symbol::new)).transpose()?;
    let rate = match (charged(&object, "rate", Number::Rate)?, published) {
        (Some(rate), None) => DailyFeeRate::Agreed(rate),
        (None, Some(name)) => DailyFeeRate::Published(name),
        _ => return Err(object.invalid("has no rate or two; allowed: one of rate, published")),
    };
    let year_days = object.optional("yearDays").map_or(Ok(360), Item::year_days)?;
    object.end()?;
    Ok(DailyFeeTerms { kind, rate, year_days })
}

const TRADE_FEE_KINDS: [(&str, TradeFeeKind); 5] = [
    ("COMMISSION", TradeFeeKind::Commission),
    ("CLEARING", TradeFeeKind::Clearing),
    ("TRANSACTION_TAX", TradeFeeKind::TransactionTax),
    ("REGULATORY", TradeFeeKind::Regulatory),
    ("TICKET", TradeFeeKind::Ticket),
];

const SIDES: [(&str, Sides); 3] =
    [("BOTH", Sides::Both), ("BUY", Sides::Only(Side::Buy)), ("SELL", Sides::Only(Side::Sell))];

const DAILY_FEE_KINDS: [(&str, DailyFeeKind); 3] = [
    ("CUSTODY", DailyFeeKind::Custody),
    ("ADMINISTRATION", DailyFeeKind::Administration),
    ("BORROW", DailyFeeKind::Borrow),
];
