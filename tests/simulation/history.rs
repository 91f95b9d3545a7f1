//! One seed's history: a phase in which things go wrong, a phase in which they heal, and the verdict.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bookflow::domain::jobs::job::JobId;
use bookflow::domain::jobs::recalculation::Recalculation;
use bookflow::engine::broker::Broker;
use bookflow::engine::clock::Clock;
use bookflow::engine::first_start::first_start;
use bookflow::engine::health::Health;
use bookflow::engine::mark::Life;
use bookflow::engine::settings::{Planted, Settings};
use bookflow::engine::stop::Stop;
use bookflow::engine::topology::Topology;
use bookflow::engine::worker::{Parts, Turn, Worker};
use bookflow::memory::MemoryBroker;
use bookflow::memory::settings::Settings as BrokerSettings;
use bookflow::messages::schemas::Schemas;
use bookflow::pipeline::topic_files::{self, Role, TopicSpec};
use bookflow::pipeline::topology::{self, BOOK, CALCULATE_BATCH, CALCULATE_REALTIME, COLLECT, topology_with};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::baton::{Baton, Ended, Runner};
use super::clock::SimulatedClock;
use super::copies::Copies;
use super::facts::{Ear, Facts};
use super::input::{self, Item};
use super::mischief::Mischief;
use super::nemesis::Nemesis;
use super::recalculations::{Wish, wishes};
use super::swarm::{Swarm, happens};
use super::telling::Told;
use super::witness::Witness;

/// Parsed once: they are most of the cost of a short history.
pub static SCHEMAS: LazyLock<Arc<Schemas>> = LazyLock::new(|| Arc::new(Schemas::embedded()));
static TOPICS: LazyLock<Vec<TopicSpec>> = LazyLock::new(topic_files::embedded);

pub struct History {
    seed: u64,
    pub(super) dice: SmallRng,
    pub(super) swarm: Swarm,
    planted: Option<Planted>,
    pub(super) told: Option<Told>,
    baton: Arc<Baton>,
    pub(super) clock: Arc<SimulatedClock>,
    pub(super) nemesis: Arc<Nemesis>,
    pub(super) broker: MemoryBroker,
    pub(super) topology: Topology,
    pub(super) copies: Arc<Copies>,
    pub(super) witness: Arc<Witness>,
    pub(super) seats: Vec<Seat>,
    wishes: VecDeque<Wish>,
    /// Jobs by reference in the order in which they were asked for.
    pub(super) asked: Vec<(JobId, Recalculation)>,
    pub(super) started: usize,
    pub(super) ear: Ear,
    pub(super) facts: Facts,
}

/// A worker's place, on a machine of its own: who is killed there is started again under the same name.
pub(super) struct Seat {
    pub(super) stage: &'static str,
    instance: String,
    clock: Arc<SimulatedClock>,
    running: Option<Running>,
    /// Stopped like by SIGSTOP until then.
    paused_until: Duration,
}

struct Running {
    runner: Runner<Result<(), Stop>>,
    stopping: Arc<AtomicBool>,
}

/// Two of those that can take over from each other, with state and without.
const JOB_STAGES: [&str; 5] = [CALCULATE_BATCH, CALCULATE_BATCH, CALCULATE_REALTIME, COLLECT, COLLECT];

/// Virtual time limits: short, and in the same proportions as the real ones.
const SESSION: Duration = Duration::from_secs(4);
const TRANSACTION: Duration = Duration::from_secs(2);
const RETRY_BACKOFF: Duration = Duration::from_millis(100);
/// Copies and tombstones live long enough for ordinary histories and not for jumps.
const COPY_MAX_AGE: Duration = Duration::from_secs(60);
const TOMBSTONES: &str = "120000";
const JUMP: Duration = Duration::from_secs(150);
/// How wrong the clock of a machine may be: two that are wrong in opposite ways must not take a copy for younger than its tombstones.
const CLOCKS_WRONG: Duration = Duration::from_secs(25);
/// How long a record may take: longer than the group waits for a member that does not poll.
pub const LONGEST_STALL: Duration = Duration::from_secs(10);
/// What comes early comes in the first of so many parts.
const EARLY: usize = 4;
/// Steps after which a healed history must have worked off everything.
const HEALED_STEPS: u32 = 60_000;

