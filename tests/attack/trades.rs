//! Trades that are none.

use bookflow::cli::generate::poison::Poison;
use bookflow::cli::generate::record::Wire;
use bookflow::cli::generate::trades::Generated;
use bookflow::domain::trade::captured::Place;
use bookflow::domain::trade::{Terms, Trade, TradeEvent};
use bookflow::messages::schemas::Schemas;
use bookflow::pipeline::topics::TRADES;
use bookflow::pipeline::topology::BOOK;
use rust_decimal::Decimal;

use crate::damage::{DAMAGES, Raw};
use crate::house::*;
use crate::samples::*;

const KEY: &str = "FUND_EQ_AAPL";
const NEIGHBOUR: &str = "FUND_EQ_MSFT";

/// Puts sound trades of the same and of another position around each bad record, and looks at what came of them all.
fn attack(bad: impl IntoIterator<Item = (&'static str, &'static str, Raw)>) {
    let house = House::new();
    let (mut wanted, mut sound, mut neighbours) = (Vec::new(), Vec::new(), Vec::new());
    let good = |number: usize| house.put_trade(&buy(KEY, &format!("T{number}"), 1));
    for (number, (name, reason, raw)) in bad.into_iter().enumerate() {
        sound.push(good(number));
        wanted.push((house.place(TRADES, &raw), name, reason, raw));
        neighbours.push(house.put_trade(&buy(NEIGHBOUR, &format!("N{number}"), 1)));
    }
    sound.push(good(wanted.len()));
    let records = wanted.len();
    house.work(BOOK);
    expect(&house.letters(), BOOK, wanted);
    assert_eq!(house.accepted(KEY), sound, "in their order");
    assert_eq!(house.accepted(NEIGHBOUR), neighbours);
    assert_eq!(house.quantity(KEY), records as i64 + 1);
    assert_eq!(house.audit().counts.dead_letters, records as u64);
}

fn raw(trade: &Trade, cause: Option<Place>) -> Raw {
    House::new().caused(trade, cause, trade.key.as_str())
}

#[test]
fn a_damaged_trade_becomes_one_dead_letter_and_its_neighbours_are_captured_in_order() {
    let sound = raw(&buy(KEY, "BAD", 1), None);
    let schemas = Schemas::embedded();
    attack(DAMAGES.iter().map(|damage| {
        let mut raw = sound.clone();
        (damage.apply)(&mut raw, &schemas);
        (damage.name, damage.reason, raw)
    }));
}

#[test]
fn every_poison_of_the_generator_becomes_one_dead_letter_of_its_reason() {
    let schemas = Schemas::embedded();
    attack(Poison::ALL.map(|kind| {
        let reason = match kind {
            Poison::RandomBytes | Poison::WrongMagic => "wrong_magic",
            Poison::Empty => "empty",
            Poison::Tombstone => "tombstone",
            Poison::UnknownSchema => "unknown_schema",
            Poison::NullKey | Poison::OtherKey => "wrong_key",
            Poison::WrongPartition => "wrong_partition",
            Poison::Truncated
            | Poison::HugeCount
            | Poison::WrongDecimal
            | Poison::TrailingBytes
            | Poison::NotUtf8
            | Poison::NegativeQuantity
            | Poison::UnknownEvent => "undecodable",
        };
        let mut wire = Wire::default();
        wire.fill(&Generated::Poison { kind, trade: buy(KEY, "BAD", 1), salt: 7 }, &schemas);
        let astray = i32::from(kind == Poison::WrongPartition);
        ("poison", reason, Raw { key: wire.key().map(Vec::from), value: wire.value().map(Vec::from), astray })
    }));
}

#[test]
fn a_trade_that_cannot_be_becomes_one_dead_letter_that_says_why() {
    let usd = || terms(1, "USD");
    let new = |terms: Terms| buy_with(TradeEvent::New(terms));
    attack([
        ("zero quantity", "undecodable", new(Terms { quantity: Decimal::ZERO, ..usd() })),
        ("negative quantity", "undecodable", new(Terms { quantity: (-5).into(), ..usd() })),
        ("negative price", "undecodable", new(Terms { price: (-1).into(), ..usd() })),
        ("notional too large", "undecodable", new(Terms { quantity: huge(), price: huge(), ..usd() })),
        ("settled before traded", "undecodable", new(Terms { settle_date: "2025-01-01".parse().ok(), ..usd() })),
        ("other currency", "currency_differs", new(terms(1, "EUR"))),
        ("version 0", "version_zero", raw(&trade(KEY, "BAD", 0, TradeEvent::New(usd())), None)),
        ("first version not new", "first_version_not_new", buy_with(TradeEvent::Cancel)),
        ("nothing to force", "nothing_held", buy_with(TradeEvent::Force)),
        ("a second half from outside", "internal_event", buy_with(rebook_in())),
        ("conflict", "conflict", raw(&buy(KEY, "T0", 77), None)),
        ("new although live", "already_live", raw(&trade(KEY, "T0", 2, TradeEvent::New(usd())), None)),
        ("rebook to itself", "rebook_to_itself", raw(&trade(KEY, "T0", 2, rebook(KEY)), None)),
    ]);
}

fn buy_with(event: TradeEvent) -> Raw {
    raw(&trade(KEY, "BAD", 1, event), None)
}

fn rebook(to: &str) -> TradeEvent {
    TradeEvent::Rebook { to: key(to), terms: terms(1, "USD") }
}

fn rebook_in() -> TradeEvent {
    TradeEvent::RebookIn { from: key(NEIGHBOUR), terms: terms(1, "USD") }
}

/// Large, but a number that the wire takes.
fn huge() -> Decimal {
    Decimal::from(900_000_000_000_000_000_i64)
}
