//! Seeded histories: the real worker and the real topology on the broker in process, with everything that can go wrong.
//!
//! A history is a function of its seed. A failing one prints itself; `BOOKFLOW_SIMULATION_SEED=n` runs it alone and tells
//! what happened, `BOOKFLOW_SIMULATION_SEEDS=n` runs more of them than the test command does.

mod baton; // only one worker runs at a time, and the seed says which
mod clock; // time is turned by hand
mod nemesis; // what goes wrong with calls
mod swarm; // what a seed turns on
mod copies; // local copies: kept, lost, old, torn
mod input; // trades and jobs
mod history; // one seed, from the first record to the verdict
mod bugs; // planted bugs are caught

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use history::{Facts, History};

/// Histories of the test command.
const SEEDS: u64 = 2_000;

/// What must have happened somewhere, or the simulation proves less than it says.
const SOMETIMES: &[&str] = &[
    "killed",
    "paused",
    "not_done",
    "answer_lost",
    "doubled_commit",
    "doubled_abort",
    "doubled_offsets",
    "doubled_partitions",
    "slow",
    "delivery_failed",
    "late_markers",
    "muted",
    "worker_stopped",
    "copy_read",
    "copy_lost",
    "copy_torn",
    "copy_rolled_back",
    "compacted",
    "jumped",
    "dead_letters",
    "held",
    "duplicates",
    "rebooks",
    "jobs",
];

#[test]
fn no_history_loses_doubles_reorders_or_tears_anything() {
    let facts = match std::env::var("BOOKFLOW_SIMULATION_SEED") {
        Ok(seed) => History::of(seed.parse().expect("a seed is a number"), None)
            .telling()
            .run()
            .unwrap_or_else(|wrong| panic!("{wrong}")),
        Err(_) => run_all(number("BOOKFLOW_SIMULATION_SEEDS").unwrap_or(SEEDS)),
    };
    println!("{facts:#?}");
}

fn run_all(seeds: u64) -> Facts {
    let all = Mutex::new(Facts::default());
    let wrong = Mutex::new(BTreeMap::new());
    let next = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds || wrong.lock().expect("no panic").len() > 2 {
                        return;
                    }
                    match History::of(seed, None).run() {
                        Ok(facts) => add(&mut all.lock().expect("no panic"), facts),
                        Err(what) => drop(wrong.lock().expect("no panic").insert(seed, what)),
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("no panic");
    assert!(wrong.is_empty(), "run one alone with BOOKFLOW_SIMULATION_SEED: {wrong:#?}");
    let all = all.into_inner().expect("no panic");
    let never: Vec<_> = SOMETIMES.iter().filter(|&&fact| !all.contains_key(fact)).collect();
    assert!(never.is_empty() || seeds < SEEDS, "never happened in {seeds} histories: {never:?}");
    all
}

fn add(all: &mut Facts, one: Facts) {
    for (fact, times) in one {
        *all.entry(fact).or_default() += times;
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}
