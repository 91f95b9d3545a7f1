//! The fixture language of capture: positions in memory, trades in, answers out.
#![allow(dead_code)] // each target speaks its part of the language

use std::collections::{BTreeMap, VecDeque};

use bookflow::domain::answer::{Answer, Refusal};
use bookflow::domain::capture::{Capture, Ledger, capture};
use bookflow::domain::captured::{CapturedTrade, Place};
use bookflow::domain::happen::{Happen, happen};
use bookflow::domain::happening::{Happened, Happening, Phase, Sent};
use bookflow::domain::key::{PositionKey, Timestamp, TradeId};
use bookflow::domain::lot::{Lot, LotChange};
use bookflow::domain::method::{Instruction, ReliefPolicy};
use bookflow::domain::money::{Currency, Money};
use bookflow::domain::position::Position;
use bookflow::domain::trade::{Side, Terms, Trade, TradeEvent};
use chrono::NaiveDate;
use rust_decimal::Decimal;

type Order = (NaiveDate, Timestamp, u64, TradeId);
type OwnedMoment = (NaiveDate, Phase, Timestamp, u64, TradeId);

/// One position's state, kept as the captures say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shelf {
    pub trades: BTreeMap<TradeId, CapturedTrade>,
    pub live: BTreeMap<Order, TradeId>,
    pub lots: BTreeMap<TradeId, Lot>,
    pub fifo: BTreeMap<Order, TradeId>,
    pub position: Option<Position>,
    pub policy: ReliefPolicy,
    pub instructions: BTreeMap<TradeId, Instruction>,
    pub happened: BTreeMap<TradeId, Happened>,
    pub moments: BTreeMap<OwnedMoment, TradeId>,
}

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
                self.moved.extend(capture.moves.iter().cloned());
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
        self.moved.extend(change.sends.iter().cloned());
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

impl Shelf {
    pub fn keep(&mut self, capture: Capture) {
        self.keep_facts(capture.trades, capture.happened, capture.lots, capture.position);
    }

    pub fn keep_happen(&mut self, change: Happen) {
        self.keep_facts(change.trades, change.happened, change.lots, change.position);
    }

    fn keep_facts(
        &mut self,
        trades: Vec<CapturedTrade>,
        happened: Vec<Happened>,
        lots: Vec<LotChange>,
        position: Option<Position>,
    ) {
        for trade in trades {
            if let Some(order) = self.trades.get(&trade.id).and_then(CapturedTrade::order) {
                self.live.remove(&owned(order));
            }
            if let Some(order) = trade.order() {
                self.live.insert(owned(order), trade.id.clone());
            }
            self.trades.insert(trade.id.clone(), trade);
        }
        for new in happened {
            let id = new.happening.id.clone();
            self.moments.retain(|_, other| *other != id);
            if let Some((date, phase, time, sequence, _)) = new.happening.moment() {
                self.moments.insert((date, phase, time, sequence, id.clone()), id.clone());
            }
            self.happened.insert(id, new);
        }
        for change in lots {
            let id = match &change {
                LotChange::Put(lot) => &lot.id,
                LotChange::Close(id) => id,
            };
            if let Some(lot) = self.lots.remove(id) {
                self.fifo.remove(&owned(lot.order()));
            }
            if let LotChange::Put(lot) = change {
                self.fifo.insert(owned(lot.order()), lot.id.clone());
                self.lots.insert(lot.id.clone(), lot);
            }
        }
        if let Some(position) = position {
            self.position = Some(position);
        }
    }
}

impl Ledger for Shelf {
    fn captured(&self, id: &TradeId) -> Option<&CapturedTrade> {
        self.trades.get(id)
    }

    fn position(&self) -> Option<&Position> {
        self.position.as_ref()
    }

    fn lot(&self, id: &TradeId) -> Option<&Lot> {
        self.lots.get(id)
    }

    fn lots_fifo(&self) -> impl Iterator<Item = &Lot> {
        self.fifo.values().map(|id| &self.lots[id])
    }

    fn trades_from_latest(&self) -> impl Iterator<Item = &CapturedTrade> {
        self.live.values().rev().map(|id| &self.trades[id])
    }

    fn policy(&self) -> &ReliefPolicy {
        &self.policy
    }

    fn instruction(&self, trade: &TradeId) -> Option<&Instruction> {
        self.instructions.get(trade)
    }

    fn happened(&self, id: &TradeId) -> Option<&Happened> {
        self.happened.get(id)
    }

    fn happened_from_latest(&self) -> impl Iterator<Item = &Happened> {
        self.moments.values().rev().map(|id| &self.happened[id])
    }
}

fn owned((date, time, sequence, id): (NaiveDate, Timestamp, u64, &TradeId)) -> Order {
    (date, time, sequence, id.clone())
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
    };
    terms.checked().expect("the test writes valid terms")
}

pub fn trade(key: &PositionKey, id: &str, version: u32, event: TradeEvent) -> Trade {
    Trade { key: key.clone(), id: trade_id(id), version, event }
}
