//! What every fault happens to: an installation under load, three workers of `book`, and the figures in the end.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bookflow::cli::generate::load::Load;
use bookflow::cli::verify::cursor::Cursor;
use bookflow::engine::broker::{Broker, TopicPartition};
use bookflow::pipeline::topics::BLOTTER;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

use crate::brokers;
use crate::cluster::until;
use crate::feed::{Feed, load};
use crate::mend::Mend;
use crate::program::{Installation, Running};

pub const PARTITIONS: i32 = 12;
pub const WORKERS: [&str; 3] = ["w1", "w2", "w3"];
/// As the test broker's clients have them (`kafka.time_limits = short`).
pub const SESSION: Duration = Duration::from_secs(10);
pub const TRANSACTION: Duration = Duration::from_secs(8);
/// From the heal to a lag of zero.
pub const HEALS: Duration = Duration::from_secs(240);

/// The brokers are everybody's: one fault at a time.
static ALONE: Mutex<()> = Mutex::new(());

pub struct Scene {
    row: &'static str,
    fault: String,
    /// They end before the folder of their logs does.
    pub workers: BTreeMap<&'static str, Running>,
    pub installation: Installation,
    pub feed: Feed,
    pub random: Xoshiro256PlusPlus,
    wishes: Wishes,
    seed: u64,
    hits: u32,
    healed: Instant,
    /// Whatever a row that fails has killed runs again for the next one.
    _up: Mend<fn()>,
    _alone: MutexGuard<'static, ()>,
}

