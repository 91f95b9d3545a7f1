//! What stage `book` keeps of each trade, for ever, in memory and on disk: `cargo bench --bench state`. On the broker in process; a busy machine
//! changes nothing but the times. `-- --ids 12500000` fills one task alone with so many, an eighth of 100 million; they take some 300 bytes of disk each.

#[path = "../counting.rs"]
mod counting; // how much memory is held
mod one_task; // far beyond what is merged

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use bookflow::cli::embedded;
use bookflow::cli::generate::load::{Load, Mix};
use bookflow::cli::generate::send::send;
use bookflow::engine::clock::SystemClock;
use bookflow::engine::copy::{NoCopies, StateStore};
use bookflow::engine::health::Health;
use bookflow::engine::mark::Life;
use bookflow::engine::settings::Settings;
use bookflow::engine::worker::{Parts, Turn, Worker};
use bookflow::memory::interference::Undisturbed;
use bookflow::messages::schemas::Schemas;
use bookflow::pipeline::topology::{BOOK, topology};
use bookflow::store::DiskStore;

use counting::HELD;

const PARTITIONS: i32 = 8;
const TRADES: [u64; 3] = [50_000, 100_000, 200_000];
/// With files there are more, so that their slope is not that of new positions.
const TIMES: u64 = 4;
/// Records that are sent once more, from the first on: of the oldest trades.
const AGAIN: u64 = 5_000;
/// Captured trades of a task in memory; the rest is in files.
const RECENT: usize = 2_000;

/// What ends with a worker, and how long it took for a record.
struct Kept {
    memory: usize,
    disk: u64,
    new: Duration,
    again: Duration,
}

fn main() {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--ids").skip(1);
    if let Some(ids) = arguments.next() {
        return one_task::measure(ids.parse().expect("--ids is followed by a number"));
    }
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (sizes, again) = if quick { ([500, 1_000, 2_000], 100) } else { (TRADES, AGAIN) };
    println!("all of it in memory");
    measure(sizes, again, |_| Arc::new(NoCopies), usize::MAX);
    let recent = if quick { 20 } else { RECENT };
    println!("{} captured trades in memory", recent * PARTITIONS as usize);
    measure(
        sizes.map(|trades| trades * TIMES),
        again,
        |folder| Arc::new(DiskStore::open(folder).expect("it can be written")),
        recent,
    );
}

fn measure(sizes: [u64; 3], again: u64, store: fn(&Path) -> Arc<dyn StateStore>, recent: usize) {
    let mut before = None;
    for trades in sizes {
        let folder = tempfile::tempdir().expect("a folder");
        let Kept { memory, disk, new, again } = kept(trades, again, store(folder.path()), folder.path(), recent);
        let each = |bytes: f64, before: f64, fewer: u64| (bytes - before) / (trades - fewer) as f64;
        let slope = before.map_or(String::new(), |(fewer, less, less_disk): (u64, usize, u64)| {
            let (memory, disk) = (each(memory as f64, less as f64, fewer), each(disk as f64, less_disk as f64, fewer));
            format!(
                "; for each more {memory:.0} and {disk:.0}, for 100 million {:.1} GB and {:.1} GB",
                memory / 10.0,
                disk / 10.0
            )
        });
        println!(
            "{trades:>8} trades: {:.1} MB of memory, {:.1} MB on disk{slope}; a new trade {:.1} us, an old one again {:.1} us",
            memory as f64 / 1e6,
            disk as f64 / 1e6,
            new.as_secs_f64() * 1e6,
            again.as_secs_f64() * 1e6,
        );
        before = Some((trades, memory, disk));
    }
}

/// A worker that has captured so many new trades, then so many of the first of them again, and is idle.
fn kept(trades: u64, again: u64, store: Arc<dyn StateStore>, folder: &Path, recent: usize) -> Kept {
    let schemas = Arc::new(Schemas::embedded());
    let broker = embedded::broker(Default::default(), Arc::new(Undisturbed), PARTITIONS).expect("a broker");
    let load = Load { mix: Mix::PLAIN, ..Load::new(1, trades) };
    send(&broker, &schemas, "load", load.trades().expect("a load"), |_| {}).expect("it is sent");
    let topology = topology(schemas.clone());
    embedded::start_all(&topology, &broker).expect("first start");
    let stage = topology.stage(BOOK).expect("it is there");
    let settings = Settings { instance: "one".into(), recent_entries: recent, ..Settings::default() };
    let mut worker = Worker::start(Parts {
        checked: topology.check(stage, &broker).expect("the topology fits"),
        beat: Health::default().beat(&settings.instance),
        settings,
        broker: Arc::new(broker.clone()),
        store,
        clock: Arc::new(SystemClock::start()),
        life: Life(1),
        thread: 0,
    })
    .expect("it starts");
    let new = work(&mut worker, trades);
    let first = load.trades().expect("a load").take(again as usize);
    send(&broker, &schemas, "load", first, |_| {}).expect("it is sent");
    let again = work(&mut worker, again);
    let with = HELD.load(Relaxed);
    // In order: with a copy, and without files that have become one.
    worker.close().expect("it closes");
    Kept { memory: with - HELD.load(Relaxed), disk: bytes(folder), new, again }
}

/// How long a record takes, until nothing is left to do.
fn work(worker: &mut Worker, records: u64) -> Duration {
    let (mut done, mut idle, mut busy) = (0, 0, Duration::ZERO);
    while idle < 20 {
        let began = Instant::now();
        match worker.run_once().expect("a turn") {
            Turn::Committed { records } => {
                (done, idle) = (done + records as u64, 0);
                busy += began.elapsed();
            }
            Turn::Idle => idle += 1,
            _ => {}
        }
    }
    assert_eq!(done, records, "all of them have been processed");
    busy / done as u32
}

fn bytes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).expect("it can be read").map(|entry| entry.expect("it can be read"));
    entries
        .map(|entry| match entry.file_type().expect("it has one").is_dir() {
            true => bytes(&entry.path()),
            false => entry.metadata().expect("it has some").len(),
        })
        .sum()
}
