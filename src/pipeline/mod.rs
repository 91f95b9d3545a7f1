//! Connects: topics, the topology, one file per stage. A stage reads state, calls one domain function, writes what it said.

pub mod topics; // names and numbers of topics
