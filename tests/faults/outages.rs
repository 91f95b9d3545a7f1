//! F08-F14, F17: brokers that die, pause, come and go, and cannot reach each other. All of these need the three brokers of `tests/chaos`.

use std::thread;
use std::time::Duration;

use rand::RngExt;

use crate::brokers;
use crate::cluster::topic;
use crate::scene::{PARTITIONS, Scene, WORKERS};

/// A worker's memory while it can write nothing.
const MEMORY_MB: f64 = 512.0;

#[test]
#[ignore = "three brokers: run tests/chaos f08"]
fn f08_brokers_restart_in_turn() {
    let mut scene = Scene::new("F08", "rolling clean restart of the brokers");
    for broker in brokers::all() {
        brokers::end(broker);
        scene.hit();
        brokers::start();
        scene.healed();
    }
    scene.end();
}

#[test]
#[ignore = "three brokers: run tests/chaos f09"]
fn f09_the_leader_is_killed_again_and_again() {
    brokers::all();
    let mut scene = Scene::new("F09", "leader of trades-0 killed, wherever it goes");
    let trades = format!("{}.trades", scene.installation.namespace);
    for _ in 0..5 {
        brokers::kill(brokers::leader(&trades, 0));
        scene.hit();
        scene.any_moment(1_000);
        brokers::start();
        scene.healed();
    }
    scene.end();
}

#[test]
#[ignore = "three brokers: run tests/chaos f10"]
fn f10_the_controller_is_killed() {
    brokers::all();
    let mut scene = Scene::new("F10", "active controller killed");
    for _ in 0..3 {
        brokers::kill(brokers::controller());
        scene.hit();
        brokers::start();
        scene.healed();
    }
    scene.end();
}

#[test]
#[ignore = "three brokers: run tests/chaos f11"]
fn f11_the_coordinators_are_killed() {
    brokers::all();
    let mut scene = Scene::new("F11", "coordinators of transactions and of the group killed");
    let namespace = scene.installation.namespace;
    for name in WORKERS {
        brokers::kill(brokers::transaction_coordinator(&format!("{namespace}.bookflow.book-{name}-0")));
        scene.hit();
        brokers::start();
        brokers::kill(brokers::group_coordinator(&format!("{namespace}.bookflow.book")));
        scene.hit();
        brokers::start();
        scene.healed();
    }
    scene.end();
}

#[test]
#[ignore = "three brokers: run tests/chaos f12"]
fn f12_all_brokers_are_killed_at_once() {
    let mut scene = Scene::new("F12", "all brokers killed at once");
    brokers::kill_all();
    scene.hit();
    thread::sleep(Duration::from_secs(2));
    brokers::start();
    scene.healed();
    scene.end();
}

#[test]
#[ignore = "three brokers: run tests/chaos f13"]
fn f13_too_few_copies_to_write() {
    let mut scene = Scene::new("F13", "two of three brokers down: below min.insync.replicas");
    let [_, second, third] = brokers::all();
    let probe = topic("probe", PARTITIONS);
    let partitions = PARTITIONS as usize;
    assert_eq!(brokers::takes(probe, PARTITIONS), partitions, "writes are refused before anything has happened");
    brokers::kill(second);
    brokers::kill(third);
    assert_eq!(brokers::takes(probe, PARTITIONS), 0, "a write was acknowledged with one copy");
    scene.hit();
    for worker in scene.workers.values() {
        let memory = worker.memory_mb();
        assert!(memory < MEMORY_MB, "a worker that cannot write has {memory} MB");
    }
    brokers::start();
    scene.healed();
    scene.end();
}

#[test]
#[ignore = "three brokers: run tests/chaos f14"]
fn f14_a_broker_stands_still() {
    let mut scene = Scene::new("F14", "grey broker: stopped for 12 s, then it goes on");
    for broker in &brokers::all()[..2] {
        let stopped = brokers::stop(*broker);
        scene.hit();
        thread::sleep(Duration::from_secs(12));
        drop(stopped);
        scene.healed();
    }
    scene.end();
}

#[test]
#[ignore = "three brokers, nft and control groups: run tests/chaos f17"]
fn f17_brokers_cannot_reach_each_other() {
    let all = brokers::all();
    let mut scene = Scene::new("F17", "brokers cut off from each other one by one, mended in any order");
    let links = brokers::Links::of(&all);
    for _ in 0..2 {
        let alone = all[scene.random.random_range(0..all.len())];
        let mut cuts: Vec<(i32, i32)> =
            all.into_iter().filter(|other| *other != alone).map(|other| (alone, other)).collect();
        for (one, other) in &cuts {
            links.cut(*one, *other);
            scene.hit();
            thread::sleep(Duration::from_secs(3));
        }
        // Longer than a broker's session: the others go on without it.
        thread::sleep(Duration::from_secs(9));
        while !cuts.is_empty() {
            let (one, other) = cuts.swap_remove(scene.random.random_range(0..cuts.len()));
            links.mend(one, other);
            thread::sleep(Duration::from_secs(2));
        }
        scene.healed();
        thread::sleep(Duration::from_secs(5));
    }
    scene.end();
}
