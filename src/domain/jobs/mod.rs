//! Calculation jobs: those that bring their own contracts, and those by reference to positions that are here. In reading order:

pub mod job; // what is asked for, and the answer
pub mod contract; // products, legs, and contracts with positions and lots as a request gives them
pub mod market; // prices, rates and dividends by name and date
pub mod wanted; // the names that contracts use of it
pub mod cashflow; // an amount and what it was calculated from
pub mod notice; // error and warning rows
pub mod totals; // counts, sums and a hash that prove a job complete
pub mod chunk; // the units of work of a job
mod unwind; // closing lots -> what each takes from the open lots
pub mod resolve; // contracts as read -> contracts that can be calculated
pub mod split; // a stream of contracts -> chunks
pub mod payment; // what a leg pays for a slice, or why it has no amount
pub mod rates; // the rates of a request as indices
mod legs; // what each kind of leg pays
pub mod calculate; // a chunk -> its cash flows
pub mod agreements; // the same of a document's contracts
pub mod recalculation; // jobs by reference: what is asked of every partition
pub mod share; // what one partition does of it
pub mod collect; // chunk results -> one outcome
