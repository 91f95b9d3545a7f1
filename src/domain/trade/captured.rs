//! What is known of one trade for ever: its surviving version, what it did to the lots, and versions that wait.

use rust_decimal::Decimal;

use crate::domain::key::{PositionKey, TradeId};
use crate::domain::lots::lot::{Before, Relief};
use crate::domain::lots::method::InvalidInstruction;
use crate::domain::trade::{BusinessOrder, ContentHash, Terms, TradeEvent};

/// Versions of one trade that may wait at the same time; beyond it the record of the trade would outgrow a message.
pub const HELD_MAX: usize = 1_000;

/// Where a record came from. The domain only hands it on, to name records by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The topic's number in the topology.
    pub topic: u16,
    pub partition: i32,
    pub offset: i64,
}

/// The state of one trade of one position: the source of truth for what restatement replays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapturedTrade {
    pub key: PositionKey,
    pub id: TradeId,
    /// The surviving version; 0 while all known versions are held.
    pub version: u32,
    pub status: TradeStatus,
    /// Of the surviving version.
    pub content: ContentHash,
    /// The record of the surviving version (of the first held one while there is none).
    pub place: Place,
    /// The position's revision that the surviving version made.
    pub revision: u64,
    /// Versions that wait for those before them, in order of version.
    pub held: Vec<HeldVersion>,
    /// The signed quantity of the lot it opened, zero for none.
    pub opened: Decimal,
    /// What it closed, in the order of relief.
    pub reliefs: Vec<Relief>,
    /// What undoing it needs beside them.
    pub before: Option<Box<Before>>,
    /// Why its instruction is not followed; its lots are chosen by the policy's method.
    pub refused: Option<Box<InvalidInstruction>>,
}

/// Where the life of a trade stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TradeStatus {
    /// No version could be applied yet.
    Awaited,
    Live(Terms),
    Cancelled,
    /// It lives on in another position.
    RebookedTo(PositionKey),
}

/// A version that came before the ones it builds on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldVersion {
    pub version: u32,
    pub event: TradeEvent,
    pub place: Place,
}

impl CapturedTrade {
    /// The terms in force; `None` unless the trade is live.
    pub fn terms(&self) -> Option<&Terms> {
        self.status.terms()
    }

    /// Its place among the trades of its position; `None` unless it is live.
    pub fn order(&self) -> Option<BusinessOrder<'_>> {
        self.terms().map(|terms| terms.order(&self.id))
    }
}

impl TradeStatus {
    /// The terms in force; `None` unless it is `Live`.
    pub fn terms(&self) -> Option<&Terms> {
        match self {
            TradeStatus::Live(terms) => Some(terms),
            TradeStatus::Awaited | TradeStatus::Cancelled | TradeStatus::RebookedTo(_) => None,
        }
    }
}
