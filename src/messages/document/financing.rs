//! The financing leg of a document's contract.

use std::sync::Arc;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::calendars::Calendars;
use super::object::{Item, Object};
use super::rule;
use crate::domain::calendar::Calendar;
use crate::domain::daycount::{Coupons, DayCount};
use crate::domain::financing::terms::{
    CompoundingBase, Financing, FinancingTerms, InterestOnUnwind, NegativeRates, NotionalBasis, NotionalSwitch,
    SpreadMode,
};
use crate::domain::names::IndexName;
use crate::domain::rates::terms::{AmountDays, Method, Observation, OvernightTerms, RateTerms, Unpublished};
use crate::messages::request::InvalidValue;
use crate::messages::request::scalar::Number;

/// What the rest of the contract says about its financing.
pub(super) struct Usual<'a> {
    pub notional: NotionalBasis,
    pub termination: Option<NaiveDate>,
    /// Of interest periods that a rule has made.
    pub coupons: Option<Coupons>,
    pub counted_days: &'a Arc<Calendar>,
}

/// `{"long": {...}, "short": {...}}`; a short without terms of its own has those of a long.
pub(super) fn financing(
    item: Item<'_>,
    usual: &Usual<'_>,
    calendars: &mut Calendars,
) -> Result<Financing, InvalidValue> {
    let object = item.object()?;
    let long = side(object.member("long")?, usual, calendars)?;
    let short = match object.optional("short") {
        Some(item) => side(item, usual, calendars)?,
        None => long.clone(),
    };
    object.end()?;
    Ok(Financing { long, short })
}

fn side(item: Item<'_>, usual: &Usual<'_>, calendars: &mut Calendars) -> Result<FinancingTerms, InvalidValue> {
    let object = item.object()?;
    let rate = rate(object.member("rate")?)?;
    let spread = object.number("spread", Number::Rate)?.unwrap_or(Decimal::ZERO);
    let day_count = object.member("dayCount")?.named(str::parse::<DayCount>)?;
    let terms = FinancingTerms {
        coupons: coupons(&object, day_count, usual)?,
        counted_days: counted_days(&object, day_count, usual, calendars)?,
        termination: usual.termination,
        spread_mode: object.word("spreadMode", &SPREAD_MODES)?.unwrap_or_default(),
        period_floor: object.number("periodFloor", Number::Rate)?,
        period_cap: object.number("periodCap", Number::Rate)?,
        negative: object.word("negativeRates", &NEGATIVE_RATES)?.unwrap_or_default(),
        rate_decimals: object.count("rateDecimals")?,
        notional: object.word("notional", &NOTIONALS)?.unwrap_or(usual.notional),
        switch: object.word("notionalSwitch", &SWITCHES)?.unwrap_or_default(),
        compounding: object.word("compoundingBase", &BASES)?.unwrap_or_default(),
        on_unwind: object.word("interestOnUnwind", &UNWINDS)?.unwrap_or_default(),
        unpublished: object.optional("unpublishedFixing").map_or(Ok(Unpublished::Blocks), unpublished)?,
        ..FinancingTerms::plain(rate, spread, day_count)
    };
    object.end()?;
    Ok(terms)
}

fn coupons(object: &Object<'_>, day_count: DayCount, usual: &Usual<'_>) -> Result<Option<Coupons>, InvalidValue> {
    match (object.optional("coupons"), day_count) {
        (None, DayCount::ActActIcma) => Ok(usual.coupons),
        (None, _) => Ok(None),
        (Some(item), DayCount::ActActIcma) => rule::coupons(item).map(Some),
        (Some(item), _) => Err(item.path.invalid("means something with dayCount ACT/ACT.ICMA only")),
    }
}

fn counted_days(
    object: &Object<'_>,
    day_count: DayCount,
    usual: &Usual<'_>,
    calendars: &mut Calendars,
) -> Result<Option<Arc<Calendar>>, InvalidValue> {
    match (object.optional("dayCountCalendar"), day_count) {
        (None, DayCount::Bus252) => Ok(Some(usual.counted_days.clone())),
        (None, _) => Ok(None),
        (Some(item), DayCount::Bus252) => Ok(Some(calendars.find(item)?.calendar.clone())),
        (Some(item), _) => Err(item.path.invalid("means something with dayCount BUS/252 only")),
    }
}

