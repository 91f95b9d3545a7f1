//! How entries of `book` are named, numbered and ordered.

use std::hash::{Hash, Hasher};

use hashbrown::{Equivalent, HashMap};

use super::Number;
use crate::domain::key::{PositionKey, TradeId};
use crate::domain::lots::happening::Moment;
use crate::domain::trade::{BusinessOrder, Order};
use crate::engine::table::AsKey;
use crate::messages::captured_action::CapturedAction;

/// A trade, and the lot it opened, within its position.
#[derive(Clone, PartialEq, Eq)]
pub struct TradeKey {
    pub position: PositionKey,
    pub trade: TradeId,
}

/// `TradeKey` without owning it.
pub(super) struct TradeKeyRef<'a>(pub &'a PositionKey, pub &'a TradeId);

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

impl AsKey<TradeKey> for TradeKeyRef<'_> {
    fn to_key(&self) -> TradeKey {
        TradeKey { position: self.0.clone(), trade: self.1.clone() }
    }
}

/// What belongs to a position is found by number, and its key stands in memory once.
#[derive(Default)]
pub(super) struct Numbers {
    /// Only grows, as the positions do.
    pub known: HashMap<PositionKey, Number>,
    pub keys: Vec<PositionKey>,
}

impl Numbers {
    pub fn of(&mut self, key: &PositionKey) -> Number {
        if let Some(number) = self.known.get(key) {
            return *number;
        }
        let number = u32::try_from(self.known.len()).expect("a task has fewer than 2^32 positions");
        self.known.insert(key.clone(), number);
        self.keys.push(key.clone());
        number
    }

    /// Exchanges a key for the one that everything else of its position holds; none while there is no such position.
    pub fn share(&self, key: &mut PositionKey) -> Option<Number> {
        let (known, number) = self.known.get_key_value(key)?;
        *key = known.clone();
        Some(*number)
    }
}

/// The same place, of an order that is kept.
pub(super) fn borrowed((date, time, seq, id): &Order) -> BusinessOrder<'_> {
    (*date, *time, *seq, id)
}

/// Where an action in force stands among its position's facts.
pub(super) fn moment(action: &CapturedAction) -> Option<Moment<'_>> {
    action.happened.happening.moment()
}
