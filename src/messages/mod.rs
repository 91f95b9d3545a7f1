//! What travels: Avro wire forms stay private here; the rest of the code sees domain values.
//! In reading order:

pub mod message; // what every message has
pub mod schemas; // encode and decode: schemas, their ids, the registry's place
pub mod trade; // topic trades
pub mod captured_trade; // topic captured-trades
pub mod position; // topic positions
pub mod lot; // topic lots
pub mod blotter; // topic blotter
mod parts; // what several messages share
pub mod request; // the calculation request in JSON
pub mod key; // record keys and partitions
pub mod view; // any record as JSON for people
pub mod compatibility; // may this schema follow those before it?
mod resolution; // records of other versions
pub mod wire; // Avro's binary form
pub mod decimal; // Avro's decimals
pub mod framing; // the registry's header
#[cfg(test)]
mod agreement;
#[cfg(test)]
mod samples;
