//! The last positions, lots, captured trades and captured actions of a partition against the fold of its accepted answers.

use std::collections::{BTreeMap, HashMap};

use rust_decimal::Decimal;

use super::commits::{self, Latest};
use super::expected::{Expected, Known};
use super::fold::{Close, Fold, unversioned};
use super::moves::Moves;
use super::promises::Promises;
use super::report::{Damage, Report};
use super::snapshot::{Snapshot, Stand};
use crate::cli::failure::Failure;
use crate::domain::jobs::calculate::contained;
use crate::domain::key::{PositionKey, TradeId};
use crate::domain::lots::happening::Happened;
use crate::domain::lots::lot::{Lot, LotChange, Relief};
use crate::domain::lots::method::FIFO;
use crate::domain::lots::position::Position;
use crate::domain::lots::shelf::Shelf;
use crate::domain::trade::TradeEvent;
use crate::domain::trade::capture::Capture;
use crate::domain::trade::captured::{CapturedTrade, HeldVersion, Place, TradeStatus};
use crate::engine::broker::{Broker, TopicPartition};
use crate::messages::captured_action::CapturedAction;
use crate::messages::key::{parse_trade_key, trade_key};
use crate::messages::message::Message;
use crate::messages::schemas::Schemas;
use crate::pipeline::topics::{CAPTURED_ACTIONS, CAPTURED_TRADES, LOTS, POSITIONS};

const BROKEN: &str = "working it out breaks down in this build, a defect: report it with this position";

/// The state of one partition as its topics tell it.
pub struct State<'a> {
    schemas: &'a Schemas,
    pub partition: i32,
    trades: Latest,
    positions: Latest,
    lots: Latest,
    actions: HashMap<PositionKey, Latest>,
}

