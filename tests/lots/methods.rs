//! Which lots each method takes, when it counts, and which orders are followed.

use bookflow::domain::lots::lot::Relief;
use bookflow::domain::lots::method::{Instruction, InvalidInstruction, ReliefMethod, ReliefPolicy};
use bookflow::domain::lots::position::Costing;
use bookflow::domain::trade::{Terms, TradeEvent};
use rust_decimal::Decimal;

use crate::any::one;
use crate::ledger::{Books, Shelf, date, decimal, dollars, terms, trade, trade_id};

fn books(policy: ReliefPolicy) -> Books {
    let mut books = Books::default();
    books.shelves.entry(one()).or_default().policy = policy;
    books
}

fn always(method: ReliefMethod) -> Books {
    books(ReliefPolicy::new(method, Vec::new()))
}

fn deal(books: &mut Books, id: &str, text: &str) {
    books.take(&trade(&one(), id, 1, TradeEvent::New(terms(text))));
}

fn order(books: &mut Books, id: &str, text: &str, instruction: Instruction) {
    let terms = Terms { relief: Some(Box::new(instruction)), ..terms(text) };
    books.take(&trade(&one(), id, 1, TradeEvent::New(terms)));
}

fn taken(books: &Books, id: &str) -> Vec<(String, Decimal, String)> {
    let text =
        |relief: &Relief| (relief.lot.trade_id().to_owned(), relief.quantity, relief.realised.to_decimal().to_string());
    books.shelf(&one()).trades[&trade_id(id)].reliefs.iter().map(text).collect()
}

fn shelf(books: &Books) -> &Shelf {
    books.shelf(&one())
}

fn lots(list: &[(&str, &str)]) -> Instruction {
    Instruction::Lots(list.iter().map(|(id, units)| (trade_id(id), decimal(units))).collect())
}

#[test]
fn the_greatest_loss_comes_first_on_both_sides() {
    for (open, close, first) in [("BUY", "SELL", "dear"), ("SELL", "BUY", "cheap")] {
        for (method, expected) in [
            (ReliefMethod::MaxLoss, first),
            (ReliefMethod::MinGain, first),
            (ReliefMethod::MaxGain, if first == "dear" { "cheap" } else { "dear" }),
        ] {
            let mut books = always(method);
            deal(&mut books, "cheap", &format!("{open} 10 @ 8.00 on 2025-03-03"));
            deal(&mut books, "dear", &format!("{open} 10 @ 12.00 on 2025-03-04"));
            deal(&mut books, "close", &format!("{close} 10 @ 10.00 on 2025-03-05"));
            assert_eq!(taken(&books, "close")[0].0, expected, "{method:?} {open}");
        }
    }
}

#[test]
fn of_equal_prices_the_older_lot_goes_first() {
    for method in [ReliefMethod::Hifo, ReliefMethod::Lofo] {
        let mut books = always(method);
        deal(&mut books, "younger", "BUY 10 @ 8.00 on 2025-03-04");
        deal(&mut books, "older", "BUY 10 @ 8.00 on 2025-03-03");
        deal(&mut books, "close", "SELL 10 @ 10.00 on 2025-03-05");
        assert_eq!(taken(&books, "close")[0].0, "older", "{method:?}");
    }
}

#[test]
fn a_method_applies_to_closes_dated_on_or_after_its_day() {
    let mut books = books(ReliefPolicy::new(ReliefMethod::Fifo, vec![(date("2025-03-06"), ReliefMethod::Lifo)]));
    deal(&mut books, "old", "BUY 20 @ 8.00 on 2025-03-03");
    deal(&mut books, "new", "BUY 20 @ 9.00 on 2025-03-04");
    deal(&mut books, "from that day", "SELL 5 @ 10.00 on 2025-03-06");
    deal(&mut books, "before it, but late", "SELL 5 @ 10.00 on 2025-03-05");
    assert_eq!(taken(&books, "before it, but late")[0].0, "old");
    assert_eq!(taken(&books, "from that day")[0].0, "new");
}

#[test]
fn the_last_relief_of_a_pool_takes_the_remaining_cost_exactly() {
    let mut books = always(ReliefMethod::Average);
    deal(&mut books, "A", "BUY 1 @ 10.00 on 2025-03-03");
    deal(&mut books, "B", "BUY 2 @ 10.01 on 2025-03-03");
    for id in ["1", "2", "3"] {
        deal(&mut books, id, "SELL 1 @ 0.00 on 2025-03-04");
    }
    // 30.02 / 3 = 10.00667; then 20.01 / 2 = 10.005; then the 10.00 that are left.
    let realised: Vec<String> = ["1", "2", "3"].iter().map(|id| taken(&books, id)[0].2.clone()).collect();
    assert_eq!(realised, ["-10.01", "-10.01", "-10.00"]);
    let position = shelf(&books).position.as_ref().expect("it was traded");
    assert_eq!((position.cost, position.realised), (dollars("0"), dollars("-30.02")));
    assert_eq!(position.costing, Costing::ByLot, "a flat position has no pool");
}

