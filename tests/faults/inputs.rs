//! F26-F28, F30, F33-F39: disks, local copies, the registry, and what is on the topic.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use bookflow::cli::generate::load::{Load, Mix, Share};
use bookflow::cli::generate::poison::Poison;
use serde_json::Value;

use crate::cluster::until;
use crate::deaths::{busy, pause};
use crate::latency::p99;
use crate::mend::{file_system, mount, stop};
use crate::scene::{HEALS, Listener, Scene, WORKERS, Wishes};
use crate::{brokers, poison};

/// What `worker` ends with when the registry does not answer it.
const UNREACHABLE: i32 = 6;

fn copies(folder: &Path) -> Wishes {
    let settings = vec![("worker.static_membership", "true".to_owned())];
    Wishes { settings, copies: Some(folder.to_owned()), ..Wishes::default() }
}

/// Until a copy could not be written.
fn wait_for_a_failed_copy(scene: &Scene) {
    until("a copy that is not written", || {
        thread::sleep(Duration::from_millis(50));
        (scene.said("local copy not written") > 0).then_some(())
    });
}

#[test]
#[ignore = "mounts a file system: run tests/chaos f26"]
fn f26_the_disk_of_local_copies_is_full() {
    let folder = tempfile::tempdir().expect("a folder");
    let _mounted = file_system(folder.path(), "size=64k");
    let mut scene = Scene::with("F26", "disk of the local copies full", copies(folder.path()));
    wait_for_a_failed_copy(&scene);
    scene.hit();
    for name in WORKERS {
        scene.kill(name);
        scene.start(name);
    }
    scene.healed();
    scene.end();
}

#[test]
#[ignore = "mounts a file system: run tests/chaos f27"]
fn f27_the_disk_of_local_copies_turns_read_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let _mounted = file_system(folder.path(), "size=256m");
    let mut scene =
        Scene::with("F27", "disk of the local copies read-only, then writable again", copies(folder.path()));
    thread::sleep(Duration::from_secs(2));
    mount(folder.path(), &["-o", "remount,ro"]);
    wait_for_a_failed_copy(&scene);
    scene.hit();
    WORKERS.into_iter().for_each(|name| busy(&mut scene, name));
    mount(folder.path(), &["-o", "remount,rw"]);
    scene.healed();
    for name in WORKERS {
        scene.kill(name);
        scene.start(name);
        busy(&mut scene, name);
    }
    assert!(scene.said("local copy read") > 0, "no copy was of use");
    scene.end();
}

#[test]
fn f28_local_copies_are_damaged_rolled_back_and_deleted() {
    let folder = tempfile::tempdir().expect("a folder");
    let fault = "local copies with a flipped byte, cut short, of an earlier time, and gone";
    let mut scene = Scene::with("F28", fault, copies(folder.path()));
    WORKERS.into_iter().for_each(|name| wait_for_copies(folder.path(), name, 0));
    let refused = |scene: &mut Scene, victim: &'static str, damage: fn(&mut Vec<u8>)| {
        let damage_all = || {
            for (path, mut bytes) in files(&folder.path().join(victim)) {
                damage(&mut bytes);
                fs::write(path, bytes).expect("it can be written");
            }
        };
        damaged(scene, victim, damage_all, |said| said.heard("local copy refused") > 0);
    };
    refused(&mut scene, "w1", |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] = bytes[middle].wrapping_add(1);
    });
    refused(&mut scene, "w2", |bytes| bytes.truncate(bytes.len() / 2));

    // A copy of an earlier time is a sound one: it is read, and the changelog brings what it does not know.
    let earlier = files(&folder.path().join("w3"));
    let turns: Vec<u64> = earlier.iter().map(|(_, bytes)| turn(bytes)).collect();
    let last = turns.iter().copied().max().expect("a copy");
    wait_for_copies(folder.path(), "w3", last);
    let roll_back = || earlier.iter().for_each(|(path, bytes)| fs::write(path, bytes).expect("it can be written"));
    let of_then = |said: &Listener| turns.iter().any(|turn| said.heard(&format!("\"turn\":{turn},")) > 0);
    damaged(&mut scene, "w3", roll_back, of_then);

    let delete = || fs::remove_dir_all(folder.path().join("w1")).expect("it can be deleted");
    let without = |said: &Listener| said.heard("local copy read") == 0 && said.heard("task restored") > 0;
    damaged(&mut scene, "w1", delete, without);
    scene.end();
}

/// Something happens to the copies of a worker that has just been killed, and its next life must show that it has seen it. On a machine that is too slow
/// the others may have taken its tasks by then: it happens once more.
fn damaged(scene: &mut Scene, victim: &'static str, damage: impl Fn(), seen: impl Fn(&Listener) -> bool) {
    for _ in 0..5 {
        thread::sleep(COPIED);
        scene.kill(victim);
        damage();
        let said = scene.listen(victim);
        scene.start(victim);
        busy(scene, victim);
        if seen(&said) {
            return scene.hit();
        }
    }
    panic!("{victim} has seen nothing of what happened to its copies");
}

/// Each task has a copy after so long, those that a worker has just been given, too: one a second is due, and one a turn is written.
const COPIED: Duration = Duration::from_secs(3);

