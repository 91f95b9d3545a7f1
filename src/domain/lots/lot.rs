//! A lot: what a trade opened and later trades have not closed yet; and a relief: what a trade closed of a lot.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::cost::UnitCost;
use super::method::ReliefMethod;
use crate::domain::key::{ContractId, PositionKey, Timestamp, TradeId};
use crate::domain::money::{Currency, Money};
use crate::domain::trade::{BusinessOrder, Side, Terms};

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
    /// Per unit, in `currency`; to ten decimals when `shared` says it exactly.
    pub price: Decimal,
    /// The exact unit cost once it is not the price of a trade any more: after a corporate action, or when an average is given up.
    pub shared: Option<Box<UnitCost>>,
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
    pub chosen: Chosen,
    /// Its place in the order of relief: methods that go by cost look at `open_price` first; the lot's id decides between equals.
    pub age: Age,
}

/// Why a lot was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// It was its turn.
    By(ReliefMethod),
    /// The trade's own instruction lists it.
    Listed,
}

/// How old a lot is: the place of its opening trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age {
    pub trade_date: NaiveDate,
    pub exec_time: Timestamp,
    pub source_seq: u64,
}

/// What undoing a fact needs that its reliefs do not say. Most trades have none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Before {
    /// Cost of the pool before, in minor units, signed like the position; `None` while each lot had its own cost.
    pub pool: Option<i64>,
    /// Lots whose numbers cannot be worked out backwards.
    pub lots: Vec<Image>,
}

/// A lot as it stood, with revision 0, and what was left of its quantity afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    pub lot: Lot,
    pub after: Decimal,
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
            shared: None,
            currency: terms.currency,
            trade_date: terms.trade_date,
            settle_date: terms.settle_date,
            exec_time: terms.exec_time,
            source_seq: terms.source_seq,
            revision,
        }
    }

    /// What a trade would say that opened what is left of it.
    pub(super) fn terms(&self) -> Terms {
        Terms {
            contract: self.contract.clone(),
            side: if self.remaining.is_sign_negative() { Side::Sell } else { Side::Buy },
            quantity: self.remaining.abs(),
            price: self.price,
            currency: self.currency,
            trade_date: self.trade_date,
            exec_time: self.exec_time,
            source_seq: self.source_seq,
            settle_date: self.settle_date,
            relief: None,
        }
    }

    /// What a unit of it costs, exact.
    pub fn unit_cost(&self) -> UnitCost {
        self.shared.as_deref().copied().unwrap_or(UnitCost::Price(self.price))
    }

    /// Its place among the lots of its position, but for the id.
    pub fn age(&self) -> Age {
        Age { trade_date: self.trade_date, exec_time: self.exec_time, source_seq: self.source_seq }
    }

    /// The place of its opening trade: FIFO relieves the least first.
    pub fn order(&self) -> BusinessOrder<'_> {
        (self.trade_date, self.exec_time, self.source_seq, &self.id)
    }
}
