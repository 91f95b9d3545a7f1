//! Two workers of one name: one of them ends with its own exit code, the other one goes on, and nothing is lost or doubled.

use crate::cluster::{PATIENCE, until};
use crate::program::{Installation, Running};

/// What `worker` ends with when another process uses its name.
const FENCED: i32 = 8;

/// Runs both on one stream of trades until one has ended; answers with that one.
fn fight(installation: &Installation) -> Running {
    let stages = ["--stages", "book", "--first-start"];
    let mut both = [installation.start("left", &worker(&stages)), installation.start("right", &worker(&stages))];
    let mut seed = 0;
    let loser = until("the end of one of them", || {
        seed += 1;
        installation.trades(500, seed);
        both.iter_mut().position(|worker| worker.ended().is_some())
    });
    let [left, right] = both;
    let (mut loser, mut winner) = if loser == 0 { (left, right) } else { (right, left) };
    assert_eq!(loser.wait().code(), Some(FENCED), "{}", loser.said());
    installation.trades(500, seed + 1);
    installation.consumed(PATIENCE);
    winner.drain();
    let report = installation.verified();
    assert!(report["records"].as_u64() >= Some(500 * (seed + 1)), "{report:#}");
    loser
}

fn worker<'a>(stages: &[&'a str]) -> Vec<&'a str> {
    [&["worker", "--log", "json", "--instance", "namesake"], stages].concat()
}

#[test]
fn of_two_workers_with_one_transactional_id_one_is_fenced() {
    let installation = Installation::new("fenced", 4);
    let loser = fight(&installation);
    assert!(loser.said().contains("worker.instance"), "it says what to change: {}", loser.said());
}

#[test]
fn of_two_static_members_with_one_name_one_is_the_twin() {
    let mut installation = Installation::new("twins", 4);
    installation.set("worker.static_membership", "true");
    let loser = fight(&installation);
    assert!(loser.said().contains("static member"), "{}", loser.said());
}
