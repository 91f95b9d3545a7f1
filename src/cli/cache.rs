//! `cache clear`: what the caches keep in Redis, deleted by prefix.

use serde_json::json;

use super::exit::Exit;
use super::failure::Failure;
use super::parts;
use super::session::Session;

/// Looks after what is kept in Redis
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Deletes fetched market data and kept results, and nothing else
    Clear,
}

pub fn run(command: &Command, session: &Session) -> Result<Exit, Failure> {
    let Command::Clear = command;
    let config = session.config()?;
    let redis = parts::redis(&config)?;
    let redis = redis.ok_or_else(|| Failure::new(Exit::Precondition, "there is no Redis").next("set redis.url"))?;
    let unreachable = |error| {
        Failure::new(Exit::Unreachable, format!("Redis: {error}"))
            .next("redis.url says where it was tried (`bookflow config show`): is it running? What expires is gone without this command")
    };
    let mut deleted = 0;
    for prefix in [&config.cache.market_data_prefix, &config.cache.results_prefix] {
        deleted += redis.clear(prefix).map_err(unreachable)?;
    }
    session.output.say(json!({ "deleted": deleted }), format!("{deleted} keys deleted"))?;
    Ok(Exit::Ok)
}
