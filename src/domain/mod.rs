//! Decides: money, dates, trades, lots, cash flows, jobs. Pure: no serde, no clock, no I/O.
//! In reading order:

pub mod rounding; // what becomes of the digits that are cut off
mod exact; // a x b / c with one rounding
pub mod wide; // factors over decades of days, to 33 decimals
pub mod money; // currencies, amounts in minor units, rounding
pub mod key; // names of positions, trades, contracts; instants
pub mod blocked; // why an amount cannot be calculated
pub mod trade; // one version of a trade and its terms
pub mod captured; // what is known of a trade for ever
pub mod cost; // what the units of a lot cost
pub mod lot; // what a trade opened; what a trade closed
pub mod position; // what trades add up to
pub mod answer; // what a trade record is answered, or why it is refused
mod version; // which version of a trade counts, waits or is refused
mod due; // versions that become due with a record
pub mod method; // which lots are taken first, and since when that is agreed
pub mod ratio; // new units for old ones
pub mod corporate_action; // what an issuer does to the lots of a position
pub mod happening; // what happens to a position besides trades
mod relief; // what one fact takes from the open lots
mod open_lots; // the lots at a moment that moves back and forth
mod choice; // which lots a close or a transfer takes
mod adjust; // corporate actions on the open lots
mod transfer; // lots that leave for another position
mod restate; // what a change at some point in business order comes to
pub mod happen; // happening -> what it changes in its position
pub mod capture; // trade record -> what it changes in its position
pub mod shelf; // a position in memory
pub mod lot_slice; // a lot cut wherever its notional or its fate changes
pub mod life; // the facts of a position -> the life of each of its lots
pub mod difference; // what a change did to reliefs and lots, by their ids
pub mod as_of; // a position as it stood at the end of a business day
pub mod crossing; // what of a trade's costs falls on its closing part

pub mod explain; // what a flow was calculated from, as lines
pub mod pad; // what a formula is calculated on: silently, or every line kept
pub mod rounded; // a pad that rounds as a contract says
pub mod calendar; // business days, and where other days go
pub mod schedule; // dates at regular distances
pub mod settlement; // how long a trade takes to settle
pub mod daycount; // days, and the fraction of a year they are
mod names; // how a name of a request becomes a type
pub mod contract; // products, legs, and contracts with positions and lots as a request gives them
pub mod carry; // market values and their age
pub mod amount; // before and after the one rounding
pub mod fx; // exchange rates: straight, inverted, crossed
pub mod market; // prices, rates and dividends by name and date
pub mod cashflow; // an amount and what it was calculated from
pub mod status; // how far a flow has come
pub mod adjustment; // a changed amount: in place, or beside what was paid
pub mod netting; // payments that become one
pub mod balance; // the days of an account's money
pub mod posting; // what moves a balance, each once
pub mod swap; // swaps with full terms, and every cash flow of them
pub mod notice; // error and warning rows
pub mod totals; // counts, sums and a hash that prove a job complete
pub mod job; // what is asked for, and the answer
pub mod chunk; // the units of work of a job
mod unwind; // closing lots -> what each takes from the open lots
pub mod resolve; // contracts as read -> contracts that can be calculated
pub mod split; // a stream of contracts -> chunks
pub mod slice; // the part of a lot with one fate
pub mod equity; // the equity leg
pub mod rates; // floating rates, overnight and term
pub mod financing; // interest on a slice
pub mod dividends; // dividends of a holding
pub mod fees; // what trades, nights and an early end cost
pub mod calculate; // a chunk -> its cash flows
pub mod collect; // chunk results -> one outcome
