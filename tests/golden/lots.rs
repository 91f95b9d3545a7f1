//! Goldens 30, 32, 33 and 34: splits, relief methods, crossing zero, restatement.

use bookflow::domain::fees::crossing::parts;
use bookflow::domain::key::PositionKey;
use bookflow::domain::lots::as_of::standing;
use bookflow::domain::lots::corporate_action::{ActionKind, CorporateAction, Fractions};
use bookflow::domain::lots::difference::{DifferenceId, differences};
use bookflow::domain::lots::happening::{Effect, Happening, What};
use bookflow::domain::lots::lot::{Lot, Relief};
use bookflow::domain::lots::method::{Instruction, ReliefMethod, ReliefPolicy};
use bookflow::domain::money::Money;
use bookflow::domain::number::ratio::Ratio;
use bookflow::domain::trade::{Trade, TradeEvent};
use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::case::{Case, Node};
use crate::ledger::{Books, Shelf, dollars, key, terms, trade, trade_id};

fn here() -> PositionKey {
    key("A_B_S")
}

/// A trade of a golden file as NEW.
fn new(id: &str, side: &str, at: &Node<'_>, day: &Node<'_>, price: &str) -> Trade {
    let terms = terms(&format!("{side} {} @ {price} on {}", at.text(), day.text()));
    trade(&here(), id, 1, TradeEvent::New(terms))
}

fn reliefs<'a>(books: &'a Books, id: &str) -> &'a [Relief] {
    &books.shelf(&here()).trades[&trade_id(id)].reliefs
}

fn lots(shelf: &Shelf) -> Vec<&Lot> {
    shelf.fifo.values().map(|id| &shelf.lots[id]).collect()
}

fn realised(books: &Books) -> Decimal {
    books.shelf(&here()).position.as_ref().expect("it was traded").realised.to_decimal()
}

fn assert_reliefs(expected: &Node<'_>, reliefs: &[Relief]) {
    assert_eq!(expected.items().len(), reliefs.len());
    for (expected, relief) in expected.items().iter().zip(reliefs) {
        expected.at("lot").is_text(relief.lot.trade_id());
        expected.at("qty").is(relief.quantity);
        expected.at("realised").is(relief.realised.to_decimal());
    }
}

/// Lots, signed remaining quantities and prices, oldest first.
fn assert_lots(expected: &Node<'_>, shelf: &Shelf) {
    assert_eq!(expected.items().len(), shelf.lots.len());
    for (expected, lot) in expected.items().iter().zip(lots(shelf)) {
        expected.at("lot").is_text(lot.id.trade_id());
        expected.at("qty").is(lot.remaining);
        expected.at("price").is(lot.price);
    }
}

/// The lots of golden 30, split under a rule for fractions.
fn split(case: &Case, fractions: Fractions) -> (Vec<Lot>, Shelf, Effect) {
    let inputs = case.inputs();
    let mut books = Books::default();
    for lot in inputs.at("lots").items() {
        let terms = terms(&format!("BUY {} @ {} on 2025-04-01", lot.at("qty").text(), lot.at("price").text()));
        books.take(&trade(&here(), lot.at("lot").text(), 1, TradeEvent::New(terms)));
    }
    let before = lots(books.shelf(&here())).into_iter().cloned().collect();
    let (above, below) = inputs.at("ratio").text().split_once('/').expect("a ratio");
    let part = |text: &str| text.parse().expect("a whole number");
    let ratio = Ratio::new(part(above), part(below)).expect("a ratio");
    let action = CorporateAction { ex_date: inputs.at("ex_date").date(), kind: ActionKind::Split { ratio, fractions } };
    let happening = Happening { id: trade_id("CA"), version: 1, what: What::Action(action) };
    let effect = books.happen(&here(), &happening).happened.remove(0).effect;
    (before, books.shelf(&here()).clone(), effect)
}

