//! F15-F21: between one worker and the brokers stands a proxy that cuts, slows, resets, loses and holds back.

use std::thread;
use std::time::Duration;

use crate::brokers;
use crate::cluster::until;
use crate::deaths::busy;
use crate::proxy::{Api, Loss, Proxy, Way};
use crate::scene::{SESSION, Scene, TRANSACTION, Wishes};

fn scene(row: &'static str, fault: &'static str, proxy: &Proxy) -> Scene {
    let through = Some(("w1", proxy.bootstrap().to_owned()));
    Scene::with(row, fault, Wishes { through, flows: true, ..Wishes::default() })
}

#[test]
#[ignore = "long: run tests/chaos f15"]
fn f15_a_worker_is_cut_from_one_broker() {
    const BOTH: [Way; 2] = [Way::Requests, Way::Answers];
    let proxy = Proxy::start();
    let fault = "worker cut from one broker: requests, answers, both; then from its coordinators for longer than a transaction, and than a session";
    let mut scene = scene("F15", fault, &proxy);
    let namespace = scene.installation.namespace;
    let cut = |scene: &mut Scene, broker: i32, ways: &[Way], time: Duration| {
        let (before, said) = (proxy.counts().cut, scene.listen("w1"));
        proxy.cut(broker as usize - 1, ways);
        thread::sleep(time);
        assert!(proxy.counts().cut > before, "nothing wanted to pass");
        scene.hit();
        proxy.mend();
        scene.healed();
        busy(scene, "w1");
        said
    };
    for (ways, seconds) in [(&BOTH[..1], 4), (&BOTH[1..], 4), (&BOTH[..], 6)] {
        cut(&mut scene, 1, ways, Duration::from_secs(seconds));
    }
    let transactions = brokers::transaction_coordinator(&format!("{namespace}.bookflow.book-w1-0"));
    let said = cut(&mut scene, transactions, &BOTH, TRANSACTION + Duration::from_secs(1));
    assert!(said.noticed(), "a turn has outlived its time, and the worker has not noticed");
    let group = brokers::group_coordinator(&format!("{namespace}.bookflow.book"));
    let said = cut(&mut scene, group, &BOTH, SESSION + Duration::from_secs(4));
    assert!(said.noticed(), "its session was over, and the worker has not noticed");
    scene.end();
}

#[test]
#[ignore = "long: run tests/chaos f16"]
fn f16_a_worker_is_cut_from_all_brokers() {
    let proxy = Proxy::start();
    let mut scene = scene("F16", "worker cut from all brokers for longer than its session", &proxy);
    let (before, said) = (proxy.counts().cut, scene.listen("w1"));
    proxy.cut_all();
    thread::sleep(SESSION + Duration::from_secs(4));
    assert!(proxy.counts().cut > before, "nothing wanted to pass");
    scene.hit();
    proxy.mend();
    scene.healed();
    busy(&mut scene, "w1");
    assert!(said.noticed(), "the worker has not noticed");
    scene.end();
}

#[test]
#[ignore = "long: run tests/chaos f18"]
fn f18_a_slow_network() {
    let proxy = Proxy::start();
    let mut scene = scene("F18", "50 to 300 ms on every request of one worker", &proxy);
    let said = scene.listen("w1");
    for delay_ms in [50, 150, 300] {
        proxy.delay_all(Duration::from_millis(delay_ms));
        let before = proxy.counts().of(Api::END_TXN);
        // From here on each that the proxy counts is delayed.
        until("ends of turns that are delayed", || {
            thread::sleep(Duration::from_millis(20));
            (proxy.counts().of(Api::END_TXN) > before + 3).then_some(())
        });
        scene.hit();
        thread::sleep(Duration::from_secs(4));
        busy(&mut scene, "w1");
    }
    // A commit takes two of these delays, and 400 ms are a doubt.
    assert!(said.heard("end of the transaction unknown") > 0, "no turn of the slow worker was slow");
    proxy.delay_all(Duration::ZERO);
    scene.healed();
    scene.end();
}

#[test]
#[ignore = "long: run tests/chaos f19"]
fn f19_connections_are_reset() {
    let proxy = Proxy::start();
    let mut scene = scene("F19", "all connections of a worker reset, again and again", &proxy);
    for _ in 0..10 {
        scene.any_moment(1_000);
        assert!(proxy.reset() > 0, "there was no connection");
        scene.hit();
    }
    scene.end();
}

#[test]
fn f20_answers_to_the_end_of_a_turn_are_lost() {
    let proxy = Proxy::start();
    let fault = "answers to EndTxn and TxnOffsetCommit lost: a retried Ok, and an error";
    let through = Some(("w1", proxy.bootstrap().to_owned()));
    let mut scene = Scene::with("F20", fault, Wishes { through, flows: true, judged: true, ..Wishes::default() });
    for (number, (api, loss)) in [Api::END_TXN, Api::TXN_OFFSET_COMMIT]
        .into_iter()
        .flat_map(|api| [Loss::Disconnect, Loss::Silence].map(|loss| (api, loss)))
        .enumerate()
    {
        let said = scene.listen("w1");
        proxy.lose_answers(api, 1, loss);
        until("an answer that is lost", || {
            thread::sleep(Duration::from_millis(5));
            (proxy.counts().answers_lost > number).then_some(())
        });
        scene.hit();
        until("a producer made anew", || {
            thread::sleep(Duration::from_millis(20));
            (said.heard("producer created anew") > 0).then_some(())
        });
        busy(&mut scene, "w1");
    }
    scene.end();
}

#[test]
#[ignore = "long: run tests/chaos f21"]
fn f21_the_end_of_a_turn_is_delivered_in_the_middle_of_the_next() {
    let proxy = Proxy::start();
    let mut scene = scene("F21", "EndTxn and TxnOffsetCommit held back and delivered in the next transaction", &proxy);
    for (number, api) in
        [Api::END_TXN, Api::TXN_OFFSET_COMMIT, Api::END_TXN, Api::TXN_OFFSET_COMMIT].into_iter().enumerate()
    {
        proxy.hold_next(api, "w1", Loss::Disconnect);
        // The first one is the retried copy, the second one that of the next transaction.
        proxy.deliver_before(Api::END_TXN, 2);
        until("a late delivery", || {
            thread::sleep(Duration::from_millis(5));
            (proxy.counts().delivered_late > number).then_some(())
        });
        scene.hit();
        busy(&mut scene, "w1");
    }
    scene.end();
}
