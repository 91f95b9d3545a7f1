//! One contract of a document: its terms with every schedule resolved, and what is held under it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::calendars::{Calendars, Found};
use super::holdings::Holdings;
use super::market::Actions;
use super::object::{Item, Object};
use super::{actions, dates, dividends, equity, fees, financing, fx, holdings};
use crate::domain::equity::terms::CommissionIn;
use crate::domain::financing::terms::NotionalBasis;
use crate::domain::key::ContractId;
use crate::domain::lots::happening::Happening;
use crate::domain::market::carry::{CarryForward, NegativePrices, PricePolicy};
use crate::domain::market::fx::Pair;
use crate::domain::money::{Currency, RoundingPolicy};
use crate::domain::names::Symbol;
use crate::domain::number::rounding::Rounding;
use crate::domain::swap::agreement::Agreement;
use crate::domain::swap::product::{Broken, Product};
use crate::domain::swap::terms::Swap;
use crate::messages::request::{InvalidValue, Path};

/// The calendars that a contract looks at.
struct Days {
    exchange: Found,
    payment: Found,
}

/// By underlier.
pub type DisruptedDays = BTreeMap<Symbol, BTreeSet<NaiveDate>>;

pub(super) fn agreement(
    object: Object<'_>,
    id: &ContractId,
    valuation_date: NaiveDate,
    calendars: &mut Calendars,
    disrupted: &DisruptedDays,
    actions: &Actions,
) -> Result<Agreement, InvalidValue> {
    let underlier = object.member("underlier")?.named(Symbol::new)?;
    let swap = swap(&object, id, underlier, valuation_date, calendars, disrupted)?;
    let relief = holdings::relief(&object)?;
    let path = object.path.clone();
    let key = holdings::key(&object, &swap)?;
    let happenings = happenings(&object, &swap, actions)?;
    let Holdings { held, happenings, references } = holdings::holdings(&object, &swap, &key, happenings)?;
    object.end()?;
    checked(&swap, &path)?;
    Ok(Agreement { swap, key, relief, held, happenings, references })
}

/// The terms alone, for a position of an underlier that they may leave open.
pub(super) fn standing(
    object: Object<'_>,
    id: &ContractId,
    underlier: &Symbol,
    valuation_date: NaiveDate,
    calendars: &mut Calendars,
    disrupted: &DisruptedDays,
) -> Result<Swap, InvalidValue> {
    if let Some(item) = object.optional("underlier") {
        let path = item.path.clone();
        let stated = item.named(Symbol::new)?;
        if stated != *underlier {
            return Err(
                path.invalid(format!("is {stated}, and the position holds {underlier}; leave it out for several"))
            );
        }
    }
    let swap = swap(&object, id, underlier.clone(), valuation_date, calendars, disrupted)?;
    holdings::relief(&object)?;
    actions::agreed(&object)?;
    let path = object.path.clone();
    object.end()?;
    checked(&swap, &path)?;
    Ok(swap)
}

/// What the product says of the terms as a whole.
fn checked(swap: &Swap, path: &Path) -> Result<(), InvalidValue> {
    if swap.equity.commission == CommissionIn::Price && swap.commission_in_price().is_none() {
        let problem = "PRICE needs a rate; allowed: a fee of kind COMMISSION with a rate in tradeFees, or OWN_FLOW";
        return Err(path.field("equity").field("commission").invalid(problem));
    }
    swap.product.check(swap).map_err(|Broken { field, allowed }| {
        path.field(field).invalid(format!("is not what the product has; allowed: {allowed}"))
    })
}

/// What the issuer does to the underlier, as the contract takes it. Without all of it amounts would be wrong.
fn happenings(object: &Object<'_>, swap: &Swap, actions: &Actions) -> Result<Vec<Happening>, InvalidValue> {
    let agreed = actions::agreed(object)?;
    let known = actions.get(&swap.underlier).cloned().unwrap_or(Ok(Vec::new()))?;
    let invalid = |problem: String| object.path.field("fractions").invalid(problem);
    known.into_iter().map(|happening| actions::under(happening, agreed).map_err(invalid)).collect()
}

