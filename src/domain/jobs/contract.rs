//! Contracts of a calculation job as the request gives them: legs, positions and signed lots.

use chrono::NaiveDate;
use compact_str::CompactString;
use rust_decimal::Decimal;

use crate::domain::daycount::DayCount;
use crate::domain::key::ContractId;
use crate::domain::lots::given::{Deal, GivenClose, GivenLot};
use crate::domain::lots::method::ReliefMethod;
use crate::domain::money::Currency;
use crate::domain::names::{IndexName, LotId, PositionId, Symbol};

/// A contract as it was read; nothing is calculated from it before its lots are relieved.
#[derive(Clone, PartialEq, Debug)]
pub struct Contract {
    pub id: ContractId,
    /// Its type, where that pays off more than the legs listed under it.
    pub unsupported: Option<Unsupported>,
    pub currency: Currency,
    pub start: NaiveDate,
    pub end: NaiveDate,
    /// Information only: it is compared with the lots, never calculated with.
    pub total_notional: Option<Decimal>,
    pub positions: Vec<ContractPosition>,
}

/// One leg of a contract with the lots it stands on.
#[derive(Clone, PartialEq, Debug)]
pub struct ContractPosition {
    pub id: PositionId,
    pub leg: Result<Leg, Unsupported>,
    pub underlying: Symbol,
    pub currency: Currency,
    /// Information only: it is compared with the lots, never calculated with.
    pub notional: Option<Decimal>,
    pub lots: Vec<ContractLot>,
}

/// A lot as the request gives it; the sign of the quantity is its direction.
#[derive(Clone, PartialEq, Debug)]
pub struct ContractLot {
    pub id: LotId,
    pub quantity: Decimal,
    pub cost_price: Decimal,
    pub cost_date: NaiveDate,
    pub settlement_date: NaiveDate,
    pub kind: LotKind,
    pub status: LotStatus,
    /// Only a closing lot's counts: it says which open lots it relieves.
    pub unwinding: Result<ReliefMethod, Unsupported>,
}

impl ContractLot {
    fn deal(&self) -> Deal {
        Deal { trade_date: self.cost_date, settle_date: self.settlement_date, price: self.cost_price }
    }

    /// It closes so many units of another lot.
    pub fn close(&self, units: Decimal) -> GivenClose {
        GivenClose { id: self.id.clone(), quantity: units, deal: self.deal() }
    }
}

impl From<ContractLot> for GivenLot {
    /// As it was opened, before anything closed of it.
    fn from(lot: ContractLot) -> GivenLot {
        GivenLot { opened: lot.deal(), id: lot.id, quantity: lot.quantity, closes: Vec::new() }
    }
}

/// A product, leg or method that this version does not calculate, by the name the request used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unsupported(pub CompactString);

/// What a position pays.
#[derive(Clone, PartialEq, Debug)]
pub enum Leg {
    /// Price performance of the lots.
    Equity,
    /// Interest on the settled notional of the lots.
    Interest(Financing),
    /// Dividends that go ex while the lots are held.
    Dividend { payout_ratio: Decimal },
}

/// The terms of an interest leg.
#[derive(Clone, PartialEq, Debug)]
pub struct Financing {
    pub rate: Rate,
    pub spread: Decimal,
    pub day_count: DayCount,
}

/// Where the rate of an interest leg comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Rate {
    Fixed(Decimal),
    Index { name: IndexName, averaging: Averaging },
}

/// How the daily rates of one period become interest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Averaging {
    /// Sum of rate x days.
    Simple,
    /// Daily compounding from the start of the slice; the spread stays outside.
    Compounded,
}

/// What a lot is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LotKind {
    New,
    Adjustment,
    Closing,
}

/// How a lot stands; only active lots count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LotStatus {
    Active,
    Closed,
    Adjusted,
}
