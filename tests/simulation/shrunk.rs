//! Shrinking: things are taken out of a failing history for as long as it fails.

use bookflow::engine::settings::Planted;

use super::history::History;
use super::swarm::Swarm;

/// The smallest history found that fails, and how it does.
#[derive(Debug)]
pub struct Shrunk {
    pub swarm: Swarm,
    pub wrong: String,
}

/// Enough to take out each thing once and to halve the numbers to nothing.
const TRIES: usize = 300;

/// Of a seed that fails.
pub fn shrunk(seed: u64, planted: Option<Planted>) -> Shrunk {
    let first = History::with(seed, planted, |_| {});
    let mut smallest = Shrunk { swarm: first.swarm.clone(), wrong: first.run().expect_err("it fails") };
    let mut tries = 0;
    loop {
        let mut candidates = smallest.swarm.simpler().into_iter().take(TRIES - tries);
        let found = candidates.find_map(|swarm| {
            tries += 1;
            let wrong = History::with(seed, planted, |bent| *bent = swarm.clone()).run().err()?;
            Some(Shrunk { swarm, wrong })
        });
        match found {
            Some(found) => smallest = found,
            None => return smallest,
        }
    }
}

/// A planted bug that needs one thing to go wrong, in a history in which much does.
#[test]
fn what_is_left_of_a_failing_history_is_what_it_fails_of() {
    let planted = Some(Planted::OffsetsBeforeOutputs);
    let fails = |seed: &u64| History::with(*seed, planted, |_| {}).run().is_err();
    let seed = (0..1_000).find(fails).expect("ordinary histories catch it");
    let Shrunk { swarm, wrong } = shrunk(seed, planted);
    println!("seed {seed}: {swarm:#?}: {wrong}");
    let trouble = [swarm.kills, swarm.muted, swarm.pauses, swarm.jumps, swarm.not_done];
    assert!(trouble.into_iter().filter(|chance| *chance > 0).count() <= 1, "{swarm:#?}");
}
