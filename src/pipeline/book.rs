//! Stage `book`: a trade -> its answer, its position and its lots, and once a turn the cash flows of the positions it changed.
//!
//! What many positions depend on, a price or a contract, is worked off a bounded number of positions a tick, trades first; so are jobs by reference.

mod recalculations; // the jobs by reference that a partition knows
mod recalculate; // what it does for them

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use hashbrown::{Equivalent, HashMap};

use self::recalculations::Recalculations;
use super::codecs::{FlowParts, FlowsKey, Positions, Trades};
use super::due::{Due, Number};
use super::flows::{Told, flows};
use super::knowledge::{KNOWLEDGE, Knowledge};
use super::refusals::{in_place, refused, undecodable};
use super::topics::{self, BLOTTER, CALCULATION_REQUESTS, CAPTURED_TRADES, CASH_FLOWS, LOTS, POSITIONS, TRADES};
use crate::domain::key::{ContractId, PositionKey, Timestamp, TradeId};
use crate::domain::lots::agreed::agree;
use crate::domain::lots::happen::Happen;
use crate::domain::lots::ledger::Ledger;
use crate::domain::lots::lot::{Lot, LotChange};
use crate::domain::lots::method::{FIFO, ReliefPolicy};
use crate::domain::lots::position::Position;
use crate::domain::names::Symbol;
use crate::domain::trade::answer::Refusal;
use crate::domain::trade::capture::{Capture, capture};
use crate::domain::trade::captured::CapturedTrade;
use crate::domain::trade::{BusinessOrder, Trade, TradeEvent};
use crate::engine::batch::Record;
use crate::engine::index::Index;
use crate::engine::stage::{Cause, Context, ProcessError, Stage};
use crate::engine::table::{Entry, Table, Undoable};
use crate::engine::view::Past;
use crate::messages::blotter::BlotterRow;
use crate::messages::position_flows::PositionFlows;
use crate::messages::schemas::Schemas;

pub struct Book {
    schemas: Arc<Schemas>,
    trades: Table<TradeKey, CapturedTrade>,
    positions: Table<PositionKey, Position>,
    lots: Table<TradeKey, Lot>,
    /// Live trades and open lots of a position in business order.
    live: Ordered,
    open: Ordered,
    numbers: Numbers,
    /// How many live trades of a position name a contract.
    contracts: Index<Number, ContractId, u32>,
    flows: Table<FlowsKey, PositionFlows>,
    due: Due,
    recalculations: Recalculations,
}

/// A trade, and the lot it opened, within its position.
#[derive(Clone, PartialEq, Eq)]
pub struct TradeKey {
    pub position: PositionKey,
    pub trade: TradeId,
}

/// `TradeKey` without owning it.
struct TradeKeyRef<'a>(&'a PositionKey, &'a TradeId);

/// Entries of a table, by position and business order.
type Ordered = Index<Number, Order, Entry>;

/// `BusinessOrder` that owns its trade id.
type Order = (NaiveDate, Timestamp, u64, TradeId);

