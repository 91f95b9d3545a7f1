//! Trades, contracts and the market through the real topology: a position's cash flows leave with the trade, and whatever they depend on wakes
//! them.

#[allow(dead_code)] // other targets use the rest
#[path = "../contract/memory.rs"]
mod cluster; // what tests say to a broker
#[allow(dead_code)] // other targets use the rest
#[path = "../attack/damage.rs"]
mod damage; // a record as it is sent
#[allow(dead_code)] // other targets use the rest
#[path = "../contract/faults.rs"]
mod faults; // the hand on the clock
#[allow(dead_code)] // other targets use the rest
#[path = "../attack/house.rs"]
mod house; // the topology with its broker
#[allow(dead_code)] // other targets use the rest
#[path = "../rules/turns.rs"]
mod turns; // what a worker is let do
mod desk; // a contract, its market, and what is told of them
mod stream; // what leaves when
mod office; // many positions, and jobs by reference that are asked of them
mod batch; // a load of any size, and the batch over it
mod recalculation; // what comes of such jobs
mod large; // what is too large for one record, and what one position breaks
mod snapshots; // names for what is known
mod explained; // what was told, calculated again from the log
mod brought; // the same of jobs that brought their contracts
mod arrived; // lots that go on in another security
mod opening; // lots that were there before
mod agreed; // what contracts and issuers say of lots, whatever is known first
