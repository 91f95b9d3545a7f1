//! A cash flow of a swap: what it pays for, when, and what it comes to.

use std::fmt::{self, Display};

use chrono::NaiveDate;
use sha2::{Digest, Sha256};

use crate::domain::blocked::Blocked;
use crate::domain::flows::id::{FlowId, first_128_bits};
use crate::domain::flows::status::Stage;
use crate::domain::key::ContractId;
use crate::domain::money::Currency;
use crate::domain::money::amount::Amount;
use crate::domain::rates::schedule::Period;

/// One amount; `+` = the client receives.
#[derive(Clone, PartialEq, Debug)]
pub struct Flow<'a, Id> {
    pub name: FlowName<'a, Id>,
    pub stage: Stage,
    /// None while it is not agreed.
    pub payment_date: Option<NaiveDate>,
    pub currency: Currency,
    /// The reason when it cannot be calculated; the flow is then known all the same.
    pub result: Result<Calculated, Blocked>,
}

/// What a flow comes to.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Calculated {
    pub amount: Amount,
    /// A value of an earlier day stands in for one that was not published.
    pub provisional: bool,
}

/// The business key of a flow: the same in every version of it, whatever is restated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FlowName<'a, Id> {
    pub contract: &'a ContractId,
    pub kind: Kind,
    /// The lot, or of a trade's fee the trade.
    pub of: Id,
    /// The dividend, or of a trade's fee its kind.
    pub detail: Option<&'a str>,
    /// What closed the part of the lot that it is about; none while that is open.
    pub closed_by: Option<Id>,
    /// What became of that part, where it was not simply closed: a merger may close, pay out and move parts of a lot at once.
    pub fate: Option<&'static str>,
    /// The days it is about. An open equity slice and a running night fee have no end yet, so that they keep their name from day to day.
    pub start: NaiveDate,
    pub end: Option<NaiveDate>,
}

/// What a flow pays for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    EquityPerformance,
    /// The performance of a fraction that a corporate action left, at the price that was paid for it. A swap pays what the fraction earned; its
    /// price is paid to whoever holds the unit itself.
    CashInLieu,
    /// Of a long's financing.
    Interest,
    /// Of a short's proceeds.
    ShortRebate,
    Dividend,
    /// What of a dividend is spent on units: it takes what the dividend brings.
    Reinvestment,
    Commission,
    /// Of a trade other than its commission, or of the nights of a holding other than its borrow fee.
    Fee,
    BorrowFee,
}

impl Kind {
    /// The kind as it is written.
    pub fn name(self) -> &'static str {
        match self {
            Kind::EquityPerformance => "EQUITY_PERFORMANCE",
            Kind::CashInLieu => "CASH_IN_LIEU",
            Kind::Interest => "INTEREST",
            Kind::ShortRebate => "SHORT_REBATE",
            Kind::Dividend => "DIVIDEND",
            Kind::Reinvestment => "REINVESTMENT",
            Kind::Commission => "COMMISSION",
            Kind::Fee => "FEE",
            Kind::BorrowFee => "BORROW_FEE",
        }
    }
}

impl<Id: Copy + Display> FlowName<'_, Id> {
    /// 128 bits of SHA-256 over `bookflow.flow.2`, contract, kind, lot or trade, detail, closing trade, start, end and currency (what there is
    /// none of is empty), and the fate where there is one; each preceded by its length in 4 bytes, big endian.
    pub fn id(&self, currency: Currency) -> FlowId {
        let date = |date: Option<NaiveDate>| date.map(|date| date.to_string()).unwrap_or_default();
        let mut hash = Sha256::new();
        for field in [
            "bookflow.flow.2",
            self.contract.as_str(),
            self.kind.name(),
            &self.of.to_string(),
            self.detail.unwrap_or_default(),
            &self.closed_by.map(|by| by.to_string()).unwrap_or_default(),
            &self.start.to_string(),
            &date(self.end),
            currency.code(),
        ]
        .into_iter()
        .chain(self.fate)
        {
            hash.update((field.len() as u32).to_be_bytes());
            hash.update(field);
        }
        FlowId(first_128_bits(hash))
    }

    /// The days it is about; up to `day` while it has no end.
    pub fn days(&self, day: NaiveDate) -> Period {
        Period { start: self.start, end: self.end.unwrap_or(day) }
    }
}

impl<Id: Copy + Display> Display for FlowName<'_, Id> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.contract, self.kind.name(), self.of)?;
        self.detail.map_or(Ok(()), |detail| write!(f, " {detail}"))?;
        self.closed_by.map_or(Ok(()), |by| write!(f, " closed by {by}"))?;
        self.fate.map_or(Ok(()), |fate| write!(f, " {fate}"))?;
        write!(f, " {}", self.start)?;
        self.end.map_or(Ok(()), |end| write!(f, " to {end}"))
    }
}
