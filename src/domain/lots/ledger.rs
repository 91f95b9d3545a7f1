//! What a change may read: the committed facts of one position, wherever they are kept.

use super::happening::Happened;
use super::lot::Lot;
use super::method::{FIFO, ReliefPolicy};
use super::position::Position;
use crate::domain::key::TradeId;
use crate::domain::trade::BusinessOrder;
use crate::domain::trade::captured::CapturedTrade;

/// The one position that a trade or a happening belongs to.
pub trait Ledger {
    fn captured(&self, id: &TradeId) -> Option<&CapturedTrade>;

    fn position(&self) -> Option<&Position>;

    /// The lot that this trade opened, while it is open.
    fn lot(&self, id: &TradeId) -> Option<&Lot>;

    /// The open lots in business order of their opening trades.
    fn lots_fifo(&self) -> impl Iterator<Item = &Lot>;

    /// The live trades, latest in business order first.
    fn trades_from_latest(&self) -> impl Iterator<Item = &CapturedTrade>;

    /// Where the latest of them stands: every trade that is captured asks, and most ask nothing else.
    fn latest_trade(&self) -> Option<BusinessOrder<'_>> {
        self.trades_from_latest().next().and_then(CapturedTrade::order)
    }

    /// Since when which relief method is agreed.
    fn policy(&self) -> &ReliefPolicy {
        &FIFO
    }

    /// What is known of a happening, a withdrawn one included.
    fn happened(&self, _id: &TradeId) -> Option<&Happened> {
        None
    }

    /// The happenings in force, latest in business order first.
    fn happened_from_latest(&self) -> impl Iterator<Item = &Happened> {
        std::iter::empty()
    }
}