#[test]
fn golden_30_a_split_scales_quantity_and_price_and_leaves_the_cost() {
    let case = Case::load("30_stock_split_3_for_2");
    let (before, shelf, _) = split(&case, Fractions::Keep);
    let cost = |lot: &Lot| lot.unit_cost().cost_of(lot.remaining, lot.currency).expect("it is small").to_decimal();
    for ((expected, before), after) in case.expected().at("keep").items().iter().zip(&before).zip(lots(&shelf)) {
        expected.at("lot").is_text(after.id.trade_id());
        expected.at("qty").is(after.remaining);
        expected.at("price_unrounded").is(after.unit_cost().per_unit());
        expected.at("cost_before").is(cost(before));
        expected.at("cost_after").is(cost(after));
    }

    let expected = case.expected().at("cash_in_lieu");
    let price = Decimal::new(2010, 2); // it stands in the words of the case's second policy
    let (before, shelf, effect) = split(&case, Fractions::CashInLieu { price });
    let position = shelf.position.as_ref().expect("it was traded");
    let fraction: Decimal = effect.reliefs.iter().map(|relief| relief.quantity).sum();
    expected.at("total_post_split").is(position.quantity + fraction);
    expected.at("whole_shares").is(position.quantity);
    expected.at("fraction").is(fraction);
    expected.at("cash").is(effect.cash_in_lieu.expect("it was paid").to_decimal());
    let last = before.last().map(|lot| &lot.id);
    assert_eq!(
        effect.reliefs.iter().map(|relief| &relief.lot).collect::<Vec<_>>(),
        last.into_iter().collect::<Vec<_>>()
    );
}

#[test]
fn golden_32_every_method_relieves_its_lots_of_a_long_and_of_a_short() {
    let case = Case::load("32_lot_relief_methods");
    for (opening, closing, price, side) in [
        ("BUY", "SELL", "long_close_price", "long_sell_280_at_58"),
        ("SELL", "BUY", "short_close_price", "short_cover_280_at_52"),
    ] {
        for (method, expected) in case.expected().at(side).entries() {
            let (mut books, inputs) = (Books::default(), case.inputs());
            let order = agree(books.shelves.entry(here()).or_default(), method, &inputs);
            for open in inputs.at("opens").items() {
                let (day, price) = (open.at("trade_date"), open.at("price"));
                books.take(&new(open.at("lot").text(), opening, &open.at("qty"), &day, price.text()));
            }
            let price = inputs.at(price).text();
            let mut close = new("C", closing, &inputs.at("close_qty"), &inputs.at("close_date"), price);
            if let TradeEvent::New(terms) = &mut close.event {
                terms.relief = order.map(Box::new);
            }
            books.take(&close);

            expected.at("realised").is(realised(&books));
            let shelf = books.shelf(&here());
            let position = shelf.position.as_ref().expect("it was traded");
            assert_eq!(position.quantity.is_sign_negative(), opening == "SELL");
            if method == "AVERAGE" {
                expected.at("average_cost_unrounded").is(reliefs(&books, "C")[0].open_price.round_dp(12));
                expected.at("remaining_qty").is(position.quantity.abs());
                expected.at("remaining_cost").is(position.cost.to_decimal().abs());
                continue;
            }
            assert_reliefs(&expected.at("relieved"), reliefs(&books, "C"));
            assert_eq!(expected.at("remaining").entries().len(), shelf.lots.len());
            for (lot, quantity) in expected.at("remaining").entries() {
                quantity.is(shelf.lots[&trade_id(lot)].remaining.abs());
            }
        }
    }
}

/// What golden 32 calls a method: what is agreed, or what is ordered for the close.
fn agree(shelf: &mut Shelf, method: &str, inputs: &Node<'_>) -> Option<Instruction> {
    let method = match method {
        "FIFO" => ReliefMethod::Fifo,
        "LIFO" => ReliefMethod::Lifo,
        "HIFO" => ReliefMethod::Hifo,
        "LOFO" => ReliefMethod::Lofo,
        "AVERAGE" => ReliefMethod::Average,
        "SPECIFIC" => {
            let listed = |text: &str| {
                let (lot, units) = text.split_once(':').expect("lot:units");
                (trade_id(lot), units.parse().expect("a quantity"))
            };
            let lots = inputs.at("specific").items().iter().map(|item| listed(item.text())).collect();
            return Some(Instruction::Lots(lots));
        }
        other => panic!("{other} is no method"),
    };
    shelf.policy = ReliefPolicy::new(method, Vec::new());
    None
}

