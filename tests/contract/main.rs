//! What the engine may rely on, promised by the broker in process. Target `kafka` holds the real one to the same files.

#[path = "memory.rs"]
mod cluster; // a broker of each test's own
mod protocol; // turns, marks, fencing
mod membership; // rebalances, companions, closing
mod reading; // positions, bounds, lost offsets
mod topics; // admin
