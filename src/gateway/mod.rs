//! The only async code: the admin port with metrics and health.
//! In reading order:

pub mod watch; // whether Kafka and Redis answer
pub mod probes; // what the probes answer, from the engine's health
pub mod admin; // the admin port itself
pub mod metrics; // where all metrics are counted
