//! F26-F38: disks, local copies, the registry, and what is on the topic.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use bookflow::cli::generate::load::{Load, Mix, Share};
use bookflow::cli::generate::poison::Poison;

use crate::cluster::until;
use crate::deaths::{busy, pause};
use crate::mend::{file_system, mount, stop};
use crate::scene::{Scene, WORKERS, Wishes};
use crate::{brokers, poison};

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
    let mut scene = Scene::with(
        "F28",
        "local copies with a flipped byte, cut short, of an earlier time, and gone",
        copies(folder.path()),
    );
    thread::sleep(Duration::from_secs(2));
    let earlier: Vec<(PathBuf, Vec<u8>)> = files(folder.path());
    assert!(!earlier.is_empty(), "no copy has been written");
    let damages: [&dyn Fn(&PathBuf); 4] = [
        &|path| {
            let mut bytes = fs::read(path).expect("a copy");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(path, bytes).expect("it can be written");
        },
        &|path| {
            let bytes = fs::read(path).expect("a copy");
            fs::write(path, &bytes[..bytes.len() / 2]).expect("it can be written");
        },
        &|path| {
            if let Some((_, bytes)) = earlier.iter().find(|(of, _)| of == path) {
                fs::write(path, bytes).expect("it can be written");
            }
        },
        &|path| fs::remove_file(path).expect("it can be deleted"),
    ];
    for (number, damage) in damages.into_iter().enumerate() {
        let victim = WORKERS[number % WORKERS.len()];
        scene.kill(victim);
        files(folder.path())
            .iter()
            .filter(|(path, _)| path.to_string_lossy().contains(victim))
            .for_each(|(path, _)| damage(path));
        scene.hit();
        scene.start(victim);
        busy(&mut scene, victim);
    }
    assert!(scene.said("local copy refused") > 0, "no damage was seen");
    assert!(scene.said("local copy read") > 0, "no copy was of use");
    scene.end();
}

/// All files below a folder with their bytes.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").filter_map(Result::ok) {
        match entry.path() {
            path if path.is_dir() => found.extend(files(&path)),
            path => found.extend(fs::read(&path).ok().map(|bytes| (path, bytes))),
        }
    }
    found
}

#[test]
#[ignore = "long: run tests/chaos f33"]
fn f33_the_registry_stands_still() {
    let mut scene = Scene::new("F33", "registry stopped for 6 s; a worker starts meanwhile");
    let stopped = stop(brokers::process("registry"));
    scene.hit();
    busy(&mut scene, "w1"); // ids are known
    thread::sleep(Duration::from_secs(6));
    drop(stopped);
    scene.healed();
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
