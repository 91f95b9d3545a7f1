//! The last positions, lots and captured trades of a partition against the fold of its accepted answers.

use std::collections::HashMap;

use rust_decimal::Decimal;

use super::cursor::Cursor;
use super::expected::{Expected, Known};
use super::letters::at;
use super::oracle::{self, Deal, Order};
use super::promises::Promises;
use super::report::{Damage, Report};
use super::snapshot::{Snapshot, Stand};
use crate::cli::failure::Failure;
use crate::domain::key::{PositionKey, TradeId};
use crate::domain::lots::cost::UnitCost;
use crate::domain::lots::lot::{Age, Chosen, Lot, Relief};
use crate::domain::lots::method::{FIFO, Instruction, InvalidInstruction, ReliefMethod, ReliefPolicy};
use crate::domain::lots::position::{Costing, Position};
use crate::domain::money::Money;
use crate::domain::trade::captured::{CapturedTrade, HeldVersion, Place, TradeStatus};
use crate::domain::trade::{Terms, TradeEvent};
use crate::engine::broker::{Broker, TopicPartition};
use crate::messages::key::trade_key;
use crate::messages::message::Message;
use crate::messages::schemas::Schemas;
use crate::pipeline::topics::{CAPTURED_TRADES, LOTS, POSITIONS};

/// The state of one partition as its topics tell it.
pub struct State<'a> {
    schemas: &'a Schemas,
    partition: i32,
    trades: Latest,
    positions: Latest,
    lots: Latest,
}

/// The latest value of each record key.
type Latest = HashMap<Vec<u8>, Vec<u8>>;

impl<'a> State<'a> {
    pub fn read(
        broker: &dyn Broker,
        schemas: &'a Schemas,
        snapshot: &Snapshot,
        stand: &Stand,
        partition: i32,
        report: &mut Report,
    ) -> Result<State<'a>, Failure> {
        let mut latest = |topic| latest(broker, snapshot, stand, TopicPartition { topic, partition }, report);
        let (trades, positions, lots) = (latest(CAPTURED_TRADES)?, latest(POSITIONS)?, latest(LOTS)?);
        Ok(State { schemas, partition, trades, positions, lots })
    }

    /// Compares one position with its fold by the relief policy that it says. `realised` is the sum of what its answers said, as long as nothing
    /// but trades changed it.
    pub fn compare(
        &mut self,
        key: &PositionKey,
        expected: &Expected,
        realised: Option<i128>,
        promises: &Promises,
        report: &mut Report,
    ) {
        let live: Vec<_> =
            expected.trades.iter().filter_map(|(id, known)| Some((id.to_string(), deal(known.terms()?)))).collect();
        let position = take::<Position>(self.schemas, &mut self.positions, key.as_str().as_bytes());
        let relief = position.as_ref().ok().and_then(|found| Some(&found.as_ref()?.relief)).unwrap_or(&FIFO).clone();
        if let Some(behind) = promises.behind(expected, &relief) {
            report.unproved.push(format!("{key}: {behind}"));
        }
        let policy = relief.clone();
        let Some(fold) = oracle::replay(live, &rules(&relief)) else {
            report.unproved.push(format!("{key}: its amounts are beyond the auditor's 128 bits"));
            self.forget(key, expected);
            return;
        };
        let lots: HashMap<_, _> = fold.lots.iter().map(|lot| (lot.id.as_str(), lot)).collect();
        self.position(key, expected, (position, relief), &fold, realised, report);
        for (id, known) in &expected.trades {
            let name = format!("{key} {id}");
            let trade = captured(key, id, known, expected, &fold, &policy);
            let found = take::<CapturedTrade>(self.schemas, &mut self.trades, &trade_key_of(key, id));
            self.differ(CAPTURED_TRADES, &name, Ok(Some(trade)), found.map(|found| found.map(settled)), report);
            let lot = known.terms().and_then(|terms| {
                let lot = lots.get(id.as_str())?;
                Some(lot_of(lot, terms, Lot::of_trade(key, id, terms, unfixed(lot.opened), unfixed(lot.remaining), 0)))
            });
            let found = take::<Lot>(self.schemas, &mut self.lots, &trade_key_of(key, id));
            // Which revision touched a lot last depends on how often it was restated; it is not part of the fold.
            let found = found.map(|found| found.map(|found| Lot { revision: 0, ..found }));
            self.differ(LOTS, &name, Ok(lot), found, report);
        }
        report.counts.positions += u64::from(expected.currency.is_some());
        report.counts.lots += fold.lots.len() as u64;
    }

    /// What no accepted answer accounts for.
    pub fn finish(self, report: &mut Report) {
        for (topic, left) in [(CAPTURED_TRADES, self.trades), (POSITIONS, self.positions), (LOTS, self.lots)] {
            for key in left.keys() {
                let key = String::from_utf8_lossy(key);
                report.differs(Damage::Torn, format!("{topic}-{}", self.partition), key, "no record", "one");
            }
        }
    }

    fn position(
        &mut self,
        key: &PositionKey,
        expected: &Expected,
        (found, relief): (Result<Option<Position>, String>, ReliefPolicy),
        fold: &oracle::Position,
        realised: Option<i128>,
        report: &mut Report,
    ) {
        let Some(currency) = expected.currency else {
            self.differ(POSITIONS, key.as_str(), Ok(None), found, report);
            return;
        };
        let by_lot = || fold.lots.iter().try_fold(0_i128, |sum, lot| Some(sum + lot.cost(currency.decimals())?));
        let cost = fold.pool.or_else(by_lot);
        let money = |minor: i128| i64::try_from(minor).ok().map(|minor| Money { minor, currency });
        let (Some(cost), Some(fold_realised)) = (cost.and_then(money), money(fold.realised)) else {
            report.unproved.push(format!("{key}: its amounts are beyond 64 bits of minor units"));
            return;
        };
        let position = Position {
            key: key.clone(),
            revision: expected.revision,
            quantity: unfixed(fold.quantity),
            currency,
            realised: fold_realised,
            cost,
            costing: if fold.pool.is_some() { Costing::Pooled } else { Costing::ByLot },
            open_lots: fold.lots.len() as u32,
            relief,
        };
        self.differ(POSITIONS, key.as_str(), Ok(Some(position)), found, report);
        if let Some(realised) = realised.filter(|realised| *realised != fold.realised) {
            let place = format!("blotter-{}", self.partition);
            report.differs(Damage::Torn, place, key, format!("realised {}", fold.realised), format!("sum {realised}"));
        }
    }

    fn differ<T: PartialEq + std::fmt::Debug>(
        &self,
        topic: &str,
        key: &str,
        expected: Result<Option<T>, String>,
        found: Result<Option<T>, String>,
        report: &mut Report,
    ) {
        if expected != found {
            let place = format!("{topic}-{}", self.partition);
            report.differs(Damage::Torn, place, key, format!("{expected:?}"), format!("{found:?}"));
        }
    }

    fn forget(&mut self, key: &PositionKey, expected: &Expected) {
        self.positions.remove(key.as_str().as_bytes());
        for id in expected.trades.keys() {
            self.trades.remove(&trade_key_of(key, id));
            self.lots.remove(&trade_key_of(key, id));
        }
    }
}

