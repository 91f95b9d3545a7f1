//! What chunks came to, by the hash of their content: the same contracts with the same market data are not calculated again.

use std::fmt::Write;
use std::sync::Arc;

use super::answer::Answer;
use super::tiers::Cache;

pub struct Results {
    cache: Cache,
    program: [u8; 32],
}

impl Results {
    /// `program` is a hash of whatever calculates: what another program came to is never used.
    pub fn new(cache: Cache, program: [u8; 32]) -> Results {
        Results { cache, program }
    }

    pub fn program(&self) -> &[u8; 32] {
        &self.program
    }

    /// What a content came to: as it is known, or as `calculate` says, if that may be kept. Whoever wants the same at the same time waits for it.
    pub fn get_or(&self, content: &[u8; 32], calculate: impl FnOnce() -> Option<Vec<u8>>) -> Option<Arc<[u8]>> {
        match self.cache.get_or_make(&key(content), || Some(Answer::There(calculate()?.into())))? {
            Answer::There(bytes) => Some(bytes),
            Answer::NotThere => None,
        }
    }
}

fn key(content: &[u8; 32]) -> String {
    content.iter().fold(String::with_capacity(64), |mut key, byte| {
        write!(key, "{byte:02x}").expect("a text takes everything");
        key
    })
}
