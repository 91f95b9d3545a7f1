//! Golden cases: published and hand-checked numbers, one file a case.

#[path = "golden/lots.rs"]
mod lots; // relief, crossing zero, restatement
mod ledger;
