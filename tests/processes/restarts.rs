//! Workers that are told to stop, and what the next one finds: its local copies where they are good, the changelog where not.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bookflow::engine::broker::{Broker, Member};
use bookflow::engine::mark::TurnMark;
use bookflow::pipeline::topics::TRADES;

use crate::cluster::{PATIENCE, at};
use crate::program::{Installation, Running, argument};

const PARTITIONS: i32 = 2;

/// Runs a worker of `book` over trades of this seed until they are consumed and it has been told to stop.
fn life(installation: &Installation, seed: u64) -> Running {
    let mut worker = installation.worker("one", &["--stages", "book", "--first-start"]);
    installation.trades(3_000, seed);
    installation.consumed(PATIENCE);
    worker.drain();
    worker
}

fn marks(installation: &Installation) -> Vec<TurnMark> {
    let member = Member { group: "bookflow.book".into(), client_id: "test".into(), instance_id: None };
    let mut consumer = installation.broker().consumer(&member).expect("consumer");
    let asked: Vec<_> = (0..PARTITIONS).map(|partition| at(TRADES, partition)).collect();
    let committed = consumer.committed(&asked, PATIENCE).expect("offsets");
    consumer.close();
    let mark = |committed: bookflow::engine::broker::CommittedOffset| committed.metadata.parse().expect("a mark");
    committed.into_iter().map(|committed| mark(committed.expect("started"))).collect()
}

/// How many changelog records each restored task has read.
fn restored(worker: &Running) -> Vec<u64> {
    let lines = worker.lines("task restored");
    assert_eq!(lines.len(), PARTITIONS as usize, "{}", worker.said());
    lines.iter().map(|line| line["records"].as_u64().expect("a count")).collect()
}

fn copy(state: &Path, partition: i32) -> PathBuf {
    state.join("book").join(partition.to_string()).join("copy")
}

#[test]
fn a_worker_goes_on_from_its_local_copies_and_without_them_from_the_changelog() {
    let mut installation = Installation::new("restarts", PARTITIONS as u32);
    let state = installation.folder.path().join("state");
    installation.set("worker.state_folder", argument(&state));

    let first = life(&installation, 1);
    assert_eq!(restored(&first), [0, 0]);
    assert!(marks(&installation).iter().all(|mark| mark.clean && mark.turn > 1), "{:?}", marks(&installation));

    let second = life(&installation, 2);
    assert_eq!(second.lines("local copy read").len(), PARTITIONS as usize, "{}", second.said());
    assert_eq!(restored(&second), [0, 0], "nothing came after the copies");

    let torn = File::options().write(true).open(copy(&state, 0)).expect("a copy");
    torn.set_len(torn.metadata().expect("its length").len() / 2).expect("it can be cut");
    fs::remove_file(copy(&state, 1)).expect("it can be removed");
    let third = life(&installation, 3);
    assert_eq!(third.lines("local copy read").len(), 0, "{}", third.said());
    assert_eq!(third.lines("local copy refused").len(), 1, "{}", third.said());
    assert!(restored(&third).iter().all(|read| *read > 500), "{:?}", restored(&third));

    let report = installation.verified();
    assert!(report["records"].as_u64() >= Some(9_000), "{report:#}");
}

#[test]
fn a_second_signal_ends_a_worker_that_cannot_drain() {
    let mut installation = Installation::new("signals", 1);
    // Takes connections and never answers: a worker waits for its first answer.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    installation.set("kafka.bootstrap", &silent.local_addr().expect("its address").to_string());
    installation.set("registry.url", "");
    let mut worker = installation.worker("one", &["--stages", "book"]);
    worker.wait_for_line("admin port open");
    worker.stop();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(worker.ended(), None, "it is still waiting: {}", worker.said());
    worker.stop();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(worker.ended().and_then(|status| status.code()), Some(128 + 15), "{}", worker.said());
}
