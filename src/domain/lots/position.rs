//! A position: what the surviving trades of an account, book and security add up to.

use rust_decimal::Decimal;

use super::method::ReliefPolicy;
use crate::domain::key::PositionKey;
use crate::domain::money::{Currency, Money};

/// What the surviving trades of one key add up to. It exists from the first accepted trade on, for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    pub key: PositionKey,
    /// Accepted versions so far, in order of arrival. It never turns back; only another relief policy changes the position without a new one.
    pub revision: u64,
    /// Bought less sold; a short position is negative.
    pub quantity: Decimal,
    /// Of all its live trades and of the lots that arrived.
    pub currency: Currency,
    /// Sum of the reliefs of its live trades.
    pub realised: Money,
    /// Remaining quantity times unit cost, rounded per lot, summed over the open lots, or that of their pool; negative when short.
    pub cost: Money,
    pub costing: Costing,
    pub open_lots: u32,
    /// Which lots closes take; all the rest was worked out by it.
    pub relief: ReliefPolicy,
}

/// Whose cost the cost of a position is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Costing {
    /// The sum of what each lot costs.
    #[default]
    ByLot,
    /// All open lots share it: the position closes at average cost.
    Pooled,
}
