//! Answers that may be used again, in process and in Redis. Never a source of truth: whatever is missing here is asked for or calculated.
//! In reading order:

mod answer; // what is kept: there, or not there
pub mod tiers; // the tier in process over the one in Redis
pub mod redis; // the tier that processes share
mod patience; // how long Redis may keep its callers waiting
mod sealed; // an answer's bytes, which tell when they are damaged or another key's
pub mod breaker; // leaves alone what fails
pub mod results; // what chunks came to
pub mod endpoints; // a service over HTTP
pub mod market_data; // what a job's contracts use of it

pub use answer::Answer;
