//! A swap with what is held under it, as a document states it: trades that make lots, or lots as they are, and what happens to them.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::terms::Swap;
use crate::domain::key::{PositionKey, TradeId};
use crate::domain::lots::given::GivenLot;
use crate::domain::lots::happening::Happening;
use crate::domain::lots::method::ReliefPolicy;
use crate::domain::trade::Trade;

/// One contract of a document.
#[derive(Clone, PartialEq, Debug)]
pub struct Agreement {
    pub swap: Swap,
    /// The position that trades and happenings are of.
    pub key: PositionKey,
    /// Which lots a closing trade takes.
    pub relief: ReliefPolicy,
    pub held: Held,
    /// Corporate actions, lots that come and lots that leave, in any order. To lots that are given only [`GivenLot::follows`] happens.
    pub happenings: Vec<Happening>,
    /// What lots that come are measured from, where it is not their own price: a valuation of the contract they come from.
    pub references: BTreeMap<TradeId, ReferencePrice>,
}

/// What a lot is measured from, and the day it is of.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ReferencePrice {
    pub date: NaiveDate,
    pub price: Decimal,
}

/// What is held under a contract.
#[derive(Clone, PartialEq, Debug)]
pub enum Held {
    /// In the order of the document; they are captured as a stream of them would be. Each says when it settles.
    Trades(Vec<Trade>),
    Lots(Vec<GivenLot>),
}

impl Agreement {
    /// An agreement to which nothing happens but its trades.
    pub fn new(swap: Swap, key: PositionKey, relief: ReliefPolicy, held: Held) -> Agreement {
        let (happenings, references) = Default::default();
        Agreement { swap, key, relief, held, happenings, references }
    }
}