impl<'a> State<'a> {
    pub fn read(
        broker: &dyn Broker,
        schemas: &'a Schemas,
        snapshot: &Snapshot,
        stand: &Stand,
        partition: i32,
    ) -> Result<State<'a>, Failure> {
        let latest = |topic| commits::latest(broker, snapshot, stand, TopicPartition { topic, partition });
        let (trades, positions, lots) = (latest(CAPTURED_TRADES)?, latest(POSITIONS)?, latest(LOTS)?);
        let mut actions = HashMap::<PositionKey, Latest>::new();
        for (key, value) in latest(CAPTURED_ACTIONS)? {
            if let Some((position, _)) = parse_trade_key(&key) {
                actions.entry(position).or_default().insert(key, value);
            }
        }
        Ok(State { schemas, partition, trades, positions, lots, actions })
    }

    /// Every position with all that is kept of it; what of that cannot be read is told where it is compared.
    pub fn shelves(&self) -> BTreeMap<PositionKey, Shelf> {
        let mut shelves = BTreeMap::<PositionKey, Shelf>::new();
        let mut keep = |key: PositionKey, kept| shelves.entry(key).or_default().keep(kept);
        for trade in self.read_all::<CapturedTrade>(&self.trades) {
            keep(trade.key.clone(), Capture { trades: vec![trade], ..Capture::default() });
        }
        for CapturedAction { key, happened } in self.actions.values().flat_map(|actions| self.read_all(actions)) {
            keep(key, Capture { happened: vec![happened], ..Capture::default() });
        }
        for lot in self.read_all::<Lot>(&self.lots) {
            keep(lot.key.clone(), Capture { lots: vec![LotChange::Put(lot)], ..Capture::default() });
        }
        for position in self.read_all::<Position>(&self.positions) {
            let shelf = shelves.entry(position.key.clone()).or_default();
            shelf.policy = position.relief.clone();
            shelf.position = Some(position);
        }
        shelves
    }

    fn read_all<M: Message<Cause = Place>>(&self, latest: &Latest) -> impl Iterator<Item = M> {
        latest.values().filter_map(|value| Some(self.schemas.decode::<M>(value).ok()?.1))
    }

    /// Compares one position with its fold by the relief policy and the corporate actions that it says. `realised` is the sum of what its answers
    /// said, as long as nothing but trades changed it.
    pub fn compare(
        &mut self,
        key: &PositionKey,
        expected: &Expected,
        realised: Option<i128>,
        promises: &Promises,
        moves: &mut Moves,
        report: &mut Report,
    ) {
        let position = take::<Position>(self.schemas, &mut self.positions, key.as_str().as_bytes());
        let relief = position.as_ref().ok().and_then(|found| Some(&found.as_ref()?.relief)).unwrap_or(&FIFO).clone();
        let actions = self.actions_of(key, report);
        if let Some(behind) = promises.behind(key, expected, &relief, &actions) {
            report.unproved.push(format!("{key}: {behind}"));
        }
        // A defect ends no audit.
        let fold = contained(|| Fold::of(key, expected, &relief, &actions)).unwrap_or(Err(BROKEN));
        let fold = match fold {
            Ok(fold) => fold,
            Err(unproved) => {
                report.unproved.push(format!("{key}: {unproved}"));
                self.forget(key, expected);
                moves.unproved = true;
                return;
            }
        };
        let expected_position =
            expected.currency.map(|currency| fold.position(key, expected.revision, currency, &relief));
        self.differ(POSITIONS, key.as_str(), Ok(expected_position), position, report);
        if let Some(realised) = realised.filter(|realised| *realised != i128::from(fold.realised)) {
            let place = format!("blotter-{}", self.partition);
            report.differs(Damage::Torn, place, key, format!("realised {}", fold.realised), format!("sum {realised}"));
        }
        for (id, known) in &expected.trades {
            let name = format!("{key} {id}");
            let trade = captured(key, id, known, &fold);
            let found = take::<CapturedTrade>(self.schemas, &mut self.trades, &trade_key_of(key, id));
            self.differ(CAPTURED_TRADES, &name, Ok(Some(trade)), found.map(|found| found.map(settled)), report);
        }
        for id in expected.trades.keys().chain(expected.arrivals.keys()) {
            let found = take::<Lot>(self.schemas, &mut self.lots, &trade_key_of(key, id));
            // Which revision touched a lot last depends on how often it was restated; it is not part of the fold.
            let found = found.map(|found| found.map(|found| Lot { revision: 0, ..found }));
            self.differ(LOTS, &format!("{key} {id}"), Ok(fold.lots.get(id).cloned()), found, report);
        }
        let mut found: BTreeMap<_, _> =
            actions.into_iter().map(|found| (found.happening.id.clone(), unversioned(found))).collect();
        for (id, expected) in &fold.happened {
            let name = format!("{key} {id}");
            self.differ(CAPTURED_ACTIONS, &name, Ok(Some(expected.clone())), Ok(found.remove(id)), report);
        }
        for (id, extra) in found {
            self.differ(CAPTURED_ACTIONS, &format!("{key} {id}"), Ok(None), Ok(Some(extra)), report);
        }
        moves.expect(fold.happened.into_values().flat_map(|happened| happened.effect.sent));
        report.counts.positions += u64::from(expected.currency.is_some());
        report.counts.lots += fold.lots.len() as u64;
    }

    /// What happened to a position besides trades, as it says.
    fn actions_of(&mut self, key: &PositionKey, report: &mut Report) -> Vec<Happened> {
        let mut actions = Vec::new();
        for (record_key, value) in self.actions.remove(key).unwrap_or_default() {
            match self.schemas.decode::<CapturedAction>(&value) {
                Ok((_, action)) => actions.push(action.happened),
                Err(error) => {
                    let place = format!("{CAPTURED_ACTIONS}-{}", self.partition);
                    report.differs(Damage::Torn, place, String::from_utf8_lossy(&record_key), "an action", error);
                }
            }
        }
        actions.sort_by(|left, right| left.happening.id.cmp(&right.happening.id));
        actions
    }

    /// What no accepted answer accounts for.
    pub fn finish(self, report: &mut Report) {
        let actions = self.actions.into_values().flatten().collect();
        let topics = [
            (CAPTURED_TRADES, self.trades),
            (POSITIONS, self.positions),
            (LOTS, self.lots),
            (CAPTURED_ACTIONS, actions),
        ];
        for (topic, left) in topics {
            for key in left.keys() {
                let key = String::from_utf8_lossy(key);
                report.differs(Damage::Torn, format!("{topic}-{}", self.partition), key, "no record", "one");
            }
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
        for id in expected.trades.keys().chain(expected.arrivals.keys()) {
            self.trades.remove(&trade_key_of(key, id));
            self.lots.remove(&trade_key_of(key, id));
        }
    }
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

fn captured(key: &PositionKey, id: &TradeId, known: &Known, fold: &Fold) -> CapturedTrade {
    let status = match &known.event {
        None => TradeStatus::Awaited,
        Some(TradeEvent::Rebook { to, .. }) => TradeStatus::RebookedTo(to.clone()),
        Some(_) => known.terms().map_or(TradeStatus::Cancelled, |terms| TradeStatus::Live(terms.clone())),
    };
    let Close { opened, reliefs, refused } = fold.closes.get(id).cloned().unwrap_or_default();
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
        refused,
    })
}

/// Without what the fold does not know by itself: the content's hash, the opening prices that lots repeat, and what undoing needs.
fn settled(trade: CapturedTrade) -> CapturedTrade {
    let reliefs = trade.reliefs.into_iter().map(|relief| Relief { open_price: Decimal::ZERO, ..relief });
    CapturedTrade { content: Default::default(), reliefs: reliefs.collect(), before: None, ..trade }
}
