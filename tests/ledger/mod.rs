//! The fixture language of capture: positions in memory, trades in, answers out.
#![allow(dead_code)] // each target speaks its part of the language

pub mod counted; // a shelf that counts what is read of it

use std::collections::{BTreeMap, VecDeque};

use bookflow::domain::key::{PositionKey, Timestamp, TradeId};
use bookflow::domain::lots::happen::{Happen, happen};
use bookflow::domain::lots::happening::{Arrival, Happening, Sent};
pub use bookflow::domain::lots::shelf::Shelf;
use bookflow::domain::money::{Currency, Money};
use bookflow::domain::trade::answer::{Answer, Refusal};
use bookflow::domain::trade::capture::{Capture, capture};
use bookflow::domain::trade::captured::Place;
use bookflow::domain::trade::{Side, Terms, Trade, TradeEvent};
use chrono::NaiveDate;
use rust_decimal::Decimal;

/// All positions, with what they send each other on its way.
#[derive(Clone, Debug, Default)]
pub struct Books {
    pub shelves: BTreeMap<PositionKey, Shelf>,
    pub sent: VecDeque<Trade>,
    pub moved: VecDeque<Sent>,
    pub answers: Vec<Answer>,
    pub refusals: Vec<(Place, Refusal)>,
    next_offset: i64,
}

impl Books {
    /// Captures one record at the next offset.
    pub fn record(&mut self, trade: &Trade) -> Result<Capture, Refusal> {
        let place = Place { topic: 1, partition: 0, offset: self.next_offset };
        self.next_offset += 1;
        let shelf = self.shelves.entry(trade.key.clone()).or_default();
        let result = capture(shelf, trade, place);
        match &result {
            Ok(capture) => {
                shelf.keep(capture.clone());
                self.sent.extend(capture.sends.iter().cloned());
                send(&mut self.moved, &capture.moves);
                self.answers.extend(capture.answers.iter().cloned());
            }
            Err(refusal) => self.refusals.push((place, refusal.clone())),
        }
        result
    }

    /// The record must be taken.
    pub fn take(&mut self, trade: &Trade) -> Capture {
        self.record(trade).unwrap_or_else(|refusal| panic!("{} v{}: {refusal}", trade.id, trade.version))
    }

    /// The happening must be taken.
    pub fn happen(&mut self, key: &PositionKey, happening: &Happening) -> Happen {
        let shelf = self.shelves.entry(key.clone()).or_default();
        let change = happen(shelf, key, happening).unwrap_or_else(|refusal| panic!("{}: {refusal}", happening.id));
        shelf.keep_happen(change.clone());
        send(&mut self.moved, &change.sends);
        change
    }

    /// Delivers what moved between positions.
    pub fn deliver(&mut self) {
        while let Some(Sent { to, happening }) = self.moved.pop_front() {
            self.happen(&to, &happening);
        }
    }

    pub fn shelf(&self, key: &PositionKey) -> &Shelf {
        &self.shelves[key]
    }
}

/// What a position sends on its way: the other one must be able to read it.
fn send(moved: &mut VecDeque<Sent>, sends: &[Sent]) {
    for sent in sends {
        let arrival = sent.happening.arrival().cloned().map(Arrival::checked);
        assert!(arrival.is_none_or(|checked| checked.is_ok()), "{sent:?}");
        moved.push_back(sent.clone());
    }
}

pub fn key(text: &str) -> PositionKey {
    PositionKey::parse(text).expect("the test writes a key")
}

pub fn trade_id(id: &str) -> TradeId {
    TradeId::new("OMS", id).expect("the test writes an id")
}

pub fn decimal(text: &str) -> Decimal {
    text.parse().expect("the test writes a number")
}

pub fn currency(code: &str) -> Currency {
    Currency::new(code).expect("the test names a currency")
}

pub fn dollars(text: &str) -> Money {
    Money::round(decimal(text), currency("USD")).expect("the test writes an amount")
}

pub fn date(text: &str) -> NaiveDate {
    text.parse().expect("the test writes a date")
}

/// `"BUY 100 @ 10.00 on 2025-03-03"`, in dollars; all other terms are alike.
pub fn terms(text: &str) -> Terms {
    let words: Vec<&str> = text.split(' ').collect();
    let [side, quantity, "@", price, "on", day] = words[..] else { panic!("not terms: {text}") };
    let terms = Terms {
        contract: None,
        side: if side == "BUY" { Side::Buy } else { Side::Sell },
        quantity: decimal(quantity),
        price: decimal(price),
        currency: currency("USD"),
        trade_date: date(day),
        exec_time: Timestamp(0),
        source_seq: 0,
        settle_date: None,
        relief: None,
    };
    terms.checked().expect("the test writes valid terms")
}

pub fn trade(key: &PositionKey, id: &str, version: u32, event: TradeEvent) -> Trade {
    Trade { key: key.clone(), id: trade_id(id), version, event }
}
