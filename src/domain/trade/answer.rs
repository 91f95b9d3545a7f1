//! What a trade record is answered: one verdict per record, a second one when a held version is released.

use std::fmt;

use rust_decimal::Decimal;

use super::captured::Place;
use crate::domain::key::{PositionKey, TradeId};
use crate::domain::money::{Currency, Money};

/// One row of the blotter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The record that is answered.
    pub place: Place,
    pub key: PositionKey,
    pub id: TradeId,
    pub version: u32,
    pub verdict: Verdict,
    /// For a held version's second answer: the record that ended its waiting.
    pub released_by: Option<Place>,
    /// The position's revision before and after; 0 while there is no position.
    pub revision_before: u64,
    pub revision_after: u64,
    /// The position's quantity after this version.
    pub quantity_after: Decimal,
    /// The change of the position's realised result; `None` while there is no position. Of several versions that take
    /// effect together the last one bears it, because those before it were never replayed.
    pub realised_delta: Option<Money>,
}

/// What became of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Accepted,
    /// Same version and content as the record `first`, which made `revision` (`None`: it is still held).
    Duplicate {
        first: Place,
        revision: Option<u64>,
    },
    /// A later version is in force.
    Stale {
        current: u32,
    },
    /// It waits for version `awaited`.
    Held {
        awaited: u32,
    },
    /// Accepted after it was held.
    Released,
    /// Refused after it was held.
    Refused(Refusal),
}

/// Why a trade record has no effect and goes to the dead letters. A refused version is not used up: it may come again, corrected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    VersionZero,
    /// The same version is known with other content, from the record `first`.
    Conflict {
        first: Place,
    },
    FirstVersionNotNew,
    /// A new trade that is live already.
    AlreadyLive,
    /// A change of a trade that is cancelled.
    NotLive,
    RebookedAway {
        to: PositionKey,
    },
    RebookToItself,
    CurrencyDiffers {
        position: Currency,
        trade: Currency,
    },
    /// The same version of an opening lot is known with other content. Lots are never held, so no row of the blotter says it.
    OtherLot,
    /// A force for a version that is not held.
    NothingHeld,
    TooManyHeld,
    /// Quantity, cost or result would not fit its number.
    OutOfRange,
}

impl Refusal {
    /// The reason's name in dead letters and metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::VersionZero => "version_zero",
            Refusal::Conflict { .. } => "conflict",
            Refusal::FirstVersionNotNew => "first_version_not_new",
            Refusal::AlreadyLive => "already_live",
            Refusal::NotLive => "not_live",
            Refusal::RebookedAway { .. } => "rebooked_away",
            Refusal::RebookToItself => "rebook_to_itself",
            Refusal::CurrencyDiffers { .. } => "currency_differs",
            Refusal::OtherLot => "other_lot",
            Refusal::NothingHeld => "nothing_held",
            Refusal::TooManyHeld => "too_many_held",
            Refusal::OutOfRange => "out_of_range",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::VersionZero => f.write_str("versions count from 1"),
            Refusal::Conflict { first } => {
                write!(
                    f,
                    "version has other content than the record at partition {} offset {}",
                    first.partition, first.offset
                )
            }
            Refusal::FirstVersionNotNew => f.write_str("version 1 is not a new trade"),
            Refusal::AlreadyLive => f.write_str("trade is live already: amend it"),
            Refusal::NotLive => f.write_str("trade is cancelled: only a new version 1 higher brings it back"),
            Refusal::RebookedAway { to } => write!(f, "trade was rebooked to {to}: send its versions there"),
            Refusal::RebookToItself => f.write_str("rebook names the position the trade is in: amend it instead"),
            Refusal::CurrencyDiffers { position, trade } => {
                write!(
                    f,
                    "trade or lot is in {trade}, the position in {position}: correct it, cancel what else is in the position, or book it in another one"
                )
            }
            Refusal::OtherLot => {
                f.write_str("version of the lot is known with other content: send a correction as the next version")
            }
            Refusal::NothingHeld => f.write_str("no held version has this number"),
            Refusal::TooManyHeld => {
                f.write_str("too many versions of the trade are held: send the missing one or force")
            }
            Refusal::OutOfRange => f.write_str(
                "quantity, cost or realised result would be too large: correct what is out of proportion, or split it over several positions",
            ),
        }
    }
}

impl std::error::Error for Refusal {}
