//! What a seed turns on. Few things at a time find more than all at once, so each seed chooses its own.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, RngExt};

/// Chances are per thousand calls or per thousand steps of the scheduler.
#[derive(Clone, Debug)]
pub struct Swarm {
    pub jobs: bool,
    pub workers: usize,
    pub partitions: i32,
    pub records: u64,
    pub steps: u32,
    /// The longest time between two steps.
    pub pace: Duration,
    pub not_done: u32,
    pub answer_lost: u32,
    pub doubled: u32,
    /// How late a first copy may be.
    pub doubled_late: Duration,
    pub slow: u32,
    pub delivery_failed: u32,
    pub delivered_early: u32,
    pub late_markers: u32,
    /// How late the last marker of a transaction may be.
    pub markers_late: Duration,
    pub muted: u32,
    pub kills: u32,
    pub pauses: u32,
    /// A long time passes at once.
    pub jumps: u32,
    pub compactions: u32,
    pub copies: bool,
    pub copies_lost: u32,
    /// Captured trades that a task keeps in memory.
    pub recent_entries: usize,
    pub segments_spoilt: u32,
    pub turn_records: usize,
    /// What leaves before a turn's end: all of a poll, or as a rule nothing.
    pub portion_bytes: usize,
    /// What a record needs is not there.
    pub outages: u32,
    /// Trades that are rejected after their work, and trades over which their turn fails at its end.
    pub rejects: u32,
    pub spoils: u32,
    /// Whether contracts and market come, so that positions have cash flows.
    pub flows: bool,
}

impl Swarm {
    pub fn roll(dice: &mut SmallRng) -> Swarm {
        let mut chance = |of: u32, most: u32| if dice.random_ratio(1, of) { dice.random_range(1..=most) } else { 0 };
        let (not_done, answer_lost, doubled) = (chance(3, 30), chance(3, 30), chance(2, 150));
        let (slow, delivery_failed, delivered_early) = (chance(4, 20), chance(4, 60), chance(3, 300));
        let (late_markers, muted) = (chance(2, 700), chance(4, 10));
        let (kills, pauses, jumps) = (chance(2, 15), chance(3, 15), chance(4, 3));
        let (compactions, copies_lost) = (chance(3, 20), chance(3, 5));
        let (outages, rejects, spoils) = (chance(4, 60), chance(4, 60), chance(4, 60));
        Swarm {
            jobs: dice.random_ratio(1, 4),
            workers: dice.random_range(1..=3),
            partitions: dice.random_range(1..=3),
            records: dice.random_range(5..=80),
            steps: dice.random_range(200..=1_200),
            pace: Duration::from_millis(dice.random_range(1..=30)),
            not_done,
            answer_lost,
            doubled,
            doubled_late: Duration::from_millis(dice.random_range(1..=400)),
            slow,
            delivery_failed,
            delivered_early,
            late_markers,
            markers_late: Duration::from_millis(if dice.random_ratio(1, 4) { 6_000 } else { 300 }),
            muted,
            kills,
            pauses,
            jumps,
            compactions,
            copies: dice.random_ratio(1, 2),
            copies_lost,
            recent_entries: usize::MAX,
            segments_spoilt: 0,
            turn_records: dice.random_range(1..=20),
            portion_bytes: 1,
            outages,
            rejects,
            spoils,
            flows: dice.random_ratio(1, 2),
        }
    }

    /// On dice of its own: what else a seed does stays as it was.
    pub fn roll_on(&mut self, dice: &mut SmallRng) {
        if dice.random_ratio(2, 3) {
            self.recent_entries = dice.random_range(1..=20);
        }
        if dice.random_ratio(1, 3) {
            self.segments_spoilt = dice.random_range(1..=10);
        }
        if dice.random_ratio(1, 2) {
            self.portion_bytes = 2 << 20;
        }
    }
}

/// One in a thousand, `chance` times.
pub fn happens(dice: &mut impl Rng, chance: u32) -> bool {
    chance > 0 && dice.random_range(0..1_000) < chance
}
