//! Puts collaborators together as the settings say: broker, admin, schema ids, engine settings.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::config::Config;
use super::config::secret::Secret;
use super::failure::Failure;
use crate::cache;
use crate::cache::endpoints::Endpoints;
use crate::cache::market_data::Source;
use crate::cache::redis::Redis;
use crate::cache::results::Results;
use crate::cache::tiers::Cache;
use crate::domain::jobs::split::SplitLimits;
use crate::engine;
use crate::engine::admin::Admin;
use crate::engine::broker::Broker;
use crate::engine::copy::{NoCopies, StateStore};
use crate::engine::namespace::Namespaced;
use crate::kafka::KafkaBroker;
use crate::kafka::registry::Registry;
use crate::kafka::settings::{Settings, TimeLimits};
use crate::messages::schemas::{EmbeddedIds, SchemaIds, Schemas};
use crate::pipeline::{topic_files, topology};
use crate::store::DiskStore;

pub fn broker(config: &Config) -> Result<Arc<dyn Broker>, Failure> {
    let broker = kafka(config)?;
    Ok(match config.kafka.namespace.as_str() {
        "" => Arc::new(broker),
        namespace => Arc::new(Namespaced::new(broker, namespace)),
    })
}

pub fn admin(config: &Config) -> Result<Box<dyn Admin>, Failure> {
    let kafka = kafka(config)?;
    // An admin client cannot tell why it reaches nobody; the broker's own client can.
    kafka.cluster_id()?;
    let admin = kafka.admin()?;
    Ok(match config.kafka.namespace.as_str() {
        "" => Box::new(admin),
        namespace => Box::new(Namespaced::new(admin, namespace)),
    })
}

/// Schemas with ids from the registry, or from their content when none is set.
pub fn schemas(config: &Config) -> Result<Arc<Schemas>, Failure> {
    let ids: Box<dyn SchemaIds> = match &config.registry {
        Some(url) => Box::new(Registry::new(url)?),
        None => Box::new(EmbeddedIds),
    };
    // A namespace has subjects of its own, as it has topics of its own.
    let topics: Vec<_> =
        topic_files::subjects().into_iter().map(|(topic, name)| (full_name(config, topic), name)).collect();
    let topics: Vec<_> = topics.iter().map(|(topic, name)| (topic.as_str(), *name)).collect();
    Ok(Arc::new(Schemas::connect(ids, &topics)?))
}

/// A topic's name as the cluster and the registry know it.
pub fn full_name(config: &Config, topic: &str) -> String {
    match config.kafka.namespace.as_str() {
        "" => topic.into(),
        namespace => format!("{namespace}.{topic}"),
    }
}

/// Redis, if there is one; asks nothing yet.
pub fn redis(config: &Config) -> Result<Option<Arc<Redis>>, Failure> {
    let Some(redis) = &config.redis else { return Ok(None) };
    let settings = cache::redis::Settings {
        url: redis.url.clone(),
        username: redis.username.clone(),
        password: redis.password.as_ref().map(|password| password.reveal().to_owned()),
        timeout: redis.timeout,
        connections: redis.connections,
        pause: redis.pause,
    };
    let redis = Redis::new(settings).map_err(|error| Failure::usage(format!("redis.url: {error}")))?;
    Ok(Some(Arc::new(redis)))
}

/// The service that market data are fetched from, if there is one, behind their cache.
pub fn market_data(config: &Config) -> Result<Option<Source>, Failure> {
    let Some(service) = &config.market_data else { return Ok(None) };
    let settings = cache::endpoints::Settings {
        url: service.url.clone(),
        timeout: service.timeout,
        attempts: service.attempts,
        backoff: service.backoff,
        pause: service.pause,
    };
    let endpoints = Endpoints::new(&settings).map_err(|error| Failure::usage(format!("market_data.url: {error}")))?;
    let settings = cache::tiers::Settings {
        name: "market_data",
        prefix: config.cache.market_data_prefix.clone(),
        life: config.cache.market_data_life,
        absent_life: config.cache.absent_life,
        bytes: config.cache.memory as u64,
    };
    Ok(Some(Source::new(endpoints, Cache::new(settings, redis(config)?), service.parallel)))
}

