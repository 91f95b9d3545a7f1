//! Stage `book`: a trade -> its answer, its position and its lots, and once a turn the cash flows of the positions it changed.
//!
//! What many positions depend on, a price or a contract, is worked off a bounded number of positions a tick, trades first; so are jobs by reference.

mod keys; // how its entries are named, numbered and ordered
mod history; // its trades in business order
mod ledger; // one position of its tables, as the domain reads it
mod recalculations; // the jobs by reference that a partition knows
mod recalculate; // what it does for them

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use self::history::History;
pub use self::keys::TradeKey;
use self::keys::{Numbers, TradeKeyRef, borrowed, moment};
use self::ledger::OnePosition;
use self::recalculations::Recalculations;
use super::codecs::{FlowParts, FlowsKey, Positions, Trades};
use super::due::{Due, Number};
use super::flows::{Told, arrived_under, disagreement, earlier_securities, flows, not_calculated};
use super::knowledge::{KNOWLEDGE, Knowledge};
use super::refusals::{in_place, refused, undecodable, unencodable};
use super::topics::{
    self, BLOTTER, CALCULATION_REQUESTS, CAPTURED_ACTIONS, CAPTURED_TRADES, CASH_FLOWS, LOTS, POSITIONS, TRADES,
};
use crate::domain::flows::row::Obstacle;
use crate::domain::key::{ContractId, PositionKey, TradeId};
use crate::domain::lots::agreed::agree;
use crate::domain::lots::happen::Happen;
use crate::domain::lots::happening::Sent;
use crate::domain::lots::lot::{Lot, LotChange};
use crate::domain::lots::position::Position;
use crate::domain::names::Symbol;
use crate::domain::trade::answer::Answer;
use crate::domain::trade::arrive::arrive;
use crate::domain::trade::capture::{Capture, capture};
use crate::domain::trade::captured::{CapturedTrade, Place};
use crate::domain::trade::{Order, owned};
use crate::engine::batch::Record;
use crate::engine::index::Index;
use crate::engine::ordered::Ordered;
use crate::engine::stage::{Cause, Context, ProcessError, Stage, all_or_nothing};
use crate::engine::table::{Entry, Table, Undoable};
use crate::engine::view::Past;
use crate::messages::blotter::BlotterRow;
use crate::messages::captured_action::CapturedAction;
use crate::messages::position_flows::PositionFlows;
use crate::messages::schemas::Schemas;
use crate::messages::trade::{Delivery, Moved};
use crate::telemetry;

pub struct Book {
    schemas: Arc<Schemas>,
    trades: Table<TradeKey, CapturedTrade>,
    positions: Table<PositionKey, Position>,
    lots: Table<TradeKey, Lot>,
    actions: Table<TradeKey, CapturedAction>,
    /// Live trades, open lots and actions in force of a position in business order.
    live: History,
    open: Ordered,
    moments: Ordered,
    numbers: Numbers,
    /// How many live trades and arrived lots of a position are under a contract.
    contracts: Index<Number, ContractId, u32>,
    flows: Table<FlowsKey, PositionFlows>,
    due: Due,
    recalculations: Recalculations,
    effort_a_tick: u64,
}

impl Book {
    pub fn new(schemas: Arc<Schemas>, jobs_kept: Duration, effort_a_tick: u64) -> Self {
        Book {
            trades: Table::new(CAPTURED_TRADES, Trades::new(schemas.clone())).promptly().ageing(),
            positions: Table::new(POSITIONS, Positions::new(schemas.clone())),
            lots: Table::new(LOTS, Trades::new(schemas.clone())),
            actions: Table::new(CAPTURED_ACTIONS, Trades::new(schemas.clone())),
            live: History::default(),
            open: Ordered::default(),
            moments: Ordered::default(),
            numbers: Numbers::default(),
            contracts: Index::default(),
            flows: Table::new(CASH_FLOWS, FlowParts::new(schemas.clone())),
            due: Due::default(),
            recalculations: Recalculations::new(&schemas, jobs_kept),
            effort_a_tick,
            schemas,
        }
    }

    /// The trade or lot in a record that is where it belongs.
    fn read(&self, record: &Record<'_>, context: &Context<'_>) -> Result<Delivery, ProcessError> {
        let value = record.value.ok_or_else(|| ProcessError::rejected("tombstone", "a trade has a value"))?;
        let (cause, delivery) = self.schemas.decode::<Delivery>(value).map_err(undecodable)?;
        in_place(record, delivery.key().as_str(), context)?;
        if delivery.internal() && cause.is_none() {
            return Err(ProcessError::rejected(
                "internal_event",
                "only another position sends a REBOOK_IN or a lot that it had, and no source is called corporate-action or opening",
            ));
        }
        Ok(delivery)
    }

