//! F01-F06, F22, F42: workers that die, pause, come, go and are replaced.

use std::thread;
use std::time::Duration;

use rand::RngExt;
use serde_json::Value;

use crate::cluster::{until, variable};
use crate::program::Running;
use crate::proxy::{Api, Loss, Proxy};
use crate::scene::{SESSION, Scene, TRANSACTION, WORKERS, Wishes};

/// What `worker` ends with when another process uses its name.
const FENCED: i32 = 8;

/// With cash flows: a telling may be lost in any of these rows.
fn with_flows() -> Wishes {
    Wishes { flows: true, ..Wishes::default() }
}

fn static_members() -> Wishes {
    Wishes { settings: vec![("worker.static_membership", "true".to_owned())], ..with_flows() }
}

#[test]
fn f01_a_worker_dies_mid_transaction() {
    // Static members are back at once, so that there is somebody to kill again.
    let mut scene = Scene::with("F01", "worker killed mid-transaction, at any moment", static_members());
    for _ in 0..5 {
        scene.any_moment(1_500);
        let victim = scene.any_worker();
        scene.kill(victim);
        scene.hit();
        scene.start(victim);
    }
    scene.end();
}

#[test]
#[ignore = "long: run tests/chaos f01"]
fn f01_dynamic_members_are_replaced_after_the_session_time_out() {
    let mut scene = Scene::with("F01", "the same, dynamic members", with_flows());
    scene.any_moment(1_500);
    let victim = scene.any_worker();
    scene.kill(victim);
    scene.hit();
    thread::sleep(SESSION);
    scene.start(victim);
    scene.end();
}

#[test]
#[ignore = "long: run tests/chaos f02"]
fn f02_a_worker_dies_at_each_step_of_a_turn() {
    let proxy = Proxy::start();
    let folder = tempfile::tempdir().expect("a folder");
    let (through, copies) = (Some(("w1", proxy.bootstrap().to_owned())), Some(folder.path().to_owned()));
    let fault = "worker with local copies killed at each step of the commit protocol, and as it restores";
    let mut scene = Scene::with("F02", fault, Wishes { through, copies, ..static_members() });
    // The request is caught before it reaches the broker: everything before it has happened, it has not.
    for step in [Api::ADD_PARTITIONS, Api::PRODUCE, Api::ADD_OFFSETS, Api::TXN_OFFSET_COMMIT, Api::END_TXN] {
        proxy.hold_next(step, "w1", Loss::Silence);
        let before = proxy.counts().held;
        until("a request that is held", || {
            thread::sleep(Duration::from_millis(5));
            (proxy.counts().held > before).then_some(())
        });
        scene.kill("w1");
        scene.hit();
        scene.start_through("w1", proxy.bootstrap());
        busy(&mut scene, "w1");
    }
    // The commit has happened, and the worker dies before it knows, so with a copy that does not.
    proxy.lose_answers(Api::END_TXN, 1, Loss::Silence);
    until("a lost answer", || {
        thread::sleep(Duration::from_millis(5));
        (proxy.counts().answers_lost == 1).then_some(())
    });
    scene.kill("w1");
    scene.hit();
    scene.start_through("w1", proxy.bootstrap());
    busy(&mut scene, "w1");
    let life = &scene.workers["w1"];
    let behind = |line: &Value| line["records"].as_u64() > Some(0);
    assert!(!life.lines("local copy read").is_empty(), "no copy was read");
    assert!(life.lines("task restored").iter().any(behind), "every copy was of the last turn");

    // Its reader is slow enough to be met between its copy and the end of the changelog, and its group does not feel it.
    proxy.delay(Api::FETCH, Duration::from_millis(500));
    scene.kill("w1");
    scene.start_through("w1", proxy.bootstrap());
    let restoring = |scene: &Scene| {
        let said = |message| scene.workers["w1"].lines(message).len();
        said("local copy read") > said("task restored")
    };
    until("a task that is being restored", || {
        thread::sleep(Duration::from_millis(5));
        restoring(&scene).then_some(())
    });
    scene.workers["w1"].signal("STOP");
    assert!(restoring(&scene), "it was restored before it could be killed");
    scene.kill("w1");
    scene.hit();
    proxy.delay(Api::FETCH, Duration::ZERO);
    scene.start_through("w1", proxy.bootstrap());
    scene.end();
}

#[test]
#[ignore = "long: run tests/chaos f03"]
fn f03_all_workers_restart_in_turn() {
    let mut scene = Scene::new("F03", "graceful rolling restart of all workers");
    for name in WORKERS {
        scene.workers.get_mut(name).expect("it runs").drain();
        scene.workers.remove(name);
        scene.hit();
        scene.start(name);
        busy(&mut scene, name);
    }
    scene.end();
}

