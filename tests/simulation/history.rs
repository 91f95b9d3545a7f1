//! One seed's history: a phase in which things go wrong, a phase in which they heal, and the verdict.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bookflow::cli::verify::audit;
use bookflow::engine::broker::{Broker, Member, TopicPartition};
use bookflow::engine::clock::Clock;
use bookflow::engine::first_start::first_start;
use bookflow::engine::health::Health;
use bookflow::engine::mark::Life;
use bookflow::engine::settings::{Planted, Settings};
use bookflow::engine::stop::Stop;
use bookflow::engine::topology::Topology;
use bookflow::engine::worker::{Parts, Turn, Worker};
use bookflow::memory::settings::Settings as BrokerSettings;
use bookflow::memory::{LogEntry, MemoryBroker};
use bookflow::messages::dead_letter::DeadLetter;
use bookflow::messages::schemas::Schemas;
use bookflow::pipeline::topic_files;
use bookflow::pipeline::topics::{CALCULATION_OUTCOMES, DEAD_LETTERS, JOB_PROGRESS};
use bookflow::pipeline::topology::{BOOK, CALCULATE_BATCH, CALCULATE_REALTIME, COLLECT, topology};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::baton::{Baton, Ended, Runner};
use super::clock::SimulatedClock;
use super::copies::Copies;
use super::input::{self, Item};
use super::nemesis::Nemesis;
use super::swarm::{Swarm, happens};

/// What happened, and how often.
pub type Facts = BTreeMap<&'static str, u64>;

pub struct History {
    seed: u64,
    dice: SmallRng,
    swarm: Swarm,
    planted: Option<Planted>,
    telling: bool,
    baton: Arc<Baton>,
    clock: Arc<SimulatedClock>,
    nemesis: Arc<Nemesis>,
    broker: MemoryBroker,
    topology: Topology,
    schemas: Arc<Schemas>,
    copies: Arc<Copies>,
    seats: Vec<Seat>,
    started: usize,
    facts: Facts,
}

/// A worker's place: who is killed there is started again under the same name.
struct Seat {
    stage: &'static str,
    instance: String,
    running: Option<Running>,
    /// Stopped like by SIGSTOP until then.
    paused_until: Duration,
}

struct Running {
    runner: Runner<Result<(), Stop>>,
    stopping: Arc<AtomicBool>,
}

/// Virtual time limits: short, and in the same proportions as the real ones.
const SESSION: Duration = Duration::from_secs(4);
const TRANSACTION: Duration = Duration::from_secs(2);
const RETRY_BACKOFF: Duration = Duration::from_millis(100);
/// Copies and tombstones live long enough for ordinary histories and not for jumps.
const COPY_MAX_AGE: Duration = Duration::from_secs(60);
const TOMBSTONES: &str = "120000";
const JUMP: Duration = Duration::from_secs(150);
/// Steps after which a healed history must have worked off everything.
const HEALED_STEPS: u32 = 60_000;

impl History {
    pub fn of(seed: u64, planted: Option<Planted>) -> History {
        History::with(seed, planted, |_| {})
    }

    /// A history whose swarm is bent towards what a test is about.
    pub fn with(seed: u64, planted: Option<Planted>, bend: impl FnOnce(&mut Swarm)) -> History {
        let mut dice = SmallRng::seed_from_u64(seed);
        let mut swarm = Swarm::roll(&mut dice);
        bend(&mut swarm);
        let telling = std::env::var("BOOKFLOW_SIMULATION_TELL").is_ok();
        let baton = Arc::new(Baton::default());
        let clock = Arc::new(SimulatedClock::new(baton.clone()));
        let nemesis_dice = SmallRng::seed_from_u64(seed ^ 0x6e65_6d65_7369_7321);
        let nemesis = Arc::new(Nemesis::new(baton.clone(), swarm.clone(), nemesis_dice, telling));
        let limits = BrokerSettings {
            session: SESSION,
            max_poll_interval: 2 * SESSION,
            transaction: TRANSACTION,
            transaction_check: TRANSACTION / 2,
            retry_backoff: RETRY_BACKOFF,
            offsets_retry_backoff: RETRY_BACKOFF,
            request: TRANSACTION / 2,
            ..BrokerSettings::default()
        };
        let broker = MemoryBroker::simulated(limits, clock.clone(), nemesis.clone());
        let schemas = Arc::new(Schemas::embedded());
        let topology = topology(schemas.clone());
        History {
            seed,
            dice,
            swarm,
            planted,
            telling,
            baton,
            clock,
            nemesis,
            broker,
            topology,
            schemas,
            copies: Arc::default(),
            seats: Vec::new(),
            started: 0,
            facts: Facts::default(),
        }
    }