    fn write(
        &mut self,
        key: &PositionKey,
        number: Option<Number>,
        capture: Capture,
        cause: Cause,
        context: &mut Context<'_>,
    ) -> Result<(), ProcessError> {
        let number = number.unwrap_or_else(|| self.numbers.of(key));
        if capture.position.is_some() {
            self.due.touch(number, cause);
        }
        let Capture { answers, sends, trades, lots, position, happened, moves } = capture;
        self.put(key, number, Happen { happened, trades, lots, position, sends: moves }, cause, context)?;
        let place = topics::place(cause);
        for answer in answers {
            self.answer(answer, place, context)?;
        }
        for trade in sends {
            let key = trade.key.as_str().as_bytes();
            context.send(TRADES, key, |out| self.schemas.encode(&trade, Some(place), out))?;
        }
        Ok(())
    }

    fn answer(&self, answer: Answer, place: Place, context: &mut Context<'_>) -> Result<(), ProcessError> {
        let row = BlotterRow { turn: context.turn, generation: context.generation, answer };
        let key = row.answer.key.as_str().as_bytes();
        context.send(BLOTTER, key, |out| self.schemas.encode(&row, place, out))
    }

    /// Takes in a lot from another position.
    fn arrive(&mut self, sent: &Sent, cause: Cause, context: &mut Context<'_>) -> Result<(), ProcessError> {
        let Sent { to, happening } = sent;
        let place = topics::place(cause);
        let (answer, change) = arrive(&OnePosition::of(self, to), to, happening, place).map_err(refused)?;
        let number = self.numbers.of(to);
        if change.position.is_some() {
            self.due.touch(number, cause);
        }
        self.put(to, number, change, cause, context)?;
        self.answer(answer, place, context)
    }

    /// Keeps what a change comes to, and sends other positions what concerns them.
    fn put(
        &mut self,
        key: &PositionKey,
        number: Number,
        change: Happen,
        cause: Cause,
        context: &mut Context<'_>,
    ) -> Result<(), ProcessError> {
        let Happen { happened, trades, lots, position, sends } = change;
        for trade in trades {
            self.put_trade(number, trade, cause);
        }
        for happened in happened {
            self.put_action(number, CapturedAction { key: key.clone(), happened }, cause);
        }
        for change in lots {
            match change {
                LotChange::Put(lot) => self.put_lot(number, lot, cause),
                LotChange::Close(lot) => self.close_lot(number, key, &lot, cause),
            }
        }
        if let Some(position) = position {
            let (_, before) = self.positions.put(key.clone(), position, cause);
            if before.is_none() {
                self.due.hold(number, security(key));
            }
        }
        for sent in sends {
            let (to, cause) = (sent.to.clone(), Some(topics::place(cause)));
            let moved = Delivery::Lot(Moved { from: Some(key.clone()), sent });
            context.send(TRADES, to.as_str().as_bytes(), |out| self.schemas.encode(&moved, cause, out))?;
        }
        Ok(())
    }

    fn put_action(&mut self, position: Number, action: CapturedAction, cause: Cause) {
        let key = TradeKey { position: action.key.clone(), trade: action.happened.happening.id.clone() };
        let (of, named) = (action.key.clone(), arrived_under(&action.happened).cloned());
        let earlier: Vec<Symbol> = earlier_securities(&action.happened).cloned().collect();
        let (entry, before) = self.actions.put(key, action, cause);
        let before = before.cloned();
        earlier.into_iter().for_each(|security| self.due.remember(position, security));
        let was = before.as_ref().and_then(|before| arrived_under(&before.happened));
        if was != named.as_ref() {
            was.into_iter().for_each(|was| self.leave(position, was));
            named.iter().for_each(|named| self.join(position, named, || security(&of)));
            // That a lot has arrived under it is told of a contract that trades name, too.
            self.due.wake(position);
        }
        let at = |entry| self.actions.at(entry).and_then(moment);
        self.moments.reorder(position, entry, before.as_ref().and_then(moment), at);
    }

