//! Connects: topics, the topology, one file per stage. A stage reads state, calls one domain function, writes what it said.

pub mod topics; // names and numbers of topics
pub mod book; // stage: trades -> answers, positions, lots
mod codecs; // how tables travel
mod refusals; // why a record becomes a dead letter
