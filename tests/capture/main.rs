//! Capture: what each record is answered, and that positions and lots come out the same whatever the order of arrival.

mod versions; // duplicates, gaps, forces, rebooks, refusals
mod cost; // what capture reads of a position with thousands of lots
mod arrival; // any order of arrival, against an independent oracle
#[path = "../ledger/mod.rs"]
mod ledger;

use bookflow::cli::verify::oracle;
