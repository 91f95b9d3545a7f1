//! Golden cases: published and hand-checked numbers, one file a case, every number of it asserted.
//!
//! Cases 29, 30, 33 to 35 and 37 have no library behind them and were read critically. All their numbers hold. Where their words say something
//! else than we do: 29 lets a dividend settle on its pay date, here an event says so and never a date; the title of 30 restates prices of
//! before the split, here no price is ever adjusted and one of before says nothing about the units after; 33 calls the lot of a trade that crosses
//! zero `id#o`, here it has the trade's own id, as a trade opens one lot at most; the title of 37 promises an accrual that the file does not
//! have (31 does).

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