impl Book {
    pub fn new(schemas: Arc<Schemas>, jobs_kept: Duration) -> Self {
        Book {
            trades: Table::new(CAPTURED_TRADES, Trades::new(schemas.clone())),
            positions: Table::new(POSITIONS, Positions::new(schemas.clone())),
            lots: Table::new(LOTS, Trades::new(schemas.clone())),
            live: Index::default(),
            open: Index::default(),
            numbers: Numbers::default(),
            contracts: Index::default(),
            flows: Table::new(CASH_FLOWS, FlowParts::new(schemas.clone())),
            due: Due::default(),
            recalculations: Recalculations::new(&schemas, jobs_kept),
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

    fn write(
        &mut self,
        key: &PositionKey,
        capture: Capture,
        cause: Cause,
        context: &mut Context<'_>,
    ) -> Result<(), ProcessError> {
        let number = self.numbers.of(key);
        if capture.position.is_some() {
            self.due.touch(number, cause);
        }
        self.put(key, number, capture.trades, capture.lots, capture.position, cause);
        let place = topics::place(cause);
        for answer in capture.answers {
            let row = BlotterRow { turn: context.turn, generation: context.generation, answer };
            context.send(BLOTTER, key.as_str().as_bytes(), |out| self.schemas.encode(&row, place, out))?;
        }
        for trade in capture.sends {
            let key = trade.key.as_str().as_bytes();
            context.send(TRADES, key, |out| self.schemas.encode(&trade, Some(place), out))?;
        }
        Ok(())
    }

    fn put(
        &mut self,
        key: &PositionKey,
        number: Number,
        trades: Vec<CapturedTrade>,
        lots: Vec<LotChange>,
        position: Option<Position>,
        cause: Cause,
    ) {
        for trade in trades {
            self.put_trade(number, trade, cause);
        }
        for change in lots {
            match change {
                LotChange::Put(lot) => self.put_lot(number, lot, cause),
                LotChange::Close(lot) => self.close_lot(number, key, &lot, cause),
            }
        }
        if let Some(position) = position {
            self.positions.put(key.clone(), position, cause);
        }
    }

    fn put_trade(&mut self, position: Number, trade: CapturedTrade, cause: Cause) {
        let after = order(&trade);
        let contract = contract(&trade).cloned();
        let of = trade.key.clone();
        let key = TradeKey { position: of.clone(), trade: trade.id.clone() };
        let (entry, before) = self.trades.put(key, trade, cause);
        let named = before.and_then(|before| self::contract(before)).cloned();
        reorder(&mut self.live, position, before.and_then(order), after, entry);
        if named != contract {
            named.iter().for_each(|named| self.leave(position, named));
            contract.iter().for_each(|contract| self.join(position, contract, || security(&of)));
        }
    }

    /// One more live trade of a position names a contract: with the first its flows depend on it.
    fn join(&mut self, position: Number, contract: &ContractId, security: impl FnOnce() -> Symbol) {
        let known = self.contracts.get(&position, contract).copied().unwrap_or(0);
        self.contracts.put(&position, contract.clone(), known + 1);
        if known == 0 {
            self.due.follow(position, security(), contract);
        }
    }

    fn leave(&mut self, position: Number, contract: &ContractId) {
        match self.contracts.get(&position, contract) {
            Some(&known) if known > 1 => self.contracts.put(&position, contract.clone(), known - 1),
            _ => self.contracts.delete(&position, contract),
        }
    }

    /// Works a position out again if it was by another relief policy than its contract has now; of several contracts that its live trades name,
    /// the one with the least id counts.
    fn agree(&mut self, number: Number, cause: Cause, knowledge: &Knowledge) -> Result<(), Refusal> {
        let key = self.numbers.keys[number as usize].clone();
        let position = OnePosition::of(self, &key);
        let policy = self.contracts.scan(&number).next().map_or(&FIFO, |(contract, _)| knowledge.relief(contract));
        let Happen { trades, lots, position, .. } = agree(&position, policy)?;
        self.put(&key, number, trades, lots, position, cause);
        Ok(())
    }

    /// Tells the flows of a position if they differ from what was told last.
    fn tell(&mut self, number: Number, cause: Cause, knowledge: &Knowledge) -> Result<(), ProcessError> {
        let agreed = self.agree(number, cause, knowledge);
        let key = self.numbers.keys[number as usize].clone();
        let position = OnePosition::of(self, &key);
        let contracts = self.contracts.scan(&number).map(|(contract, _)| contract);
        let told = flows(&position, contracts, &security(&key), knowledge, agreed);
        let last = self.told(&key);
        let Some(told) = told.or_else(|| (!last.is_empty()).then(Told::default)) else { return Ok(()) };
        let revision = position.position.map_or(0, |position| position.revision);
        let records = told
            .records(&key, revision, knowledge, &last)
            .map_err(|unwritable| ProcessError::rejected("unencodable", unwritable))?;
        let before = last.len();
        self.put_flows(&key, records, before, cause);
        Ok(())
    }

    /// The parts of what was told last of a position.
    fn told(&self, key: &PositionKey) -> Vec<&PositionFlows> {
        (0..).map_while(|part| self.flows.get(&FlowsKey { position: key.clone(), part })).collect()
    }

    /// Puts records in the place of so many parts before; none leave them as they are.
    fn put_flows(&mut self, key: &PositionKey, records: Vec<PositionFlows>, before: usize, cause: Cause) {
        let (parts, before) = (records.len() as u32, before as u32);
        for record in records {
            self.flows.put(FlowsKey { position: key.clone(), part: record.part }, record, cause);
        }
        for part in if parts == 0 { 0..0 } else { parts..before } {
            self.flows.delete(&FlowsKey { position: key.clone(), part }, cause);
        }
    }

    fn put_lot(&mut self, position: Number, lot: Lot, cause: Cause) {
        let after = owned(lot.order());
        let key = TradeKey { position: lot.key.clone(), trade: lot.id.clone() };
        let (entry, before) = self.lots.put(key, lot, cause);
        reorder(&mut self.open, position, before.map(|lot| owned(lot.order())), Some(after), entry);
    }

    fn close_lot(&mut self, position: Number, key: &PositionKey, lot: &TradeId, cause: Cause) {
        if let Some(before) = self.lots.delete(&TradeKeyRef(key, lot), cause) {
            self.open.delete(&position, &owned(before.order()));
        }
    }
}

impl Stage for Book {
    fn tables(&mut self, visit: &mut dyn FnMut(&mut dyn Undoable)) {
        visit(&mut self.trades);
        visit(&mut self.positions);
        visit(&mut self.lots);
        visit(&mut self.live);
        visit(&mut self.open);
        visit(&mut self.contracts);
        visit(&mut self.flows);
        visit(&mut self.due);
        self.recalculations.tables(visit);
    }

    fn on_restored(&mut self) {
        self.live.clear();
        self.open.clear();
        self.contracts.clear();
        self.due.restart();
        self.recalculations.on_restored();
        let mut live = Vec::new();
        for (entry, key, trade) in self.trades.iter() {
            let number = self.numbers.of(&key.position);
            reorder(&mut self.live, number, None, order(trade), entry);
            live.extend(contract(trade).map(|contract| (number, key.position.clone(), contract.clone())));
        }
        for (number, key, contract) in live {
            self.join(number, &contract, || security(&key));
        }
        for (entry, key, lot) in self.lots.iter() {
            reorder(&mut self.open, self.numbers.of(&key.position), None, Some(owned(lot.order())), entry);
        }
    }

    fn on_record(&mut self, record: &Record<'_>, context: &mut Context<'_>) -> Result<(), ProcessError> {
        if record.from.topic == CALCULATION_REQUESTS {
            return self.on_request(record, context);
        }
        let mut trade = self.read(record, context)?;
        self.numbers.share(&mut trade.key);
        let cause = record.cause();
        let capture = capture(&OnePosition::with(self, &trade), &trade, topics::place(cause)).map_err(refused)?;
        self.write(&trade.key, capture, cause, context)
    }

    fn on_rejected(
        &mut self,
        record: &Record<'_>,
        reason: &'static str,
        _: &str,
        context: &mut Context<'_>,
    ) -> Result<(), ProcessError> {
        if record.from.topic == CALCULATION_REQUESTS { self.answer_request(record, reason, context) } else { Ok(()) }
    }

    fn pasts(&self, ask: &mut dyn FnMut(&Past)) {
        if let Some(front) = &self.recalculations.front {
            ask(&front.as_it_was);
            front.changed.iter().for_each(ask);
        }
    }

    fn on_turn_end(&mut self, context: &mut Context<'_>) -> Result<(), ProcessError> {
        let knowledge = context.view::<Knowledge>(KNOWLEDGE)?;
        self.due.of_turn().into_iter().try_for_each(|(position, cause)| self.tell(position, cause, knowledge))
    }

    fn on_tick(&mut self, context: &mut Context<'_>) -> Result<(), ProcessError> {
        self.due.queue_changed(context.view::<Knowledge>(KNOWLEDGE)?);
        self.due.take(POSITIONS_A_TICK);
        self.recalculate(context)
    }
}

/// The contract that a live trade names.
fn contract(trade: &CapturedTrade) -> Option<&ContractId> {
    trade.terms()?.contract.as_ref()
}

/// So many positions hold up the trades of a turn by a few milliseconds.
const POSITIONS_A_TICK: usize = 200;

fn security(key: &PositionKey) -> Symbol {
    Symbol::new(&key.security()).expect("a part of a key is a name")
}

/// What belongs to a position is found by number, and its key stands in memory once.
#[derive(Default)]
struct Numbers {
    /// Only grows, as the positions do.
    known: HashMap<PositionKey, Number>,
    keys: Vec<PositionKey>,
}

impl Numbers {
    fn of(&mut self, key: &PositionKey) -> Number {
        if let Some(number) = self.known.get(key) {
            return *number;
        }
        let number = u32::try_from(self.known.len()).expect("a task has fewer than 2^32 positions");
        self.known.insert(key.clone(), number);
        self.keys.push(key.clone());
        number
    }

    /// Exchanges a key for the one that everything else of its position holds.
    fn share(&self, key: &mut PositionKey) {
        if let Some((known, _)) = self.known.get_key_value(key) {
            *key = known.clone();
        }
    }
}

/// What capture reads of the tables; what it always asks for is looked up once.
struct OnePosition<'a> {
    book: &'a Book,
    key: &'a PositionKey,
    number: Option<Number>,
    position: Option<&'a Position>,
    /// The trade that is captured, and what is known of it.
    known: Option<(&'a TradeId, Option<&'a CapturedTrade>)>,
}

impl<'a> OnePosition<'a> {
    fn of(book: &'a Book, key: &'a PositionKey) -> Self {
        let number = book.numbers.known.get(key).copied();
        OnePosition { book, key, number, position: book.positions.get(key), known: None }
    }

