//! What tests let a worker do.

use bookflow::engine::stop::Stop;
use bookflow::engine::worker::{Turn, Worker};

/// Turns until nothing is left to do.
pub fn idle(worker: &mut Worker) {
    let mut idle = 0;
    for _ in 0..20_000 {
        match worker.run_once().expect("turn") {
            Turn::Idle => idle += 1,
            _ => idle = 0,
        }
        // A restore takes a step for each of its topics.
        if idle == 20 {
            return;
        }
    }
    panic!("it comes to no end");
}

/// So many turns, whatever they come to.
pub fn turns(worker: &mut Worker, count: usize) {
    for _ in 0..count {
        worker.run_once().expect("turn");
    }
}

/// Turns until it stops.
pub fn stop(worker: &mut Worker) -> Stop {
    (0..1_000).find_map(|_| worker.run_once().err()).expect("it does not stop")
}
