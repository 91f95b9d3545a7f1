//! What a restatement reads of a position with 6,500 lots: what lies after the point of change, by whatever method.

use bookflow::domain::lots::method::{ReliefMethod, ReliefPolicy};
use bookflow::domain::lots::position::Costing;
use bookflow::domain::trade::{Terms, Trade, TradeEvent};

use crate::any::one;
use crate::ledger::counted::capture_counted;
use crate::ledger::{Books, terms, trade};

const LOTS: u32 = 6_500;

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
    books
}

fn sale() -> Trade {
    new(2 * LOTS + 2, "SELL 25 @ 10.00")
}

#[test]
fn a_late_trade_replays_what_lies_after_it_and_changes_what_is_other_by_every_method() {
    for method in [ReliefMethod::Fifo, ReliefMethod::Lifo, ReliefMethod::Hifo, ReliefMethod::Average] {
        let mut books = many_lots(method);
        books.take(&sale());
        let (change, read) = capture_counted(books.shelf(&one()), &new(2 * LOTS - 5, "BUY 10 @ 99.00"));
        assert!(read.trades <= 8, "{method:?}: {} trades", read.trades);
        assert!(change.lots.len() <= 4, "{method:?}: {} lots change", change.lots.len());
    }
}

#[test]
fn the_first_close_at_average_cost_reads_the_lots_that_it_takes() {
    let books = many_lots(ReliefMethod::Average);
    let (change, read) = capture_counted(books.shelf(&one()), &sale());
    assert!(read.lots <= 4, "{} lots", read.lots);
    assert_eq!(change.position.map(|position| position.costing), Some(Costing::Pooled));
}