    fn with(book: &'a Book, trade: &'a Trade) -> Self {
        let known = book.trades.get(&TradeKeyRef(&trade.key, &trade.id));
        OnePosition { known: Some((&trade.id, known)), ..OnePosition::of(book, &trade.key) }
    }

    /// The entries of this position in business order.
    fn scan<'i>(&self, index: &'i Ordered) -> impl DoubleEndedIterator<Item = Entry> + use<'i> {
        let entries = self.number.into_iter().flat_map(|number| index.scan(&number));
        entries.map(|(_, entry)| *entry)
    }
}

impl Ledger for OnePosition<'_> {
    fn captured(&self, id: &TradeId) -> Option<&CapturedTrade> {
        match self.known {
            Some((trade, known)) if trade == id => known,
            _ => self.book.trades.get(&TradeKeyRef(self.key, id)),
        }
    }

    fn position(&self) -> Option<&Position> {
        self.position
    }

    fn policy(&self) -> &ReliefPolicy {
        self.position.map_or(&FIFO, |position| &position.relief)
    }

    fn lot(&self, id: &TradeId) -> Option<&Lot> {
        self.book.lots.get(&TradeKeyRef(self.key, id))
    }

    fn lots_fifo(&self) -> impl Iterator<Item = &Lot> {
        self.scan(&self.book.open).filter_map(|entry| self.book.lots.at(entry))
    }

    fn trades_from_latest(&self) -> impl Iterator<Item = &CapturedTrade> {
        self.scan(&self.book.live).rev().filter_map(|entry| self.book.trades.at(entry))
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

/// Moves an entry to where it stands now.
fn reorder(index: &mut Ordered, position: Number, before: Option<Order>, after: Option<Order>, entry: Entry) {
    if before != after {
        if let Some(before) = before {
            index.delete(&position, &before);
        }
        if let Some(after) = after {
            index.put(&position, after, entry);
        }
    }
}

/// Where a live trade stands among its position's trades.
fn order(trade: &CapturedTrade) -> Option<Order> {
    trade.order().map(owned)
}

fn owned((date, time, seq, id): BusinessOrder<'_>) -> Order {
    (date, time, seq, id.clone())
}
