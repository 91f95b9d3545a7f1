//! Stage `book`: a trade -> its answer, its position and its lots, in one turn.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use chrono::NaiveDate;
use hashbrown::Equivalent;

use super::codecs::{Positions, Trades};
use super::refusals::{in_place, refused, undecodable};
use super::topics::{self, BLOTTER, CAPTURED_TRADES, LOTS, POSITIONS, TRADES};
use crate::domain::answer::Answer;
use crate::domain::capture::{Capture, Ledger, capture};
use crate::domain::captured::CapturedTrade;
use crate::domain::key::{PositionKey, Timestamp, TradeId};
use crate::domain::lot::{Lot, LotChange};
use crate::domain::position::Position;
use crate::domain::trade::{BusinessOrder, Trade, TradeEvent};
use crate::engine::batch::Record;
use crate::engine::stage::{Cause, Context, ProcessError, Stage};
use crate::engine::table::{Index, Table, Undoable};
use crate::messages::blotter::BlotterRow;
use crate::messages::schemas::Schemas;

pub struct Book {
    schemas: Arc<Schemas>,
    trades: Table<TradeKey, CapturedTrade>,
    positions: Table<PositionKey, Position>,
    lots: Table<TradeKey, Lot>,
    /// Live trades and open lots of a position in business order.
    live: Index<PositionKey, Order, TradeId>,
    open: Index<PositionKey, Order, TradeId>,
}

/// A trade, and the lot it opened, within its position.
#[derive(Clone, PartialEq, Eq)]
pub struct TradeKey {
    pub position: PositionKey,
    pub trade: TradeId,
}

/// `TradeKey` without owning it.
struct TradeKeyRef<'a>(&'a PositionKey, &'a TradeId);

/// `BusinessOrder` that owns its trade id.
type Order = (NaiveDate, Timestamp, u64, TradeId);

impl Book {
    pub fn new(schemas: Arc<Schemas>) -> Self {
        Book {
            trades: Table::new(CAPTURED_TRADES, Trades::new(schemas.clone())),
            positions: Table::new(POSITIONS, Positions::new(schemas.clone())),
            lots: Table::new(LOTS, Trades::new(schemas.clone())),
            live: Index::default(),
            open: Index::default(),
            schemas,
        }
    }

    /// The trade in a record that is where it belongs.
    fn read(&self, record: &Record<'_>, context: &Context<'_>) -> Result<Trade, ProcessError> {
        let value = record.value.ok_or_else(|| ProcessError::rejected("tombstone", "a trade has a value"))?;
        let (cause, trade) = self.schemas.decode::<Trade>(value).map_err(undecodable)?;
        in_place(record, trade.key.as_str(), context)?;
        if matches!(trade.event, TradeEvent::RebookIn { .. }) && cause.is_none() {
            return Err(ProcessError::rejected(
                "internal_event",
                "only a rebook of another position makes a REBOOK_IN",
            ));
        }
        Ok(trade)
    }

    fn write(&mut self, capture: Capture, cause: Cause, context: &mut Context<'_>) -> Result<(), ProcessError> {
        for trade in capture.trades {
            self.put_trade(trade, cause);
        }
        for change in capture.lots {
            match change {
                LotChange::Put(lot) => self.put_lot(lot, cause),
                LotChange::Close(lot) => self.close_lot(&capture.answers, lot, cause),
            }
        }
        if let Some(position) = capture.position {
            self.positions.put(position.key.clone(), position, cause);
        }
        let place = topics::place(cause);
        for answer in capture.answers {
            let row = BlotterRow { turn: context.turn, generation: context.generation, answer };
            let key = row.answer.key.clone();
            context.send(BLOTTER, key.as_str().as_bytes(), |out| self.schemas.encode(&row, place, out))?;
        }
        for trade in capture.sends {
            let key = trade.key.as_str().as_bytes();
            context.send(TRADES, key, |out| self.schemas.encode(&trade, Some(place), out))?;
        }
        Ok(())
    }