    /// Tells every step on standard output.
    pub fn telling(mut self) -> History {
        self.telling = true;
        println!("seed {}: {:#?}", self.seed, self.swarm);
        self
    }

    /// What happened, or what went wrong.
    pub fn run(mut self) -> Result<Facts, String> {
        let ended = self.live();
        // Whatever the verdict, no thread stays behind.
        for seat in &mut self.seats {
            if let Some(running) = seat.running.take() {
                self.baton.kill(running.runner);
            }
        }
        ended.map_err(|wrong| format!("seed {}: {wrong}", self.seed))?;
        Ok(self.facts)
    }

    fn live(&mut self) -> Result<(), String> {
        self.create_topics();
        let mut input = self.input();
        self.take_seats();
        for _ in 0..self.swarm.steps {
            self.trouble()?;
            self.feed(&mut input);
            self.step()?;
        }
        self.heal(input)?;
        self.judge()
    }

    fn create_topics(&mut self) {
        for topic in topic_files::embedded() {
            let mut config: Vec<_> = topic.config.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            config.retain(|(name, _)| !matches!(*name, "delete.retention.ms" | "min.compaction.lag.ms"));
            config.push(("delete.retention.ms", TOMBSTONES));
            self.broker.create_topic(&topic.name, self.swarm.partitions, &config).expect("a topic of the file");
        }
        for stage in &self.topology.stages {
            let checked = self.topology.check(stage, &self.broker).expect("the topology fits its own topics");
            first_start(&checked, &self.broker, SESSION).expect("nothing goes wrong yet");
        }
    }

    fn input(&mut self) -> std::vec::IntoIter<Item> {
        let (partitions, now) = (self.swarm.partitions, self.clock.now_us());
        let items = if self.swarm.jobs {
            input::jobs(&mut self.dice, now, partitions, &self.schemas)
        } else {
            input::trades(self.seed, self.swarm.records, partitions, &self.schemas)
        };
        items.into_iter()
    }

