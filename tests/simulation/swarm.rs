//! What a seed turns on. Few things at a time find more than all at once, so each seed chooses its own.

use std::time::Duration;

use bookflow::pipeline::book::EFFORT_A_TICK;
use rand::rngs::SmallRng;
use rand::{Rng, RngExt};

/// Chances are per thousand calls or per thousand steps of the scheduler.
#[derive(Clone, Debug, PartialEq)]
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
    /// A machine's clock is set, forwards or back; the time that has passed is the same for all.
    pub clocks_set: u32,
    /// Members keep their place in the group while they are away. Never by chance: a member that is replaced before it has given up what it
    /// was asked for leaves that to nobody, and whether a real group does so, too, has not been looked at.
    pub static_members: bool,
    pub compactions: u32,
    pub copies: bool,
    pub copies_lost: u32,
    /// Captured trades that a task keeps in memory.
    pub recent_entries: usize,
    pub segments_spoilt: u32,
    pub turn_records: usize,
    /// Records that a restore, or a view, reads at once.
    pub read_records: usize,
    /// What leaves before a turn's end: all of a poll, or as a rule nothing.
    pub portion_bytes: usize,
    /// What a record needs is not there.
    pub outages: u32,
    /// A record takes so long that the group may think its worker dead.
    pub stalls: u32,
    /// Trades that are rejected after their work, trades over which their turn fails at its end, and trades that kill whoever has them.
    pub rejects: u32,
    pub spoils: u32,
    pub kills_process: u32,
    /// Whether contracts and market come, so that positions have cash flows.
    pub flows: bool,
    /// Whether issuers act, and a price is corrected and corrected back.
    pub actions: bool,
    /// How many jobs by reference are asked for.
    pub recalculations: u32,
    /// What a tick does of them: there are few positions, and somebody must fall in the middle.
    pub effort_a_tick: u64,
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
            clocks_set: 0,
            static_members: false,
            compactions,
            copies: dice.random_ratio(1, 2),
            copies_lost,
            recent_entries: usize::MAX,
            segments_spoilt: 0,
            turn_records: dice.random_range(1..=20),
            read_records: 7,
            portion_bytes: 1,
            outages,
            stalls: 0,
            rejects,
            spoils,
            kills_process: 0,
            flows: dice.random_ratio(1, 2),
            actions: false,
            recalculations: 0,
            effort_a_tick: EFFORT_A_TICK,
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
        let mut chance = |of: u32, most: u32| if dice.random_ratio(1, of) { dice.random_range(1..=most) } else { 0 };
        (self.clocks_set, self.stalls, self.kills_process) = (chance(3, 20), chance(4, 10), chance(6, 30));
        self.read_records = dice.random_range(1..=20);
    }

    /// On dice of its own again.
    pub fn roll_recalculations(&mut self, dice: &mut SmallRng) {
        let (actions, recalculations) = (dice.random_ratio(1, 3), dice.random_range(0..=4_u32));
        let effort = dice.random_ratio(2, 3).then(|| dice.random_range(1..=10));
        if self.flows && !self.jobs {
            // Two of five have none, and the others two to four.
            (self.actions, self.recalculations) = (actions, Some(recalculations).filter(|jobs| *jobs > 1).unwrap_or(0));
            if self.recalculations > 0 {
                // A job takes some ticks, and who asks for the next one has waited for it.
                self.steps = self.steps * 5 / 2;
                self.pace = self.pace.max(Duration::from_millis(8));
            }
            self.effort_a_tick = effort.filter(|_| self.recalculations > 0).unwrap_or(EFFORT_A_TICK);
        }
    }

    /// With one thing less in it, each: what a failing history still fails with is what it fails of.
    pub fn simpler(&self) -> Vec<Swarm> {
        let mut simpler = Vec::new();
        let mut without = |change: &dyn Fn(&mut Swarm)| {
            let mut swarm = self.clone();
            change(&mut swarm);
            simpler.extend((swarm != *self).then_some(swarm));
        };
        for chance in CHANCES {
            without(&|swarm| *chance(swarm) = 0);
        }
        without(&|swarm| swarm.recalculations = 0);
        without(&|swarm| swarm.recalculations = swarm.recalculations.div_ceil(2));
        without(&|swarm| swarm.effort_a_tick = EFFORT_A_TICK);
        without(&|swarm| swarm.actions = false);
        without(&|swarm| swarm.flows = false);
        without(&|swarm| swarm.copies = false);
        without(&|swarm| swarm.recent_entries = usize::MAX);
        without(&|swarm| swarm.workers = 1);
        without(&|swarm| swarm.partitions = 1);
        without(&|swarm| swarm.records = swarm.records.div_ceil(2));
        without(&|swarm| swarm.steps = swarm.steps.div_ceil(2));
        without(&|swarm| swarm.turn_records = swarm.turn_records.div_ceil(2));
        simpler
    }
}

/// What may go wrong, but for how late or how much of it.
const CHANCES: [fn(&mut Swarm) -> &mut u32; 20] = [
    |swarm| &mut swarm.not_done,
    |swarm| &mut swarm.answer_lost,
    |swarm| &mut swarm.doubled,
    |swarm| &mut swarm.slow,
    |swarm| &mut swarm.delivery_failed,
    |swarm| &mut swarm.delivered_early,
    |swarm| &mut swarm.late_markers,
    |swarm| &mut swarm.muted,
    |swarm| &mut swarm.kills,
    |swarm| &mut swarm.pauses,
    |swarm| &mut swarm.jumps,
    |swarm| &mut swarm.clocks_set,
    |swarm| &mut swarm.compactions,
    |swarm| &mut swarm.copies_lost,
    |swarm| &mut swarm.segments_spoilt,
    |swarm| &mut swarm.outages,
    |swarm| &mut swarm.stalls,
    |swarm| &mut swarm.rejects,
    |swarm| &mut swarm.spoils,
    |swarm| &mut swarm.kills_process,
];

/// One in a thousand, `chance` times.
pub fn happens(dice: &mut impl Rng, chance: u32) -> bool {
    chance > 0 && dice.random_range(0..1_000) < chance
}
