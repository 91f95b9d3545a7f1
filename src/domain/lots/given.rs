//! Lots that somebody else keeps, each with what closed of it.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::slice::{Edge, Life, Step};
use crate::domain::lots::cost::signed_like;
use crate::domain::names::LotId;

/// A lot with everything that closed it, each part at its own price, so that its flows need no other lot.
#[derive(Clone, PartialEq, Debug)]
pub struct GivenLot {
    pub id: LotId,
    /// Signed, as opened: below zero is a short.
    pub quantity: Decimal,
    pub opened: Deal,
    /// Ascending by trade date.
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

impl GivenLot {
    /// All that happened to it. Rates of exchange are looked up where they are needed.
    pub fn life(&self) -> Life<&LotId> {
        let steps = self
            .closes
            .iter()
            .map(|close| Step::Close { by: &close.id, units: close.quantity, edge: close.deal.edge() })
            .collect();
        Life { quantity: self.quantity, opened: self.opened.edge(), priced: self.opened.trade_date, steps }
    }

    /// What is still open at the end of a day; signed.
    pub fn open_on(&self, day: NaiveDate) -> Decimal {
        let until_day = self.closes.iter().take_while(|close| close.deal.trade_date <= day);
        until_day.fold(self.quantity, |open, close| open - signed_like(self.quantity, close.quantity))
    }
}

impl Deal {
    pub(in crate::domain) fn edge(&self) -> Edge {
        Edge { date: self.trade_date, settle_date: self.settle_date, price: self.price, fx: Decimal::ONE }
    }
}
