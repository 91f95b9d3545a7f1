//! The Broker port on a real Apache Kafka: what the engine relies on, measured on the thing itself.

#[path = "../cluster/mod.rs"]
mod cluster; // the broker that dev/up has started
#[path = "../sums/mod.rs"]
mod sums; // a small topology
#[path = "../proxy/mod.rs"]
mod proxy; // between a client and the broker
#[path = "../contract/turns.rs"]
mod turns; // the worker: turns, take-overs, outages
#[path = "../contract/protocol.rs"]
mod protocol; // turns, marks, fencing
#[path = "../contract/membership.rs"]
mod membership; // rebalances, companions, closing
#[path = "../contract/reading.rs"]
mod reading; // positions, bounds, lost offsets
#[path = "../contract/topics.rs"]
mod topics; // admin
mod registry; // schema ids
mod hazards; // requests that arrive late
mod late; // the worker, while requests arrive late
#[path = "../attack/damage.rs"]
mod damage; // what may be wrong with a record
#[allow(dead_code)] // target attack uses the rest
#[path = "../attack/samples.rs"]
mod samples; // sound records
mod attack; // bad input
