//! What goes wrong inside stages: outages of what a record needs, records that are rejected once all their work is done, and records over
//! which the whole turn fails at its end.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use bookflow::pipeline::topics::TRADES;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::swarm::{Swarm, happens};
use super::witness::Place;

/// As the engine says it of a handler that panics, and of a state that does not fit: an auditor cannot know better.
pub const REJECTED_LATE: &str = "panic";
pub const SPOILS_ITS_TURN: &str = "state_bound";

pub struct Mischief {
    seed: u64,
    swarm: Swarm,
    armed: AtomicBool,
    dice: Mutex<SmallRng>,
}

impl Mischief {
    pub fn new(seed: u64, swarm: Swarm) -> Mischief {
        let dice = Mutex::new(SmallRng::seed_from_u64(seed ^ 0x6d69_7363_6869_6566));
        Mischief { seed, swarm, armed: AtomicBool::new(true), dice }
    }

    /// No more outages; a bad record stays one.
    pub fn disarm(&self) {
        self.armed.store(false, Ordering::Relaxed);
    }

    pub fn outage(&self) -> bool {
        let mut dice = self.dice.lock().expect("nobody panics with this lock");
        self.armed.load(Ordering::Relaxed) && happens(&mut *dice, self.swarm.outages)
    }

    pub fn rejects(&self, record: Place) -> bool {
        self.chosen(record, 1, self.swarm.rejects)
    }

    pub fn spoils(&self, record: Place) -> bool {
        self.chosen(record, 2, self.swarm.spoils)
    }

    /// The same trades whoever asks, and how often.
    fn chosen(&self, (at, offset): Place, what: u64, chance: u32) -> bool {
        let name = format!("{at}@{offset}");
        at.topic == TRADES && xxh3_64_with_seed(name.as_bytes(), self.seed ^ what) % 1_000 < u64::from(chance)
    }
}
