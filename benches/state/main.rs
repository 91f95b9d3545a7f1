//! What stage `book` keeps in memory of each trade, for ever: `cargo bench --bench state`. On the broker in process; a busy machine changes nothing.
#![allow(unsafe_code)] // a counting allocator cannot be written without

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use bookflow::cli::embedded;
use bookflow::cli::generate::load::{Load, Mix};
use bookflow::cli::generate::send::send;
use bookflow::engine::clock::SystemClock;
use bookflow::engine::copy::NoCopies;
use bookflow::engine::health::Health;
use bookflow::engine::mark::Life;
use bookflow::engine::settings::Settings;
use bookflow::engine::worker::{Parts, Turn, Worker};
use bookflow::memory::interference::Undisturbed;
use bookflow::messages::schemas::Schemas;
use bookflow::pipeline::topology::{BOOK, topology};

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        NOW.fetch_add(layout.size(), Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

const PARTITIONS: i32 = 8;
const TRADES: [u64; 3] = [50_000, 100_000, 200_000];

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let sizes = if quick { [500, 1_000, 2_000] } else { TRADES };
    let mut before = None;
    for trades in sizes {
        let bytes = kept(trades);
        let slope = before.map(|(fewer, kept): (u64, usize)| (bytes - kept) as f64 / (trades - fewer) as f64);
        let slope = slope.map_or(String::new(), |bytes| {
            format!(", {bytes:.0} for each more; 100 million take {:.0} GB", bytes / 10.0)
        });
        println!(
            "{trades:>8} trades: {:.1} MB, {:.0} bytes a trade{slope}",
            bytes as f64 / 1e6,
            bytes as f64 / trades as f64
        );
        before = Some((trades, bytes));
    }
}

/// What ends with a worker that has captured so many new trades and is idle.
fn kept(trades: u64) -> usize {
    let schemas = Arc::new(Schemas::embedded());
    let broker = embedded::broker(Default::default(), Arc::new(Undisturbed), PARTITIONS).expect("a broker");
    let load = Load { mix: Mix::PLAIN, ..Load::new(1, trades) };
    send(&broker, &schemas, "load", load.trades().expect("a load"), |_| {}).expect("it is sent");
    let topology = topology(schemas);
    embedded::start_all(&topology, &broker).expect("first start");
    let stage = topology.stage(BOOK).expect("it is there");
    let settings = Settings { instance: "one".into(), ..Settings::default() };
    let mut worker = Worker::start(Parts {
        checked: topology.check(stage, &broker).expect("the topology fits"),
        beat: Health::default().beat(&settings.instance),
        settings,
        broker: Arc::new(broker.clone()),
        store: Arc::new(NoCopies),
        clock: Arc::new(SystemClock::start()),
        life: Life(1),
        thread: 0,
    })
    .expect("it starts");
    let (mut captured, mut idle) = (0, 0);
    while idle < 20 {
        match worker.run_once().expect("a turn") {
            Turn::Committed { records } => (captured, idle) = (captured + records as u64, 0),
            Turn::Idle => idle += 1,
            _ => {}
        }
    }
    assert_eq!(captured, trades, "all of them have been captured");
    let with = NOW.load(Relaxed);
    drop(worker);
    with - NOW.load(Relaxed)
}
