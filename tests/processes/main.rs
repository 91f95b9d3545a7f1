//! The program as users have it: its own processes on the real broker and registry, killed and stopped from outside.

#[path = "../cluster/mod.rs"]
#[allow(dead_code)] // these tests say little to the broker themselves
mod cluster; // the broker that dev/up has started
#[allow(dead_code)] // the faults ask more of a worker
mod program; // commands and workers of one installation
mod crashes; // workers that are killed
mod restarts; // workers that are told to stop, and what the next one finds
mod namesakes; // two workers of one name
mod jobs; // calculation requests
mod totals; // what the flows of a job come to, level by level
mod same_outcome; // one job through any workers and chunks
mod batch; // a job over what the stream has told
#[path = "../service/mod.rs"]
#[allow(dead_code)] // the cache's tests need more moods of it
mod service; // a market data service
mod fetched; // jobs that leave their market data to be fetched
mod secure; // TLS and SCRAM
