//! Calculation jobs from the request's bytes to the outcome: what is paid, what is refused, and what chunks must not change.

mod run; // a request in, flows and outcome out
mod amounts; // what each leg pays
mod refusals; // what cannot be calculated, and what only looks odd
mod reading; // in order, and in bounded memory
mod replaced; // numbers of the replaced service, right and wrong
mod published; // golden cases of financing and dividends
mod chunks; // cutting changes nothing
mod outcomes; // how a job ends
mod documents; // contracts with all their terms
