//! What capture reads: the usual trade nothing but the lots it relieves, a late one what lies after it.

use bookflow::domain::key::PositionKey;
use bookflow::domain::trade::capture::Capture;
use bookflow::domain::trade::{Terms, Trade, TradeEvent};

use crate::ledger::counted::capture_counted;
use crate::ledger::{Books, key, terms, trade};

const LOTS: u32 = 6_500;

fn here() -> PositionKey {
    key("ACC_BOOK_HERE")
}

fn at(source_seq: u32, text: &str) -> Terms {
    Terms { source_seq: source_seq.into(), ..terms(&format!("{text} on 2025-03-03")) }
}

fn new(source_seq: u32, text: &str) -> Trade {
    trade(&here(), &format!("T{source_seq}"), 1, TradeEvent::New(at(source_seq, text)))
}

/// A position of 6,500 lots of 10 units each; the trades' counters are even.
fn many_lots() -> Books {
    let mut books = Books::default();
    for lot in 1..=LOTS {
        books.take(&new(2 * lot, "BUY 10 @ 10.00"));
    }
    books
}

fn read(books: &Books, trade: &Trade) -> (Capture, usize, usize) {
    let (capture, read) = capture_counted(books.shelf(&here()), trade);
    (capture, read.lots, read.trades)
}

#[test]
fn a_trade_at_the_end_reads_only_the_lots_it_relieves() {
    let books = many_lots();
    let (capture, lots, trades) = read(&books, &new(2 * LOTS + 1, "BUY 10 @ 10.00"));
    assert_eq!((capture.lots.len(), lots), (1, 0));
    assert!(trades <= 2, "{trades}");
    let (capture, lots, trades) = read(&books, &new(2 * LOTS + 1, "SELL 25 @ 10.00"));
    assert_eq!((capture.lots.len(), lots), (3, 3));
    assert!(trades <= 2, "{trades}");
}

#[test]
fn a_late_trade_reads_what_lies_after_it() {
    let books = many_lots();
    let (capture, lots, trades) = read(&books, &new(2 * LOTS - 5, "BUY 10 @ 10.00"));
    assert_eq!((capture.lots.len(), capture.trades.len()), (1, 1), "later purchases stay as they are");
    assert!(lots <= 1 && trades <= 6, "{lots} lots, {trades} trades");
}

#[test]
fn a_late_sale_takes_the_oldest_lots_and_leaves_the_rest() {
    let books = many_lots();
    let (capture, lots, trades) = read(&books, &new(2 * LOTS - 5, "SELL 15 @ 10.00"));
    assert_eq!((capture.lots.len(), capture.trades.len()), (2, 1));
    assert!(lots <= 4 && trades <= 6, "{lots} lots, {trades} trades");
}

#[test]
fn a_trade_whose_lot_is_whole_is_exchanged_for_what_it_becomes() {
    let mut books = many_lots();
    books.take(&new(2 * LOTS + 2, "SELL 25 @ 10.00"));
    let of = 2 * LOTS - 4;
    let version = |event| trade(&here(), &format!("T{of}"), 2, event);
    for event in [TradeEvent::Amend(at(of, "BUY 20 @ 11.00")), TradeEvent::Cancel] {
        let (capture, read) = capture_counted(books.shelf(&here()), &version(event));
        assert_eq!((capture.lots.len(), capture.trades.len(), read.lots, read.named), (1, 1, 0, 1));
    }
    let (capture, read) = capture_counted(books.shelf(&here()), &version(TradeEvent::Amend(at(of, "SELL 20 @ 11.00"))));
    assert!(capture.lots.len() > 1 && read.named > 1, "what closes lots now is worked out with all that came later");
}