    fn put_trade(&mut self, position: Number, trade: CapturedTrade, cause: Cause) {
        let contract = contract(&trade).cloned();
        let of = trade.key.clone();
        let key = TradeKey { position: of.clone(), trade: trade.id.clone() };
        let (entry, before) = self.trades.put(key, trade, cause);
        let named = before.and_then(|before| self::contract(before)).cloned();
        let before = before.and_then(CapturedTrade::order).map(owned);
        self.live.put(position, entry, before.as_ref(), &self.trades);
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
            _ => {
                self.contracts.delete(&position, contract);
                self.due.wake(position);
            }
        }
    }

    /// Works a position out again if it was by anything else than its contracts and its issuer say now. Answers why that cannot be.
    fn agree(
        &mut self,
        key: &PositionKey,
        number: Number,
        cause: Cause,
        knowledge: &Knowledge,
        context: &mut Context<'_>,
    ) -> Result<Option<Obstacle>, ProcessError> {
        let (agreed, problem) = knowledge.agreed(key, self.contracts_of(number));
        // Most positions are as agreed, and their issuers do nothing.
        if agreed.actions.is_empty() && self.positions.get(key).is_none_or(|position| position.relief == *agreed.policy)
        {
            return Ok(problem);
        }
        match agree(&OnePosition::numbered(self, key, Some(number)), &agreed) {
            Ok(change) => self.put(key, number, change, cause, context).map(|()| problem),
            Err(refusal) => Ok(Some(disagreement(&refusal))),
        }
    }

    /// Tells the flows of a position, and blocks them where it runs into a defect: neither the others nor the trade, the price or the contract that
    /// it came up with are at fault.
    fn tell_contained(
        &mut self,
        number: Number,
        cause: Cause,
        knowledge: &Knowledge,
        context: &mut Context<'_>,
    ) -> Result<(), ProcessError> {
        let told = all_or_nothing(self, context, |book, context| book.tell(number, cause, knowledge, context));
        let Err(ProcessError::Rejected { message, .. }) = told else { return told };
        let key = self.numbers.keys[number as usize].clone();
        telemetry::position_not_calculated(&key, &message);
        let obstacle = not_calculated(&message);
        self.replace_told(&key, Some(Told::all_blocked(self.contracts_of(number), &obstacle)), cause, knowledge)
    }

    /// Tells the flows of a position if they differ from what was told last.
    fn tell(
        &mut self,
        number: Number,
        cause: Cause,
        knowledge: &Knowledge,
        context: &mut Context<'_>,
    ) -> Result<(), ProcessError> {
        let key = self.numbers.keys[number as usize].clone();
        let disagreement = self.agree(&key, number, cause, knowledge, context)?;
        let position = OnePosition::numbered(self, &key, Some(number));
        let told = flows(&position, self.contracts_of(number), &security(&key), knowledge, disagreement.as_ref());
        let silent = disagreement.is_none() && !knowledge.acted(&key.security());
        let silent = silent && told.as_ref().is_none_or(Told::unknown);
        self.replace_told(&key, told, cause, knowledge)?;
        if silent {
            self.due.silence(number);
        }
        Ok(())
    }

    fn contracts_of(&self, number: Number) -> impl Iterator<Item = &ContractId> {
        self.contracts.scan(&number).map(|(contract, _)| contract)
    }

    /// Puts what is told of a position now in the place of what was told last, where that differs.
    fn replace_told(
        &mut self,
        key: &PositionKey,
        told: Option<Told>,
        cause: Cause,
        knowledge: &Knowledge,
    ) -> Result<(), ProcessError> {
        let last = self.told(key);
        let Some(told) = told.or_else(|| (!last.is_empty()).then(Told::default)) else { return Ok(()) };
        let revision = self.positions.get(key).map_or(0, |position| position.revision);
        let records = told.records(key, revision, knowledge, &last).map_err(unencodable)?;
        let before = last.len();
        self.put_flows(key, records, before, cause);
        Ok(())
    }

    /// The parts of what was told last of a position.
    fn told(&self, key: &PositionKey) -> Vec<&PositionFlows> {
        (0..).map_while(|part| self.flows.get(&FlowsKey { position: key.clone(), part })).collect()
    }

    /// How long a position takes to calculate, going by what was told of it last.
    fn effort(&self, key: &PositionKey) -> u64 {
        1 + self.told(key).iter().map(|told| told.rows.bytes()).sum::<u64>() / BYTES_AN_EFFORT
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
        let key = TradeKey { position: lot.key.clone(), trade: lot.id.clone() };
        let (entry, before) = self.lots.put(key, lot, cause);
        let before = before.map(|lot| owned(lot.order()));
        self.reorder_lot(position, entry, before.as_ref());
    }

    fn close_lot(&mut self, position: Number, key: &PositionKey, lot: &TradeId, cause: Cause) {
        if let Some((entry, before)) = self.lots.delete(&TradeKeyRef(key, lot), cause) {
            let before = owned(before.order());
            self.reorder_lot(position, entry, Some(&before));
        }
    }

    fn reorder_lot(&mut self, position: Number, entry: Entry, before: Option<&Order>) {
        let at = |entry| self.lots.at(entry).map(Lot::order);
        self.open.reorder(position, entry, before.map(borrowed), at);
    }
}

