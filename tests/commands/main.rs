//! The binary as a black box. `usage` needs nothing; `bench`, `flow`, `reference`, `day` and `documents` run on the real broker and registry that `dev/up` has started.

mod bench;
mod binary;
mod day;
mod documents;
mod flow;
mod reference;
mod usage;