/// Reads a state topic up to the end that the committed mark names; what a still stage shows beyond it was torn.
fn latest(
    broker: &dyn Broker,
    snapshot: &Snapshot,
    stand: &Stand,
    partition: TopicPartition,
    report: &mut Report,
) -> Result<Latest, Failure> {
    let bounds = snapshot.bounds(partition);
    let marked = stand.mark.end(partition.topic);
    let to = if stand.still { bounds.end } else { marked };
    let mut cursor = Cursor::open(broker, partition, bounds.start, to)?;
    let mut latest = Latest::new();
    while let Some(record) = cursor.peek()? {
        let key = record.key.unwrap_or_default();
        if record.offset >= marked {
            let key = String::from_utf8_lossy(key);
            report.differs(Damage::Torn, at(&record), key, format!("nothing from {marked} on"), "a committed record");
        } else {
            match record.value {
                Some(value) => drop(latest.insert(key.to_vec(), value.to_vec())),
                None => drop(latest.remove(key)),
            }
        }
        cursor.step();
    }
    Ok(latest)
}

fn take<M: Message<Cause = Place>>(schemas: &Schemas, latest: &mut Latest, key: &[u8]) -> Result<Option<M>, String> {
    let Some(value) = latest.remove(key) else { return Ok(None) };
    schemas.decode::<M>(&value).map(|(_, message)| Some(message)).map_err(|error| error.to_string())
}

fn trade_key_of(key: &PositionKey, id: &TradeId) -> Vec<u8> {
    let mut bytes = Vec::new();
    trade_key(key, id, &mut bytes);
    bytes
}

fn captured(
    key: &PositionKey,
    id: &TradeId,
    known: &Known,
    expected: &Expected,
    fold: &oracle::Position,
    policy: &ReliefPolicy,
) -> CapturedTrade {
    let status = match &known.event {
        None => TradeStatus::Awaited,
        Some(TradeEvent::Rebook { to, .. }) => TradeStatus::RebookedTo(to.clone()),
        Some(_) => known.terms().map_or(TradeStatus::Cancelled, |terms| TradeStatus::Live(terms.clone())),
    };
    let (mut opened, mut reliefs) = (Decimal::ZERO, Vec::new());
    if let Some(terms) = known.terms() {
        let chosen = match terms.relief.as_deref() {
            Some(Instruction::Method(method)) => Chosen::By(*method),
            Some(Instruction::Lots(_)) if !fold.refused.contains_key(id.as_str()) => Chosen::Listed,
            _ => Chosen::By(policy.method_on(terms.trade_date)),
        };
        let taken = fold.reliefs.get(id.as_str()).into_iter().flatten();
        reliefs = taken.map(|relief| relief_of(relief, terms, chosen, expected)).collect();
        let closed: Decimal = reliefs.iter().map(|relief: &Relief| relief.quantity).sum();
        opened = terms.side.signed(terms.quantity - closed);
    }
    let held = known.held.iter();
    let held = held.map(|(&version, (event, place))| HeldVersion { version, event: event.clone(), place: *place });
    settled(CapturedTrade {
        key: key.clone(),
        id: id.clone(),
        version: known.version,
        status,
        content: Default::default(),
        place: known.place,
        revision: known.revision,
        held: held.collect(),
        opened,
        reliefs,
        before: None,
        refused: fold.refused.get(id.as_str()).map(|refused| Box::new(self::refused(refused))),
    })
}