impl Stage for Book {
    fn tables(&mut self, visit: &mut dyn FnMut(&mut dyn Undoable)) {
        visit(&mut self.trades);
        visit(&mut self.positions);
        visit(&mut self.lots);
        visit(&mut self.actions);
        visit(self.live.index());
        visit(&mut self.open);
        visit(&mut self.moments);
        visit(&mut self.contracts);
        visit(&mut self.flows);
        visit(&mut self.due);
        self.recalculations.tables(visit);
    }

    fn on_restored(&mut self) {
        self.contracts.clear();
        self.due.restart();
        self.recalculations.on_restored();
        let mut under = BTreeMap::new();
        let mut count = |number: Number, contract: Option<&ContractId>| {
            contract.into_iter().for_each(|contract| *under.entry((number, contract.clone())).or_insert(0) += 1);
        };
        let numbers = &mut self.numbers;
        let live = self.trades.iter().filter_map(|(entry, key, trade)| {
            let number = numbers.of(&key.position);
            count(number, contract(trade));
            trade.order().map(|_| (number, entry))
        });
        self.live.rebuild(live, &self.trades);
        for (key, trade) in self.trades.older() {
            let number = self.numbers.of(&key.position);
            trade.order().into_iter().for_each(|order| self.live.leave(number, order));
            count(number, contract(&trade));
        }
        for (_, key, action) in self.actions.iter() {
            count(self.numbers.of(&key.position), arrived_under(&action.happened));
        }
        for ((number, contract), trades) in under {
            self.due.follow(number, security(&self.numbers.keys[number as usize]), &contract);
            self.contracts.put(&number, contract, trades);
        }
        for (_, key, _) in self.positions.iter() {
            self.due.hold(self.numbers.of(key), security(key));
        }
        let numbers = &mut self.numbers;
        let acted = self.actions.iter().filter_map(|(entry, key, action)| {
            let number = numbers.of(&key.position);
            earlier_securities(&action.happened).for_each(|earlier| self.due.remember(number, earlier.clone()));
            moment(action).map(|_| (number, entry))
        });
        self.moments.rebuild(acted, |entry| self.actions.at(entry).and_then(moment));
        let lots = self.lots.iter().map(|(entry, key, _)| (numbers.of(&key.position), entry));
        self.open.rebuild(lots, |entry| self.lots.at(entry).map(Lot::order));
    }

    fn on_spilled(&mut self) {
        for (key, trade) in self.trades.leaving() {
            // A position without a number is being restored: where its trades stand is told once that has come to its end.
            let place = self.numbers.known.get(&key.position).zip(trade.order());
            place.into_iter().for_each(|(number, order)| self.live.leave(*number, order));
        }
        self.live.forget(&self.trades);
    }

    fn on_record(&mut self, record: &Record<'_>, context: &mut Context<'_>) -> Result<(), ProcessError> {
        if record.from.topic == CALCULATION_REQUESTS {
            return self.on_request(record, context);
        }
        let cause = record.cause();
        let mut trade = match self.read(record, context)? {
            Delivery::Trade(trade) => trade,
            Delivery::Lot(moved) => return self.arrive(&moved.sent, cause, context),
        };
        let number = self.numbers.share(&mut trade.key);
        let position = OnePosition::with(self, &trade, number);
        let capture = capture(&position, &trade, topics::place(cause)).map_err(refused)?;
        self.write(&trade.key, number, capture, cause, context)
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
        self.due.queue_changed(knowledge);
        let due = self.due.of_turn();
        due.into_iter().try_for_each(|(position, cause)| self.tell_contained(position, cause, knowledge, context))
    }

    fn on_tick(&mut self, context: &mut Context<'_>) -> Result<(), ProcessError> {
        self.due.queue_changed(context.view::<Knowledge>(KNOWLEDGE)?);
        let mut effort = 0;
        let fits = |position: &Number| {
            let fits = effort < self.effort_a_tick;
            effort += self.effort(&self.numbers.keys[*position as usize]);
            fits
        };
        self.due.take(self.due.waiting().take_while(fits).count());
        self.recalculate(context)
    }
}

/// The contract that a live trade names.
fn contract(trade: &CapturedTrade) -> Option<&ContractId> {
    trade.terms()?.contract.as_ref()
}

/// What is done in a tick at most of what many depend on, and as much of a job, so that trades wait for a few milliseconds: positions of few flows.
pub const EFFORT_A_TICK: u64 = 200;
/// So many bytes of flows, about nine of them, take as long as a position with hardly any.
const BYTES_AN_EFFORT: u64 = 1_000;

fn security(key: &PositionKey) -> Symbol {
    Symbol::new(&key.security()).expect("a part of a key is a name")
}
