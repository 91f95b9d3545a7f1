//! The settings of a process, typed and within their bounds. `default.toml` says what each is for.

pub mod layers; // where settings come from
pub mod secret; // a text that must not be shown
pub mod units; // durations and sizes

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use toml::Value;

use self::layers::{Layers, OPEN, Setting};
use self::secret::Secret;
use super::failure::Failure;

#[derive(Clone, Debug)]
pub struct Config {
    pub kafka: Kafka,
    pub registry: Option<String>,
    pub worker: Worker,
    pub jobs: Jobs,
    pub redis: Option<Redis>,
    pub cache: Cache,
    pub market_data: Option<MarketData>,
    pub admin: Admin,
}

#[derive(Clone, Debug)]
pub struct Kafka {
    pub bootstrap: String,
    pub namespace: String,
    /// Time limits for a test broker that looks for dead transactions every second.
    pub short_time_limits: bool,
    /// librdkafka's properties for security, and what else was given; values may be secrets.
    pub properties: BTreeMap<String, Secret>,
}

#[derive(Clone, Debug)]
pub struct Worker {
    pub instance: String,
    /// Empty: all.
    pub stages: Vec<String>,
    pub threads: usize,
    pub static_membership: bool,
    pub state_folder: Option<PathBuf>,
    pub turn_records: usize,
    pub turn_bytes: usize,
    pub turn_time: Duration,
    pub poll_records: usize,
    pub poll_bytes: usize,
    pub portion_bytes: usize,
    pub poll_wait: Duration,
    pub restore_records: usize,
    pub restore_threads: usize,
    pub backoff: Duration,
    pub backoff_max: Duration,
    pub copy_every: Duration,
    pub copy_max_age: Duration,
    pub recent_entries: usize,
}

#[derive(Clone, Debug)]
pub struct Jobs {
    pub realtime_positions: usize,
    pub realtime_lots: usize,
    pub chunk_positions: usize,
    pub chunk_lots: usize,
    /// None: no limit.
    pub max_chunks: Option<usize>,
    /// None: as many as the lane has partitions.
    pub max_parallel_chunks: Option<usize>,
    pub spare_processors: usize,
    pub timeout: Duration,
    pub kept: Duration,
}

#[derive(Clone, Debug)]
pub struct Redis {
    pub url: String,
    pub username: Option<String>,
    pub password: Option<Secret>,
    pub timeout: Duration,
    pub connections: usize,
    pub pause: Duration,
}

#[derive(Clone, Debug)]
pub struct Cache {
    pub market_data_prefix: String,
    pub results_prefix: String,
    pub market_data_life: Duration,
    pub absent_life: Duration,
    pub results: bool,
    pub results_life: Duration,
    pub memory: usize,
}

#[derive(Clone, Debug)]
pub struct MarketData {
    pub url: String,
    pub timeout: Duration,
    pub attempts: usize,
    pub backoff: Duration,
    pub parallel: usize,
    pub pause: Duration,
}

#[derive(Clone, Debug)]
pub struct Admin {
    pub bind: Option<SocketAddr>,
}

impl Config {
    pub fn read(layers: &Layers) -> Result<Config, Failure> {
        let read = Read { layers };
        Ok(Config {
            kafka: read.kafka()?,
            registry: read.optional("registry.url"),
            worker: read.worker()?,
            jobs: Jobs {
                realtime_positions: read.number("jobs.realtime_positions", 1, 100_000)?,
                realtime_lots: read.number("jobs.realtime_lots", 1, 1_000_000)?,
                chunk_positions: read.number("jobs.chunk_positions", 1, 100_000)?,
                chunk_lots: read.number("jobs.chunk_lots", 1, 100_000)?,
                max_chunks: read.limit("jobs.max_chunks", 1_000_000_000)?,
                max_parallel_chunks: read.limit("jobs.max_parallel_chunks", 10_000)?,
                spare_processors: read.number("jobs.spare_processors", 0, 64)?,
                timeout: read.duration("jobs.timeout", "1s", "7d")?,
                kept: read.duration("jobs.kept", "1s", "90d")?,
            },
            redis: read.redis()?,
            cache: read.cache()?,
            market_data: read.market_data()?,
            admin: read.admin()?,
        })
    }
}

/// Reads settings by name; whatever is wrong is told with the setting's name and origin.
struct Read<'a> {
    layers: &'a Layers,
}

