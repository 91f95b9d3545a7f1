//! The worker while the first copy of one of its requests is kept back and delivered in the middle of its next turn.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use bookflow::engine::settings::{Planted, Settings};
use bookflow::engine::worker::Worker;

use crate::cluster::{PATIENCE, broker_with, hasty, until};
use crate::proxy::{Api, Loss, Proxy};
use crate::turns::{Run, turn_until};

/// Where answers with the key of these tests go.
const ANSWERS: i32 = 1;

/// The first two are polled and produced alone, and while the third is worked on they reach the broker: else there would be
/// nothing to abort when the last has to wait.
const TURN: [&str; 4] = ["1", "1", "slow", "needs"];

struct Scene {
    proxy: Proxy,
    run: Run,
    worker: Worker,
}

impl Scene {
    fn new(planted: Option<Planted>) -> Scene {
        let proxy = Proxy::start();
        let run = Run::through(broker_with(proxy.bootstrap(), hasty()));
        run.first_start();
        // Turns of several polls: what the first ones produced is on its way when a later one fails.
        let settings = Settings {
            instance: "late".into(),
            poll_records: 2,
            portion_bytes: 1,
            turn_time: PATIENCE,
            planted,
            ..Settings::default()
        };
        let worker = run.worker_with(settings).expect("worker");
        // A first turn has a transaction of its own before it, which says that it begins.
        run.write(0, &["0"]);
        let mut scene = Scene { proxy, run, worker };
        scene.turn_until_answers(1);
        scene
    }

    fn hold(&self, api: Api) {
        self.proxy.hold_next(api, "late", Loss::Disconnect);
    }

    fn write_a_turn_that_aborts(&self) {
        self.run.switches.outage.store(true, Ordering::Relaxed);
        self.run.write(0, &TURN);
    }

    fn end_outage(&mut self) {
        self.run.switches.outage.store(false, Ordering::Relaxed);
    }

    fn turn_until_held(&mut self) {
        let Scene { proxy, worker, .. } = self;
        until("a request that is held", || {
            worker.run_once().expect("turn");
            (proxy.counts().held == 1).then_some(())
        });
    }

    fn turn_until_delivered(&mut self) {
        let Scene { proxy, worker, .. } = self;
        until("the late delivery", || {
            worker.run_once().expect("turn");
            (proxy.counts().delivered_late == 1).then_some(())
        });
    }

    fn turn_until_answers(&mut self, count: usize) {
        let Scene { run, worker, .. } = self;
        turn_until(&mut [worker], "answers", || run.answers() >= count);
    }

    fn answers(&self) -> Vec<String> {
        self.run.read(self.run.topics.answers, ANSWERS)
    }

    /// Everything exactly once and in order: an answer for each number, and their sum.
    fn assert_whole(&self, answers: &[String], sum: i64) {
        assert_eq!(self.answers(), answers);
        assert_eq!(self.run.sums(0), BTreeMap::from([("key".to_owned(), sum)]));
    }
}

/// The answers to `TURN`, whose first record has this offset.
fn turn_from(first: usize) -> impl Iterator<Item = String> {
    TURN.into_iter().enumerate().map(move |(place, number)| format!("{}={number}", first + place))
}

/// A turn is committed, the first copy of that commit comes while the next one is being aborted.
fn late_commit(planted: Option<Planted>) -> Scene {
    let mut scene = Scene::new(planted);
    scene.hold(Api::END_TXN);
    scene.proxy.deliver_before(Api::END_TXN, 2); // the first is the commit's second copy
    scene.run.write(0, &["1"]);
    scene.turn_until_answers(2);
    scene.write_a_turn_that_aborts();
    scene.turn_until_delivered();
    assert_eq!(scene.proxy.late()[0].request.last(), Some(&1), "it was a commit");
    scene.end_outage();
    scene.turn_until_answers(2 + TURN.len());
    scene
}

#[test]
fn a_late_commit_changes_nothing() {
    let scene = late_commit(None);
    let expected: Vec<_> = ["0=0", "2=1"].map(str::to_owned).into_iter().chain(turn_from(4)).collect();
    scene.assert_whole(&expected, 3);
}

/// What the test above would see of a worker that takes a slow Ok for proof.
#[test]
fn a_worker_that_trusts_a_slow_ok_is_caught_by_a_late_commit() {
    let answers = late_commit(Some(Planted::SlowOkTrusted)).answers();
    assert!(answers.iter().filter(|answer| *answer == "4=1").count() > 1, "published twice: {answers:?}");
}

#[test]
fn a_late_abort_changes_nothing() {
    let mut scene = Scene::new(None);
    scene.hold(Api::END_TXN);
    scene.proxy.deliver_before(Api::ADD_OFFSETS, 1);
    scene.write_a_turn_that_aborts();
    scene.turn_until_held();
    assert_eq!(scene.run.answers(), 1);
    scene.end_outage();
    scene.turn_until_delivered();
    assert_eq!(scene.proxy.late()[0].request.last(), Some(&0), "it was an abort");
    scene.turn_until_answers(1 + TURN.len());
    scene.assert_whole(&std::iter::once("0=0".to_owned()).chain(turn_from(2)).collect::<Vec<_>>(), 2);
}

#[test]
fn late_offsets_change_nothing() {
    let mut scene = Scene::new(None);
    scene.hold(Api::TXN_OFFSET_COMMIT);
    scene.proxy.deliver_before(Api::END_TXN, 2); // the first is that of the same turn
    scene.run.write(0, &["1"]);
    scene.turn_until_answers(2);
    scene.run.write(0, &["10"]);
    scene.turn_until_delivered();
    scene.turn_until_answers(3);
    let Scene { proxy, run, worker } = scene;
    worker.close().expect("closes");
    // Whoever goes on must find the offsets of the second turn, not those that came late.
    run.write(0, &["100"]);
    let worker = run.worker("next");
    let mut scene = Scene { proxy, run, worker };
    scene.turn_until_answers(4);
    scene.assert_whole(&["0=0", "2=1", "4=10", "6=100"].map(str::to_owned), 111);
}