/// Without what the fold does not know by itself: the content's hash, the opening prices that lots repeat, and what undoing needs.
fn settled(trade: CapturedTrade) -> CapturedTrade {
    let reliefs = trade.reliefs.into_iter().map(|relief| Relief { open_price: Decimal::ZERO, ..relief });
    CapturedTrade { content: Default::default(), reliefs: reliefs.collect(), before: None, ..trade }
}

/// A lot whose cost is not its trade's price says both.
fn lot_of(fold: &oracle::Lot, terms: &Terms, lot: Lot) -> Lot {
    let Some((amount, units)) = fold.shared else { return lot };
    let amount = Decimal::from_i128_with_scale(amount, terms.currency.decimals());
    let shared = UnitCost::Shared { amount, units: unfixed(units) };
    Lot { price: shared.price(), shared: Some(Box::new(shared)), ..lot }
}

fn rules(relief: &ReliefPolicy) -> oracle::Policy {
    let changes = relief.changes().iter().map(|(since, by)| (since.to_epoch_days(), method(*by)));
    oracle::Policy { first: method(relief.first()), changes: changes.collect() }
}

fn method(method: ReliefMethod) -> oracle::Method {
    match method {
        ReliefMethod::Fifo => oracle::Method::Oldest,
        ReliefMethod::Lifo => oracle::Method::Newest,
        ReliefMethod::Hifo => oracle::Method::Dearest,
        ReliefMethod::Lofo => oracle::Method::Cheapest,
        ReliefMethod::Average => oracle::Method::Average,
        ReliefMethod::MaxLoss | ReliefMethod::MinGain => oracle::Method::LeastGain,
        ReliefMethod::MaxGain => oracle::Method::GreatestGain,
    }
}

fn relief_of(relief: &oracle::Relief, terms: &Terms, chosen: Chosen, expected: &Expected) -> Relief {
    let lot = named(&relief.lot);
    let opened = expected.trades[&lot].terms().expect("a live trade opened the lot");
    let age = Age { trade_date: opened.trade_date, exec_time: opened.exec_time, source_seq: opened.source_seq };
    let realised = Money { minor: relief.realised as i64, currency: terms.currency };
    Relief { lot, quantity: unfixed(relief.quantity), open_price: Decimal::ZERO, realised, chosen, age }
}

fn refused(refused: &oracle::Refused) -> InvalidInstruction {
    match refused {
        oracle::Refused::Quantity(lot) => InvalidInstruction::Quantity(named(lot)),
        oracle::Refused::NotOpen(lot) => InvalidInstruction::NotOpen(named(lot)),
        oracle::Refused::Sum { listed, closed } => {
            InvalidInstruction::Sum { listed: unfixed(*listed), closed: unfixed(*closed) }
        }
    }
}

fn order(instruction: Option<&Instruction>) -> Order {
    match instruction {
        None => Order::None,
        Some(Instruction::Method(by)) => Order::Method(method(*by)),
        Some(Instruction::Lots(lots)) => {
            Order::Lots(lots.iter().map(|(lot, quantity)| (lot.to_string(), fixed(*quantity))).collect())
        }
    }
}

fn named(id: &str) -> TradeId {
    TradeId::parse(id).expect("the oracle hands ids on as they are")
}

fn deal(terms: &Terms) -> Deal {
    Deal {
        quantity: fixed(terms.signed_quantity()),
        price: fixed(terms.price),
        currency: terms.currency.code().to_owned(),
        decimals: terms.currency.decimals(),
        trade_date: terms.trade_date.to_epoch_days(),
        exec_time: terms.exec_time.0,
        source_seq: terms.source_seq,
        order: order(terms.relief.as_deref()),
    }
}

/// As a whole number of 10^-10.
fn fixed(number: Decimal) -> i128 {
    let number = number.normalize();
    number.mantissa() * 10_i128.pow(10 - number.scale())
}

fn unfixed(number: i128) -> Decimal {
    Decimal::from_i128_with_scale(number, 10).normalize()
}
