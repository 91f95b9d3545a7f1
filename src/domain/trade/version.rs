//! Which version of a trade counts: duplicates, gaps, and what may follow what.

use super::answer::Refusal;
use super::captured::{CapturedTrade, HELD_MAX, Place, TradeStatus};
use crate::domain::key::PositionKey;
use crate::domain::trade::{ContentHash, Trade, TradeEvent};

/// How a version stands to what is known of its trade.
#[derive(Debug)]
pub(super) enum Admission<'a> {
    Next,
    Duplicate {
        first: Place,
        revision: Option<u64>,
    },
    Stale {
        current: u32,
    },
    Hold {
        awaited: u32,
    },
    /// It releases a held version of this trade.
    Force(&'a CapturedTrade),
}

pub(super) fn admit<'a>(known: Option<&'a CapturedTrade>, trade: &Trade) -> Result<Admission<'a>, Refusal> {
    let (event, version) = (&trade.event, trade.version);
    if version == 0 {
        return Err(Refusal::VersionZero);
    }
    let Some(known) = known else { return from_base(event, version, 0) };
    match known.held.iter().find(|held| held.version == version) {
        Some(_) if matches!(event, TradeEvent::Force) => Ok(Admission::Force(known)),
        Some(held) if !matches!(event, TradeEvent::RebookIn { .. }) => {
            same_content(event, held.event.content(), held.place, None)
        }
        _ if version < known.version => Ok(Admission::Stale { current: known.version }),
        _ if version == known.version && matches!(event, TradeEvent::Force) => {
            Ok(Admission::Stale { current: known.version })
        }
        _ if version == known.version => same_content(event, known.content, known.place, Some(known.revision)),
        _ => match from_base(event, version, known.version)? {
            Admission::Hold { .. } if known.held.len() >= HELD_MAX => Err(Refusal::TooManyHeld),
            admission => Ok(admission),
        },
    }
}

/// A version above the one in force.
fn from_base<'a>(event: &TradeEvent, version: u32, current: u32) -> Result<Admission<'a>, Refusal> {
    match event {
        TradeEvent::Force => Err(Refusal::NothingHeld),
        TradeEvent::RebookIn { .. } => Ok(Admission::Next),
        TradeEvent::Amend(_) | TradeEvent::Cancel | TradeEvent::Rebook { .. } if version == 1 => {
            Err(Refusal::FirstVersionNotNew)
        }
        _ if version == current + 1 => Ok(Admission::Next),
        _ => Ok(Admission::Hold { awaited: current + 1 }),
    }
}

fn same_content<'a>(
    event: &TradeEvent,
    content: ContentHash,
    first: Place,
    revision: Option<u64>,
) -> Result<Admission<'a>, Refusal> {
    if event.content() == content {
        Ok(Admission::Duplicate { first, revision })
    } else {
        Err(Refusal::Conflict { first })
    }
}

/// What the trade becomes; an awaited trade, reached by force, may become anything.
pub(super) fn follow(status: &TradeStatus, key: &PositionKey, event: &TradeEvent) -> Result<TradeStatus, Refusal> {
    match (status, event) {
        (_, TradeEvent::Force) => Err(Refusal::NothingHeld),
        (TradeStatus::Live(_), TradeEvent::New(_) | TradeEvent::RebookIn { .. }) => Err(Refusal::AlreadyLive),
        (_, TradeEvent::RebookIn { terms, .. }) => Ok(TradeStatus::Live(terms.clone())),
        (TradeStatus::RebookedTo(to), _) => Err(Refusal::RebookedAway { to: to.clone() }),
        (_, TradeEvent::New(terms)) => Ok(TradeStatus::Live(terms.clone())),
        (TradeStatus::Cancelled, _) => Err(Refusal::NotLive),
        (_, TradeEvent::Amend(terms)) => Ok(TradeStatus::Live(terms.clone())),
        (_, TradeEvent::Cancel) => Ok(TradeStatus::Cancelled),
        (_, TradeEvent::Rebook { to, .. }) if to == key => Err(Refusal::RebookToItself),
        (_, TradeEvent::Rebook { to, .. }) => Ok(TradeStatus::RebookedTo(to.clone())),
    }
}
