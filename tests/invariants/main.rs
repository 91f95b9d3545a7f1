//! What holds for every input: the invariants of the kernel, each as a property of random cases.

mod fraction; // exact numbers, for oracles
mod world; // random calendars, fixings and terms
mod by_hand; // an oracle for a rate: night by night, in exact fractions, without tables
mod rates; // the kernel agrees with the oracle; explanations and tables hold
mod financing; // cuts, bookings, resets and marks
mod positions; // random trades, and the slices first in, first out makes of them
mod equity; // resets telescope; results are cash and market value
mod dividends; // slices add up to the position
mod balances; // closings, deltas, batches in any order

/// Cases of each property: 1,000, or more when `PROPTEST_CASES` says so (100,000 before a release).
pub fn cases() -> proptest::test_runner::Config {
    let config = proptest::test_runner::Config::default();
    proptest::test_runner::Config { cases: config.cases.max(1_000), failure_persistence: None, ..config }
}