#[test]
fn a_pool_that_is_given_up_leaves_each_lot_its_share() {
    let change = vec![(date("2025-03-06"), ReliefMethod::Hifo)];
    let mut books = books(ReliefPolicy::new(ReliefMethod::Average, change));
    deal(&mut books, "A", "BUY 10 @ 8.00 on 2025-03-03");
    deal(&mut books, "B", "BUY 10 @ 12.00 on 2025-03-03");
    deal(&mut books, "average", "SELL 5 @ 10.00 on 2025-03-05");
    assert_eq!(shelf(&books).position.as_ref().map(|position| position.costing), Some(Costing::Pooled));
    deal(&mut books, "by lot", "SELL 5 @ 10.00 on 2025-03-06");
    assert_eq!(taken(&books, "by lot"), [("A".to_owned(), decimal("5"), "0.00".to_owned())], "all cost 10.00 now");
    assert_eq!(shelf(&books).lots[&trade_id("B")].price, decimal("10"));
}

#[test]
fn specific_lots_are_relieved_as_listed() {
    let mut books = always(ReliefMethod::Fifo);
    deal(&mut books, "A", "BUY 10 @ 8.00 on 2025-03-03");
    deal(&mut books, "B", "BUY 10 @ 9.00 on 2025-03-04");
    order(&mut books, "close", "SELL 6 @ 10.00 on 2025-03-05", lots(&[("B", "4"), ("A", "2")]));
    let expected =
        [("B".to_owned(), decimal("4"), "4.00".to_owned()), ("A".to_owned(), decimal("2"), "4.00".to_owned())];
    assert_eq!(taken(&books, "close"), expected);
}

#[test]
fn an_instruction_that_cannot_be_followed_is_refused_and_the_trade_is_not() {
    let sum = InvalidInstruction::Sum { listed: decimal("7"), closed: decimal("6") };
    for (list, refused) in [
        (lots(&[("A", "7")]), sum),
        (lots(&[("A", "11")]), InvalidInstruction::NotOpen(trade_id("A"))),
        (lots(&[("Z", "6")]), InvalidInstruction::NotOpen(trade_id("Z"))),
        (lots(&[("close", "6")]), InvalidInstruction::NotOpen(trade_id("close"))),
        (lots(&[("A", "3"), ("A", "3")]), InvalidInstruction::Quantity(trade_id("A"))),
        (lots(&[("A", "0"), ("B", "6")]), InvalidInstruction::Quantity(trade_id("A"))),
    ] {
        let mut books = always(ReliefMethod::Lifo);
        deal(&mut books, "A", "BUY 10 @ 8.00 on 2025-03-03");
        deal(&mut books, "B", "BUY 10 @ 9.00 on 2025-03-04");
        order(&mut books, "close", "SELL 6 @ 10.00 on 2025-03-05", list);
        assert_eq!(shelf(&books).trades[&trade_id("close")].refused, Some(Box::new(refused)));
        assert_eq!(taken(&books, "close")[0].0, "B", "by the policy's method");
    }
}

#[test]
fn an_instruction_counts_again_once_a_late_trade_makes_it_possible() {
    let mut books = always(ReliefMethod::Fifo);
    deal(&mut books, "A", "BUY 10 @ 8.00 on 2025-03-03");
    order(&mut books, "close", "SELL 6 @ 10.00 on 2025-03-05", lots(&[("late", "6")]));
    assert_eq!(taken(&books, "close")[0].0, "A");
    deal(&mut books, "late", "BUY 10 @ 9.00 on 2025-03-04");
    assert_eq!(taken(&books, "close")[0].0, "late");
}

#[test]
fn a_trade_has_nothing_to_undo_beyond_its_reliefs() {
    let mut books = always(ReliefMethod::Hifo);
    deal(&mut books, "A", "BUY 10 @ 8.00 on 2025-03-03");
    deal(&mut books, "close", "SELL 6 @ 10.00 on 2025-03-05");
    assert!(shelf(&books).trades.values().all(|trade| trade.before.is_none()));
}

/// Lots that gain and lots that lose, long and short: the greatest loss goes first and the least gain after it, by both names.
#[test]
fn greatest_losses_come_before_least_gains_and_the_opposite_is_the_greatest_gain() {
    for (open, close) in [("BUY", "SELL"), ("SELL", "BUY")] {
        let order = |method| {
            let mut books = always(method);
            for (id, price) in [("A", "50.00"), ("B", "58.00"), ("C", "45.00"), ("D", "61.00")] {
                deal(&mut books, id, &format!("{open} 10 @ {price} on 2025-04-01"));
            }
            deal(&mut books, "close", &format!("{close} 40 @ 55.00 on 2025-04-02"));
            taken(&books, "close").into_iter().map(|(lot, _, _)| lot).collect::<Vec<_>>()
        };
        let expected = if open == "BUY" { ["D", "B", "A", "C"] } else { ["C", "A", "B", "D"] };
        assert_eq!(order(ReliefMethod::MaxLoss), expected);
        assert_eq!(order(ReliefMethod::MinGain), expected);
        let mut opposite = order(ReliefMethod::MaxGain);
        opposite.reverse();
        assert_eq!(opposite, expected);
    }
}
