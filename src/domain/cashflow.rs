//! Cash flows: amounts from the client's view, each with what it was calculated from.

use std::fmt;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::contract::{LotId, PositionId};
use super::daycount::DayCount;
use super::key::ContractId;
use super::money::Money;

/// One amount of one lot slice on one valuation date; `+` = the client receives.
#[derive(Clone, PartialEq, Debug)]
pub struct CashFlow {
    pub id: FlowId,
    pub contract: ContractId,
    pub position: PositionId,
    pub lot: LotId,
    /// The lot that closed this slice, when it is no longer open.
    pub closing_lot: Option<LotId>,
    pub kind: FlowKind,
    pub status: FlowStatus,
    pub valuation_date: NaiveDate,
    /// Rounded once, here; every sum is a sum of these.
    pub amount: Money,
    pub unrounded: Decimal,
    pub explain: Explain,
}

/// 128 bits of SHA-256 over the flow's business key, so that the same flow has the same id in every run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FlowId(pub u128);

impl fmt::Display for FlowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// What a flow pays for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FlowKind {
    EquityPerformance,
    Interest,
    Dividend,
}

/// How far a flow has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FlowStatus {
    /// Stands until the next valuation: unrealised performance, running interest, a dividend that went ex.
    Accrued,
    /// Fixed for good because the slice was closed.
    Realised,
}

/// What a flow was calculated from, enough to do it again by hand.
#[derive(Clone, PartialEq, Debug)]
pub enum Explain {
    /// quantity x (price - cost price).
    Performance { quantity: Decimal, cost_price: Decimal, price: Decimal, price_date: NaiveDate },
    /// - notional x sum of (rate + spread) x days / basis of the day count.
    Interest {
        notional: Decimal,
        day_count: DayCount,
        spread: Decimal,
        compounded: bool,
        from: NaiveDate,
        to: NaiveDate,
        rates: Vec<RateSpan>,
    },
    /// quantity x amount per share x payout ratio.
    Dividend { quantity: Decimal, per_share: Decimal, payout_ratio: Decimal, ex_date: NaiveDate },
}

/// A rate and the days it holds for: `from` counted, `to` not.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RateSpan {
    pub from: NaiveDate,
    pub to: NaiveDate,
    pub rate: Decimal,
    /// The date the rate was observed; none for a rate that holds whatever the date (fixed, or flat before the first change).
    pub observed: Option<NaiveDate>,
}
