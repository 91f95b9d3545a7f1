//! What every fault happens to: an installation under load, three workers of `book`, and the figures in the end.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bookflow::cli::generate::load::Load;
use bookflow::cli::generate::market;
use bookflow::engine::broker::{Broker, TopicPartition};
use bookflow::kafka::registry::Registry;
use bookflow::messages::schemas::Schemas;
use bookflow::pipeline::topic_files;
use bookflow::pipeline::topics::BLOTTER;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

use crate::cluster::{until, variable};
use crate::feed::{Feed, Sent, load};
use crate::latency::each;
use crate::mend::Mend;
use crate::program::{Installation, Running};
use crate::{brokers, judge, letters};

pub const PARTITIONS: i32 = 12;
pub const WORKERS: [&str; 3] = ["w1", "w2", "w3"];
/// As the test broker's clients have them (`kafka.time_limits = short`).
pub const SESSION: Duration = Duration::from_secs(10);
pub const TRANSACTION: Duration = Duration::from_secs(8);
/// From the heal to a lag of zero.
pub const HEALS: Duration = Duration::from_secs(240);
/// How often a client may try in vain to connect to a broker in the half a minute after which librdkafka tells of it; it pauses for up to a second after
/// each time. What is asked of one that is away, by its number, has none (`native::answering_broker`), and takes the processors from those it waits for.
const CONNECTS: u64 = 1_000;
/// Contracts and the market are for so many trades: for those of the row in a month, and what is traded later has no flows yet.
const MARKET_TRADES: u64 = 60_000;

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
    pub schemas: Arc<Schemas>,
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
    /// Half of the poison is of kinds that `generate` does not have.
    pub more_poison: bool,
    /// Contracts and the market stand behind the trades, so that a telling of cash flows that is lost or torn is seen, too.
    pub flows: bool,
    /// The judge in Java works everything out as well.
    pub judged: bool,
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
    pub fn with(row: &'static str, fault: impl Into<String>, wishes: Wishes) -> Scene {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let (seed, trades) = (asked("BOOKFLOW_FAULT_SEED", 1), asked("BOOKFLOW_FAULT_TRADES", 10_000));
        let fault = fault.into();
        eprintln!("{row} {fault}: seed {seed}, {trades} trades at least");
        let mut installation = Installation::new(&row.to_lowercase(), PARTITIONS as u32);
        installation.under.clone_from(&wishes.under);
        for (key, value) in &wishes.settings {
            installation.set(key, value);
        }
        let load = wishes.load.unwrap_or(|load| load)(load(seed));
        let schemas = Arc::new(schemas(installation.namespace));
        if wishes.flows {
            let document = market::document(&Load { records: MARKET_TRADES, ..load.clone() });
            market::publish(&document, &installation.broker(), &schemas).expect("contracts and the market");
        }
        let mut workers = BTreeMap::new();
        for name in WORKERS {
            let through = wishes.through.as_ref().filter(|(of, _)| *of == name);
            let mut worker = start(&installation, name, &wishes, through.map(|(_, address)| address.as_str()));
            worker.wait_for_line("admin port open"); // the first one has made the first start
            workers.insert(name, worker);
        }
        let feed = Feed::start(installation.namespace, schemas.clone(), load, trades, wishes.more_poison);
        let random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut scene = Scene {
            row,
            fault,
            installation,
            workers,
            feed,
            random,
            wishes,
            seed,
            hits: 0,
            healed: Instant::now(),
            schemas,
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
        self.logs().iter().map(|log| log.matches(message).count()).sum()
    }

    fn logs(&self) -> Vec<String> {
        let logs = fs::read_dir(self.installation.folder.path()).expect("the folder").filter_map(Result::ok);
        let logs = logs.filter(|file| file.path().extension().is_some_and(|ending| ending == "log"));
        logs.map(|log| String::from_utf8_lossy(&fs::read(log.path()).expect("a log")).into_owned()).collect()
    }

    /// Most failures to connect that a line of librdkafka's stands for.
    fn connects(&self) -> u64 {
        let logs = self.logs();
        let lines = logs.iter().flat_map(|log| log.lines()).filter(|line| line.contains("Connect to"));
        let told = lines.filter_map(|line| {
            let (before, _) = line.split_once(" identical error(s) suppressed")?;
            before.rsplit(' ').next()?.parse().ok()
        });
        told.max().unwrap_or(0)
    }

    /// What a worker says from now on, in all its lives.
    pub fn listen(&self, name: &str) -> Listener {
        let log = self.installation.folder.path().join(format!("{name}.log"));
        let from = fs::metadata(&log).expect("its log").len();
        Listener { log, from: from as usize }
    }

    /// The sum of a counter of all workers.
    pub fn counted(&mut self, counter: &str) -> u64 {
        self.workers.values_mut().map(|worker| worker.counter(counter)).sum()
    }

    /// A figure of this row alone, told with its fault.
    pub fn note(&mut self, figure: &str) {
        self.fault += &format!("; {figure}");
    }

    /// The load ends, the lag goes to zero, the workers drain, the auditor finds nothing; then the figures are printed.
    pub fn end(mut self) -> Value {
        assert!(self.hits > 0, "{}: nothing was hit", self.row);
        let Sent { records, late, poison } = self.feed.end();
        self.installation.consumed(HEALS);
        let lag_zero = self.healed.elapsed();
        for worker in self.workers.values_mut() {
            worker.drain();
        }
        let connects = self.connects();
        assert!(connects < CONNECTS, "{}: {connects} connections were tried without a pause", self.row);
        let mut report = self.installation.verified();
        let count = |name: &str| report[name].as_u64().expect("a count");
        assert_eq!(count("records"), records + count("rebooks"), "{}: {report:#}", self.row);
        assert!(!self.wishes.flows || count("told") > 0, "{}: nothing was told: {report:#}", self.row);
        let broker = self.installation.broker();
        letters::judge(&broker, &self.schemas, &poison);
        if self.wishes.judged {
            judge::agrees(&self.installation);
        }
        let (p50, max) = silence(&broker);
        let silence = match self.wishes.clocks_lie {
            true => {
                assert!(max > Duration::from_secs(3_600), "no clock has jumped");
                "–".to_owned()
            }
            false => format!("{:.1} / {:.1}", p50.as_secs_f64(), max.as_secs_f64()),
        };
        self.print(records, "0 / 0 / 0 / 0", &format!("{silence} | {:.1}", lag_zero.as_secs_f64()));
        report["late"] = late.into();
        report
    }

    /// What cannot be made good any more: a worker must stop by itself with this exit code and these words, and never go on in silence. Answers what the
    /// auditor says of it.
    pub fn stops(mut self, code: i32, words: &str) -> Value {
        assert!(self.hits > 0, "{}: nothing was hit", self.row);
        let sent = self.feed.end().records;
        let (status, said) = until("a worker that stops by itself", || {
            thread::sleep(Duration::from_millis(50));
            let mut ended = self.workers.values_mut().filter_map(|worker| Some((worker.ended()?, worker.said())));
            ended.next()
        });
        assert_eq!(status.code(), Some(code), "{said}");
        assert!(said.contains(words), "{said}");
        self.workers.clear();
        let audited = self.installation.run(&["verify", "--json"]);
        let report = serde_json::from_str(&audited.out).unwrap_or_else(|_| panic!("verify: {audited:?}"));
        self.print(sent, &format!("stops with exit code {code}"), "– | –");
        report
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

/// A place in a worker's log.
pub struct Listener {
    log: PathBuf,
    from: usize,
}

impl Listener {
    /// How often this was said since.
    pub fn heard(&self, message: &str) -> usize {
        let log = fs::read(&self.log).expect("its log");
        String::from_utf8_lossy(&log[self.from..]).matches(message).count()
    }

    /// Whether the worker has noticed since that it lost partitions, was fenced, or could not know how a turn had ended.
    pub fn noticed(&self) -> bool {
        ["\"kind\":\"lost\"", "fenced: all tasks", "producer created anew"].map(|message| self.heard(message)) != [0; 3]
    }
}

/// With the ids that records of this installation bear.
fn schemas(namespace: &str) -> Schemas {
    let registry = Registry::new(&variable("BOOKFLOW_REGISTRY_URL")).expect("an address");
    let subjects: Vec<_> =
        topic_files::subjects().into_iter().map(|(topic, name)| (format!("{namespace}.{topic}"), name)).collect();
    let subjects: Vec<_> = subjects.iter().map(|(topic, name)| (topic.as_str(), *name)).collect();
    Schemas::connect(Box::new(registry), &subjects).expect("the registry")
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
    let mut longest = Vec::new();
    for partition in 0..PARTITIONS {
        let (mut before, mut gap) = (None, 0);
        each(broker, TopicPartition { topic: BLOTTER, partition }, |record| {
            let at = record.timestamp_us;
            gap = gap.max(before.map_or(0, |before| at - before));
            before = Some(at);
        });
        longest.push(Duration::from_micros(gap.max(0) as u64));
    }
    longest.sort();
    (longest[longest.len() / 2], longest[longest.len() - 1])
}

pub fn asked(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}
