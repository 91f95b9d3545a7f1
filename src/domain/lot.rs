//! A lot: what a trade opened and later trades have not closed yet; and a relief: what a trade closed of a lot.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::key::{ContractId, PositionKey, Timestamp, TradeId};
use super::money::{Currency, Money};
use super::trade::{BusinessOrder, Terms};

/// An open lot. Quantities are signed: a short lot is negative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lot {
    /// The id of the trade that opened it.
    pub id: TradeId,
    pub key: PositionKey,
    pub contract: Option<ContractId>,
    /// What the trade opened: all of it, or what was left when it crossed zero.
    pub opened: Decimal,
    /// What is still open: same sign as `opened`, never zero.
    pub remaining: Decimal,
    /// Per unit, in `currency`.
    pub price: Decimal,
    pub currency: Currency,
    pub trade_date: NaiveDate,
    pub settle_date: Option<NaiveDate>,
    pub exec_time: Timestamp,
    pub source_seq: u64,
    /// The position's revision that last changed this lot.
    pub revision: u64,
}

/// A lot as it stands now, or that it is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LotChange {
    Put(Lot),
    Close(TradeId),
}

/// What a closing trade took from one lot. It stands with the closing trade, which has the closing price and dates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relief {
    pub lot: TradeId,
    /// Units closed, above zero.
    pub quantity: Decimal,
    pub open_price: Decimal,
    /// direction x quantity x (closing price - opening price), rounded once.
    pub realised: Money,
}

impl Lot {
    /// What is left of the lot that a trade of these terms opened.
    pub fn of_trade(
        key: &PositionKey,
        id: &TradeId,
        terms: &Terms,
        opened: Decimal,
        remaining: Decimal,
        revision: u64,
    ) -> Lot {
        Lot {
            id: id.clone(),
            key: key.clone(),
            contract: terms.contract.clone(),
            opened,
            remaining,
            price: terms.price,
            currency: terms.currency,
            trade_date: terms.trade_date,
            settle_date: terms.settle_date,
            exec_time: terms.exec_time,
            source_seq: terms.source_seq,
            revision,
        }
    }

    /// The place of its opening trade: FIFO relieves the least first.
    pub fn order(&self) -> BusinessOrder<'_> {
        (self.trade_date, self.exec_time, self.source_seq, &self.id)
    }
}
