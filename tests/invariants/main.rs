//! What holds for every input: the invariants of the kernel, each as a property of random cases. `tests/proofs.rs` lists all of them.

mod fraction; // exact numbers, for oracles
mod world; // random calendars, fixings and terms
mod by_hand; // an oracle for a rate: night by night, in exact fractions, without tables
mod rates; // the kernel agrees with the oracle; explanations and tables hold
mod financing; // cuts, bookings, resets and marks
mod positions; // random trades, and the slices first in, first out makes of them
mod equity; // resets telescope; results are cash and market value
mod settled; // interest runs from settlement to settlement
mod dividends; // slices add up to the position
mod balances; // closings, deltas, batches in any order
