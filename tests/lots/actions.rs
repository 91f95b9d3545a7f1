//! What each corporate action does to the lots, and what it sends to other positions.

use bookflow::domain::key::PositionKey;
use bookflow::domain::lots::corporate_action::{ActionKind, CorporateAction, Fractions};
use bookflow::domain::lots::happen::Happen;
use bookflow::domain::lots::happening::{Effect, Happening, What};
use bookflow::domain::lots::lot::Lot;
use bookflow::domain::number::ratio::Ratio;
use bookflow::domain::trade::TradeEvent;
use rust_decimal::Decimal;

use crate::any::{one, two};
use crate::ledger::{Books, date, decimal, dollars, terms, trade, trade_id};

const EX_DATE: &str = "2025-04-15";

fn deal(books: &mut Books, id: &str, text: &str) {
    books.take(&trade(&one(), id, 1, TradeEvent::New(terms(text))));
}

fn act(books: &mut Books, kind: ActionKind) -> Happen {
    let what = What::Action(CorporateAction { ex_date: date(EX_DATE), kind });
    let change = books.happen(&one(), &Happening { id: trade_id("CA"), version: 1, what });
    books.deliver();
    change
}

fn effect(change: &Happen) -> &Effect {
    &change.happened[0].effect
}

fn ratio(above: u64, below: u64) -> Ratio {
    Ratio::new(above, below).expect("the test writes a ratio")
}

fn in_lieu(price: &str) -> Fractions {
    Fractions::CashInLieu { price: decimal(price) }
}

/// Quantity and cost of the open lots, oldest first.
fn lots(books: &Books, key: &PositionKey) -> Vec<(Decimal, String)> {
    let shelf = books.shelf(key);
    let cost = |lot: &Lot| lot.unit_cost().cost_of(lot.remaining, lot.currency).expect("it is small").to_decimal();
    shelf.fifo.values().map(|id| (shelf.lots[id].remaining, cost(&shelf.lots[id]).to_string())).collect()
}

fn realised(books: &Books) -> Decimal {
    books.shelf(&one()).position.as_ref().expect("it was traded").realised.to_decimal()
}

fn two_lots(side: &str) -> Books {
    let mut books = Books::default();
    deal(&mut books, "A", &format!("{side} 101 @ 30.00 on 2025-04-01"));
    deal(&mut books, "B", &format!("{side} 40 @ 33.33 on 2025-04-02"));
    books
}

#[test]
fn a_fraction_is_cut_towards_zero_for_both_signs() {
    for (side, sign) in [("BUY", Decimal::ONE), ("SELL", -Decimal::ONE)] {
        let mut books = two_lots(side);
        let change = act(&mut books, ActionKind::Split { ratio: ratio(3, 2), fractions: in_lieu("20.10") });
        assert_eq!(books.shelf(&one()).position.as_ref().map(|now| now.quantity), Some(decimal("211") * sign));
        assert_eq!(effect(&change).cash_in_lieu.map(|cash| cash.to_decimal()), Some(decimal("10.05") * sign));
        // The half unit leaves the younger lot, at a cost of 0.5 x 22.22.
        assert_eq!(realised(&books), decimal("-1.06") * sign);
    }
}

#[test]
fn a_reverse_split_keeps_what_a_swap_has_of_a_unit() {
    let mut books = two_lots("BUY");
    act(&mut books, ActionKind::Split { ratio: ratio(1, 3), fractions: Fractions::Keep });
    let kept = [(decimal("33.6666666666"), "3030.00".to_owned()), (decimal("13.3333333334"), "1333.20".to_owned())];
    assert_eq!(lots(&books, &one()), kept, "47 in all");
}

#[test]
fn a_stock_dividend_is_a_split_by_one_and_what_comes_on_top() {
    let mut books = two_lots("BUY");
    act(&mut books, ActionKind::StockDividend { per_unit: ratio(1, 20), fractions: Fractions::Keep });
    assert_eq!(
        lots(&books, &one()),
        [(decimal("106.05"), "3030.00".to_owned()), (decimal("42"), "1333.20".to_owned())]
    );
}