fn swap(
    object: &Object<'_>,
    id: &ContractId,
    underlier: Symbol,
    valuation_date: NaiveDate,
    calendars: &mut Calendars,
    disrupted: &DisruptedDays,
) -> Result<Swap, InvalidValue> {
    let product = object.member("product")?.word(&Product::NAMES)?;
    let currencies = currencies(object)?;
    let effective = object.member("effectiveDate")?.date()?;
    let termination = object.optional("terminationDate").map(|item| item.not_before(effective)).transpose()?;
    let days = days(object.member("calendars")?, calendars)?;
    let life = dates::Life { effective, termination, valuation_date };
    let scheduled = equity::Scheduled {
        dates: dates::valuation_dates(object.optional("valuationDates"), life, &days.exchange.calendar)?,
        exchange: &days.exchange.calendar,
        disrupted: disrupted.get(&underlier),
    };
    let (fx_mode, fix) = fx::fx(object, currencies)?;
    let equity = equity::equity(object, product, fx_mode, scheduled)?;
    let interest = dates::interest(object, life, &equity, &days.payment)?;
    let usual = financing::Usual {
        notional: if product == Product::Cfd { NotionalBasis::DailyMtm } else { NotionalBasis::LotRefPrice },
        termination,
        coupons: interest.coupons,
        counted_days: &days.payment.calendar,
    };
    let financed = object.optional("financing").map(|item| financing::financing(item, &usual, calendars));
    let passed_on = object.optional("dividends").map(|item| dividends::dividends(item, currencies.price));
    Ok(Swap {
        id: id.clone(),
        product,
        underlier,
        currencies,
        effective,
        termination,
        equity,
        financing: financed.transpose()?,
        interest_periods: interest.periods,
        dividends: passed_on.transpose()?,
        trade_fees: object.optional("tradeFees").map_or(Ok(Vec::new()), fees::trade_fees)?,
        break_fee: object.optional("breakFee").map(fees::break_fee).transpose()?,
        daily_fees: object.optional("dailyFees").map_or(Ok(Vec::new()), fees::daily_fees)?,
        prices: object.optional("prices").map_or(Ok(STRICT), prices)?,
        fix,
        rounding: object.optional("rounding").map_or(Ok(RoundingPolicy::default()), rounding)?,
        exchange_days: days.exchange.days,
        payment_days: days.payment.days,
    })
}

fn currencies(object: &Object<'_>) -> Result<Pair, InvalidValue> {
    let price = object.member("priceCurrency")?.named(Currency::new)?;
    let settlement = object.optional("settlementCurrency").map(|item| item.named(Currency::new)).transpose()?;
    Ok(Pair { price, settlement: settlement.unwrap_or(price) })
}

fn days(item: Item<'_>, calendars: &mut Calendars) -> Result<Days, InvalidValue> {
    let object = item.object()?;
    let exchange = calendars.find(object.member("exchange")?)?.clone();
    let payment = calendars.find(object.member("payment")?)?.clone();
    object.end()?;
    Ok(Days { exchange, payment })
}

const STRICT: PricePolicy = PricePolicy { carry: CarryForward::Never, negative: NegativePrices::Blocked };

fn prices(item: Item<'_>) -> Result<PricePolicy, InvalidValue> {
    let object = item.object()?;
    let policy = PricePolicy {
        carry: carry(&object)?,
        negative: object.word("negative", &NEGATIVE)?.unwrap_or(STRICT.negative),
    };
    object.end()?;
    Ok(policy)
}

/// `carryForwardDays` of prices or exchange rates: never when absent or 0.
pub(super) fn carry(object: &Object<'_>) -> Result<CarryForward, InvalidValue> {
    Ok(match object.count("carryForwardDays")? {
        None | Some(0) => CarryForward::Never,
        Some(days) => CarryForward::UpTo { days: days.into() },
    })
}

/// `{"usual": "HALF_UP", "currencies": {"JPY": "DOWN"}}`.
fn rounding(item: Item<'_>) -> Result<RoundingPolicy, InvalidValue> {
    let object = item.object()?;
    let mut policy = RoundingPolicy::new(object.word("usual", &ROUNDINGS)?.unwrap_or_default());
    if let Some(item) = object.optional("currencies") {
        for (code, item) in item.object()?.entries() {
            let currency = Currency::new(&code).map_err(|problem| item.path.clone().invalid(problem.to_string()))?;
            policy = policy.with(currency, item.word(&ROUNDINGS)?);
        }
    }
    object.end()?;
    Ok(policy)
}

const NEGATIVE: [(&str, NegativePrices); 2] =
    [("BLOCKED", NegativePrices::Blocked), ("ALLOWED", NegativePrices::Allowed)];

const ROUNDINGS: [(&str, Rounding); 3] =
    [("HALF_UP", Rounding::HalfUp), ("HALF_EVEN", Rounding::HalfEven), ("DOWN", Rounding::Down)];
