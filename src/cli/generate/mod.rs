//! `generate`: seeded load of any size, for trying out, tests, the demo and measurements. In reading order:

pub mod load; // how much, and what is out of the ordinary
pub mod trades; // the records, one after another
mod terms; // who trades what, when and at which price
pub mod market; // the contracts and the market behind them
pub mod poison; // the many ways in which a record can be bad
pub mod record; // a generated record as it is sent
pub mod request; // calculation requests
pub mod send; // straight to the topic
pub mod command; // `generate trades|market|job`