#[test]
#[ignore = "long: run tests/chaos f04"]
fn f04_a_zombie_wakes_after_its_partitions_are_gone() {
    let mut scene = Scene::with("F04", "worker stopped for longer than session and transaction", with_flows());
    for _ in 0..2 {
        scene.any_moment(800);
        let zombie = scene.any_worker();
        let said = scene.listen(zombie);
        pause(&scene.workers[zombie], SESSION + Duration::from_secs(3), || {});
        scene.hit();
        busy(&mut scene, zombie);
        assert!(said.noticed(), "a zombie has not noticed that it was one");
    }
    scene.end();
}

#[test]
#[ignore = "long: run tests/chaos f05"]
fn f05_two_workers_of_one_name() {
    let mut scene = Scene::with("F05", "a second worker with the same name", with_flows());
    let twin = scene
        .installation
        .start("twin", &["worker", "--log", "json", "--instance", "w1", "--stages", "book", "--first-start"]);
    let mut both = vec![scene.workers.remove("w1").expect("it runs"), twin];
    let loser = until("the end of one of them", || {
        thread::sleep(Duration::from_millis(20));
        both.iter_mut().position(|worker| worker.ended().is_some())
    });
    scene.hit();
    let mut loser = both.remove(loser);
    assert_eq!(loser.wait().code(), Some(FENCED), "{}", loser.said());
    scene.workers.insert("w1", both.remove(0));
    scene.end();
}

#[test]
#[ignore = "long: run tests/chaos f06"]
fn f06_workers_come_and_go() {
    let mut scene = Scene::with("F06", "rebalance storm: workers come, go and die every second", with_flows());
    const MORE: [&str; 4] = ["more-1", "more-2", "more-3", "more-4"];
    for _ in 0..20 {
        let name = MORE[scene.random.random_range(0..MORE.len())];
        match scene.workers.remove(name) {
            Some(worker) if scene.random.random() => worker.kill(),
            Some(mut worker) => worker.drain(),
            None => {
                scene.start(name);
                scene.workers.get_mut(name).expect("it runs").wait_for_line("admin port open"); // from here on it drains when told
            }
        }
        scene.hit();
        thread::sleep(Duration::from_secs(1));
    }
    scene.end();
}

#[test]
#[ignore = "long: run tests/chaos f22"]
fn f22_a_transaction_outlives_its_time() {
    let proxy = Proxy::start();
    let through = Some(("w1", proxy.bootstrap().to_owned()));
    let mut scene =
        Scene::with("F22", "a transaction is open for longer than its time", Wishes { through, ..with_flows() });
    proxy.hold_next(Api::END_TXN, "w1", Loss::Silence);
    proxy.wait_held();
    let said = scene.listen("w1");
    // The coordinator looks every second; the member is still one when it wakes.
    pause(&scene.workers["w1"], TRANSACTION + Duration::from_millis(1_300), || {});
    scene.hit();
    busy(&mut scene, "w1");
    assert!(said.noticed(), "it went on as if nothing were");
    scene.end();
}

#[test]
#[ignore = "needs another build: run tests/chaos f42 --earlier BINARY"]
fn f42_an_earlier_build_works_beside_this_one_and_comes_back() {
    let earlier = variable("BOOKFLOW_FAULT_EARLIER");
    // A shell that becomes the earlier program in place of the one that it is given.
    let before = ["/bin/sh", "-c", "shift && exec \"$0\" \"$@\"", &earlier].map(str::to_owned).to_vec();
    let folder = tempfile::tempdir().expect("a folder");
    let wishes = Wishes { copies: Some(folder.path().to_owned()), under: before.clone(), ..static_members() };
    let mut scene = Scene::with("F42", "an earlier build replaced worker by worker, and back", wishes);
    let forward = WORKERS.map(|name| (name, Vec::new()));
    let back = WORKERS.map(|name| (name, before.clone()));
    for (name, under) in forward.into_iter().chain(back) {
        scene.workers.get_mut(name).expect("it runs").drain();
        scene.workers.remove(name);
        scene.installation.under = under;
        scene.start(name);
        busy(&mut scene, name);
        scene.hit();
    }
    scene.end();
}

/// SIGSTOP for so long, then SIGCONT.
pub fn pause(worker: &Running, time: Duration, meanwhile: impl FnOnce()) {
    worker.signal("STOP");
    meanwhile();
    thread::sleep(time);
    worker.signal("CONT");
}

/// Waits until the worker has committed turns in this life.
pub fn busy(scene: &mut Scene, name: &'static str) {
    let worker = scene.workers.get_mut(name).expect("it runs");
    let before = worker.processed("book");
    until("turns", || {
        thread::sleep(Duration::from_millis(20));
        (worker.processed("book") > before).then_some(())
    });
}