/// Until a worker has a copy of a later turn.
fn wait_for_copies(folder: &Path, worker: &str, turn_then: u64) {
    until("a newer copy", || {
        thread::sleep(Duration::from_millis(50));
        files(&folder.join(worker)).iter().any(|(_, bytes)| turn(bytes) > turn_then).then_some(())
    });
}

/// Of which turn a copy is, by its header: `magic (8) | u32 length | JSON`.
fn turn(copy: &[u8]) -> u64 {
    let length = u32::from_le_bytes(copy[8..12].try_into().expect("four bytes"));
    let header: Value = serde_json::from_slice(&copy[12..12 + length as usize]).expect("a header");
    header["turn"].as_u64().expect("a turn")
}

/// All copies below a folder.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
        match entry.path() {
            path if path.is_dir() => found.extend(files(&path)),
            path if path.ends_with("copy") => found.extend(fs::read(&path).ok().map(|bytes| (path, bytes))),
            _ => {}
        }
    }
    found
}

#[test]
#[ignore = "long: run tests/chaos f33"]
fn f33_the_registry_stands_still() {
    let mut scene = Scene::new("F33", "registry stopped until a worker that starts has given up; others go on");
    let stopped = stop(brokers::process("registry"));
    // It asks for the ids of its schemas, waits for 5 s, and leaves it to whoever started it to try again.
    scene.kill("w2");
    let said = scene.listen("w2");
    scene.start("w2");
    busy(&mut scene, "w1"); // ids are known
    let status = scene.workers.get_mut("w2").expect("it starts").wait();
    assert_eq!(status.code(), Some(UNREACHABLE));
    assert!(said.heard("cannot register the schema") > 0, "it has not asked the registry");
    busy(&mut scene, "w1");
    scene.hit();
    drop(stopped);
    scene.healed();
    scene.start("w2");
    busy(&mut scene, "w2");
    scene.end();
}

#[test]
#[ignore = "long: run tests/chaos f34"]
fn f34_a_fifth_of_the_load_is_poison_and_a_tenth_conflicts() {
    let mixed = |load: Load| Load { mix: Mix { poison: Share(2_000), conflicts: Share(1_000), ..load.mix }, ..load };
    let mut scene = Scene::with(
        "F34",
        format!("a fifth poison of {} kinds, a tenth conflicts", Poison::ALL.len() + poison::KINDS),
        Wishes { load: Some(mixed), more_poison: true, ..Wishes::default() },
    );
    scene.hit();
    let report = scene.end();
    let count = |name: &str| report[name].as_u64().expect("a count");
    assert!(count("dead_letters") > count("records") / 5, "{report:#}");
}

#[test]
#[ignore = "long: run tests/chaos f37"]
fn f37_a_third_comes_twice_and_many_too_early() {
    let mixed = |load: Load| Load {
        mix: Mix { duplicates: Share(3_300), gaps: Share(1_500), late: Share(2_000), ..load.mix },
        ..load
    };
    let mut scene = Scene::with(
        "F37",
        "F37 and F38: a third duplicates, a fifth late, versions before their turn",
        Wishes { load: Some(mixed), ..Wishes::default() },
    );
    scene.hit();
    let report = scene.end();
    let count = |name: &str| report[name].as_u64().expect("a count");
    assert!(count("duplicates") > count("records") / 5 && count("held") > count("records") / 20, "{report:#}");
    assert!(count("late") > count("records") / 10, "{report:#}");
}

#[test]
#[ignore = "long: run tests/chaos f39"]
fn f39_most_trades_are_of_one_position() {
    let skewed = |load: Load| Load { zipf: 2.0, ..load };
    let fault = "six of ten trades are of one position, at twice the load";
    let mut scene = Scene::with("F39", fault, Wishes { load: Some(skewed), ..Wishes::default() });
    scene.feed.hurry(2);
    thread::sleep(Duration::from_secs(20));
    scene.feed.end();
    scene.installation.consumed(HEALS);
    let mut p99 = p99(&scene.installation.broker(), &scene.schemas, Duration::from_secs(10));
    let all: usize = p99.iter().map(|(answers, _)| answers).sum();
    p99.sort(); // the hot one has most answers
    let (answers, hot) = p99.pop().expect("a partition");
    assert!(answers > all / 2, "{answers} of {all} answers are of the hot partition");
    scene.hit();
    let others = p99.into_iter().map(|(_, p99)| p99).max().expect("other partitions");
    scene.note(&format!(
        "99 of 100 answers within {:.1} s there, {:.1} s elsewhere",
        hot.as_secs_f64(),
        others.as_secs_f64()
    ));
    // Who shares a worker with it takes turns with it, and waits no longer than it does.
    assert!(others <= hot.max(Duration::from_secs(2)), "others wait for {others:?}, the hot partition for {hot:?}");
    scene.end();
}

#[test]
#[ignore = "long: run tests/chaos f30"]
fn f30_every_worker_pauses_for_less_than_its_session() {
    let mut scene = Scene::new("F30", "every worker stands still for 4 s in turn");
    for name in WORKERS {
        pause(&scene.workers[name], Duration::from_secs(4), || {});
        scene.hit();
        busy(&mut scene, name);
    }
    scene.end();
}
