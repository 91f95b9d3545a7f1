//! The rules of the turn (`docs/exactly-once.md`), each as a promise of the worker on the broker in process.

#[allow(dead_code)] // other targets use the rest
#[path = "../contract/memory.rs"]
mod cluster; // what tests say to a broker
#[allow(dead_code)] // other targets use the rest
#[path = "../contract/faults.rs"]
mod faults; // the hand on the clock, and what will go wrong
#[allow(dead_code)] // other targets use the rest
#[path = "../sums/mod.rs"]
mod sums; // a small topology
mod turns; // what a worker is let do
mod house; // that topology with its broker and workers
mod doubt; // 5, 6: turns whose end is unknown
mod length; // 7, 16: how long a turn may be
mod poison; // 7, 15, 16: records that do harm
mod offsets; // 9, 13: offsets that expire, never were, or point nowhere
mod kept; // 11: what is kept through a rebalance
mod takeover; // 12: to the mark, no more and no less
mod fencing; // 14: once, twice, twins
mod copies; // 17: local copies of state
mod ageing; // 17: older entries in segments
mod threads; // of a process, which ends as a whole
mod views; // 18: pinned, complete, never backwards
