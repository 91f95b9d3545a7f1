//! Late facts and withdrawn ones: what changes is returned, and nothing else.

use bookflow::domain::lots::corporate_action::{ActionKind, CorporateAction, Fractions};
use bookflow::domain::lots::difference::{Difference, DifferenceId, differences};
use bookflow::domain::lots::happening::{Happening, What};
use bookflow::domain::number::ratio::Ratio;
use bookflow::domain::trade::{Trade, TradeEvent};

use crate::any::one;
use crate::ledger::{Books, date, decimal, terms, trade, trade_id};

fn new(id: &str, text: &str) -> Trade {
    trade(&one(), id, 1, TradeEvent::New(terms(text)))
}

fn take(books: &mut Books, trade: &Trade) -> Vec<Difference> {
    let shelf = books.shelves.entry(one()).or_default().clone();
    let capture = books.take(trade);
    differences(&shelf, &capture.trades, &capture.happened, &capture.lots)
}

fn relief(by: &str, lot: &str) -> DifferenceId {
    DifferenceId::Relief { by: trade_id(by), lot: trade_id(lot) }
}

#[test]
fn a_late_purchase_says_what_it_takes_from_whom() {
    let mut books = Books::default();
    take(&mut books, &new("A", "BUY 10 @ 8.00 on 2025-03-04"));
    take(&mut books, &new("C", "SELL 10 @ 10.00 on 2025-03-05"));
    let (monday, day) = (date("2025-03-03"), date("2025-03-05"));
    let zero = decimal("0");
    let difference = |id, old, new, valid_date| Difference { id, old, new, valid_date };
    let expected = [
        difference(relief("C", "A"), decimal("20"), decimal("8"), day),
        difference(relief("C", "late"), zero, decimal("6"), day),
        difference(DifferenceId::Lot(trade_id("A")), zero, decimal("6"), date("2025-03-04")),
    ];
    let got = take(&mut books, &new("late", "BUY 6 @ 9.00 on 2025-03-03"));
    assert_eq!(got, expected);
    assert_eq!(got[0].delta(), decimal("-12"));
    assert!(got.iter().all(|difference| difference.valid_date != monday), "the late lot came and went");
}

#[test]
fn a_close_that_moves_to_another_day_takes_its_result_along() {
    let mut books = Books::default();
    take(&mut books, &new("A", "BUY 10 @ 8.00 on 2025-03-04"));
    take(&mut books, &new("C", "SELL 10 @ 10.00 on 2025-03-05"));
    let amend = trade(&one(), "C", 2, TradeEvent::Amend(terms("SELL 10 @ 10.00 on 2025-03-06")));
    let moved = take(&mut books, &amend);
    let days: Vec<_> = moved.iter().map(|difference| (difference.valid_date, difference.delta())).collect();
    assert_eq!(days, [(date("2025-03-05"), decimal("-20")), (date("2025-03-06"), decimal("20"))]);
}

#[test]
fn a_split_that_moves_to_another_day_is_undone_and_done_again() {
    let mut books = Books::default();
    take(&mut books, &new("A", "BUY 10 @ 8.00 on 2025-03-04"));
    take(&mut books, &new("B", "BUY 10 @ 8.00 on 2025-03-06"));
    let split = |version, day: &str| {
        let (ratio, fractions) = (Ratio::new(2, 1).expect("a ratio"), Fractions::Keep);
        let what = What::Action(CorporateAction { ex_date: date(day), kind: ActionKind::Split { ratio, fractions } });
        Happening { id: trade_id("S"), version, what }
    };
    let quantities = |books: &Books| {
        let shelf = books.shelf(&one());
        [&shelf.lots[&trade_id("A")], &shelf.lots[&trade_id("B")]].map(|lot| lot.remaining)
    };
    books.happen(&one(), &split(1, "2025-03-05"));
    assert_eq!(quantities(&books), [decimal("20"), decimal("10")]);
    books.happen(&one(), &split(3, "2025-03-07"));
    assert_eq!(quantities(&books), [decimal("20"), decimal("20")]);
    let stale = books.happen(&one(), &split(2, "2025-03-04"));
    assert!(stale.happened.is_empty(), "version 3 says all there is to say");
    books.happen(&one(), &Happening { version: 4, what: What::Withdrawn, ..split(4, "2025-03-07") });
    assert_eq!(quantities(&books), [decimal("10"), decimal("10")]);
    assert!(books.shelf(&one()).lots.values().all(|lot| lot.shared.is_none()), "prices are those of trades again");
}
