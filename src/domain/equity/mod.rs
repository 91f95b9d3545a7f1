//! The equity leg: what a price performance comes to, when it is realised, and when it is paid.
//! In reading order:

pub mod terms; // what a contract says about it
pub mod mark; // a price and a rate at one moment
pub mod performance; // a span of a holding -> its amount
pub mod unreturned; // ex dates that a price return does not pay for
