//! What is agreed and what issuers do -> what a position's facts come to under it, from the first one on.

use super::happen::{Happen, position};
use super::happening::{Happened, Happening, What};
use super::lot::Lot;
use super::method::ReliefPolicy;
use super::position::Position;
use super::relief::OutOfRange;
use super::restate::{Restated, replay_all, totals_of};
use crate::domain::key::TradeId;
use crate::domain::lots::ledger::Ledger;
use crate::domain::trade::answer::Refusal;
use crate::domain::trade::captured::CapturedTrade;

/// What counts for a position and is said by none of its own records.
pub struct Agreed<'a> {
    pub policy: &'a ReliefPolicy,
    /// Corporate actions as they fall on the position, each with all that it says now. One that is not listed stays as it is.
    pub actions: Vec<Happening>,
}

/// Works a position out again if anything else is agreed than it was worked out by. It keeps its revision, which counts records of trades: the same
/// facts come to the same position, whichever was known first.
pub fn agree<L: Ledger>(ledger: &L, agreed: &Agreed<'_>) -> Result<Happen, Refusal> {
    let Some(before) = ledger.position() else { return Ok(Happen::default()) };
    let other: Vec<&Happening> = agreed.actions.iter().filter(|action| says_else(ledger, action)).collect();
    if other.is_empty() && before.relief == *agreed.policy {
        return Ok(Happen::default());
    }
    let Position { key, revision, currency, .. } = before;
    let under = Under { ledger, policy: agreed.policy };
    let restated = replay_all(&under, key, totals_of(before), *revision, &other);
    let Restated { trades, happened, lots, sends, totals, .. } = restated.map_err(|OutOfRange| Refusal::OutOfRange)?;
    let position = Some(position(key, *revision, *currency, totals, agreed.policy));
    Ok(Happen { happened, trades, lots, position, sends })
}

/// Whether the position knows another version of it, or the same under other terms. What never was and is not known is no news.
fn says_else<L: Ledger>(ledger: &L, action: &Happening) -> bool {
    match ledger.happened(&action.id) {
        Some(known) => known.happening != *action,
        None => action.what != What::Withdrawn,
    }
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
