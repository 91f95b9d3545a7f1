//! The Broker port in process, with Kafka's transactions as they are for a client of the old protocol.
//!
//! Everything that goes wrong is decided by `Interference` or by settings; the broker itself has no randomness. What comes
//! later than its cause (markers, second copies of requests, time-outs) waits in one queue ordered by the broker's clock.

pub mod settings; // limits and delays
pub mod interference; // what goes wrong, decided from outside
mod broker; // the handle: makes clients
pub mod admin; // topics, and what happens to logs by themselves
mod shared; // the lock, the waits, the clock
mod cluster; // what the brokers know: requests, and what comes due
mod log; // one partition: records, markers, what readers see
mod compaction; // what cleaning leaves of a log
mod transactions; // the transaction coordinator
mod membership; // the group coordinator: who is in, who owns what
mod group_client; // a consumer as it knows itself
mod sticky; // who gets which partition
mod offsets; // committed offsets, stable and pending
mod consumer; // a member of a group
mod producer; // a transactional producer
mod reader; // committed records without a group
mod fetch; // positions of what is read

pub use self::admin::{LogEntry, MemoryAdmin};
pub use self::broker::MemoryBroker;
