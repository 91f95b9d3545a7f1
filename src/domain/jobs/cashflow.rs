//! Cash flows: amounts from the client's view, each with what it was calculated from.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};

use super::market::Withholding;
use super::payment::Payment;
use crate::domain::daycount::DayCount;
use crate::domain::flows::id::{FlowId, first_128_bits};
use crate::domain::flows::status::Stage;
use crate::domain::key::ContractId;
use crate::domain::money::Money;
use crate::domain::names::{LotId, PositionId};
use crate::domain::swap::flow::Kind;

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

impl FlowId {
    /// SHA-256 over `bookflow.flow.1`, contract, position, lot, closing lot (empty when open), kind, detail (of a dividend the ex date, and from
    /// the second one of a day and currency on what it pays), valuation date and currency; each preceded by its length in 4 bytes, big endian.
    pub fn of(
        contract: &ContractId,
        position: &PositionId,
        lot: &LotId,
        closing_lot: Option<&LotId>,
        valuation_date: NaiveDate,
        payment: &Payment,
    ) -> FlowId {
        let mut hash = Sha256::new();
        for field in [
            "bookflow.flow.1",
            contract.as_str(),
            position.as_str(),
            lot.as_str(),
            closing_lot.map_or("", LotId::as_str),
            payment.kind.name(),
            &payment.detail,
            &valuation_date.to_string(),
            payment.amount.currency.code(),
        ] {
            hash.update((field.len() as u32).to_be_bytes());
            hash.update(field);
        }
        FlowId(first_128_bits(hash))
    }
}

impl FlowKind {
    /// The kind as it is written.
    pub fn name(self) -> &'static str {
        match self {
            FlowKind::EquityPerformance => "EQUITY_PERFORMANCE",
            FlowKind::Interest => "INTEREST",
            FlowKind::Dividend => "DIVIDEND",
            FlowKind::CashInLieu => "CASH_IN_LIEU",
            FlowKind::ShortRebate => "SHORT_REBATE",
            FlowKind::Commission => "COMMISSION",
            FlowKind::Fee => "FEE",
            FlowKind::BorrowFee => "BORROW_FEE",
            FlowKind::Reinvestment => "REINVESTMENT",
        }
    }
}

impl FlowStatus {
    /// The status as it is written.
    pub fn name(self) -> &'static str {
        match self {
            FlowStatus::Accrued => "ACCRUED",
            FlowStatus::Realised => "REALISED",
            FlowStatus::Projected => "PROJECTED",
            FlowStatus::Deferred => "DEFERRED",
        }
    }
}

/// What a flow pays for. A job that brings its own contracts has the first three.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FlowKind {
    EquityPerformance,
    Interest,
    Dividend,
    CashInLieu,
    ShortRebate,
    Commission,
    Fee,
    BorrowFee,
    Reinvestment,
}

/// How far a flow has come. Of a job that brings its own contracts it is one of the first two.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FlowStatus {
    /// Stands until the next valuation: unrealised performance, running interest, a dividend that went ex.
    Accrued,
    /// Fixed for good because the slice was closed.
    Realised,
    /// Expected.
    Projected,
    /// Fixed, and paid later than it would be by the usual rule.
    Deferred,
}

impl From<Kind> for FlowKind {
    fn from(kind: Kind) -> FlowKind {
        match kind {
            Kind::EquityPerformance => FlowKind::EquityPerformance,
            Kind::CashInLieu => FlowKind::CashInLieu,
            Kind::Interest => FlowKind::Interest,
            Kind::ShortRebate => FlowKind::ShortRebate,
            Kind::Dividend => FlowKind::Dividend,
            Kind::Commission => FlowKind::Commission,
            Kind::Fee => FlowKind::Fee,
            Kind::BorrowFee => FlowKind::BorrowFee,
            Kind::Reinvestment => FlowKind::Reinvestment,
        }
    }
}

impl From<Stage> for FlowStatus {
    fn from(stage: Stage) -> FlowStatus {
        match stage {
            Stage::Projected => FlowStatus::Projected,
            Stage::Accrued => FlowStatus::Accrued,
            Stage::Realised => FlowStatus::Realised,
            Stage::Deferred => FlowStatus::Deferred,
        }
    }
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
        /// At most `RATES_EXPLAINED`; more of them are drawn together to one span at their average, to 12 decimals.
        rates: Vec<RateSpan>,
    },
    /// quantity x amount per share x payout ratio, and what the tax leaves of it.
    Dividend {
        quantity: Decimal,
        per_share: Decimal,
        payout_ratio: Decimal,
        ex_date: NaiveDate,
        /// None: nothing is withheld.
        tax: Option<DividendTax>,
    },
}

/// The tax at source of a dividend: gross = amount + withheld.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct DividendTax {
    pub withholding: Withholding,
    pub gross: Money,
    pub withheld: Money,
}

/// A year of daily fixings in every flow would be a hundred times the flow; the series itself stays in the market data.
pub const RATES_EXPLAINED: usize = 8;

/// A rate and the days it holds for: `from` counted, `to` not.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RateSpan {
    pub from: NaiveDate,
    pub to: NaiveDate,
    pub rate: Decimal,
    /// The date the rate was observed; none for a rate that holds whatever the date (fixed, or flat before the first change).
    pub observed: Option<NaiveDate>,
}