impl History {
    pub fn of(seed: u64) -> History {
        History::with(seed, None, |_| {})
    }

    /// A history whose swarm is bent towards what a test is about.
    pub fn with(seed: u64, planted: Option<Planted>, bend: impl FnOnce(&mut Swarm)) -> History {
        History::new(seed, planted, bend, false)
    }

    /// Told, every step is printed on standard output.
    pub fn new(seed: u64, planted: Option<Planted>, bend: impl FnOnce(&mut Swarm), told: bool) -> History {
        let mut dice = SmallRng::seed_from_u64(seed);
        let mut swarm = Swarm::roll(&mut dice);
        swarm.roll_on(&mut SmallRng::seed_from_u64(seed ^ 0x7365_676d_656e_7473));
        swarm.roll_recalculations(&mut SmallRng::seed_from_u64(seed ^ 0x7265_6361_6c63_756c));
        bend(&mut swarm);
        let told = told.then(|| {
            println!("seed {seed}: {swarm:#?}");
            Told::default()
        });
        let baton = Arc::new(Baton::default());
        let clock = Arc::new(SimulatedClock::new(baton.clone()));
        let nemesis_dice = SmallRng::seed_from_u64(seed ^ 0x6e65_6d65_7369_7321);
        let nemesis = Arc::new(Nemesis::new(baton.clone(), swarm.clone(), nemesis_dice, told.is_some()));
        let limits = BrokerSettings {
            session: SESSION,
            max_poll_interval: 2 * SESSION,
            transaction: TRANSACTION,
            transaction_check: TRANSACTION / 2,
            retry_backoff: RETRY_BACKOFF,
            offsets_retry_backoff: RETRY_BACKOFF,
            request: TRANSACTION / 2,
            quiet_rejoin: swarm.static_members,
            ..BrokerSettings::default()
        };
        let broker = MemoryBroker::simulated(limits, clock.clone(), nemesis.clone());
        let effort_a_tick = swarm.effort_a_tick;
        // Partitions forget jobs by reference now and then.
        let jobs_kept = if swarm.recalculations > 0 { JUMP / 2 } else { topology::Settings::default().jobs_kept };
        let settings = topology::Settings { jobs_kept, effort_a_tick, ..topology::Settings::default() };
        let mut topology = topology_with(SCHEMAS.clone(), settings);
        let mischief = Mischief::new(seed, swarm.clone(), baton.clone(), clock.clone());
        let witness = Arc::new(Witness::new(mischief, broker.clone(), told.is_some()));
        topology.stages.iter_mut().for_each(|stage| witness.watch(stage));
        History {
            seed,
            dice,
            swarm,
            planted,
            told,
            baton,
            clock,
            nemesis,
            broker,
            topology,
            copies: Arc::default(),
            witness,
            seats: Vec::new(),
            wishes: VecDeque::new(),
            asked: Vec::new(),
            started: 0,
            ear: Ear::default(),
            facts: Facts::default(),
        }
    }

