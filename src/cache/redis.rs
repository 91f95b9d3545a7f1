//! The tier that processes share. Every call has a time limit; whatever goes wrong is a miss, never an error.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis::{Client, Connection, ConnectionLike, IntoConnectionInfo, RedisError, RedisResult};

use super::breaker::{Breaker, Broken};
use super::patience::Patience;
use crate::telemetry;

/// The label of this dependency in metrics.
const REDIS: &str = "redis";
/// What PTTL says of a key that a full Redis has put out since it was read.
const GONE: i64 = -2;
/// Keys deleted with one command.
const SCAN_KEYS: usize = 1_000;

#[derive(Clone, Debug)]
pub struct Settings {
    /// `redis://host:port/database`, `rediss://` for TLS.
    pub url: String,
    pub username: Option<String>,
    pub password: Option<String>,
    /// Of one call, connecting included.
    pub timeout: Duration,
    /// Open connections that are kept for the next call.
    pub connections: usize,
    /// How long Redis is left alone once half of the calls failed.
    pub pause: Duration,
}

/// Keeps its own few connections: a pool that hands out a connection whose last answer never came would hand out that answer.
pub struct Redis {
    client: Client,
    timeout: Duration,
    kept: usize,
    idle: Mutex<Vec<Connection>>,
    breaker: Breaker,
    patience: Patience,
}

/// What stands under a key, and how long it still does.
pub struct Kept {
    pub bytes: Vec<u8>,
    pub left: Option<Duration>,
}

/// Why a call gave nothing.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("no answer within {0:?}")]
    Late(Duration),
    #[error(transparent)]
    Redis(#[from] RedisError),
}

impl Redis {
    /// Connects with the first call.
    pub fn new(settings: Settings) -> RedisResult<Redis> {
        let info = settings.url.into_connection_info()?;
        let mut access = info.redis_settings().clone();
        if let Some(username) = settings.username {
            access = access.set_username(username);
        }
        if let Some(password) = settings.password {
            access = access.set_password(password);
        }
        Ok(Redis {
            client: Client::open(info.set_redis_settings(access))?,
            timeout: settings.timeout,
            kept: settings.connections,
            idle: Mutex::default(),
            breaker: Breaker::new(REDIS, settings.pause),
            patience: Patience::new(settings.timeout),
        })
    }

    /// Asks for an answer in time and nothing else; also while Redis is left alone.
    pub fn ping(&self) -> Result<(), impl std::error::Error> {
        self.run(Instant::now(), |connection| redis::cmd("PING").exec(connection))
    }

    /// What stands under these keys, in one round trip; nothing when Redis does not answer in time.
    pub fn get(&self, keys: &[&str]) -> Option<Vec<Option<Kept>>> {
        let mut ask = redis::pipe();
        for key in keys {
            ask.get(key).pttl(key);
        }
        let answers: Vec<(Option<Vec<u8>>, i64)> = self.call("get", |connection| {
            let flat: Vec<redis::Value> = ask.query(connection)?;
            flat.chunks_exact(2)
                .map(|pair| redis::from_redis_value(redis::Value::Array(pair.to_vec())))
                .collect::<Result<_, _>>()
                .map_err(Into::into)
        })?;
        let kept = |(bytes, left): (Option<Vec<u8>>, i64)| {
            let bytes = bytes.filter(|_| left != GONE)?;
            Some(Kept { bytes, left: u64::try_from(left).ok().map(Duration::from_millis) })
        };
        Some(answers.into_iter().map(kept).collect())
    }

    /// Keeps bytes for a while; whether it did is of no matter.
    pub fn set(&self, key: &str, bytes: &[u8], life: Duration) {
        let life = u64::try_from(life.as_millis()).unwrap_or(u64::MAX).max(1);
        let command = redis::cmd("SET").arg(key).arg(bytes).arg("PX").arg(life).clone();
        let _: Option<()> = self.call("set", |connection| command.exec(connection));
    }

    /// Deletes what begins with a prefix, and nothing else; for people, so without a time limit of its own.
    pub fn clear(&self, prefix: &str) -> RedisResult<u64> {
        let mut connection = self.client.get_connection_with_timeout(self.timeout.max(Duration::from_secs(2)))?;
        let pattern: String = prefix
            .chars()
            .flat_map(|c| if "*?[]\\^-".contains(c) { vec!['\\', c] } else { vec![c] })
            .chain(['*'])
            .collect();
        let (mut cursor, mut deleted) = (0u64, 0u64);
        loop {
            let (next, keys): (u64, Vec<Vec<u8>>) = redis::cmd("SCAN")
                .arg(cursor)
                .arg("MATCH")
                .arg(&pattern)
                .arg("COUNT")
                .arg(SCAN_KEYS)
                .query(&mut connection)?;
            if !keys.is_empty() {
                deleted += redis::cmd("UNLINK").arg(keys).query::<u64>(&mut connection)?;
            }
            cursor = next;
            if cursor == 0 {
                return Ok(deleted);
            }
        }
    }

    fn call<T>(&self, operation: &'static str, run: impl FnOnce(&mut Connection) -> RedisResult<T>) -> Option<T> {
        if !self.patience.left() {
            telemetry::dependency_bypassed(REDIS, "slow");
            return None;
        }
        let began = Instant::now();
        let mut late = None; // an answer that came too late counts against Redis, but it is one
        let result = self.breaker.call(|| {
            let answer = self.run(began, run)?;
            let took = began.elapsed();
            telemetry::dependency_answered(REDIS, operation, took);
            match took <= self.timeout {
                true => Ok(answer),
                false => {
                    late = Some(answer);
                    Err(Failed::Late(self.timeout))
                }
            }
        });
        match result {
            Ok(answer) => {
                self.patience.spend(began.elapsed());
                Some(answer)
            }
            Err(Broken::Open) => {
                telemetry::dependency_bypassed(REDIS, "open");
                None
            }
            Err(Broken::Failed(error)) => {
                self.patience.spend(began.elapsed());
                telemetry::dependency_failed(REDIS, operation, &error);
                late
            }
        }
    }

    fn run<T>(&self, began: Instant, run: impl FnOnce(&mut Connection) -> RedisResult<T>) -> Result<T, Failed> {
        let idle = self.idle().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => self.client.get_connection_with_timeout(self.timeout)?,
        };
        let left = self.timeout.checked_sub(began.elapsed()).filter(|left| !left.is_zero());
        let left = left.ok_or(Failed::Late(self.timeout))?;
        connection.set_read_timeout(Some(left))?;
        connection.set_write_timeout(Some(left))?;
        let answer = run(&mut connection);
        let mut idle = self.idle();
        match &answer {
            Ok(_) if connection.is_open() && idle.len() < self.kept => idle.push(connection),
            Ok(_) => {}
            // The others are as old: after a restart of Redis none of them is of any use.
            Err(_) => idle.clear(),
        }
        answer.map_err(|error| if error.is_timeout() { Failed::Late(self.timeout) } else { error.into() })
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
