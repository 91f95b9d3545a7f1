//! A swap with what is held under it, as a document states it: trades that make lots, or lots as they are.

use super::terms::Swap;
use crate::domain::lots::given::GivenLot;
use crate::domain::lots::method::ReliefPolicy;
use crate::domain::trade::Trade;

/// One contract of a document.
#[derive(Clone, PartialEq, Debug)]
pub struct Agreement {
    pub swap: Swap,
    /// Which lots a closing trade takes.
    pub relief: ReliefPolicy,
    pub held: Held,
}

/// What is held under a contract.
#[derive(Clone, PartialEq, Debug)]
pub enum Held {
    /// In the order of the document; they are captured as a stream of them would be. Each says when it settles.
    Trades(Vec<Trade>),
    Lots(Vec<GivenLot>),
}
