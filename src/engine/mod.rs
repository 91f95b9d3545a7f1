//! Runs stages exactly once; knows no finance. The rules and their reasons are in `docs/exactly-once.md`.

pub mod topology; // stages as a value, checked before anything runs
pub mod stage; // what a stage is: handlers, context, effects
pub mod trace; // the trace that a record belongs to, which goes along
pub mod table; // its state: undoable entries and their changelog
mod slots; // entries by number
mod older; // its entries that have left memory
pub mod segments; // the files they are in
pub mod derived; // what follows from tables, undone with them
pub mod index; // in an order of its own
pub mod ordered; // in an order that a table has
pub mod run; // the threads of a process
pub mod priority; // threads that give way
pub mod worker; // one thread: consumer, producer, tasks
mod turn; // polled records become effects
mod size; // how many records a turn may have
mod commit; // effects, offsets and marks become one transaction
mod attempts; // what is tried is committed first: records that kill the process
mod doubt; // a turn whose end is unknown
mod assignment; // what the group gives and takes
mod task; // one stage on one partition
pub mod mark; // what the committed offsets say about the last turn
pub mod restore; // tables become what the mark names
pub mod copy; // port: local copies of state
pub mod view; // whole compacted topics
pub mod first_start; // the explicit act before the first turn
pub mod stop; // why a worker ends by itself
pub mod health; // what the probes answer
pub mod settings; // what an operator may set
pub mod batch; // polled records in one arena
pub mod broker; // port: Kafka's protocol in steps
pub mod admin; // port: topics, looked at and changed
pub mod namespace; // several installations on one cluster
pub mod clock; // port: time
