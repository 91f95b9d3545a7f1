//! Decides: money, dates, trades, lots, cash flows, jobs. Pure: no serde, no clock, no I/O.
//! In reading order:

pub mod key; // names of positions, trades, contracts; instants
pub mod names; // names of what contracts and the market speak of
pub mod blocked; // why an amount cannot be calculated

pub mod number; // numbers without a currency
pub mod money; // currencies, amounts in minor units, rounding
pub mod explain; // formulas that calculate silently, or with every line kept

pub mod calendar; // business days, and where other days go
pub mod schedule; // dates at regular distances
pub mod daycount; // days, and the fraction of a year they are

pub mod trade; // trade record -> what it changes in its position
pub mod lots; // positions and lots, whatever arrives late

pub mod market; // what is known: prices, fixings, exchange rates, dividends
pub mod rates; // floating rates, overnight and term
pub mod equity; // the equity leg
pub mod financing; // interest on a slice
pub mod dividends; // dividends of a holding
pub mod fees; // what trades, nights and an early end cost
pub mod swap; // swaps with full terms, and every cash flow of them

pub mod flows; // what becomes of a flow: status, adjustment, netting
pub mod balance; // the days of an account's money
pub mod jobs; // calculation jobs that bring their own contracts
