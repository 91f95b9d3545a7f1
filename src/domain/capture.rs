//! Trade record -> what it changes in its position: each version once, in order of versions.

use super::answer::Answer;
use super::captured::CapturedTrade;
use super::key::TradeId;
use super::lot::{Lot, LotChange};
use super::position::Position;
use super::trade::Trade;

/// What capture may read: the committed facts of the one position that the trade belongs to.
pub trait Ledger {
    fn captured(&self, id: &TradeId) -> Option<&CapturedTrade>;

    fn position(&self) -> Option<&Position>;

    /// The lot that this trade opened, while it is open.
    fn lot(&self, id: &TradeId) -> Option<&Lot>;

    /// The open lots in business order of their opening trades.
    fn lots_fifo(&self) -> impl Iterator<Item = &Lot>;

    /// The live trades, latest in business order first.
    fn trades_from_latest(&self) -> impl Iterator<Item = &CapturedTrade>;
}

/// Everything one trade record changes. What is not named stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capture {
    /// The record's own answer first, then second answers of held versions that it released.
    pub answers: Vec<Answer>,
    pub trades: Vec<CapturedTrade>,
    pub lots: Vec<LotChange>,
    pub position: Option<Position>,
    /// Records for other positions: the second halves of rebooks.
    pub sends: Vec<Trade>,
}
