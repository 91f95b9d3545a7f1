//! F23, F24: records that are gone from the log. Nobody can make that good: the workers stop and say so, and never go on in silence.

use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::brokers;
use crate::cluster::until;
use crate::scene::{HEALS, PARTITIONS, Scene, WORKERS};

/// What `worker` ends with when the cluster is not as it must be.
const PRECONDITION: i32 = 3;

#[test]
#[ignore = "three brokers: run tests/chaos f23"]
fn f23_an_unclean_leader_has_forgotten_what_was_captured() {
    let [first, second, _] = brokers::all();
    let mut scene = Scene::new("F23", "unclean election: a leader without trades that were acknowledged and captured");
    let trades = format!("{}.trades", scene.installation.namespace);
    // This one topic has two copies and does with one; all others keep two of three.
    brokers::place(&trades, PARTITIONS, &[first, second]);
    brokers::configure(&trades, "min.insync.replicas=1,unclean.leader.election.enable=true");
    let (leader, follower) = match brokers::leader(&trades, 0) == first {
        true => (first, second),
        false => (second, first),
    };
    brokers::kill(follower);
    until("a leader that is alone", || {
        thread::sleep(Duration::from_millis(200));
        (brokers::in_sync(&trades, 0) == [leader]).then_some(())
    });
    thread::sleep(Duration::from_secs(2));
    scene.feed.end();
    scene.installation.consumed(HEALS);
    // The controller gives it up as if it were dead; the follower leads from what it had.
    let stopped = brokers::stop(leader);
    scene.hit();
    brokers::start();
    let report = scene.stops(PRECONDITION, "offsets that are not in the log");
    drop(stopped);
    let unproved = report["unproved"].as_array().expect("a list").len();
    assert!(report["clean"] == Value::Bool(false) || unproved > 0, "what is gone passes for proved: {report:#}");
}

#[test]
#[ignore = "long: run tests/chaos f24"]
fn f24_retention_has_deleted_what_nobody_has_read() {
    let mut scene = Scene::new("F24", "trades deleted that nobody had read");
    WORKERS.into_iter().for_each(|name| scene.kill(name));
    thread::sleep(Duration::from_secs(2));
    // What retention does in the end, at a moment that we know.
    brokers::delete_records(&format!("{}.trades", scene.installation.namespace), PARTITIONS);
    scene.hit();
    WORKERS.into_iter().for_each(|name| scene.start(name));
    let report = scene.stops(PRECONDITION, "retention has deleted unread input");
    // Of each partition what nobody has read, nothing else is wrong with what is left, and none passes for proved.
    let unproved = report["unproved"].as_array().expect("a list").len();
    assert_eq!((&report["lost"], unproved), (&PARTITIONS.into(), PARTITIONS as usize), "{report:#}");
    for damage in ["doubled", "misordered", "torn", "wrong", "zombies"] {
        assert_eq!(report[damage], 0, "{report:#}");
    }
}
