//! One cache: a tier in process, bounded by bytes, over the tier in Redis that all processes share.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::policy::EvictionPolicy;
use moka::sync::Cache as Local;

use super::answer::Answer;
use super::redis::{Kept, Redis};
use super::sealed::{seal, unseal};
use crate::telemetry;

/// Lives differ by up to this part of them, so that what was asked for together is not asked for together again.
const JITTER_PERCENT: u32 = 10;
/// Keys that Redis is asked for in one round trip.
const KEYS_AT_ONCE: usize = 64;
/// What an entry costs beside its key and its bytes, about.
const ENTRY_BYTES: usize = 160;

#[derive(Clone, Debug)]
pub struct Settings {
    /// A label of metrics.
    pub name: &'static str,
    /// Before all keys.
    pub prefix: String,
    pub life: Duration,
    /// Of "the source has nothing under this name".
    pub absent_life: Duration,
    /// Of the tier in process.
    pub bytes: u64,
}

pub struct Cache {
    settings: Settings,
    local: Local<String, Entry>,
    redis: Option<Arc<Redis>>,
}

#[derive(Clone)]
struct Entry {
    answer: Answer,
    life: Duration,
}

struct Lives;

impl Expiry<String, Entry> for Lives {
    fn expire_after_create(&self, _: &String, entry: &Entry, _: Instant) -> Option<Duration> {
        Some(entry.life)
    }

    fn expire_after_update(&self, _: &String, entry: &Entry, _: Instant, _: Option<Duration>) -> Option<Duration> {
        Some(entry.life)
    }
}

impl Cache {
    /// Without Redis the tier in process does alone.
    pub fn new(settings: Settings, redis: Option<Arc<Redis>>) -> Cache {
        let weight = |key: &String, entry: &Entry| {
            u32::try_from(key.len() + entry.answer.len() + ENTRY_BYTES).unwrap_or(u32::MAX)
        };
        let local = Local::builder()
            .max_capacity(settings.bytes)
            .weigher(weight)
            .eviction_policy(EvictionPolicy::tiny_lfu())
            .expire_after(Lives)
            .build();
        Cache { settings, local, redis }
    }

    /// What is known of a key.
    pub fn get(&self, key: &str) -> Option<Answer> {
        self.get_all(&[key]).pop().flatten()
    }

    /// What is known of these keys, in their order.
    pub fn get_all(&self, keys: &[&str]) -> Vec<Option<Answer>> {
        let full: Vec<String> = keys.iter().map(|key| self.full(key)).collect();
        let mut answers: Vec<_> = full.iter().map(|key| self.here(key)).collect();
        let missing: Vec<usize> = (0..keys.len()).filter(|&index| answers[index].is_none()).collect();
        if let Some(redis) = &self.redis {
            for indices in missing.chunks(KEYS_AT_ONCE) {
                let asked: Vec<&str> = indices.iter().map(|&index| full[index].as_str()).collect();
                // One that does not answer for these will not answer for the rest either.
                let Some(found) = redis.get(&asked) else { break };
                for (&index, kept) in indices.iter().zip(found) {
                    answers[index] = self.there(&full[index], kept).map(|entry| {
                        self.local.insert(full[index].clone(), entry.clone());
                        entry.answer
                    });
                }
            }
        }
        answers
    }

    /// Keeps an answer in both tiers.
    pub fn put(&self, key: &str, answer: Answer) {
        let key = self.full(key);
        let entry = self.entry(answer);
        self.share(&key, &entry);
        self.local.insert(key, entry);
    }

    /// The answer of either tier, or that of `make`, if any, which is then kept in both; whoever wants the same at the same time waits for it.
    pub fn get_or_make(&self, key: &str, make: impl FnOnce() -> Option<Answer>) -> Option<Answer> {
        let key = self.full(key);
        let found = self.local.entry_by_ref(key.as_str()).or_optionally_insert_with(|| {
            let kept = self.redis.as_ref().and_then(|redis| redis.get(&[&key]));
            if let Some(entry) = kept.and_then(|mut kept| self.there(&key, kept.pop()?)) {
                return Some(entry);
            }
            let entry = self.entry(make()?);
            self.share(&key, &entry);
            Some(entry)
        });
        let here = found.as_ref().is_some_and(|found| !found.is_fresh());
        self.told("local", if here { "hit" } else { "miss" });
        found.map(|found| found.into_value().answer)
    }

    /// The answer of the tier in process, or that of `ask`, which is then kept in both; whoever wants the same at the same time waits for it.
    pub fn get_or_ask<E: Clone + Send + Sync + 'static>(
        &self,
        key: &str,
        ask: impl FnOnce() -> Result<Answer, E>,
    ) -> Result<Answer, E> {
        let key = self.full(key);
        let asked = self.local.try_get_with_by_ref(key.as_str(), || {
            let entry = self.entry(ask()?);
            self.share(&key, &entry);
            Ok(entry)
        });
        asked.map(|entry| entry.answer).map_err(|error: Arc<E>| E::clone(&error))
    }

    /// The tier in process no longer has it.
    pub fn forget(&self, key: &str) {
        self.local.invalidate(&self.full(key));
    }

    fn here(&self, key: &str) -> Option<Answer> {
        let found = self.local.get(key).map(|entry| entry.answer);
        self.told("local", if found.is_some() { "hit" } else { "miss" });
        found
    }

    fn there(&self, key: &str, kept: Option<Kept>) -> Option<Entry> {
        let Some(Kept { bytes, left }) = kept else {
            self.told("redis", "miss");
            return None;
        };
        // What stands there without an end was not written by us.
        let answer = unseal(key, &bytes).zip(left);
        self.told("redis", if answer.is_some() { "hit" } else { "damaged" });
        let (answer, left) = answer?;
        let Entry { answer, life } = self.entry(answer);
        Some(Entry { answer, life: life.min(left) })
    }

    fn share(&self, key: &str, entry: &Entry) {
        if let Some(redis) = &self.redis {
            redis.set(key, &seal(key, &entry.answer), entry.life);
        }
    }

    fn entry(&self, answer: Answer) -> Entry {
        let life = match answer {
            Answer::There(_) => self.settings.life,
            Answer::NotThere => self.settings.absent_life,
        };
        let percent = rand::random_range(100 - JITTER_PERCENT..=100 + JITTER_PERCENT);
        Entry { answer, life: life * percent / 100 }
    }

    fn full(&self, key: &str) -> String {
        format!("{}{key}", self.settings.prefix)
    }

    fn told(&self, tier: &'static str, result: &'static str) {
        telemetry::cache_asked(self.settings.name, tier, result);
    }
}
