//! The binary as a black box. `usage` needs nothing; `bench` and `flow` run on the real broker and registry that `dev/up` has started.

mod bench;
mod binary;
mod flow;
mod usage;
