//! Numbers without a currency, exact for longer than a `Decimal` is.

pub mod rounding; // what becomes of the digits that are cut off
pub(in crate::domain) mod exact; // a x b / c with one rounding
pub mod wide; // factors over decades of days, to 33 decimals
pub mod ratio; // new units for old ones
