//! The binary as a black box. `usage` needs nothing; `flow` runs on the real broker and registry that `dev/up` has started.

mod binary;
mod flow;
mod usage;
