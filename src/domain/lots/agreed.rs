//! Another relief policy is agreed -> what a position's facts come to under it, from the first one on.

use super::happen::{Happen, position};
use super::happening::Happened;
use super::lot::Lot;
use super::method::ReliefPolicy;
use super::position::Position;
use super::relief::OutOfRange;
use super::restate::{Restated, replay_all, totals_of};
use crate::domain::key::TradeId;
use crate::domain::lots::ledger::Ledger;
use crate::domain::trade::answer::Refusal;
use crate::domain::trade::captured::CapturedTrade;

/// Works a position out again. It keeps its revision, which counts trades: the same trades and the same policy come to the same position,
/// whichever was known first.
pub fn agree<L: Ledger>(ledger: &L, policy: &ReliefPolicy) -> Result<Happen, Refusal> {
    let Some(before) = ledger.position().filter(|position| position.relief != *policy) else {
        return Ok(Happen::default());
    };
    let Position { key, revision, currency, .. } = before;
    let under = Under { ledger, policy };
    let restated = replay_all(&under, key, totals_of(before), *revision).map_err(|OutOfRange| Refusal::OutOfRange)?;
    let Restated { trades, happened, lots, sends, totals, .. } = restated;
    let position = Some(position(key, *revision, *currency, totals, policy));
    Ok(Happen { happened, trades, lots, position, sends })
}

/// A ledger's facts, to be applied by another policy.
struct Under<'a, L> {
    ledger: &'a L,
    policy: &'a ReliefPolicy,
}

impl<L: Ledger> Ledger for Under<'_, L> {
    fn captured(&self, id: &TradeId) -> Option<&CapturedTrade> {
        self.ledger.captured(id)
    }

    fn position(&self) -> Option<&Position> {
        self.ledger.position()
    }

    fn lot(&self, id: &TradeId) -> Option<&Lot> {
        self.ledger.lot(id)
    }

    fn lots_fifo(&self) -> impl Iterator<Item = &Lot> {
        self.ledger.lots_fifo()
    }

    fn trades_from_latest(&self) -> impl Iterator<Item = &CapturedTrade> {
        self.ledger.trades_from_latest()
    }

    fn policy(&self) -> &ReliefPolicy {
        self.policy
    }

    fn happened(&self, id: &TradeId) -> Option<&Happened> {
        self.ledger.happened(id)
    }

    fn happened_from_latest(&self) -> impl Iterator<Item = &Happened> {
        self.ledger.happened_from_latest()
    }
}