    fn take_seats(&mut self) {
        let stages: &[&'static str] =
            if self.swarm.jobs { &[CALCULATE_BATCH, CALCULATE_REALTIME, COLLECT, COLLECT] } else { &[BOOK; 3] };
        let wanted = if self.swarm.jobs { stages.len() } else { self.swarm.workers };
        for (number, &stage) in stages.iter().take(wanted).enumerate() {
            let instance = format!("w{number}");
            self.seats.push(Seat { stage, instance, running: None, paused_until: Duration::ZERO });
        }
    }

    /// What goes wrong with processes, time and disks.
    fn trouble(&mut self) -> Result<(), String> {
        let seat = self.dice.random_range(0..self.seats.len());
        if happens(&mut self.dice, self.swarm.kills) {
            self.kill(seat)?;
        }
        if happens(&mut self.dice, self.swarm.pauses) {
            let time = (2 * SESSION).mul_f64(self.dice.random_range(0.0..1.0));
            self.seats[seat].paused_until = self.clock.elapsed() + time;
            self.happened("paused");
        }
        if happens(&mut self.dice, self.swarm.jumps) {
            self.clock.turn(JUMP);
            self.happened("jumped");
        }
        if happens(&mut self.dice, self.swarm.compactions) {
            for topic in topic_files::embedded() {
                self.broker.compact(&topic.name);
            }
            self.happened("compacted");
        }
        if self.swarm.copies && happens(&mut self.dice, self.swarm.copies_lost) {
            match self.dice.random_range(0..3) {
                0 => {
                    self.copies.lose();
                    self.happened("copy_lost");
                }
                1 => {
                    self.copies.tear();
                    self.happened("copy_torn");
                }
                _ => {
                    self.copies.roll_back();
                    self.happened("copy_rolled_back");
                }
            }
        }
        Ok(())
    }

    fn kill(&mut self, seat: usize) -> Result<(), String> {
        let Some(running) = self.seats[seat].running.take() else { return Ok(()) };
        self.happened("killed");
        self.tell(|| format!("kill {}", self.seats[seat].instance));
        let ended = self.baton.kill(running.runner);
        self.ended(seat, ended)
    }

    fn feed(&mut self, input: &mut std::vec::IntoIter<Item>) {
        while self.dice.random_ratio(1, 8) {
            let Some(item) = input.next() else { return };
            self.broker.append(item.outgoing()).expect("the topic takes it");
        }
    }

    /// Lets one worker go on to its next call, and time with it.
    fn step(&mut self) -> Result<(), String> {
        let pace = self.swarm.pace.mul_f64(self.dice.random_range(0.0..1.0));
        self.clock.turn(pace);
        let seat = self.dice.random_range(0..self.seats.len());
        if self.seats[seat].paused_until > self.clock.elapsed() {
            return Ok(());
        }
        if self.seats[seat].running.is_none() {
            self.start(seat);
        }
        let Some(running) = &self.seats[seat].running else { return Ok(()) };
        self.baton.pass(&running.runner);
        if !running.runner.ended() {
            return Ok(());
        }
        let Some(running) = self.seats[seat].running.take() else { return Ok(()) };
        let ended = self.baton.join(running.runner);
        self.ended(seat, ended)
    }

    fn start(&mut self, seat: usize) {
        self.started += 1;
        let Seat { stage, instance, .. } = &self.seats[seat];
        let spec = self.topology.stage(stage).expect("a stage of ours").clone();
        let (topology, broker, clock, copies) =
            (self.topology.clone(), self.broker.clone(), self.clock.clone(), self.copies.clone());
        let settings = self.settings(instance.clone());
        let life = Life(self.started as i64);
        let stopping = Arc::new(AtomicBool::new(false));
        let stop = stopping.clone();
        let telling = self.telling;
        let body = move || {
            let checked = topology.check(&spec, &broker)?;
            let beat = Health::default().beat(settings.instance.clone());
            let name = settings.instance.clone();
            let broker: Arc<dyn Broker> = Arc::new(broker);
            let mut worker =
                Worker::start(Parts { checked, settings, broker, store: copies, clock, beat, life, thread: 0 })?;
            while !stop.load(Ordering::Relaxed) {
                let turn = worker.run_once()?;
                if telling && turn != Turn::Idle {
                    println!("  {name}: {turn:?}");
                }
            }
            worker.close()
        };
        let runner = self.baton.start(self.started, body);
        self.seats[seat].running = Some(Running { runner, stopping });
    }

    fn settings(&self, instance: String) -> Settings {
        Settings {
            instance,
            turn_records: self.swarm.turn_records,
            poll_records: self.swarm.turn_records,
            turn_time: self.swarm.pace * 20,
            doubt_after: RETRY_BACKOFF.mul_f64(0.8),
            committed_wait: RETRY_BACKOFF,
            restore_records: 7,
            backoff: Duration::from_millis(10),
            backoff_max: Duration::from_millis(500),
            copy_every: if self.swarm.copies { Duration::from_millis(100) } else { Duration::MAX },
            copy_max_age: COPY_MAX_AGE,
            session_timeout: SESSION,
            planted: self.planted,
            ..Settings::default()
        }
    }

    /// A worker may stop by itself where a restart is the recovery; nothing else may end it.
    fn ended(&mut self, seat: usize, ended: Ended<Result<(), Stop>>) -> Result<(), String> {
        match ended {
            Ended::Killed | Ended::Returned(Ok(())) => Ok(()),
            Ended::Panicked(what) => Err(format!("{} panicked: {what}", self.seats[seat].instance)),
            Ended::Returned(Err(stop @ (Stop::Fenced { .. } | Stop::Broker(_) | Stop::Topology(_)))) => {
                self.tell(|| format!("{} stopped: {stop}", self.seats[seat].instance));
                self.happened("worker_stopped");
                Ok(())
            }
            Ended::Returned(Err(stop)) => Err(format!("{} stopped: {stop}", self.seats[seat].instance)),
        }
    }

    /// No more faults; whoever is down comes back; everything must be worked off, and then the workers leave in order.
    fn heal(&mut self, input: std::vec::IntoIter<Item>) -> Result<(), String> {
        self.tell(|| "healing".into());
        self.nemesis.disarm();
        for item in input {
            self.broker.append(item.outgoing()).expect("the topic takes it");
        }
        self.seats.iter_mut().for_each(|seat| seat.paused_until = Duration::ZERO);
        self.swarm.pace = Duration::from_millis(5);
        let mut healed = false;
        for step in 0..HEALED_STEPS {
            self.step()?;
            if step % 50 == 49 && self.worked_off() {
                healed = true;
                break;
            }
        }
        if !healed {
            return Err(format!("not worked off after {HEALED_STEPS} healthy steps: {}", self.backlog().join(", ")));
        }
        for seat in 0..self.seats.len() {
            let Some(running) = self.seats[seat].running.take() else { continue };
            running.stopping.store(true, Ordering::Relaxed);
            while !running.runner.ended() {
                self.clock.turn(Duration::from_millis(5));
                self.baton.pass(&running.runner);
            }
            let ended = self.baton.join(running.runner);
            self.ended(seat, ended)?;
        }
        // Markers under way arrive, one partition after the other.
        self.clock.turn(20 * self.swarm.markers_late + 4 * TRANSACTION);
        self.broker.tick();
        Ok(())
    }

    fn worked_off(&self) -> bool {
        self.backlog().is_empty()
    }

    /// Input partitions that are not consumed to their end, jobs that have not ended.
    fn backlog(&self) -> Vec<String> {
        let mut behind = Vec::new();
        let stages: BTreeSet<_> = self.seats.iter().map(|seat| seat.stage).collect();
        for stage in stages {
            let spec = self.topology.stage(stage).expect("a stage of ours");
            let member = Member { group: spec.group(), client_id: "judge".into(), instance_id: None };
            let mut consumer = self.broker.consumer(&member).expect("nothing goes wrong any more");
            let inputs: Vec<_> = (0..self.swarm.partitions).flat_map(|partition| spec.inputs(partition)).collect();
            let Ok(committed) = consumer.committed(&inputs, Duration::ZERO) else {
                behind.push(format!("{stage}: offsets pending"));
                continue;
            };
            for (input, committed) in inputs.into_iter().zip(committed) {
                let next = committed.map_or(0, |committed| committed.offset);
                if self.unread(input, next) {
                    behind.push(format!("{input} at {next}"));
                }
            }
        }
        if self.swarm.jobs && behind.is_empty() && !self.jobs_ended() {
            behind.push("a job has not ended".into());
        }
        behind
    }

    /// Whether a committed record stands at or after this offset; markers do not count.
    fn unread(&self, input: TopicPartition, next: i64) -> bool {
        let entries = self.broker.entries(input).expect("a topic of ours");
        entries.iter().any(|entry| matches!(entry, LogEntry::Record { offset, .. } if *offset >= next))
    }

    fn jobs_ended(&self) -> bool {
        let count = |topic| -> usize {
            let mut keys = BTreeSet::new();
            for partition in 0..self.swarm.partitions {
                for entry in self.broker.entries(TopicPartition { topic, partition }).expect("a topic of ours") {
                    if let LogEntry::Record { key: Some(key), .. } = entry {
                        keys.insert(key);
                    }
                }
            }
            keys.len()
        };
        count(CALCULATION_OUTCOMES) == count(JOB_PROGRESS)
    }

    fn judge(&mut self) -> Result<(), String> {
        let report = audit(&self.broker, &self.schemas, 10).map_err(|failure| format!("audit: {failure:?}"))?;
        if !report.clean() {
            return Err(format!("{:#?}", report.differences));
        }
        self.no_handler_panicked()?;
        let counts = report.counts;
        for (fact, times) in self.nemesis.facts() {
            *self.facts.entry(fact).or_default() += times;
        }
        let (copies_read, copies_refused) = self.copies.counts();
        for (fact, times) in [
            ("records", counts.records),
            ("accepted", counts.accepted),
            ("duplicates", counts.duplicates),
            ("held", counts.held),
            ("dead_letters", counts.dead_letters),
            ("rebooks", counts.rebooks),
            ("jobs", counts.jobs),
            ("copy_read", copies_read),
            ("copy_refused", copies_refused),
            ("workers_started", self.started as u64),
        ] {
            if times > 0 {
                *self.facts.entry(fact).or_default() += times;
            }
        }
        Ok(())
    }

    /// The auditor believes such letters; here they can only be a bug, because no generated record panics or kills.
    fn no_handler_panicked(&self) -> Result<(), String> {
        for partition in 0..self.swarm.partitions {
            for entry in
                self.broker.entries(TopicPartition { topic: DEAD_LETTERS, partition }).expect("a topic of ours")
            {
                let LogEntry::Record { value: Some(value), .. } = entry else { continue };
                let (_, letter) = self.schemas.decode::<DeadLetter>(&value).map_err(|error| error.to_string())?;
                if matches!(letter.reason.as_str(), "panic" | "kills_process" | "state_bound") {
                    return Err(format!("dead letter {}: {}", letter.reason, letter.message));
                }
            }
        }
        Ok(())
    }

    fn happened(&mut self, fact: &'static str) {
        *self.facts.entry(fact).or_default() += 1;
    }

    fn tell(&self, what: impl FnOnce() -> String) {
        if self.telling {
            println!("-- {} {}", self.clock.elapsed().as_millis(), what());
        }
    }
}