/// What a row may want otherwise.
#[derive(Default)]
pub struct Wishes {
    pub settings: Vec<(&'static str, String)>,
    /// Local copies every second, below this folder.
    pub copies: Option<PathBuf>,
    /// A worker that reaches the brokers only there.
    pub through: Option<(&'static str, String)>,
    pub load: Option<fn(Load) -> Load>,
    /// A program that becomes the worker, with its arguments.
    pub under: Vec<String>,
    /// Not `book` alone.
    pub all_stages: bool,
    /// Their clocks jump, so that times of answers say nothing.
    pub clocks_lie: bool,
}

impl Scene {
    pub fn new(row: &'static str, fault: &'static str) -> Scene {
        Scene::with(row, fault, Wishes::default())
    }

    /// `BOOKFLOW_FAULT_SEED` and `BOOKFLOW_FAULT_TRADES` make it another run or a longer one.
    pub fn with(row: &'static str, fault: &'static str, wishes: Wishes) -> Scene {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let (seed, trades) = (asked("BOOKFLOW_FAULT_SEED", 1), asked("BOOKFLOW_FAULT_TRADES", 10_000));
        eprintln!("{row} {fault}: seed {seed}, {trades} trades at least");
        let mut installation = Installation::new(&row.to_lowercase(), PARTITIONS as u32);
        installation.under.clone_from(&wishes.under);
        for (key, value) in &wishes.settings {
            installation.set(key, value);
        }
        let mut workers = BTreeMap::new();
        for name in WORKERS {
            let through = wishes.through.as_ref().filter(|(of, _)| *of == name);
            let mut worker = start(&installation, name, &wishes, through.map(|(_, address)| address.as_str()));
            worker.wait_for_line("admin port open"); // the first one has made the first start
            workers.insert(name, worker);
        }
        let load = wishes.load.unwrap_or(|load| load)(load(seed));
        let feed = Feed::start(installation.namespace, load, trades, PARTITIONS);
        let random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut scene = Scene {
            row,
            fault: fault.to_owned(),
            installation,
            workers,
            feed,
            random,
            wishes,
            seed,
            hits: 0,
            healed: Instant::now(),
            _up: Mend(brokers::start_after_a_failure),
            _alone: alone,
        };
        scene.wait_for_work();
        scene
    }

    /// Until every worker has committed turns.
    fn wait_for_work(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(120);
        while !self.workers.values_mut().all(|worker| worker.processed("book") > 0) {
            assert!(Instant::now() < deadline, "a worker has nothing to do");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Counts a hit; the load goes on as long as there are any.
    pub fn hit(&mut self) {
        self.hits += 1;
        self.healed();
    }

    /// From now on the lag must go to zero.
    pub fn healed(&mut self) {
        self.healed = Instant::now();
    }

    pub fn kill(&mut self, name: &'static str) {
        self.workers.remove(name).expect("it runs").kill();
    }

    pub fn start(&mut self, name: &'static str) {
        let worker = start(&self.installation, name, &self.wishes, None);
        self.workers.insert(name, worker);
    }

    pub fn start_through(&mut self, name: &'static str, bootstrap: &str) {
        let worker = start(&self.installation, name, &self.wishes, Some(bootstrap));
        self.workers.insert(name, worker);
    }

    /// Waits a random time, so that a hit meets any step of a turn.
    pub fn any_moment(&mut self, longest_ms: u64) {
        thread::sleep(Duration::from_millis(self.random.random_range(200..=longest_ms)));
    }

    pub fn any_worker(&mut self) -> &'static str {
        WORKERS[self.random.random_range(0..WORKERS.len())]
    }

    /// How often a text stands in the logs of all workers, those that are dead included.
    pub fn said(&self, message: &str) -> usize {
        let logs = fs::read_dir(self.installation.folder.path()).expect("the folder").filter_map(Result::ok);
        let logs = logs.filter(|file| file.path().extension().is_some_and(|ending| ending == "log"));
        logs.map(|log| String::from_utf8_lossy(&fs::read(log.path()).expect("a log")).matches(message).count()).sum()
    }

    /// A figure of this row alone, told with its fault.
    pub fn note(&mut self, figure: &str) {
        self.fault += &format!("; {figure}");
    }

    /// The load ends, the lag goes to zero, the workers drain, the auditor finds nothing; then the figures are printed.
    pub fn end(mut self) -> Value {
        assert!(self.hits > 0, "{}: nothing was hit", self.row);
        let sent = self.feed.end();
        self.installation.consumed(HEALS);
        let lag_zero = self.healed.elapsed();
        for worker in self.workers.values_mut() {
            worker.drain();
        }
        let report = self.installation.verified();
        let count = |name: &str| report[name].as_u64().expect("a count");
        assert_eq!(count("records"), sent + count("rebooks"), "{}: {report:#}", self.row);
        let (p50, max) = silence(&self.installation.broker());
        let silence = match self.wishes.clocks_lie {
            true => {
                assert!(max > Duration::from_secs(3_600), "no clock has jumped");
                "–".to_owned()
            }
            false => format!("{:.1} / {:.1}", p50.as_secs_f64(), max.as_secs_f64()),
        };
        self.print(sent, "0 / 0 / 0 / 0", &format!("{silence} | {:.1}", lag_zero.as_secs_f64()));
        report
    }

    /// What cannot be made good any more: a worker must stop by itself with this exit code and these words, and never go on in silence.
    pub fn stops(mut self, code: i32, words: &str) {
        assert!(self.hits > 0, "{}: nothing was hit", self.row);
        let sent = self.feed.end();
        let (status, said) = until("a worker that stops by itself", || {
            thread::sleep(Duration::from_millis(50));
            let mut ended = self.workers.values_mut().filter_map(|worker| Some((worker.ended()?, worker.said())));
            ended.next()
        });
        assert_eq!(status.code(), Some(code), "{said}");
        assert!(said.contains(words), "{said}");
        self.print(sent, &format!("stops with exit code {code}"), "– | –");
    }

    fn print(&self, sent: u64, verdict: &str, times: &str) {
        let Scene { row, fault, seed, hits, .. } = self;
        let [doubts, anew, fenced, restored] =
            ["end of the transaction unknown", "producer created anew", "fenced: all tasks", "task restored"]
                .map(|message| self.said(message));
        println!(
            "| {row} | {fault} | {seed} | {hits} | {sent} | {verdict} | {times} | {doubts} | {anew} | {fenced} | {restored} |"
        );
    }
}

fn start(installation: &Installation, name: &'static str, wishes: &Wishes, through: Option<&str>) -> Running {
    let mut arguments = vec!["--first-start"];
    let (bootstrap, folder);
    if !wishes.all_stages {
        arguments.extend(["--stages", "book"]);
    }
    if let Some(address) = through {
        bootstrap = format!("kafka.bootstrap={address}");
        arguments.extend(["--set", &bootstrap]);
    }
    if let Some(copies) = &wishes.copies {
        folder = format!("worker.state_folder={}", copies.join(name).display());
        arguments.extend(["--set", &folder, "--set", "worker.copy_every=1s"]);
    }
    installation.worker(name, &arguments)
}

/// The longest time between two answers of a partition, by the clocks of those who wrote them: of the middle partition and of
/// the worst.
fn silence(broker: &dyn Broker) -> (Duration, Duration) {
    let mut reader = broker.reader().expect("a reader");
    let mut longest = Vec::new();
    for partition in 0..PARTITIONS {
        let blotter = TopicPartition { topic: BLOTTER, partition };
        let bounds = reader.bounds(blotter).expect("it exists");
        let mut cursor = Cursor::open(broker, blotter, bounds.start, bounds.end).expect("it can be read");
        let (mut before, mut gap) = (None, 0);
        while let Some(record) = cursor.peek().expect("a record") {
            let at = record.timestamp_us;
            gap = gap.max(before.map_or(0, |before| at - before));
            before = Some(at);
            cursor.step();
        }
        longest.push(Duration::from_micros(gap.max(0) as u64));
    }
    longest.sort();
    (longest[longest.len() / 2], longest[longest.len() - 1])
}

pub fn asked(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}
