//! bookflow: trades, lots and cash flows of synthetic prime brokerage, exactly once, on Kafka.
//!
//! Read `ARCHITECTURE.md` first. Folders in reading order:

pub mod domain; // decides
pub mod messages; // what travels
pub mod pipeline; // connects domain and engine
pub mod engine; // runs stages exactly once
pub mod kafka; // the broker port for real
pub mod memory; // the broker port in process
pub mod store; // where local copies of state rest
pub mod cache; // answers that may be used again
pub mod gateway; // metrics and health over HTTP
pub mod cli; // puts the parts together
pub mod telemetry; // one function per happening
pub mod allocator; // the process's memory, counted while somebody measures