#[test]
fn a_spin_off_moves_cost_to_lots_with_the_dates_of_the_parents() {
    let mut books = two_lots("BUY");
    let (parent_close, child_close) = (decimal("45.00"), decimal("10.00"));
    let kind =
        ActionKind::SpinOff { to: two(), ratio: ratio(1, 2), parent_close, child_close, fractions: Fractions::Keep };
    act(&mut books, kind);
    // w = 10 x 0.5 / (45 + 10 x 0.5) = 0.1
    assert_eq!(lots(&books, &one()), [(decimal("101"), "2727.00".to_owned()), (decimal("40"), "1199.88".to_owned())]);
    assert_eq!(lots(&books, &two()), [(decimal("50.5"), "303.00".to_owned()), (decimal("20"), "133.32".to_owned())]);
    let child = books.shelf(&two()).lots.values().next().expect("it arrived");
    assert_eq!((child.id.as_str(), child.trade_date), ("OMS|CA#OMS|A", date("2025-04-01")));
    assert_eq!(realised(&books), Decimal::ZERO);
}

#[test]
fn a_cash_merger_closes_everything_at_its_price() {
    let mut books = two_lots("SELL");
    act(&mut books, ActionKind::MergerCash { price: decimal("31.00") });
    assert_eq!(lots(&books, &one()), []);
    assert_eq!(realised(&books), decimal("-7.80"), "-101.00 + 93.20");
}

#[test]
fn a_stock_merger_carries_the_cost_along() {
    let mut books = two_lots("BUY");
    let change =
        act(&mut books, ActionKind::MergerStock { to: two(), ratio: ratio(1, 4), fractions: in_lieu("130.00") });
    assert_eq!(lots(&books, &one()), []);
    // 35.25 in all: a quarter unit is paid from the 10 units of the younger lot.
    assert_eq!(
        lots(&books, &two()),
        [(decimal("25.25"), "3030.00".to_owned()), (decimal("9.75"), "1299.87".to_owned())]
    );
    assert_eq!(effect(&change).cash_in_lieu, Some(dollars("32.50")));
    assert_eq!(realised(&books), decimal("-0.83"), "0.25 x (130.00 - 133.32)");
}

#[test]
fn a_mixed_merger_closes_by_value_what_is_paid_in_cash() {
    let mut books = two_lots("BUY");
    let (cash, price) = (decimal("10.00"), decimal("60.00"));
    act(&mut books, ActionKind::MergerMixed { cash, to: two(), ratio: ratio(1, 2), price, fractions: Fractions::Keep });
    // 10 of 40 are cash: a quarter of the cost is closed.
    assert_eq!(lots(&books, &two()), [(decimal("50.5"), "2272.50".to_owned()), (decimal("20"), "999.90".to_owned())]);
    assert_eq!(realised(&books), decimal("319.20"), "1410.00 - 757.50 - 333.30");
}

#[test]
fn a_part_of_a_cost_that_would_be_rounded_above_it_is_all_of_it_and_the_rest_arrives_for_nothing() {
    let mut books = Books::default();
    deal(&mut books, "A", "SELL 0.1 @ 0.763 on 2025-04-01");
    let (cash, price, fractions) = (decimal("298.83"), decimal("2.15"), in_lieu("205.33"));
    act(&mut books, ActionKind::MergerMixed { cash, to: two(), ratio: ratio(5, 7), price, fractions });
    // Cash bears all of the 0.0763 (its part is 0.0759, or 0.08), the fraction of 0.0714285714 units nothing: -29.883 + 0.0763, then -14.66642857.
    assert_eq!(realised(&books), decimal("-29.81") + decimal("-14.67"));

    let mut books = Books::default();
    deal(&mut books, "A", "SELL 0.01 @ 0.737 on 2025-04-01");
    let (cash, price, fractions) = (decimal("346.66"), decimal("71.54"), Fractions::Keep);
    act(&mut books, ActionKind::MergerMixed { cash, to: two(), ratio: ratio(2, 1), price, fractions });
    assert_eq!(lots(&books, &two()), [(decimal("-0.02"), "0.00".to_owned())]);
    assert_eq!(realised(&books), decimal("-3.46"), "-3.4666 + 0.00737");
}