    fn put_trade(&mut self, trade: CapturedTrade, cause: Cause) {
        let before = self.trades.get(&TradeKeyRef(&trade.key, &trade.id)).and_then(order);
        let after = order(&trade);
        if before != after {
            if let Some(before) = before {
                self.live.delete(&trade.key, &before);
            }
            if let Some(after) = after {
                self.live.put(&trade.key, after, trade.id.clone());
            }
        }
        self.trades.put(TradeKey { position: trade.key.clone(), trade: trade.id.clone() }, trade, cause);
    }

    fn put_lot(&mut self, lot: Lot, cause: Cause) {
        let before = self.lots.get(&TradeKeyRef(&lot.key, &lot.id)).map(|lot| owned(lot.order()));
        let after = owned(lot.order());
        if before.as_ref() != Some(&after) {
            if let Some(before) = before {
                self.open.delete(&lot.key, &before);
            }
            self.open.put(&lot.key, after, lot.id.clone());
        }
        self.lots.put(TradeKey { position: lot.key.clone(), trade: lot.id.clone() }, lot, cause);
    }

    fn close_lot(&mut self, answers: &[Answer], id: TradeId, cause: Cause) {
        let Some(position) = answers.first().map(|answer| answer.key.clone()) else { return };
        let lot = TradeKey { position, trade: id };
        if let Some(order) = self.lots.get(&lot).map(|lot| owned(lot.order())) {
            self.open.delete(&lot.position, &order);
        }
        self.lots.delete(lot, cause);
    }
}

impl Stage for Book {
    fn tables(&mut self, visit: &mut dyn FnMut(&mut dyn Undoable)) {
        visit(&mut self.trades);
        visit(&mut self.positions);
        visit(&mut self.lots);
        visit(&mut self.live);
        visit(&mut self.open);
    }

    fn on_restored(&mut self) {
        self.live.clear();
        self.open.clear();
        for (key, trade) in self.trades.iter() {
            if let Some(order) = order(trade) {
                self.live.put(&key.position, order, key.trade.clone());
            }
        }
        for (key, lot) in self.lots.iter() {
            self.open.put(&key.position, owned(lot.order()), key.trade.clone());
        }
    }

    fn on_record(&mut self, record: &Record<'_>, context: &mut Context<'_>) -> Result<(), ProcessError> {
        let trade = self.read(record, context)?;
        let cause = record.cause();
        let position = OnePosition { book: self, key: &trade.key };
        let capture = capture(&position, &trade, topics::place(cause)).map_err(refused)?;
        self.write(capture, cause, context)
    }
}

/// What capture reads of the tables.
struct OnePosition<'a> {
    book: &'a Book,
    key: &'a PositionKey,
}

impl Ledger for OnePosition<'_> {
    fn captured(&self, id: &TradeId) -> Option<&CapturedTrade> {
        self.book.trades.get(&TradeKeyRef(self.key, id))
    }

    fn position(&self) -> Option<&Position> {
        self.book.positions.get(self.key)
    }

    fn lot(&self, id: &TradeId) -> Option<&Lot> {
        self.book.lots.get(&TradeKeyRef(self.key, id))
    }

    fn lots_fifo(&self) -> impl Iterator<Item = &Lot> {
        self.book.open.scan(self.key).filter_map(|(_, id)| self.lot(id))
    }

    fn trades_from_latest(&self) -> impl Iterator<Item = &CapturedTrade> {
        self.book.live.scan(self.key).rev().filter_map(|(_, id)| self.captured(id))
    }
}

impl Hash for TradeKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        TradeKeyRef(&self.position, &self.trade).hash(state);
    }
}

impl Hash for TradeKeyRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
        self.1.hash(state);
    }
}

impl Equivalent<TradeKey> for TradeKeyRef<'_> {
    fn equivalent(&self, key: &TradeKey) -> bool {
        *self.0 == key.position && *self.1 == key.trade
    }
}

/// Where a live trade stands among its position's trades.
fn order(trade: &CapturedTrade) -> Option<Order> {
    trade.order().map(owned)
}

fn owned((date, time, seq, id): BusinessOrder<'_>) -> Order {
    (date, time, seq, id.clone())
}
