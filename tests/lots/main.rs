//! Lots: every relief method, corporate actions, transfers and restatement, against an independent oracle and the promises of the domain.

mod any; // histories of any kind
mod agreement; // what the oracle says of them
mod promises; // what holds in each of them
mod methods; // which lots each method takes
mod actions; // what each corporate action does
mod transfers; // lots that go from position to position
mod slices; // lots cut where notional or fate changes
mod restated; // late facts, withdrawn facts, other orders, days gone by
mod cost; // what a late trade reads of a position with thousands of lots
#[path = "../ledger/mod.rs"]
mod ledger;
#[path = "../oracle/mod.rs"]
mod oracle;
