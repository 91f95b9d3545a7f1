//! Goldens 32 (its FIFO parts), 33 and 34: relief, crossing zero, restatement.

use bookflow::domain::key::PositionKey;
use bookflow::domain::lot::Relief;
use bookflow::domain::trade::TradeEvent;
use rust_decimal::Decimal;
use serde_json::Value;

use crate::ledger::{Books, date, decimal, dollars, key, terms, trade, trade_id};

fn golden(text: &str) -> Value {
    serde_json::from_str(text).expect("a golden file is JSON")
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn number(value: &Value) -> Decimal {
    decimal(&text(value))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("the golden file has a list here")
}

/// Captures one trade of a golden file as NEW.
fn new(books: &mut Books, key: &PositionKey, id: &str, day: &Value, side: &str, quantity: &Value, price: &Value) {
    let terms = terms(&format!("{side} {} @ {} on {}", text(quantity), text(price), text(day)));
    books.take(&trade(key, id, 1, TradeEvent::New(terms)));
}

fn reliefs<'a>(books: &'a Books, key: &PositionKey, id: &str) -> &'a [Relief] {
    &books.shelf(key).trades[&trade_id(id)].reliefs
}

fn assert_reliefs(reliefs: &[Relief], expected: &Value) {
    let got: Vec<_> = reliefs.iter().map(|relief| (relief.lot.trade_id(), relief.quantity, relief.realised)).collect();
    let expected: Vec<_> = list(expected)
        .iter()
        .map(|relief| {
            (relief["lot"].as_str().expect("a lot"), number(&relief["qty"]), dollars(&text(&relief["realised"])))
        })
        .collect();
    assert_eq!(got, expected);
}

/// Lots, signed remaining quantities and prices, oldest first.
fn assert_lots(books: &Books, key: &PositionKey, expected: &Value) {
    let shelf = books.shelf(key);
    let got: Vec<_> =
        shelf.fifo.values().map(|id| (id.trade_id(), shelf.lots[id].remaining, shelf.lots[id].price)).collect();
    let expected: Vec<_> = list(expected)
        .iter()
        .map(|lot| (lot["lot"].as_str().expect("a lot"), number(&lot["qty"]), number(&lot["price"])))
        .collect();
    assert_eq!(got, expected);
}

#[test]
fn golden_32_fifo_relieves_the_oldest_lots_of_a_long_and_of_a_short() {
    let golden = golden(include_str!("32_lot_relief_methods.json"));
    let inputs = &golden["inputs"];
    for (opening, closing, price, case) in [
        ("BUY", "SELL", "long_close_price", "long_sell_280_at_58"),
        ("SELL", "BUY", "short_close_price", "short_cover_280_at_52"),
    ] {
        let (mut books, key) = (Books::default(), key("A_B_S"));
        for open in list(&inputs["opens"]) {
            new(&mut books, &key, &text(&open["lot"]), &open["trade_date"], opening, &open["qty"], &open["price"]);
        }
        new(&mut books, &key, "C", &inputs["close_date"], closing, &inputs["close_qty"], &inputs[price]);

        let expected = &golden["expected"][case]["FIFO"];
        assert_reliefs(reliefs(&books, &key, "C"), &expected["relieved"]);
        let shelf = books.shelf(&key);
        let position = shelf.position.as_ref().expect("it was traded");
        assert_eq!(position.realised, dollars(&text(&expected["realised"])));
        let remaining = expected["remaining"].as_object().expect("lots by id");
        assert_eq!(shelf.lots.len(), remaining.len());
        for (lot, quantity) in remaining {
            assert_eq!(shelf.lots[&trade_id(lot)].remaining.abs(), number(quantity), "{case} {lot}");
            assert_eq!(shelf.lots[&trade_id(lot)].remaining.is_sign_negative(), opening == "SELL");
        }
    }
}

