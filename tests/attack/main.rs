//! Bad input through the real topology: one dead letter each, with reason, place and original bytes, and nobody else suffers.

#[allow(dead_code)] // other targets use the rest
#[path = "../contract/memory.rs"]
mod cluster; // what tests say to a broker
#[allow(dead_code)] // other targets use the rest
#[path = "../contract/faults.rs"]
mod faults; // the hand on the clock
#[allow(dead_code)] // other targets use the rest
#[path = "../rules/turns.rs"]
mod turns; // what a worker is let do
mod damage; // what may be wrong with any record
mod house; // the topology with its broker
mod samples; // sound records
mod trades; // stage book
mod jobs; // stages calculate and collect
mod aggregation; // a job whose chunks do not come in as they should
mod crew; // a job through workers that die
mod rebooks; // second halves that are refused
mod limits; // too large, panics, deaths
mod registry; // schemas of other writers
mod fuzz; // twenty thousand mutations
