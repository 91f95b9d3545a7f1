//! Lots that leave for another position: with their cost and dates, without a result.

use chrono::NaiveDate;

use super::cost::signed_like;
use super::happening::{Arrival, Departure, Effect, Happening, Phase, Sent, What};
use super::lot::Lot;
use super::open_lot::{Facts, OpenLot};
use super::open_lots::{OpenLots, Turn};
use super::origin::{Change, Origin, Stay};
use super::relief::OutOfRange;
use crate::domain::key::{PositionKey, Timestamp, TradeId};
use crate::domain::lots::ledger::Ledger;
use crate::domain::names::Symbol;
use crate::domain::trade::captured::CapturedTrade;

/// A lot, or a part of one, as it goes to another position.
pub(super) struct Moved<'a> {
    pub of: &'a TradeId,
    pub lot: OpenLot<'a>,
    /// What its leaving changes of it.
    pub changes: Vec<Change>,
}

/// From when on it is there.
#[derive(Clone, Copy)]
pub(super) struct When {
    pub date: NaiveDate,
    pub phase: Phase,
    pub exec_time: Timestamp,
    pub source_seq: u64,
}

impl<'a, L: Ledger, I: Iterator<Item = &'a Lot>> OpenLots<'a, L, I> {
    /// Chooses lots as a close of that date would, and sends them on. What is not open cannot leave: it is returned as missing.
    pub(super) fn depart(&mut self, id: &'a TradeId, departure: &'a Departure) -> Result<Effect, OutOfRange> {
        let (pool, quantity) = (self.begin(), self.quantity());
        let units = departure.quantity.min(quantity.abs());
        if units.is_zero() {
            return Ok(Effect { missing: departure.quantity, ..Effect::default() });
        }
        let mut left = units;
        self.dissolve()?; // what moves takes its cost along
        let mut choice = self.choose(departure.instruction.as_ref(), departure.date, units);
        self.rank_for(&choice);
        let Departure { date, exec_time, source_seq, .. } = *departure;
        let when = When { date, phase: Phase::Trade, exec_time, source_seq };
        let mut sent = Vec::new();
        while !left.is_zero()
            && let Some(Turn { lot: of, most, .. }) = self.choose_next(&mut choice)
        {
            let lot = self.lot(of);
            let taken = most.unwrap_or(lot.remaining.abs()).min(left);
            let lot_taken = OpenLot { remaining: signed_like(lot.remaining, taken), ..lot };
            sent.push(self.sent(Moved { of, lot: lot_taken, changes: Vec::new() }, id, &departure.to, when));
            self.picture(of);
            self.take(of, signed_like(lot.remaining, taken));
            left -= taken;
        }
        let (change, missing) = (self.quantity() - quantity, departure.quantity - units);
        let before = self.end(pool, 0)?;
        Ok(Effect { change, before, sent, missing, refused: choice.refused, ..Effect::default() })
    }

    /// The arrival of the lot in the position `to`, moved by the fact `by`.
    pub(super) fn sent(&mut self, moved: Moved<'a>, by: &TradeId, to: &PositionKey, when: When) -> Sent {
        let Moved { of, lot, changes } = moved;
        let id = TradeId::moved(by, of);
        let origin = self.origin(of, lot.facts, changes, when.date).map(Box::new);
        let lot = Lot { key: to.clone(), opened: lot.remaining, id: id.clone(), ..lot.to_lot(self.key, of, 0) };
        let When { date, phase, exec_time, source_seq } = when;
        let what = What::Arrival(Box::new(Arrival { date, phase, exec_time, source_seq, lot, origin }));
        Sent { to: to.clone(), happening: Happening { id, version: 0, what } }
    }

    /// Where the lot comes from once it has left on a day, after `changes`; none when nobody has said where it came from itself.
    fn origin(&mut self, of: &'a TradeId, facts: Facts<'a>, changes: Vec<Change>, until: NaiveDate) -> Option<Origin> {
        let mut origin = match facts {
            Facts::Trade(terms) => Origin::of_trade(terms.price),
            Facts::Lot(_) => match self.ledger.captured(of).and_then(CapturedTrade::terms) {
                Some(terms) => Origin::of_trade(terms.price),
                None => self.arrival(of)?.origin.as_deref()?.clone(),
            },
        };
        origin.changes.extend(self.changes_of(of));
        origin.changes.extend(changes);
        let security = Symbol::new(&self.key.security()).expect("a part of a key is a name");
        origin.stays.push(Stay { security, until });
        Some(origin)
    }
}