fn rate(item: Item<'_>) -> Result<RateTerms, InvalidValue> {
    let object = item.object()?;
    let rate = match object.member("kind")?.word(&RATE_KINDS)? {
        RateKind::Fixed => RateTerms::Fixed(object.member("rate")?.number(Number::Rate)?),
        RateKind::Term => RateTerms::Term {
            index: object.member("index")?.named(IndexName::new)?,
            offset: business_days(&object, "fixingOffset")?,
        },
        RateKind::Compound => RateTerms::Overnight(overnight(&object, Method::Compound)?),
        RateKind::Average => RateTerms::Overnight(overnight(&object, Method::Average)?),
    };
    object.end()?;
    Ok(rate)
}

fn overnight(object: &Object<'_>, method: Method) -> Result<OvernightTerms, InvalidValue> {
    let days = business_days(object, "lookback")?;
    let shifted = object.optional("observationShift").map(Item::flag).transpose()?.unwrap_or(false);
    let amount_days = object.word("shiftDaysBasis", &AMOUNT_DAYS)?;
    Ok(OvernightTerms {
        index: object.member("index")?.named(IndexName::new)?,
        method,
        observation: match (shifted, amount_days) {
            (true, amount_days) => {
                Observation::Shift { days, amount_days: amount_days.unwrap_or(AmountDays::CalculationPeriod) }
            }
            (false, None) => Observation::Lookback(days),
            (false, Some(_)) => {
                return Err(object.invalid("shiftDaysBasis means something with observationShift true only"));
            }
        },
        lockout: business_days(object, "lockout")?,
        daily_floor: object.number("dailyFloor", Number::Rate)?,
        daily_cap: object.number("dailyCap", Number::Rate)?,
    })
}

/// 0 when absent.
fn business_days(object: &Object<'_>, name: &'static str) -> Result<usize, InvalidValue> {
    Ok(object.count(name)?.unwrap_or(0) as usize)
}

/// `"BLOCKS"`, or `{"lastPublishedDays": 5}`.
fn unpublished(item: Item<'_>) -> Result<Unpublished, InvalidValue> {
    if item.is_text() {
        return item.word(&[("BLOCKS", Unpublished::Blocks)]);
    }
    let object = item.object()?;
    let age_days_max = i64::from(object.member("lastPublishedDays")?.count()?);
    object.end()?;
    Ok(Unpublished::LastPublished { age_days_max })
}

#[derive(Clone, Copy)]
enum RateKind {
    Fixed,
    Compound,
    Average,
    Term,
}

const RATE_KINDS: [(&str, RateKind); 4] = [
    ("FIXED", RateKind::Fixed),
    ("RFR_COMPOUND", RateKind::Compound),
    ("RFR_AVERAGE", RateKind::Average),
    ("TERM", RateKind::Term),
];

const SPREAD_MODES: [(&str, SpreadMode); 2] = [("OUTSIDE", SpreadMode::Outside), ("INSIDE", SpreadMode::Inside)];

const NEGATIVE_RATES: [(&str, NegativeRates); 3] = [
    ("ALLOW", NegativeRates::Allow),
    ("ZERO", NegativeRates::Zero),
    ("ZERO_EXCLUDING_SPREAD", NegativeRates::ZeroExcludingSpread),
];

const NOTIONALS: [(&str, NotionalBasis); 3] = [
    ("LOT_REF_PRICE", NotionalBasis::LotRefPrice),
    ("DAILY_MTM", NotionalBasis::DailyMtm),
    ("FIXED", NotionalBasis::Fixed),
];

const SWITCHES: [(&str, NotionalSwitch); 2] =
    [("PAYMENT_DATE", NotionalSwitch::PaymentDate), ("VALUATION_DATE", NotionalSwitch::ValuationDate)];

const BASES: [(&str, CompoundingBase); 2] =
    [("SLICE_START", CompoundingBase::SliceStart), ("PERIOD_START_NCCR", CompoundingBase::PeriodStart)];

const UNWINDS: [(&str, InterestOnUnwind); 2] =
    [("WITH_UNWIND", InterestOnUnwind::WithUnwind), ("NEXT_PAYMENT", InterestOnUnwind::NextPayment)];

const AMOUNT_DAYS: [(&str, AmountDays); 2] =
    [("CALCULATION_PERIOD", AmountDays::CalculationPeriod), ("OBSERVATION_PERIOD", AmountDays::ObservationPeriod)];
