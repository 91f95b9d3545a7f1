//! A shelf that counts what is taken from it.

use std::cell::Cell;

use bookflow::domain::key::TradeId;
use bookflow::domain::lots::happening::Happened;
use bookflow::domain::lots::ledger::Ledger;
use bookflow::domain::lots::lot::Lot;
use bookflow::domain::lots::method::ReliefPolicy;
use bookflow::domain::lots::position::Position;
use bookflow::domain::trade::Trade;
use bookflow::domain::trade::capture::{Capture, capture};
use bookflow::domain::trade::captured::{CapturedTrade, Place};

use super::Shelf;

/// How many of them a capture read.
pub struct Read {
    pub lots: usize,
    pub trades: usize,
    /// Lots that it asked for by their id.
    pub named: usize,
}

/// Captures without keeping.
pub fn capture_counted(shelf: &Shelf, trade: &Trade) -> (Capture, Read) {
    let counted = Counted { shelf, lots: Cell::default(), trades: Cell::default(), named: Cell::default() };
    let capture = capture(&counted, trade, Place { topic: 1, partition: 0, offset: 9_999 }).expect("it is accepted");
    (capture, Read { lots: counted.lots.get(), trades: counted.trades.get(), named: counted.named.get() })
}

struct Counted<'a> {
    shelf: &'a Shelf,
    lots: Cell<usize>,
    trades: Cell<usize>,
    named: Cell<usize>,
}

impl Ledger for Counted<'_> {
    fn captured(&self, id: &TradeId) -> Option<&CapturedTrade> {
        self.shelf.captured(id)
    }

    fn position(&self) -> Option<&Position> {
        self.shelf.position()
    }

    fn lot(&self, id: &TradeId) -> Option<&Lot> {
        self.named.update(|named| named + 1);
        self.shelf.lot(id)
    }

    fn lots_fifo(&self) -> impl Iterator<Item = &Lot> {
        self.shelf.lots_fifo().inspect(|_| self.lots.update(|lots| lots + 1))
    }

    fn trades_from_latest(&self) -> impl Iterator<Item = &CapturedTrade> {
        self.shelf.trades_from_latest().inspect(|_| self.trades.update(|trades| trades + 1))
    }

    fn policy(&self) -> &ReliefPolicy {
        self.shelf.policy()
    }

    fn happened(&self, id: &TradeId) -> Option<&Happened> {
        self.shelf.happened(id)
    }

    fn happened_from_latest(&self) -> impl Iterator<Item = &Happened> {
        self.shelf.happened_from_latest()
    }
}
