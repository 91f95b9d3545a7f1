//! The caches on a real redis-server that is stopped, killed, filled and damaged: nothing is wrong and nobody waits long.

mod server; // a redis-server of one's own
mod tiers; // a cache over it
mod outages; // what happens to it
#[path = "../service/mod.rs"]
mod service; // a market data service of one's own
mod fetched; // jobs that fetch from it
mod results; // what chunks came to before
