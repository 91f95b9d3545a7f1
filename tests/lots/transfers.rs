//! Lots that go from position to position: with their cost and dates, without a result.

use bookflow::domain::key::{PositionKey, Timestamp, TradeId};
use bookflow::domain::lots::cost::UnitCost;
use bookflow::domain::lots::happening::{Departure, Happening, What};
use bookflow::domain::lots::method::{Instruction, ReliefMethod, ReliefPolicy};
use bookflow::domain::trade::TradeEvent;
use rust_decimal::Decimal;

use crate::any::{one, two};
use crate::ledger::{Books, date, decimal, terms, trade, trade_id};

fn deal(books: &mut Books, at: &PositionKey, id: &str, text: &str) {
    books.take(&trade(at, id, 1, TradeEvent::New(terms(text))));
}

fn departure(quantity: &str, instruction: Option<Instruction>) -> Happening {
    let what = What::Departure(Departure {
        to: two(),
        quantity: decimal(quantity),
        date: date("2025-03-10"),
        exec_time: Timestamp(0),
        source_seq: 0,
        instruction,
    });
    Happening { id: trade_id("X"), version: 1, what }
}

fn three_lots() -> Books {
    let mut books = Books::default();
    deal(&mut books, &one(), "A", "BUY 10 @ 8.00 on 2025-03-03");
    deal(&mut books, &one(), "B", "BUY 10 @ 12.00 on 2025-03-04");
    deal(&mut books, &one(), "C", "BUY 10 @ 10.00 on 2025-03-05");
    books
}

fn open(books: &Books, at: &PositionKey) -> Vec<(String, Decimal, Decimal, String)> {
    let shelf = books.shelf(at);
    let text = |id: &TradeId| {
        let lot = &shelf.lots[id];
        (id.trade_id().to_owned(), lot.remaining, lot.price, lot.trade_date.to_string())
    };
    shelf.fifo.values().map(text).collect()
}

fn lot(id: &str, quantity: &str, price: &str, day: &str) -> (String, Decimal, Decimal, String) {
    (id.to_owned(), decimal(quantity), decimal(price), day.to_owned())
}

#[test]
fn the_same_lots_stand_in_the_other_position_and_nothing_is_realised() {
    let mut books = three_lots();
    books.shelves.entry(one()).or_default().policy = ReliefPolicy::new(ReliefMethod::Hifo, Vec::new());
    books.happen(&one(), &departure("15", None));
    books.deliver();
    assert_eq!(open(&books, &one()), [lot("A", "10", "8", "2025-03-03"), lot("C", "5", "10", "2025-03-05")]);
    let moved = [lot("X#OMS|B", "10", "12", "2025-03-04"), lot("X#OMS|C", "5", "10", "2025-03-05")];
    assert_eq!(open(&books, &two()), moved);
    for at in [one(), two()] {
        assert_eq!(books.shelf(&at).position.as_ref().map(|position| position.realised.minor), Some(0));
    }
}

#[test]
fn lots_can_be_named_for_a_transfer() {
    let mut books = three_lots();
    let named = Instruction::Lots(vec![(trade_id("C"), decimal("10"))]);
    books.happen(&one(), &departure("10", Some(named)));
    books.deliver();
    assert_eq!(open(&books, &two()), [lot("X#OMS|C", "10", "10", "2025-03-05")]);
}

#[test]
fn what_is_not_there_cannot_leave_until_a_late_trade_brings_it() {
    let mut books = three_lots();
    let change = books.happen(&one(), &departure("35", None));
    assert_eq!(change.happened[0].effect.missing, decimal("5"));
    deal(&mut books, &one(), "late", "BUY 10 @ 9.00 on 2025-03-06");
    books.deliver();
    assert_eq!(books.shelf(&one()).happened[&trade_id("X")].effect.missing, Decimal::ZERO);
    assert_eq!(open(&books, &one()), [lot("late", "5", "9", "2025-03-06")]);
    assert_eq!(open(&books, &two()).len(), 4);
}

#[test]
fn a_transfer_that_is_withdrawn_never_was() {
    let mut books = three_lots();
    let before = open(&books, &one());
    books.happen(&one(), &departure("15", None));
    books.deliver();
    books.happen(&one(), &Happening { version: 2, what: What::Withdrawn, ..departure("15", None) });
    books.deliver();
    assert_eq!((open(&books, &one()), open(&books, &two())), (before, vec![]));
}

#[test]
fn lots_that_meet_the_other_direction_close_it_at_their_own_cost() {
    let mut books = three_lots();
    deal(&mut books, &two(), "S", "SELL 4 @ 11.00 on 2025-03-03");
    books.happen(&one(), &departure("10", None));
    books.deliver();
    assert_eq!(open(&books, &two()), [lot("X#OMS|A", "6", "8", "2025-03-03")]);
    let position = books.shelf(&two()).position.as_ref().expect("it was traded");
    assert_eq!(position.realised.to_decimal(), decimal("12"), "4 x (11.00 - 8.00)");
}

#[test]
fn lots_of_a_pool_leave_at_its_average() {
    let mut books = three_lots();
    books.shelves.entry(one()).or_default().policy = ReliefPolicy::new(ReliefMethod::Average, Vec::new());
    deal(&mut books, &one(), "close", "SELL 6 @ 10.00 on 2025-03-06");
    books.happen(&one(), &departure("4", None));
    books.deliver();
    let arrived = &books.shelf(&two()).lots[&trade_id("X#OMS|A")];
    assert_eq!(arrived.shared.as_deref(), Some(&UnitCost::Shared { amount: decimal("40"), units: decimal("4") }));
}

#[test]
fn an_id_that_would_be_too_long_is_told_by_its_hash() {
    let long = TradeId::new("OMS", &"x".repeat(98)).expect("an id");
    let moved = TradeId::moved(&trade_id("X"), &long);
    assert_eq!(moved.as_str().len(), "OMS|X#".len() + 32);
    assert_ne!(moved, TradeId::moved(&trade_id("X"), &trade_id("other")));
    let by = |end| trade_id(&format!("{}{end}", "a".repeat(67)));
    let both = TradeId::moved(&by("x"), &long);
    assert_eq!(both.as_str().len(), "OMS|#".len() + 2 * 32);
    assert_ne!(both, TradeId::moved(&by("y"), &long));
}