#[test]
fn golden_33_a_trade_through_zero_earns_only_on_what_it_closes() {
    let golden = golden(include_str!("33_cross_through_zero.json"));
    let (mut books, key) = (Books::default(), key("A_B_S"));
    let mut realised = Decimal::ZERO;
    for (input, stage) in list(&golden["inputs"]["trades"]).iter().zip(["", "after_T2", "after_T3"]) {
        let (id, side) = (text(&input["id"]), text(&input["side"]));
        new(&mut books, &key, &id, &input["date"], &side, &input["qty"], &input["price"]);
        let Some(expected) = golden["expected"].get(stage) else { continue };

        assert_lots(&books, &key, &expected["opened"]);
        let closed = &list(&expected["closed"])[0];
        let [relief] = reliefs(&books, &key, &id) else { panic!("{id} closes one lot") };
        assert_eq!(relief.lot.trade_id(), text(&closed["lot"]));
        assert_eq!(relief.quantity, number(&closed["qty"]));
        if let Some(open) = closed.get("open") {
            assert_eq!(relief.open_price, number(open));
        }
        assert_eq!(number(&input["price"]), number(closed.get("close").unwrap_or(&closed["price"])));
        assert_eq!(relief.realised, dollars(&text(&expected["realised"])));
        realised += number(&expected["realised"]);
        let position = books.shelf(&key).position.as_ref().expect("it was traded");
        assert_eq!(position.quantity, number(&expected["position"]));
        assert_eq!(position.realised.to_decimal(), realised);
    }
    assert_eq!(realised, number(&golden["expected"]["total_realised_before_commission"]));
}

#[test]
fn golden_34_a_cancel_and_a_late_trade_restate_lots_and_result() {
    let golden = golden(include_str!("34_restatement_cancel_and_late_trade.json"));
    let (mut books, key) = (Books::default(), key("A_B_S"));
    let expected = &golden["expected"];
    let mut states = Vec::new();
    for event in list(&golden["inputs"]["events"]) {
        let id = text(&event["trade"]);
        if event["type"] == "CANCEL" {
            let version = number(&event["version"]).try_into().expect("a version");
            books.take(&trade(&key, &id, version, TradeEvent::Cancel));
        } else {
            let side = text(&event["side"]);
            new(&mut books, &key, &id, &event["trade_date"], &side, &event["qty"], &event["price"]);
        }
        states.push((text(&event["received"]), books.shelf(&key).clone()));

        let Some(after) = expected.get(format!("after_seq{}", event["seq"])) else { continue };
        assert_lots(&books, &key, &after["open"]);
        for (day, amount) in after["realised_by_date"].as_object().expect("amounts by date") {
            assert_eq!(realised_until(books.shelf(&key), day), dollars(&text(amount)));
        }
        if let Some(relieved) = after.get("relieved") {
            assert_reliefs(reliefs(&books, &key, "T3"), relieved);
        }
        for delta in after.get("deltas").map_or(&[][..], list) {
            let answer = books.answers.last().expect("the record was answered");
            assert_eq!(answer.realised_delta, Some(dollars(&text(&delta["realised_delta"]))));
        }
    }
    for asked in list(&expected["as_of"]) {
        let (valid, system) = (text(&asked["valid"]), text(&asked["system"]));
        let (_, shelf) = states.iter().rfind(|(received, _)| *received < system).expect("something was received");
        let live = shelf.trades.values().filter_map(|trade| trade.terms());
        let position: Decimal =
            live.filter(|terms| terms.trade_date <= date(&valid)).map(|terms| terms.signed_quantity()).sum();
        assert_eq!(position, number(&asked["position"]), "{asked}");
        assert_eq!(realised_until(shelf, &valid), dollars(&text(&asked["realised"])), "{asked}");
    }
}

/// What the trades dated up to a day have realised.
fn realised_until(shelf: &crate::ledger::Shelf, day: &str) -> bookflow::domain::money::Money {
    let trades = shelf.trades.values().filter(|trade| trade.terms().is_some_and(|terms| terms.trade_date <= date(day)));
    let reliefs = trades.flat_map(|trade| &trade.reliefs);
    reliefs.fold(dollars("0"), |sum, relief| sum.checked_add(relief.realised).expect("amounts of one currency"))
}
