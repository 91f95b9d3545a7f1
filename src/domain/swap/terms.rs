//! What the parties of a swap agreed, with every schedule resolved to dates: resolved once, calculated many times.

use std::sync::Arc;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::product::Product;
use crate::domain::dividends::terms::DividendTerms;
use crate::domain::equity::terms::EquityTerms;
use crate::domain::fees::daily::DailyFeeKind;
use crate::domain::fees::early_end::BreakFee;
use crate::domain::fees::trade::TradeFee;
use crate::domain::financing::terms::{Financing, FinancingTerms, NotionalBasis};
use crate::domain::key::ContractId;
use crate::domain::market::carry::PricePolicy;
use crate::domain::market::fx::{FixPolicy, Pair};
use crate::domain::money::RoundingPolicy;
use crate::domain::names::Symbol;
use crate::domain::rates::business_days::BusinessDays;
use crate::domain::rates::schedule::Period;

/// A swap that can be calculated. Amounts are seen by the client: plus is received.
#[derive(Clone, PartialEq, Debug)]
pub struct Swap {
    pub id: ContractId,
    pub product: Product,
    pub underlier: Symbol,
    /// Prices are in one currency, amounts in the other.
    pub currencies: Pair,
    pub effective: NaiveDate,
    /// None: open-ended.
    pub termination: Option<NaiveDate>,
    pub equity: EquityTerms,
    /// None: nothing is financed (a fully funded swap).
    pub financing: Option<Financing>,
    /// Ascending and touching, from the effective date on; the last one reaches at least to the day that is calculated.
    pub interest_periods: Vec<InterestPeriod>,
    /// None: dividends are not passed on.
    pub dividends: Option<DividendTerms>,
    pub trade_fees: Vec<TradeFee>,
    pub daily_fees: Vec<DailyFeeTerms>,
    /// Of each trade that closes something before the termination date. None: unwinding early costs nothing.
    pub break_fee: Option<BreakFee>,
    pub prices: PricePolicy,
    /// None where both currencies are one.
    pub fix: Option<FixPolicy>,
    pub rounding: RoundingPolicy,
    /// Days on which the underlier is traded: entitlement looks for the one before an ex date. Calendars are shared by all swaps that name them.
    pub exchange_days: Arc<BusinessDays>,
    /// Days on which the settlement currency is paid.
    pub payment_days: Arc<BusinessDays>,
}

/// A stretch of interest, and when it is paid; none while the date is not agreed (the running period of an open-ended swap).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InterestPeriod {
    pub period: Period,
    pub payment: Option<NaiveDate>,
}

/// A fee that accrues every night, at one rate for the life of the swap or at a published one.
#[derive(Clone, PartialEq, Debug)]
pub struct DailyFeeTerms {
    pub kind: DailyFeeKind,
    pub rate: DailyFeeRate,
    /// The days a year counts: 360 or 365.
    pub year_days: u32,
}

/// Where the rate of a night comes from.
#[derive(Clone, PartialEq, Debug)]
pub enum DailyFeeRate {
    Agreed(Decimal),
    /// The last published one on or before the night, by the price policy's age: a borrow rate may change every day.
    Published(Symbol),
}

impl Swap {
    /// Whether the exchange is open on a day; what lies beyond its calendar counts as open, and is blocked with the calendar's name.
    pub fn trades_on(&self, day: NaiveDate) -> bool {
        self.exchange_days.on_or_before(day).map_or(true, |number| self.exchange_days.date(number) == day)
    }

    /// Whether a side is financed on what its lots are worth each night.
    pub fn marked_each_night(&self) -> bool {
        let marked = |side: &FinancingTerms| side.notional == NotionalBasis::DailyMtm;
        self.financing.as_ref().is_some_and(|financing| marked(&financing.long) || marked(&financing.short))
    }
}