    /// What happened, or what went wrong.
    pub fn run(mut self) -> Result<Facts, String> {
        let ear = self.ear.clone();
        let ended = metrics::with_local_recorder(&ear, || self.live());
        // Whatever the verdict, no worker stays behind.
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
            self.hear_wishes();
            self.step()?;
        }
        self.heal(input)?;
        self.judge()
    }

    fn create_topics(&mut self) {
        for topic in TOPICS.iter() {
            let mut config: Vec<_> = topic.config.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            config.retain(|(name, _)| !matches!(*name, "delete.retention.ms" | "min.compaction.lag.ms"));
            config.push(("delete.retention.ms", TOMBSTONES));
            // A view's offsets order all of it.
            let partitions = if topic.role == Role::View { 1 } else { self.swarm.partitions };
            self.broker.create_topic(&topic.name, partitions, &config).expect("a topic of the file");
        }
        for stage in &self.topology.stages {
            let checked = self.topology.check(stage, &self.broker).expect("the topology fits its own topics");
            first_start(&checked, &self.broker, self.clock.as_ref(), SESSION).expect("nothing goes wrong yet");
        }
    }

    fn input(&mut self) -> std::vec::IntoIter<Item> {
        let (partitions, now) = (self.swarm.partitions, self.clock.now_us());
        let mut items = if self.swarm.jobs {
            input::jobs(&mut self.dice, now, partitions, &SCHEMAS)
        } else {
            input::trades(self.seed, self.swarm.records, partitions, &SCHEMAS)
        };
        if self.swarm.flows {
            // There is no job before the first business date, and what changes after an earlier job leaves an INCREMENTAL one nothing to spare.
            let early = |early| if early { EARLY } else { 1 };
            let asked = self.swarm.recalculations > 0;
            let parts = early(asked && self.dice.random_ratio(1, 2));
            self.mix_in(input::knowledge(&SCHEMAS), parts, &mut items);
            self.mix_in(input::business_dates(&SCHEMAS), early(asked), &mut items);
        }
        if self.swarm.actions {
            for item in input::happenings(&SCHEMAS) {
                if self.dice.random_ratio(1, 2) {
                    items.insert(self.dice.random_range(0..=items.len()), item);
                }
            }
        }
        self.wishes = wishes(self.swarm.recalculations, &mut self.dice);
        items.into_iter()
    }

    /// Each of them anywhere in the first of so many parts of what comes.
    fn mix_in(&mut self, more: Vec<Item>, parts: usize, items: &mut Vec<Item>) {
        for item in more {
            items.insert(self.dice.random_range(0..=items.len() / parts), item);
        }
    }

    fn take_seats(&mut self) {
        let mut stages = if self.swarm.jobs { JOB_STAGES.to_vec() } else { vec![BOOK; self.swarm.workers] };
        if self.swarm.recalculations > 0 {
            stages.extend([COLLECT; 2]);
        }
        for (number, stage) in stages.into_iter().enumerate() {
            let instance = format!("w{number}");
            let clock = Arc::new(self.clock.another());
            self.seats.push(Seat { stage, instance, clock, running: None, paused_until: Duration::ZERO });
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
        if happens(&mut self.dice, self.swarm.clocks_set) {
            let most = CLOCKS_WRONG.as_micros() as i64;
            self.seats[seat].clock.set(self.dice.random_range(-most..=most));
            self.happened("clock_set");
        }
        if happens(&mut self.dice, self.swarm.compactions) {
            for topic in TOPICS.iter() {
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
        if happens(&mut self.dice, self.swarm.segments_spoilt) {
            let (place, cut) = (self.dice.random_range(0.0..1.0), self.dice.random_ratio(1, 4));
            if self.copies.spoil(place, cut) {
                self.happened("segments_spoilt");
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

    /// So fast that as a rule all of it is in before the end, and that jobs are asked for in its midst.
    fn feed(&mut self, input: &mut std::vec::IntoIter<Item>) {
        let one_in = if self.swarm.recalculations > 0 { 16 } else { 8 };
        while self.dice.random_ratio(1, one_in) {
            let Some(item) = input.next() else { return };
            self.broker.append(item.outgoing()).expect("the topic takes it");
        }
    }

    /// Who asks for a job has waited for the one before, as a rule: an INCREMENTAL one names one that is complete.
    fn hear_wishes(&mut self) {
        if self.wishes.is_empty() || !self.dice.random_ratio(1, 60) {
            return;
        }
        let waits = matches!(self.wishes.front(), Some(Wish::Job(_))) && self.dice.random_ratio(19, 20);
        if !(waits && self.works_on_a_job())
            && let Some(wish) = self.wishes.pop_front()
        {
            self.wish(wish);
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
            self.seats[seat].running = Some(self.start(seat));
        }
        self.go_on(seat)
    }

    fn go_on(&mut self, seat: usize) -> Result<(), String> {
        let Some(running) = &mut self.seats[seat].running else { return Ok(()) };
        let ended = running.runner.go_on();
        self.tell_marks();
        let Some(ended) = ended else { return Ok(()) };
        self.seats[seat].running = None;
        self.ended(seat, ended)
    }

    fn start(&mut self, seat: usize) -> Running {
        self.started += 1;
        let Seat { stage, instance, clock, .. } = &self.seats[seat];
        let spec = self.topology.stage(stage).expect("a stage of ours").clone();
        let (topology, broker, clock, copies) =
            (self.topology.clone(), self.broker.clone(), clock.clone(), self.copies.clone());
        let settings = self.settings(instance.clone());
        let life = Life(self.started as i64);
        let stopping = Arc::new(AtomicBool::new(false));
        let stop = stopping.clone();
        let telling = self.told.is_some();
        let body = move || {
            let checked = topology.check(&spec, &broker)?;
            let beat = Health::default().beat(settings.instance.clone());
            let name = settings.instance.clone();
            let broker: Arc<dyn Broker> = Arc::new(broker);
            let mut worker =
                Worker::start(Parts { checked, settings, broker, store: copies, clock, beat, life, thread: 0 })?;
            // As a process does it.
            while !stop.load(Ordering::Relaxed) {
                match worker.run_once() {
                    Ok(turn) if telling && turn != Turn::Idle => println!("  {name}: {turn:?}"),
                    Ok(_) => {}
                    Err(stop) => {
                        worker.leave(&stop);
                        return Err(stop);
                    }
                }
            }
            worker.close()
        };
        Running { runner: self.baton.start(body), stopping }
    }

    fn settings(&self, instance: String) -> Settings {
        Settings {
            instance,
            turn_records: self.swarm.turn_records,
            poll_records: self.swarm.turn_records,
            portion_bytes: self.swarm.portion_bytes,
            turn_time: self.swarm.pace * 20,
            delivery_time: Duration::from_millis(100),
            doubt_after: RETRY_BACKOFF.mul_f64(0.8),
            committed_wait: RETRY_BACKOFF,
            restore_records: self.swarm.read_records,
            pass_after: SESSION / 16,
            backoff: Duration::from_millis(10),
            backoff_max: Duration::from_millis(500),
            copy_every: if self.swarm.copies { Duration::from_millis(100) } else { Duration::MAX },
            copy_max_age: COPY_MAX_AGE,
            recent_entries: self.swarm.recent_entries,
            session_timeout: SESSION,
            static_membership: self.swarm.static_members,
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
    fn heal(&mut self, mut input: std::vec::IntoIter<Item>) -> Result<(), String> {
        self.tell(|| "healing".into());
        self.nemesis.disarm();
        self.witness.mischief.disarm();
        self.seats.iter_mut().for_each(|seat| seat.paused_until = Duration::ZERO);
        self.swarm.pace = Duration::from_millis(5);
        while !self.wishes.is_empty() {
            self.feed(&mut input);
            self.hear_wishes();
            self.step()?;
        }
        for item in input {
            self.broker.append(item.outgoing()).expect("the topic takes it");
        }
        self.step_until(History::backlog)?;
        // Markers under way arrive, one partition after the other, and meanwhile nobody is taken for dead.
        let arrived = self.clock.elapsed() + 20 * self.swarm.markers_late;
        while self.swarm.late_markers > 0 && self.clock.elapsed() < arrived {
            self.clock.turn(SESSION / 8);
            (0..10 * self.seats.len()).try_for_each(|_| self.step())?;
        }
        self.step_until(History::owed)?;
        if self.swarm.recalculations > 0 {
            self.ask_for_all_again()?;
        }
        for seat in 0..self.seats.len() {
            while let Some(running) = &self.seats[seat].running {
                running.stopping.store(true, Ordering::Relaxed);
                self.clock.turn(Duration::from_millis(5));
                self.go_on(seat)?;
            }
        }
        // So do those of the last turns.
        self.clock.turn(20 * self.swarm.markers_late + 4 * TRANSACTION);
        self.broker.tick();
        Ok(())
    }

    /// Healthy steps until nothing is left.
    pub(super) fn step_until(&mut self, left: fn(&History) -> Vec<String>) -> Result<(), String> {
        for _ in 0..HEALED_STEPS / 50 {
            (0..50).try_for_each(|_| self.step())?;
            if left(self).is_empty() {
                return Ok(());
            }
        }
        Err(format!("not worked off after {HEALED_STEPS} healthy steps: {}", left(self).join(", ")))
    }

    pub(super) fn happened(&mut self, fact: &str) {
        *self.facts.entry(fact.into()).or_default() += 1;
    }
}