#[test]
fn golden_33_a_trade_through_zero_earns_only_on_what_it_closes() {
    let case = Case::load("33_cross_through_zero");
    let mut books = Books::default();
    let mut sum = Decimal::ZERO;
    for (input, stage) in case.inputs().at("trades").items().iter().zip(["", "after_T2", "after_T3"]) {
        let (id, price) = (input.at("id").text(), input.at("price"));
        books.take(&new(id, input.at("side").text(), &input.at("qty"), &input.at("date"), price.text()));
        let Some(expected) = case.expected().find(stage) else { continue };

        assert_lots(&expected.at("opened"), books.shelf(&here()));
        let [relief] = reliefs(&books, id) else { panic!("{id} closes one lot") };
        let closed = expected.at("closed").item(0);
        closed.at("lot").is_text(relief.lot.trade_id());
        closed.at("qty").is(relief.quantity);
        closed.find("open").into_iter().for_each(|open| open.is(relief.open_price));
        closed.find("close").unwrap_or_else(|| closed.at("price")).is(price.decimal());
        expected.at("realised").is(relief.realised.to_decimal());
        sum += relief.realised.to_decimal();
        expected.at("position").is(books.shelf(&here()).position.as_ref().expect("it was traded").quantity);
        if let Some(split) = expected.find("commission_split") {
            let opened = books.shelf(&here()).trades[&trade_id(id)].opened.abs();
            let parts = parts(dollars(input.at("commission").text()), relief.quantity, opened).expect("it is small");
            split.at("closing_part").is(parts.closing.to_decimal());
            split.at("opening_part").is(parts.opening.to_decimal());
        }
    }
    case.expected().at("total_realised_before_commission").is(sum);
    assert_eq!(realised(&books), sum);
}

#[test]
fn golden_34_a_cancel_and_a_late_trade_restate_lots_and_result() {
    let case = Case::load("34_restatement_cancel_and_late_trade");
    let (mut books, expected) = (Books::default(), case.expected());
    let mut states = Vec::new();
    for event in case.inputs().at("events").items() {
        let (id, before) = (event.at("trade").text(), books.shelves.entry(here()).or_default().clone());
        let record = if event.at("type").text() == "CANCEL" {
            trade(&here(), id, event.at("version").whole(), TradeEvent::Cancel)
        } else {
            let (side, day, price) = (event.at("side").text(), event.at("trade_date"), event.at("price").text());
            new(id, side, &event.at("qty"), &day, price)
        };
        let change = books.take(&record);
        states.push((event.at("received").text(), books.shelf(&here()).clone()));

        let Some(after) = expected.find(&format!("after_seq{}", event.at("seq").text())) else { continue };
        assert_lots(&after.at("open"), books.shelf(&here()));
        for (day, amount) in after.at("realised_by_date").entries() {
            amount.is(realised_until(books.shelf(&here()), day.parse().expect("a date")));
        }
        if let Some(relieved) = after.find("relieved") {
            assert_reliefs(&relieved, reliefs(&books, "T3"));
        }
        let deltas = differences(&before, &change.trades, &change.happened, &change.lots);
        for delta in after.find("deltas").map_or(Vec::new(), |deltas| deltas.items()) {
            let results = || deltas.iter().filter(|delta| matches!(delta.id, DifferenceId::Relief { .. }));
            delta.at("realised_delta").is(results().map(|delta| delta.delta()).sum::<Decimal>());
            results().for_each(|result| delta.at("valid_date").is_date(result.valid_date));
            let answered = change.answers[0].realised_delta.map(Money::to_decimal);
            assert_eq!(answered, Some(delta.at("realised_delta").decimal()));
        }
    }
    for asked in expected.at("as_of").items() {
        let (valid, system) = (asked.at("valid").given().date(), asked.at("system").given().text());
        let (_, shelf) = states.iter().rfind(|(received, _)| *received < system).expect("something was received");
        let then = standing(shelf, &here(), valid).expect("it was traded").position;
        asked.at("position").is(then.quantity);
        asked.at("realised").is(then.realised.to_decimal());
        assert_eq!(realised_until(shelf, valid), then.realised.to_decimal());
    }
}

/// What the trades dated up to a day have realised.
fn realised_until(shelf: &Shelf, day: NaiveDate) -> Decimal {
    let trades = shelf.trades.values().filter(|trade| trade.terms().is_some_and(|terms| terms.trade_date <= day));
    trades.flat_map(|trade| &trade.reliefs).map(|relief| relief.realised.to_decimal()).sum()
}
