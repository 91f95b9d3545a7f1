//! What a restatement reads of a position with 6,500 lots: what lies after the point of change, by whatever method.

use std::cell::Cell;

use bookflow::domain::key::TradeId;
use bookflow::domain::lots::ledger::Ledger;
use bookflow::domain::lots::lot::Lot;
use bookflow::domain::lots::method::{Instruction, ReliefMethod, ReliefPolicy};
use bookflow::domain::lots::position::Position;
use bookflow::domain::trade::capture::capture;
use bookflow::domain::trade::captured::{CapturedTrade, Place};
use bookflow::domain::trade::{Terms, Trade, TradeEvent};

use crate::any::one;
use crate::ledger::{Books, Shelf, terms, trade};

const LOTS: u32 = 6_500;

/// A shelf that counts the trades that are taken from it.
struct Counted<'a> {
    shelf: &'a Shelf,
    trades: Cell<usize>,
}

impl Ledger for Counted<'_> {
    fn captured(&self, id: &TradeId) -> Option<&CapturedTrade> {
        self.shelf.captured(id)
    }

    fn position(&self) -> Option<&Position> {
        self.shelf.position()
    }

    fn lot(&self, id: &TradeId) -> Option<&Lot> {
        self.shelf.lot(id)
    }

    fn lots_fifo(&self) -> impl Iterator<Item = &Lot> {
        self.shelf.lots_fifo()
    }

    fn trades_from_latest(&self) -> impl Iterator<Item = &CapturedTrade> {
        self.shelf.trades_from_latest().inspect(|_| self.trades.set(self.trades.get() + 1))
    }

    fn policy(&self) -> &ReliefPolicy {
        self.shelf.policy()
    }

    fn instruction(&self, trade: &TradeId) -> Option<&Instruction> {
        self.shelf.instruction(trade)
    }
}

fn new(source_seq: u32, text: &str) -> Trade {
    let terms = Terms { source_seq: source_seq.into(), ..terms(&format!("{text} on 2025-03-03")) };
    trade(&one(), &format!("T{source_seq}"), 1, TradeEvent::New(terms))
}

fn many_lots(method: ReliefMethod) -> Books {
    let mut books = Books::default();
    books.shelves.entry(one()).or_default().policy = ReliefPolicy::new(method, Vec::new());
    for lot in 1..=LOTS {
        books.take(&new(2 * lot, &format!("BUY 10 @ {}.00", 10 + lot % 7)));
    }
    books.take(&new(2 * LOTS + 2, "SELL 25 @ 10.00"));
    books
}

#[test]
fn a_late_trade_replays_what_lies_after_it_and_changes_what_is_other_by_every_method() {
    for method in [ReliefMethod::Fifo, ReliefMethod::Lifo, ReliefMethod::Hifo, ReliefMethod::Average] {
        let books = many_lots(method);
        let counted = Counted { shelf: books.shelf(&one()), trades: Cell::new(0) };
        let late = new(2 * LOTS - 5, "BUY 10 @ 99.00");
        let change = capture(&counted, &late, Place { topic: 1, partition: 0, offset: 9_999 }).expect("it is accepted");
        assert!(counted.trades.get() <= 8, "{method:?}: {} trades", counted.trades.get());
        assert!(change.lots.len() <= 4, "{method:?}: {} lots change", change.lots.len());
    }
}
