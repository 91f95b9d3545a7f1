//! What the engine may rely on, promised by the broker in process. Target `kafka` holds the real one to the same files.

#[path = "memory.rs"]
mod cluster; // a broker of each test's own
mod protocol; // turns, marks, fencing
mod membership; // rebalances, companions, closing
mod reading; // positions, bounds, lost offsets
mod topics; // admin
#[path = "../sums/mod.rs"]
mod sums; // a small topology
mod turns; // the worker: turns, take-overs, outages
#[allow(dead_code)] // other targets use the rest
mod faults; // faults planned call by call
mod late; // requests that arrive late, answers that are lost
mod markers; // transactions that end place by place
mod members; // silence in a group
mod logs; // cleaning, retention, loss
