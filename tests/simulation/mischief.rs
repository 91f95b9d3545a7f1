//! What goes wrong inside stages: outages of what a record needs, records that take long, records that are rejected once all their work is
//! done, records over which the whole turn fails at its end, and records that kill.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bookflow::engine::clock::Clock;
use bookflow::pipeline::topics::{CALCULATION_REQUESTS, TRADES};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::baton::Baton;
use super::clock::SimulatedClock;
use super::swarm::{Swarm, happens};
use super::witness::Place;

/// As the engine says it of a handler that panics, and of a state that does not fit: an auditor cannot know better.
pub const REJECTED_LATE: &str = "panic";
pub const SPOILS_ITS_TURN: &str = "state_bound";

pub struct Mischief {
    seed: u64,
    swarm: Swarm,
    baton: Arc<Baton>,
    clock: Arc<SimulatedClock>,
    armed: AtomicBool,
    dice: Mutex<SmallRng>,
    stalls_dice: Mutex<SmallRng>,
}

impl Mischief {
    pub fn new(seed: u64, swarm: Swarm, baton: Arc<Baton>, clock: Arc<SimulatedClock>) -> Mischief {
        let dice = |of: u64| Mutex::new(SmallRng::seed_from_u64(seed ^ of));
        let (dice, stalls_dice) = (dice(0x6d69_7363_6869_6566), dice(0x7374_616c_6c73_2121));
        Mischief { seed, swarm, baton, clock, armed: AtomicBool::new(true), dice, stalls_dice }
    }

    /// No more outages; a bad record stays one.
    pub fn disarm(&self) {
        self.armed.store(false, Ordering::Relaxed);
    }

    pub fn outage(&self) -> bool {
        let mut dice = self.dice.lock().expect("nobody panics with this lock");
        self.armed.load(Ordering::Relaxed) && happens(&mut *dice, self.swarm.outages)
    }

    /// Takes a while over a record, now and then, while the others go on; whether it did. Whoever is killed meanwhile dies right after it.
    pub fn stall(&self, longest: Duration) -> bool {
        let time = {
            let mut dice = self.stalls_dice.lock().expect("nobody panics with this lock");
            let stalls = self.armed.load(Ordering::Relaxed) && happens(&mut *dice, self.swarm.stalls);
            if !stalls {
                return false;
            }
            longest.mul_f64(dice.random_range(0.0..1.0))
        };
        let until = self.clock.elapsed() + time;
        while self.clock.elapsed() < until && self.armed.load(Ordering::Relaxed) && self.baton.wait() {}
        true
    }

    /// Kills whoever has this record in hand, if it is one of those that do.
    pub fn kill(&self, record: Place) {
        if self.kills(record) {
            self.baton.condemn();
        }
    }

    pub fn kills(&self, record: Place) -> bool {
        self.chosen(record, 3, self.swarm.kills_process)
    }

    pub fn rejects(&self, record: Place) -> bool {
        self.chosen(record, 1, self.swarm.rejects)
    }

    pub fn spoils(&self, record: Place) -> bool {
        self.chosen(record, 2, self.swarm.spoils)
    }

    /// The same trades and requests whoever asks, and how often.
    fn chosen(&self, (at, offset): Place, what: u64, chance: u32) -> bool {
        let name = format!("{at}@{offset}");
        matches!(at.topic, TRADES | CALCULATION_REQUESTS)
            && xxh3_64_with_seed(name.as_bytes(), self.seed ^ what) % 1_000 < u64::from(chance)
    }
}