impl Read<'_> {
    fn kafka(&self) -> Result<Kafka, Failure> {
        let bootstrap = self.text("kafka.bootstrap");
        if bootstrap.is_empty() {
            return Err(self.wrong("kafka.bootstrap", "host:port, comma separated"));
        }
        let namespace = self.text("kafka.namespace");
        if !namespace.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-') || namespace.len() > 100 {
            return Err(self.wrong("kafka.namespace", "up to 100 letters, digits, . and -"));
        }
        let short_time_limits = self.one_of("kafka.time_limits", &["normal", "short"])? == "short";
        Ok(Kafka { bootstrap, namespace, short_time_limits, properties: self.properties()? })
    }

    /// Security in librdkafka's words, then whatever else was given by its own name.
    fn properties(&self) -> Result<BTreeMap<String, Secret>, Failure> {
        let mut properties = BTreeMap::new();
        let protocol = self.one_of("kafka.security_protocol", &["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"])?;
        let mut given = vec![
            ("security.protocol", "kafka.security_protocol"),
            ("ssl.ca.location", "kafka.ca_file"),
            ("ssl.certificate.location", "kafka.certificate_file"),
            ("ssl.key.location", "kafka.key_file"),
        ];
        if protocol.starts_with("sasl") {
            self.one_of("kafka.sasl_mechanism", &["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])?;
            given.extend([
                ("sasl.mechanism", "kafka.sasl_mechanism"),
                ("sasl.username", "kafka.username"),
                ("sasl.password", "kafka.password"),
            ]);
            for key in ["kafka.username", "kafka.password"] {
                self.optional(key).ok_or_else(|| self.wrong(key, "set, because kafka.security_protocol is sasl_*"))?;
            }
        }
        for (property, key) in given {
            properties.extend(self.optional(key).map(|value| (property.to_string(), Secret::new(value))));
        }
        for (key, setting) in self.layers.iter() {
            if let Some(name) = key.strip_prefix(OPEN).and_then(|rest| rest.strip_prefix('.')) {
                let value = setting.value.as_str().ok_or_else(|| self.wrong(key, "a text in quotes"))?;
                properties.insert(name.to_string(), Secret::new(value));
            }
        }
        Ok(properties)
    }

    fn worker(&self) -> Result<Worker, Failure> {
        let stages = self.text("worker.stages");
        Ok(Worker {
            instance: self.optional("worker.instance").unwrap_or_else(host_name),
            stages: stages.split(',').map(str::trim).filter(|stage| !stage.is_empty()).map(String::from).collect(),
            threads: self.number("worker.threads", 1, 64)?,
            static_membership: self.switch("worker.static_membership"),
            state_folder: self.optional("worker.state_folder").map(PathBuf::from),
            turn_records: self.number("worker.turn_records", 1, 1_000_000)?,
            turn_bytes: self.size("worker.turn_bytes", "64KiB", "256MiB")?,
            turn_time: self.duration("worker.turn_time", "1ms", "5s")?,
            poll_records: self.number("worker.poll_records", 1, 100_000)?,
            poll_bytes: self.size("worker.poll_bytes", "64KiB", "256MiB")?,
            portion_bytes: self.size("worker.portion_bytes", "1B", "256MiB")?,
            poll_wait: self.duration("worker.poll_wait", "1ms", "1s")?,
            restore_records: self.number("worker.restore_records", 100, 1_000_000)?,
            restore_threads: self.number("worker.restore_threads", 1, 64)?,
            backoff: self.duration("worker.backoff", "1ms", "10m")?,
            backoff_max: self.duration("worker.backoff_max", "1ms", "10m")?,
            copy_every: self.duration("worker.copy_every", "1s", "1d")?,
            copy_max_age: self.duration("worker.copy_max_age", "1m", "84h")?,
            recent_entries: self.number("worker.recent_entries", 1_000, 100_000_000)?,
        })
    }

    fn redis(&self) -> Result<Option<Redis>, Failure> {
        let Some(url) = self.optional("redis.url") else { return Ok(None) };
        if !["redis://", "rediss://"].iter().any(|scheme| url.starts_with(scheme)) || url.contains('@') {
            return Err(self.wrong("redis.url", "redis://host:port or rediss://host:port, without user and password"));
        }
        Ok(Some(Redis {
            url,
            username: self.optional("redis.username"),
            password: self.optional("redis.password").map(Secret::new),
            timeout: self.duration("redis.timeout", "1ms", "2s")?,
            connections: self.number("redis.connections", 1, 200)?,
            pause: self.duration("redis.pause", "100ms", "10m")?,
        }))
    }

    fn cache(&self) -> Result<Cache, Failure> {
        let [market_data_prefix, results_prefix] =
            ["cache.market_data_prefix", "cache.results_prefix"].map(|key| self.text(key));
        if market_data_prefix.is_empty() || market_data_prefix == results_prefix {
            return Err(self.wrong("cache.market_data_prefix", "a text that cache.results_prefix is not"));
        }
        if results_prefix.is_empty() {
            return Err(self.wrong("cache.results_prefix", "a text"));
        }
        Ok(Cache {
            market_data_prefix,
            results_prefix,
            market_data_life: self.duration("cache.market_data_life", "1s", "1d")?,
            absent_life: self.duration("cache.absent_life", "1s", "1h")?,
            results: self.switch("cache.results"),
            results_life: self.duration("cache.results_life", "1s", "7d")?,
            memory: self.size("cache.memory", "1MiB", "4GiB")?,
        })
    }

    fn market_data(&self) -> Result<Option<MarketData>, Failure> {
        let Some(url) = self.optional("market_data.url") else { return Ok(None) };
        if url.contains('@') {
            return Err(self.wrong("market_data.url", "without user and password: it is shown"));
        }
        Ok(Some(MarketData {
            url,
            timeout: self.duration("market_data.timeout", "100ms", "1m")?,
            attempts: self.number("market_data.attempts", 1, 10)?,
            backoff: self.duration("market_data.backoff", "1ms", "1m")?,
            parallel: self.number("market_data.parallel", 1, 64)?,
            pause: self.duration("market_data.pause", "100ms", "10m")?,
        }))
    }

    fn admin(&self) -> Result<Admin, Failure> {
        let Some(text) = self.optional("admin.bind") else {
            return Ok(Admin { bind: None });
        };
        let bind: SocketAddr = text.parse().map_err(|_| self.wrong("admin.bind", "address:port"))?;
        if !bind.ip().is_loopback() && !self.switch("admin.allow_non_loopback") {
            let next = "bind to 127.0.0.1, or set admin.allow_non_loopback if only your scraper can reach it";
            return Err(self.wrong("admin.bind", "a loopback address: metrics have no password").next(next));
        }
        Ok(Admin { bind: Some(bind) })
    }

    fn text(&self, key: &str) -> String {
        self.layers.get(key).value.as_str().expect("the type of a setting is its default's").trim().to_string()
    }

    fn optional(&self, key: &str) -> Option<String> {
        Some(self.text(key)).filter(|text| !text.is_empty())
    }

    fn switch(&self, key: &str) -> bool {
        self.layers.get(key).value.as_bool().expect("the type of a setting is its default's")
    }

    fn one_of(&self, key: &str, words: &[&str]) -> Result<String, Failure> {
        let text = self.text(key);
        match words.contains(&text.as_str()) {
            true => Ok(text),
            false => Err(self.wrong(key, format!("one of {}", words.join(", ")))),
        }
    }

    fn number(&self, key: &str, least: i64, most: i64) -> Result<usize, Failure> {
        let number = self.layers.get(key).value.as_integer().expect("the type of a setting is its default's");
        match (least..=most).contains(&number) {
            true => Ok(number as usize),
            false => Err(self.wrong(key, format!("{least} to {most}"))),
        }
    }

    /// A limit that there need not be: 0 is none.
    fn limit(&self, key: &str, most: i64) -> Result<Option<usize>, Failure> {
        Ok(Some(self.number(key, 0, most)?).filter(|limit| *limit > 0))
    }

    fn duration(&self, key: &str, least: &str, most: &str) -> Result<Duration, Failure> {
        let bound = |text| units::duration(text).expect("a test reads all bounds");
        let duration = units::duration(&self.text(key)).filter(|value| (bound(least)..=bound(most)).contains(value));
        duration.ok_or_else(|| self.wrong(key, format!("{least} to {most}, a number with ms, s, m, h or d")))
    }

    fn size(&self, key: &str, least: &str, most: &str) -> Result<usize, Failure> {
        let bound = |text| units::bytes(text).expect("a test reads all bounds");
        let size = units::bytes(&self.text(key)).filter(|value| (bound(least)..=bound(most)).contains(value));
        size.map(|size| size as usize)
            .ok_or_else(|| self.wrong(key, format!("{least} to {most}, a number with B, KiB, MiB or GiB")))
    }

    fn wrong(&self, key: &str, allowed: impl Display) -> Failure {
        let Setting { value, origin } = self.layers.get(key);
        let shown = match value {
            _ if layers::secret(key) => "***".to_string(),
            Value::String(text) => format!("\"{text}\""),
            value => value.to_string(),
        };
        Failure::usage(format!("{key} = {shown} ({origin}): must be {allowed}"))
    }
}

/// The host's name: stable over restarts, and in a stateful set the pod's ordinal.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "worker".into() } else { name.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(flags: &[&str]) -> Result<Config, Failure> {
        let flags: Vec<_> = flags.iter().map(|flag| flag.to_string()).collect();
        Config::read(&Layers::read(Some("/dev/null".as_ref()), std::iter::empty(), &flags)?)
    }

    #[test]
    fn the_defaults_are_valid_and_those_of_the_engine() {
        let worker = config(&[]).expect("is valid").worker;
        let engine = crate::engine::settings::Settings::default();
        assert_eq!(worker.turn_records, engine.turn_records);
        assert_eq!(worker.turn_bytes, engine.turn_bytes);
        assert_eq!(worker.turn_time, engine.turn_time);
        assert_eq!(worker.poll_bytes, engine.poll_bytes);
        assert_eq!(worker.portion_bytes, engine.portion_bytes);
        assert_eq!(worker.copy_max_age, engine.copy_max_age);
        assert_eq!(worker.recent_entries, engine.recent_entries);
        let jobs = config(&[]).expect("is valid").jobs;
        assert_eq!(jobs.spare_processors, engine.spare_processors);
        assert_eq!(jobs.kept, crate::pipeline::topology::Settings::default().jobs_kept);
    }

    #[test]
    fn every_setting_has_a_comment_and_every_one_is_read() {
        let text = include_str!("../../../default.toml");
        let mut commented = false;
        for line in text.lines() {
            // Settings that belong together may share the comment before the first of them.
            assert!(commented || line.is_empty() || line.starts_with(['#', '[']), "no comment before: {line}");
            commented = !line.is_empty() && !line.starts_with('[');
            if line.starts_with("[kafka.properties]") {
                commented = true;
            }
        }
        let code = include_str!("mod.rs");
        for (key, _) in Layers::defaults().iter() {
            assert!(code.contains(&format!("\"{key}\"")), "{key} is never read");
        }
    }

    #[test]
    fn a_value_out_of_bounds_is_told_with_name_origin_and_bounds() {
        for flag in ["worker.threads=0", "worker.turn_time=0ms", "worker.turn_bytes=1GiB", "jobs.timeout=30"] {
            let failure = config(&[flag]).expect_err(flag);
            let (key, _) = flag.split_once('=').expect("is a setting");
            assert!(failure.message.starts_with(key), "{failure:?}");
            assert!(failure.message.contains("(flag): must be "), "{failure:?}");
        }
    }

    #[test]
    fn metrics_are_only_open_to_others_when_somebody_says_so() {
        assert!(config(&["admin.bind=0.0.0.0:8081"]).is_err());
        assert!(config(&["admin.bind=0.0.0.0:8081", "admin.allow_non_loopback=true"]).is_ok());
        assert!(config(&["admin.bind=[::1]:8081"]).is_ok());
        assert!(config(&["admin.bind="]).expect("is valid").admin.bind.is_none());
    }

    #[test]
    fn sasl_needs_its_user_and_passwords_are_never_shown() {
        assert!(config(&["kafka.security_protocol=sasl_ssl"]).is_err());
        let environment = [("BOOKFLOW_KAFKA__PASSWORD", "hush"), ("BOOKFLOW_KAFKA__USERNAME", "me")];
        let environment = environment.map(|(name, value)| (name.to_string(), value.to_string())).into_iter();
        let flags = ["kafka.security_protocol=sasl_ssl".to_string()];
        let layers = Layers::read(Some("/dev/null".as_ref()), environment, &flags).expect("known");
        let config = Config::read(&layers).expect("is valid");
        assert_eq!(config.kafka.properties["sasl.password"].reveal(), "hush");
        assert!(!format!("{config:?}").contains("hush"));
    }
}
