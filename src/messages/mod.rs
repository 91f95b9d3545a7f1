//! What travels: Avro wire forms stay private here; the rest of the code sees domain values.
//! In reading order:

pub mod message; // what every message has
pub mod schemas; // encode and decode: schemas, their ids, the registry's place
pub mod trade; // topic trades
pub mod captured_trade; // topic captured-trades
pub mod captured_action; // topic captured-actions
pub mod position; // topic positions
pub mod lot; // topic lots
pub mod blotter; // topic blotter
pub mod contract; // topic contracts
pub mod data_point; // topics market-data, reference-data
pub mod position_flows; // topic cash-flows
pub mod market_snapshot; // topic market-snapshots
pub mod any_chunk; // topics calculation-chunks.*
pub mod chunk; // of them those of a request
pub mod content; // a chunk without the names of its job
pub mod cash_flows; // topic job-cash-flows
pub mod chunk_result; // topics chunk-results.realtime and .batch
pub mod came_to; // flows and result without the names of their job
pub mod job_control; // topic job-control
pub mod job_progress; // topic job-progress
pub mod outcome; // topic calculation-outcomes
pub mod calculation_request; // topics calculation-requests, recalculations
pub mod share; // topic recalculation-shares
pub mod dead_letter; // topic dead-letters
pub mod request; // the calculation request in JSON
pub mod document; // contracts with all their terms in JSON
mod parts; // what messages about trades share
mod relief; // which lots are taken, and what is ordered about it
pub mod job_parts; // what messages about jobs share
pub mod key; // record keys and partitions
pub mod view; // any record as JSON for people
pub mod compatibility; // may this schema follow those before it?
mod resolution; // records of other versions
pub mod resolved; // a schema with what its names stand for
pub mod wire; // Avro's binary form
pub mod decimal; // Avro's decimals
pub mod framing; // the registry's header
#[cfg(test)]
mod agreement; // every message against its schema
#[cfg(test)]
mod pinned; // bytes that must never change
#[cfg(test)]
mod looks; // how messages look to people
#[cfg(test)]
mod job_looks; // those about jobs
#[cfg(test)]
mod flow_looks; // those about contracts, the market and flows
#[cfg(test)]
mod samples; // any value of a message
#[cfg(test)]
mod job_samples; // those about jobs
#[cfg(test)]
mod flow_samples; // those about contracts, the market and positions' flows
