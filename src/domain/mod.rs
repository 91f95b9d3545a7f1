//! Decides: money, dates, trades, lots, cash flows, jobs. Pure: no serde, no clock, no I/O.
//!
//! What holds in all of it:
//!
//! - **Signs.** Amounts are seen by the client: plus is received. Quantities, notionals and costs are signed: a short is below zero.
//!   What is a count or a charge is not signed, and says so.
//! - **Intervals** count their first day and not their last one.
//! - **Units.** A rate is a fraction of a year (0.05 is 5 %), a ratio a fraction of one. A price is per unit. An exchange rate is units of
//!   settlement currency for one unit of price currency. A quantity and a price have ten decimals at most.
//! - **Digits.** A number is a `Decimal` of 28 digits; where those do not carry, a [`number::wide::Wide`] or an exact
//!   [`daycount::Fraction`]. An amount is exact until it is rounded once, to a whole number of minor units ([`money::Money`]).
//! - **Errors.** What an amount needs and nobody has said makes it [`blocked::Blocked`], with the name and the date of what is missing;
//!   nothing has a default. `None` of an operation on numbers means that the result does not fit. A true 0 is a result.
//! - **Explanation.** A formula is written once, on an [`explain::pad::Pad`], and calculates or explains.
//! - **Sources** stand at the item: sections of the ISDA Definitions (2021 and 2006 Interest Rate, 2002 Equity), names of FpML's coding
//!   schemes, types of the Common Domain Model (CDM) and where it errs.
//!
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
