//! What the kernel calculates in a second on one core, scenario by scenario: `cargo bench --bench kernel`.
//!
//! Everything is warm and in memory; nothing is read, written or printed in between. A scenario runs until a second is over and tells the
//! best and the median of its rounds, and how often its last one asked for memory. `-- --json` prints one object; `-- --quick` runs each scenario once, to see that it still works;
//! `-- PART` runs those with this in their name.

#[path = "../counting.rs"]
mod counting; // how often memory is asked for
mod book; // positions under trades
mod swaps; // swaps, lots and their market

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// What one round of a scenario calculated: flows, or answers to trades.
pub struct Done {
    pub flows: u64,
    pub lots: u64,
}

/// A scenario: its name, what a round is, and the round.
pub struct Scenario {
    pub name: &'static str,
    pub what: &'static str,
    /// How often a lot may ask for memory, on average; the bench fails over one more.
    pub allocations_max: f64,
    pub round: Box<dyn FnMut() -> Done + Send>,
}

const TIME: Duration = Duration::from_secs(1);

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let asked = |name: &str| arguments.iter().any(|argument| argument == name);
    let quick = asked("--quick");
    let part = arguments.iter().skip(1).find(|argument| !argument.starts_with("--"));
    let mut scenarios = swaps::scenarios();
    scenarios.extend(book::scenarios());
    scenarios.retain(|scenario| part.is_none_or(|part| scenario.name.contains(part.as_str())));
    let results: Vec<Value> = scenarios.into_iter().map(|scenario| measure(scenario, quick)).collect();
    let conditions = json!({
        "profile": "release", "threads": 1, "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "version": env!("CARGO_PKG_VERSION"), "quick": quick,
    });
    if asked("--json") {
        println!("{}", json!({ "scenario": "kernel", "conditions": conditions, "results": results }));
        return;
    }
    println!("kernel on one core, {conditions}");
    println!(
        "{:<26} {:>14} {:>16} {:>10} {:>12} {:>18}  what",
        "scenario", "results/s", "results/s median", "ns a lot", "ns a result", "allocations a lot"
    );
    for result in results {
        let number = |name: &str| result[name].as_f64().unwrap_or(0.0);
        println!(
            "{:<26} {:>14.0} {:>16.0} {:>10.1} {:>12.1} {:>18.4}  {}",
            result["name"].as_str().unwrap_or_default(),
            number("results_per_second"),
            number("results_per_second_median"),
            number("ns_per_lot"),
            number("ns_per_result"),
            number("allocations_per_lot"),
            result["what"].as_str().unwrap_or_default(),
        );
    }
}

fn measure(mut scenario: Scenario, quick: bool) -> Value {
    let warm = (scenario.round)(); // tables and pages are there before the clock starts
    assert!(warm.flows > 0, "{} calculates nothing", scenario.name);
    let mut rounds = Vec::new();
    let until = Instant::now() + if quick { Duration::ZERO } else { TIME };
    let (mut done, mut allocated) = (warm, 0);
    while rounds.is_empty() || Instant::now() < until {
        let (start, before) = (Instant::now(), counting::ASKED.load(Relaxed));
        done = (scenario.round)();
        rounds.push(start.elapsed().as_secs_f64());
        allocated = counting::ASKED.load(Relaxed) - before;
    }
    let allocations_per_lot = allocated as f64 / done.lots as f64;
    let allowed = allocations_per_lot <= scenario.allocations_max;
    assert!(allowed, "{}: {allocations_per_lot} allocations a lot", scenario.name);
    rounds.sort_by(f64::total_cmp);
    let (best, median) = (rounds[0], rounds[rounds.len() / 2]);
    json!({
        "name": scenario.name, "what": scenario.what, "results": done.flows, "lots": done.lots, "rounds": rounds.len(),
        "results_per_second": done.flows as f64 / best, "results_per_second_median": done.flows as f64 / median,
        "ns_per_lot": best * 1e9 / done.lots as f64, "ns_per_result": best * 1e9 / done.flows as f64,
        "allocations_per_lot": allocations_per_lot,
    })
}
