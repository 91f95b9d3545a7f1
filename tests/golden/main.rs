//! Golden cases: published and hand-checked numbers, one file a case, every number of it asserted.

mod case; // a golden file, and the account of what was asserted of it
mod json; // JSON with exact numbers
#[path = "../ledger/mod.rs"]
mod ledger;
mod leg; // financing legs of golden files
mod lots; // relief, crossing zero, restatement
mod rounding; // minor units, modes, allocation
mod rates; // overnight and term rates of one period
mod financing; // financing of lots on their settled notional
mod daycounts; // fractions of a year
mod dates; // conventions, settlement, schedules
mod balances; // daily balances and corrections
mod swap; // a lot under a swap, and the flows of it on a day
mod equity; // performance, resets, unwinds, exchange rates
mod dividends; // entitlement, manufactured dividends
mod withholding; // tax at source, as the replaced service was right about it
mod fees; // commission, taxes, stock borrow
