//! A position in memory, kept as captures and happenings say: a ledger for whoever has all its facts at hand.

use std::collections::BTreeMap;

use super::happen::Happen;
use super::happening::{Happened, OwnedMoment};
use super::lot::{Lot, LotChange};
use super::method::ReliefPolicy;
use super::position::Position;
use crate::domain::key::TradeId;
use crate::domain::lots::ledger::Ledger;
use crate::domain::trade::capture::Capture;
use crate::domain::trade::captured::CapturedTrade;
use crate::domain::trade::{Order, owned};

/// One position's state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shelf {
    pub trades: BTreeMap<TradeId, CapturedTrade>,
    pub live: BTreeMap<Order, TradeId>,
    pub lots: BTreeMap<TradeId, Lot>,
    pub fifo: BTreeMap<Order, TradeId>,
    pub position: Option<Position>,
    pub policy: ReliefPolicy,
    pub happened: BTreeMap<TradeId, Happened>,
    pub moments: BTreeMap<OwnedMoment, TradeId>,
}

impl Shelf {
    /// A copy of what is live, to try something on.
    pub fn of<L: Ledger>(ledger: &L) -> Shelf {
        let mut shelf = Shelf { policy: ledger.policy().clone(), ..Shelf::default() };
        let trades: Vec<CapturedTrade> = ledger.trades_from_latest().cloned().collect();
        let lots = ledger.lots_fifo().cloned().map(LotChange::Put).collect();
        shelf.keep_facts(trades, ledger.happened_from_latest().cloned().collect(), lots, ledger.position().cloned());
        shelf
    }

    /// Keeps what a trade record changed.
    pub fn keep(&mut self, capture: Capture) {
        self.keep_facts(capture.trades, capture.happened, capture.lots, capture.position);
    }

    /// Keeps what a happening changed.
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

    fn happened(&self, id: &TradeId) -> Option<&Happened> {
        self.happened.get(id)
    }

    fn happened_from_latest(&self) -> impl Iterator<Item = &Happened> {
        self.moments.values().rev().map(|id| &self.happened[id])
    }
}
