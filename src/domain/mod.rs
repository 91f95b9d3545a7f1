//! Decides: money, dates, trades, lots, cash flows, jobs. Pure: no serde, no clock, no I/O.
//! In reading order:

pub mod money; // currencies, amounts in minor units, rounding
pub mod key; // names of positions, trades, contracts; instants
pub mod trade; // one version of a trade and its terms
pub mod captured; // what is known of a trade for ever
pub mod lot; // what a trade opened; what a trade closed
pub mod position; // what trades add up to
pub mod answer; // what a trade record is answered, or why it is refused
pub mod capture; // trade record -> what it changes in its position
