//! What trades leave behind: positions and their lots, whatever arrives late. In reading order:

pub mod cost; // what the units of a lot cost
pub mod lot; // what a trade opened; what a trade closed
pub mod position; // what trades add up to
pub mod method; // which lots are taken first, and since when that is agreed
pub mod corporate_action; // what an issuer does to the lots of a position
pub mod origin; // where a lot comes from that arrives
pub mod happening; // what happens to a position besides trades
pub mod ledger; // what a change may read: the facts of one position
pub(in crate::domain) mod relief; // what one fact takes from the open lots
mod open_lot; // one lot at a moment
mod queue; // which of them is next
mod open_lots; // the lots at a moment that moves back and forth
mod choice; // which lots a close or a transfer takes
mod adjust; // corporate actions on the open lots
mod transfer; // lots that leave for another position
pub(in crate::domain) mod restate; // what a change at some point in business order comes to
pub mod happen; // happening -> what it changes in its position
pub mod agreed; // another relief policy -> what the position comes to under it
pub mod shelf; // a position in memory
pub mod units; // a quantity that splits change
pub mod slice; // a lot cut wherever its notional or its fate changes
pub mod settlement; // slices in the order in which they settle
pub mod given; // lots that somebody else keeps
pub mod life; // the facts of a position -> the life of each of its lots
pub mod difference; // what a change did to reliefs and lots, by their ids
pub mod as_of; // a position as it stood at the end of a business day
