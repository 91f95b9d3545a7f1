//! A swap with what is held under it, as a document states it: trades that make lots, or lots as they are.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::terms::Swap;
use crate::domain::lots::method::ReliefPolicy;
use crate::domain::names::LotId;
use crate::domain::trade::Trade;

/// One contract of a document.
#[derive(Clone, PartialEq, Debug)]
pub struct Agreement {
    pub swap: Swap,
    /// Which lots a closing trade takes.
    pub relief: ReliefPolicy,
    pub held: Held,
}

/// What is held under a contract.
#[derive(Clone, PartialEq, Debug)]
pub enum Held {
    /// In the order of the document; they are captured as a stream of them would be. Each says when it settles.
    Trades(Vec<Trade>),
    Lots(Vec<GivenLot>),
}

/// A lot that somebody else has kept: with what closed of it, each part at its own price.
#[derive(Clone, PartialEq, Debug)]
pub struct GivenLot {
    pub id: LotId,
    /// Signed, as opened: below zero is a short.
    pub quantity: Decimal,
    pub opened: Deal,
    pub closes: Vec<GivenClose>,
}

/// A part of a lot that was closed.
#[derive(Clone, PartialEq, Debug)]
pub struct GivenClose {
    pub id: LotId,
    /// Units, above zero.
    pub quantity: Decimal,
    pub deal: Deal,
}

/// A price, and the days on which it was agreed and settles.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Deal {
    pub trade_date: NaiveDate,
    pub settle_date: NaiveDate,
    pub price: Decimal,
}
