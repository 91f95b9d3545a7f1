//! Runs stages exactly once; knows no finance. The rules are in `docs/exactly-once.md`.

pub mod broker; // port: Kafka's protocol in steps
pub mod batch; // polled records in one arena
pub mod clock; // port: time
