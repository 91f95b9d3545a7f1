//! Seeded histories: the real worker and the real topology on the broker in process, with everything that can go wrong.
//!
//! A history is a function of its seed. A failing one prints itself with as little going wrong as it still fails with;
//! `BOOKFLOW_SIMULATION_SEED=n` runs it alone and tells what happened, `BOOKFLOW_SIMULATION_SEEDS=n` runs more of them than
//! the test command does.

mod baton; // only one worker runs at a time, and the seed says which
mod clock; // time is turned by hand
mod nemesis; // what goes wrong with calls
mod mischief; // what goes wrong inside stages
mod swarm; // what a seed turns on
mod copies; // local copies and segments: kept, lost, old, torn, rotten
mod input; // trades and jobs
mod recalculations; // jobs by reference, and what must become of them
mod witness; // who had which record in hand
mod shrunk; // what a failing history still fails with
mod facts; // what happened, and how often
mod history; // one seed, from the first record to the verdict
mod telling; // a history told
mod verdict; // whether all is as it should be
mod bugs; // planted bugs are caught

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread;

use facts::{Facts, add};
use history::History;
use shrunk::shrunk;
use swarm::Swarm;

/// Histories of the test command.
const SEEDS: u64 = 10_000;

/// Histories that went wrong once; whatever a seed has become since then, it is run.
const REMEMBERED: &[u64] = &[
    // Two kills and two lost sessions took one record from four owners: condemned as rule 15 says, and the judge asked more
    // of the engine than anybody can know.
    78,
    // A process that was never killed lost its task four times, got it back each time, and condemned a record over it.
    4_095,
    // An owner fell between the mark of its attempt and the first touch, because the end of the mark's own transaction was in
    // doubt: the judge wanted to have seen both touches.
    21_082,
    // The same, and nothing had gone wrong with the mark's commit but the time it took; twice in a row, so that there was no
    // evidence at all.
    43_758, 86_822,
    // A trade that had come back into memory before a restore stood twice in its position's history.
    161, 386, 614,
];

/// What must have happened somewhere, or the simulation proves less than it says. With a space in it: said by the engine's
/// own metrics.
const SOMETIMES: &[&str] = &[
    // The world
    "killed",
    "paused",
    "muted",
    "jumped",
    "clock_set",
    "stalled",
    "compacted",
    // Calls
    "not_done",
    "answer_lost",
    "slow",
    "doubled_commit",
    "doubled_abort",
    "doubled_offsets",
    "doubled_partitions",
    "delivered_early",
    "delivery_failed",
    "late_markers",
    // Copies
    "copy_lost",
    "copy_torn",
    "copy_rolled_back",
    "copy_read",
    "copy_refused",
    "segments_spoilt",
    "state_spilled_entries_total",
    "state_segments_total damaged",
    // The engine
    "worker_stopped",
    "rebalances_total assigned",
    "rebalances_total revoked",
    "rebalances_total lost",
    "txn_total committed",
    "txn_total aborted",
    "txn_total ambiguous",
    "txn_total fenced",
    "txn_late_total",
    "producer_recreated_total begin",
    "producer_recreated_total delivery",
    "producer_recreated_total send_offsets",
    "producer_recreated_total send_offsets was slow",
    "producer_recreated_total commit",
    "producer_recreated_total commit was slow",
    "producer_recreated_total abort",
    "producer_recreated_total abort was slow",
    "producer_recreated_total commit of a mark",
    "producer_recreated_total commit of a mark was slow",
    "tasks_overtaken_total",
    "state_restored_records_total",
    "state_copies_total loaded",
    "state_corruptions_total",
    // Trades and jobs
    "accepted",
    "duplicates",
    "held",
    "rebooks",
    "dead_letters",
    "jobs",
    "COMPLETED",
    "COMPLETED_WITH_ERRORS",
    "TIMED_OUT",
    "CANCELLED",
    "REJECTED",
    "cash_flows_told",
    "flows_calculated_again",
    "actions_captured",
    // Jobs by reference
    "FULL COMPLETED",
    "FULL COMPLETED_WITH_ERRORS",
    "INCREMENTAL complete",
    "INCREMENTAL spared",
    "INCREMENTAL forgotten",
    "HISTORICAL complete",
    "WHAT_IF complete",
    "FULL CANCELLED",
    "FULL TIMED_OUT",
    "FULL added_up",
    "INCREMENTAL added_up",
    "HISTORICAL added_up",
    "LAST added_up",
    "LAST-SINCE added_up",
    "LAST-SINCE spared",
    "LAST-SINCE forgotten",
    "garbled",
    "share_resumed",
    "retries_total",
    "condemned panic",
    "condemned state_bound",
    "condemned kills_process",
];

#[test]
fn no_history_loses_doubles_reorders_or_tears_anything() {
    let facts = match std::env::var("BOOKFLOW_SIMULATION_SEED") {
        Ok(seed) => alone(seed.parse().expect("a seed is a number")),
        Err(_) => run_all(number("BOOKFLOW_SIMULATION_SEEDS").unwrap_or(SEEDS)),
    };
    println!("{facts:#?}");
}

/// Told as it is, or, where it fails, with as little going wrong as it still fails with.
fn alone(seed: u64) -> Facts {
    let smallest = History::of(seed).run().err().map(|_| shrunk(seed, None));
    let bend = |swarm: &mut Swarm| smallest.into_iter().for_each(|smallest| *swarm = smallest.swarm);
    History::new(seed, None, bend, true).run().unwrap_or_else(|wrong| panic!("{wrong}"))
}

fn run_all(seeds: u64) -> Facts {
    let all = Mutex::new(Facts::default());
    let wrong = Mutex::new(BTreeMap::new());
    let next = Mutex::new((0..seeds).chain(REMEMBERED.iter().copied().filter(|seed| *seed >= seeds)));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.lock().expect("no panic").next();
                    let Some(seed) = seed.filter(|_| wrong.lock().expect("no panic").len() <= 2) else { return };
                    match History::of(seed).run() {
                        Ok(facts) => add(&mut all.lock().expect("no panic"), facts),
                        Err(what) => {
                            wrong.lock().expect("no panic").insert(seed, (what, shrunk(seed, None)));
                        }
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("no panic");
    assert!(wrong.is_empty(), "run one alone with BOOKFLOW_SIMULATION_SEED: {wrong:#?}");
    let all = all.into_inner().expect("no panic");
    let never: Vec<_> = SOMETIMES.iter().filter(|fact| !all.contains_key(**fact)).collect();
    assert!(never.is_empty() || seeds < SEEDS, "never happened in {seeds} histories: {never:?}");
    all
}

/// Otherwise a seed that is printed is worth nothing.
#[test]
fn a_history_is_a_function_of_its_seed() {
    for seed in 0..100 {
        let twice = [History::of(seed).run(), History::of(seed).run()];
        assert_eq!(twice[0], twice[1], "seed {seed}");
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}
