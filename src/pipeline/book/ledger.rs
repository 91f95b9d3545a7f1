//! One position of the tables, as the domain reads it.

use super::keys::TradeKeyRef;
use super::{Book, Number};
use crate::domain::key::{PositionKey, TradeId};
use crate::domain::lots::happening::Happened;
use crate::domain::lots::ledger::Ledger;
use crate::domain::lots::lot::Lot;
use crate::domain::lots::method::{FIFO, ReliefPolicy};
use crate::domain::lots::position::Position;
use crate::domain::trade::captured::CapturedTrade;
use crate::domain::trade::{BusinessOrder, Trade};
use crate::engine::ordered::Ordered;
use crate::engine::table::Entry;

/// What it always is asked for is looked up once.
pub(super) struct OnePosition<'a> {
    book: &'a Book,
    key: &'a PositionKey,
    number: Option<Number>,
    pub position: Option<&'a Position>,
    /// The trade that is captured, and what is known of it.
    known: Option<(&'a TradeId, Option<&'a CapturedTrade>)>,
}

impl<'a> OnePosition<'a> {
    pub fn of(book: &'a Book, key: &'a PositionKey) -> Self {
        OnePosition::numbered(book, key, book.numbers.known.get(key).copied())
    }

    /// The same where its number is known, if it has one.
    pub fn numbered(book: &'a Book, key: &'a PositionKey, number: Option<Number>) -> Self {
        OnePosition { book, key, number, position: book.positions.get(key), known: None }
    }

    pub fn with(book: &'a Book, trade: &'a Trade, number: Option<Number>) -> Self {
        let known = book.trades.get(&TradeKeyRef(&trade.key, &trade.id));
        OnePosition { known: Some((&trade.id, known)), ..OnePosition::numbered(book, &trade.key, number) }
    }

    /// The entries of this position in order.
    fn scan<'i>(&self, ordered: &'i Ordered) -> impl DoubleEndedIterator<Item = Entry> + use<'i> {
        self.number.into_iter().flat_map(|number| ordered.scan(number))
    }
}

impl Ledger for OnePosition<'_> {
    fn captured(&self, id: &TradeId) -> Option<&CapturedTrade> {
        match self.known {
            Some((trade, known)) if trade == id => known,
            _ => self.book.trades.get(&TradeKeyRef(self.key, id)),
        }
    }

    fn position(&self) -> Option<&Position> {
        self.position
    }

    fn policy(&self) -> &ReliefPolicy {
        self.position.map_or(&FIFO, |position| &position.relief)
    }

    fn lot(&self, id: &TradeId) -> Option<&Lot> {
        self.book.lots.get(&TradeKeyRef(self.key, id))
    }

    fn happened(&self, id: &TradeId) -> Option<&Happened> {
        self.book.actions.get(&TradeKeyRef(self.key, id)).map(|action| &action.happened)
    }

    fn happened_from_latest(&self) -> impl Iterator<Item = &Happened> {
        let entries = self.scan(&self.book.moments).rev();
        entries.filter_map(|entry| self.book.actions.at(entry)).map(|action| &action.happened)
    }

    fn lots_fifo(&self) -> impl Iterator<Item = &Lot> {
        self.scan(&self.book.open).filter_map(|entry| self.book.lots.at(entry))
    }

    fn latest_trade(&self) -> Option<BusinessOrder<'_>> {
        self.book.live.latest(&self.book.trades, self.key, self.number?)
    }

    fn trades_from_latest(&self) -> impl Iterator<Item = &CapturedTrade> {
        let number = self.number.into_iter();
        number.flat_map(|number| self.book.live.latest_first(&self.book.trades, self.key, number))
    }
}