/// What chunks came to, where that is kept.
fn results(config: &Config, redis: Option<Arc<Redis>>) -> Result<Option<Arc<Results>>, Failure> {
    if !config.cache.results {
        return Ok(None);
    }
    let settings = cache::tiers::Settings {
        name: "results",
        prefix: config.cache.results_prefix.clone(),
        life: config.cache.results_life,
        absent_life: config.cache.absent_life,
        bytes: config.cache.memory as u64,
    };
    let cache = Cache::new(settings, redis);
    Ok(Some(Arc::new(Results::new(cache, program()?))))
}

/// A hash of the running program: nobody can forget to raise it when a formula changes.
fn program() -> Result<[u8; 32], Failure> {
    let mut hash = Sha256::new();
    let mut file = std::env::current_exe().and_then(File::open)?;
    let mut block = vec![0; 1 << 20];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(hash.finalize().into()),
            read => hash.update(&block[..read]),
        }
    }
}

pub fn engine_settings(config: &Config) -> engine::settings::Settings {
    let (worker, limits) = (&config.worker, time_limits(config));
    engine::settings::Settings {
        instance: worker.instance.clone(),
        static_membership: worker.static_membership,
        turn_records: worker.turn_records,
        turn_bytes: worker.turn_bytes,
        turn_time: worker.turn_time,
        delivery_time: limits.message / 2,
        poll_records: worker.poll_records,
        poll_bytes: worker.poll_bytes,
        portion_bytes: worker.portion_bytes,
        poll_wait: worker.poll_wait,
        restore_records: worker.restore_records,
        restore_threads: worker.restore_threads,
        backoff: worker.backoff,
        backoff_max: worker.backoff_max,
        copy_every: worker.copy_every,
        copy_max_age: worker.copy_max_age,
        recent_entries: worker.recent_entries,
        spare_processors: config.jobs.spare_processors,
        session_timeout: limits.session,
        ..engine::settings::Settings::default()
    }
}

/// The Redis of a worker, which has no use for one unless it keeps results.
pub fn worker_redis(config: &Config) -> Result<Option<Arc<Redis>>, Failure> {
    if config.cache.results { redis(config) } else { Ok(None) }
}

pub fn stage_settings(config: &Config, redis: Option<Arc<Redis>>) -> Result<topology::Settings, Failure> {
    Ok(topology::Settings {
        jobs_kept: config.jobs.kept,
        results: results(config, redis)?,
        ..topology::Settings::default()
    })
}

/// Where local copies of state rest, if anywhere.
pub fn store(config: &Config) -> Result<Arc<dyn StateStore>, Failure> {
    let Some(folder) = &config.worker.state_folder else {
        return Ok(Arc::new(NoCopies));
    };
    let store = DiskStore::open(folder).map_err(|error| {
        Failure::usage(format!("worker.state_folder {}: {error}", folder.display()))
            .next("name a folder that this user may write to, or none: then there are no local copies")
    })?;
    Ok(Arc::new(store))
}

pub fn split_limits(config: &Config) -> SplitLimits {
    let jobs = &config.jobs;
    SplitLimits {
        chunk_positions: jobs.chunk_positions,
        chunk_lots: jobs.chunk_lots,
        realtime_positions: jobs.realtime_positions,
        realtime_lots: jobs.realtime_lots,
    }
}

/// The Kafka broker without its namespace.
pub fn kafka(config: &Config) -> Result<KafkaBroker, Failure> {
    let mut settings = Settings::new(&config.kafka.bootstrap).limits(time_limits(config))?;
    for (name, value) in &config.kafka.properties {
        settings = settings.set(name, Secret::reveal(value)).map_err(|error| Failure::usage(error.message))?;
    }
    KafkaBroker::new(settings).map_err(|error| Failure::usage(error.message))
}

/// Numbers that client and broker must agree on.
pub fn time_limits(config: &Config) -> TimeLimits {
    if config.kafka.short_time_limits { TimeLimits::short() } else { TimeLimits::default() }
}
