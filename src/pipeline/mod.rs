//! Connects: topics, the topology, one file per stage. A stage reads state, calls one domain function, writes what it said.

pub mod topology; // THE PAGE: stages, what they read, keep and send
pub mod topics; // names and numbers of topics
pub mod topic_files; // what each topic must be on a cluster
pub mod book; // stage: trades -> answers, positions, lots
pub mod calculate; // stages: chunks -> cash flows and results
pub mod collect; // stage: results -> progress and one outcome per job
mod meter; // what becomes of jobs, as metrics
pub mod stopped; // jobs that nobody waits for any more
pub mod knowledge; // what is known of contracts, the market and reference data
mod due; // positions whose flows are to be calculated
pub mod flows; // a position -> what is told of its flows
mod codecs; // how tables travel
mod dead_letters; // a rejected record as it came
pub mod refusals; // why a record becomes a dead letter
