//! A position: what the surviving trades of an account, book and security add up to.

use rust_decimal::Decimal;

use super::key::PositionKey;
use super::money::{Currency, Money};

/// What the surviving trades of one key add up to. It exists from the first accepted trade on, for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    pub key: PositionKey,
    /// Accepted versions so far, in order of arrival. It never turns back; a newer record of the position has a greater one.
    pub revision: u64,
    /// Bought less sold; a short position is negative.
    pub quantity: Decimal,
    /// Of all its live trades.
    pub currency: Currency,
    /// Sum of the reliefs of its live trades.
    pub realised: Money,
    /// Remaining quantity times opening price, rounded per lot, summed over the open lots; negative when short.
    pub cost: Money,
    pub open_lots: u32,
}