#[test]
fn a_symbol_change_moves_the_lots_as_they_are() {
    let mut books = two_lots("SELL");
    let before = lots(&books, &one());
    act(&mut books, ActionKind::SymbolChange { to: two() });
    assert_eq!((lots(&books, &one()), lots(&books, &two())), (vec![], before));
    assert!(books.shelf(&two()).lots.values().all(|lot| lot.shared.is_none()), "their prices are those of trades");
}

#[test]
fn a_late_trade_before_the_ex_date_is_adjusted_and_one_on_it_is_not() {
    let mut books = two_lots("BUY");
    act(&mut books, ActionKind::Split { ratio: ratio(2, 1), fractions: Fractions::Keep });
    deal(&mut books, "before", "BUY 5 @ 30.00 on 2025-04-14");
    deal(&mut books, "on it", &format!("BUY 5 @ 15.00 on {EX_DATE}"));
    let lots = lots(&books, &one());
    assert_eq!(lots[2..], [(decimal("10"), "150.00".to_owned()), (decimal("5"), "75.00".to_owned())]);
}

#[test]
fn what_a_late_trade_changes_of_a_spin_off_is_sent_with_the_next_version() {
    let mut books = two_lots("BUY");
    act(&mut books, ActionKind::SymbolChange { to: two() });
    let late = books.take(&trade(&one(), "C", 1, TradeEvent::New(terms("SELL 101 @ 30.00 on 2025-04-03"))));
    let moves: Vec<_> = late.moves.iter().map(|sent| (sent.happening.id.as_str(), sent.happening.version)).collect();
    assert_eq!(moves, [("OMS|CA#OMS|A", 2)], "it is withdrawn; the other lot goes as before");
    books.deliver();
    assert_eq!(lots(&books, &two()), [(decimal("40"), "1333.20".to_owned())]);
    let back = books.take(&trade(&one(), "C", 2, TradeEvent::Cancel));
    assert_eq!(back.moves[0].happening.version, 3);
}

#[test]
fn order_of_relief_goes_by_the_adjusted_price() {
    let mut books = two_lots("BUY");
    books.shelves.entry(one()).or_default().policy = bookflow::domain::lots::method::ReliefPolicy::new(
        bookflow::domain::lots::method::ReliefMethod::Hifo,
        Vec::new(),
    );
    act(&mut books, ActionKind::Split { ratio: ratio(2, 1), fractions: Fractions::Keep });
    deal(&mut books, "C", "BUY 10 @ 16.00 on 2025-04-16");
    deal(&mut books, "close", "SELL 85 @ 20.00 on 2025-04-17");
    let reliefs = &books.shelf(&one()).trades[&trade_id("close")].reliefs;
    let taken: Vec<_> = reliefs.iter().map(|relief| (relief.lot.trade_id(), relief.quantity)).collect();
    assert_eq!(taken, [("B", decimal("80")), ("C", decimal("5"))], "16.665 before 16.00 before 15.00");
}

#[test]
fn a_lot_too_small_for_ten_decimals_is_closed_for_nothing_and_stops_no_action() {
    let mut books = two_lots("BUY");
    deal(&mut books, "dust", "BUY 0.0000000001 @ 30.00 on 2025-03-31");
    act(&mut books, ActionKind::Split { ratio: ratio(1, 2), fractions: Fractions::Keep });
    let kept = [(decimal("50.5"), "3030.00".to_owned()), (decimal("20"), "1333.20".to_owned())];
    assert_eq!((lots(&books, &one()), realised(&books)), (kept.to_vec(), Decimal::ZERO));
}
