//! The name of a flow: a hash of its business key, the same in every run.

use std::fmt;

use sha2::{Digest, Sha256};

/// 128 bits of SHA-256 over the flow's business key, so that the same flow has the same id in every run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FlowId(pub u128);

impl fmt::Display for FlowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// The first half of a SHA-256, as a number.
pub fn first_128_bits(hash: Sha256) -> u128 {
    let digest = hash.finalize();
    u128::from_be_bytes(digest[..16].try_into().expect("half of 32 bytes is 16 bytes"))
}
