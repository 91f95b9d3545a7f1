//! The second half of a rebook that its new position refuses: the first half stands, so the refusal must be seen and mendable.

use bookflow::domain::trade::TradeEvent;
use bookflow::engine::broker::Broker;
use bookflow::messages::dead_letter::Original;
use bookflow::pipeline::topics::TRADES;
use bookflow::pipeline::topology::BOOK;

use crate::cluster::at;
use crate::house::*;
use crate::samples::*;

const OLD: &str = "FUND_EQ_AAPL";
const NEW: &str = "FUND_HEDGE_AAPL";

/// A trade in dollars is rebooked to a position in euros.
fn refused() -> House {
    let house = House::new();
    house.put_trade(&trade(NEW, "EURO", 1, TradeEvent::New(terms(3, "EUR"))));
    house.put_trade(&buy(OLD, "T1", 5));
    house.put_trade(&buy(OLD, "T2", 2));
    let rebook = TradeEvent::Rebook { to: key(NEW), terms: terms(5, "USD") };
    house.put_trade(&trade(OLD, "T1", 2, rebook));
    house.work(BOOK);
    house
}

#[test]
fn a_second_half_that_is_refused_becomes_a_dead_letter_at_its_own_place_and_the_audit_counts_it_as_answered() {
    let house = refused();
    let letters = house.letters();
    assert_eq!(letters.len(), 1, "{letters:?}");
    let (place, letter) = &letters[0];
    assert_eq!((letter.reason.as_str(), letter.stage.as_str()), ("currency_differs", BOOK));
    assert!(letter.message.contains("USD") && letter.message.contains("EUR"), "{}", letter.message);
    assert_eq!(letter.key.as_deref(), Some(NEW.as_bytes()));
    assert!(matches!(&letter.value, Original::Bytes(bytes) if !bytes.is_empty()));
    let end = house.stand.broker.reader().expect("reader").bounds(at(TRADES, place.partition)).expect("bounds").end;
    assert!(place.offset < end);
    assert_eq!((house.quantity(OLD), house.quantity(NEW)), (2, 3), "it is in neither position");
    let counts = house.audit().counts;
    assert_eq!((counts.rebooks, counts.dead_letters), (1, 1));
}

#[test]
fn a_corrected_version_of_a_trade_whose_second_half_was_refused_is_held_until_it_is_forced() {
    let house = refused();
    house.put_trade(&trade(NEW, "T1", 3, TradeEvent::New(terms(5, "EUR"))));
    house.work(BOOK);
    assert_eq!(house.quantity(NEW), 3, "version 2 is missing here");
    house.put_trade(&trade(NEW, "T1", 3, TradeEvent::Force));
    house.work(BOOK);
    assert_eq!((house.quantity(OLD), house.quantity(NEW)), (2, 8));
    house.audit();
}
