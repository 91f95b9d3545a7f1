//! The sums with a broker, its clock and its faults, and workers that are started, killed and looked at.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use bookflow::engine::broker::*;
use bookflow::engine::clock::Clock;
use bookflow::engine::copy::{NoCopies, StateStore};
use bookflow::engine::first_start::first_start;
use bookflow::engine::health::Health;
use bookflow::engine::mark::{self, TurnMark};
use bookflow::engine::run::{Lane, Process};
use bookflow::engine::settings::Settings;
use bookflow::engine::stop::Stop;
use bookflow::engine::topology::{Checked, Topology};
use bookflow::engine::worker::{Parts, Worker};

use crate::cluster::*;
use crate::faults::Stand;
use crate::sums::{self, Extras, Switches, Topics};
pub use crate::turns::{idle, stop, turns};

pub const PARTITIONS: i32 = 4;
/// When the group has noticed that a member is gone.
pub const SESSION: Duration = Duration::from_secs(45);

pub struct House {
    pub stand: Stand,
    pub topics: Topics,
    pub extras: Extras,
    pub switches: Switches,
    pub topology: Topology,
    pub settings: Settings,
    pub store: Arc<dyn StateStore>,
    /// What workers say of themselves, by instance.
    pub health: Health,
}

/// How a worker's life ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Life {
    Killed,
    /// Nothing was left to do.
    Idle,
}

impl House {
    /// Started once, without companion or view.
    pub fn new() -> House {
        let house = House::with(|_| Extras::default());
        house.first_start().expect("first start");
        house
    }

    pub fn with(extras: impl FnOnce(&Stand) -> Extras) -> House {
        House::on(Stand::new(), extras)
    }

    pub fn on(stand: Stand, extras: impl FnOnce(&Stand) -> Extras) -> House {
        let topics = Topics {
            numbers: stand.topic(PARTITIONS),
            sums: stand.topic_with(PARTITIONS, &[("cleanup.policy", "compact")]),
            answers: stand.topic_with(PARTITIONS, &[("max.message.bytes", "3000")]),
            dead: stand.topic(1),
        };
        let (extras, switches) = (extras(&stand), Switches::default());
        let topology = sums::topology_with(unique("sum"), topics, switches.clone(), extras);
        let settings = Settings { instance: "one".into(), ..Settings::default() };
        let (store, health) = (Arc::new(NoCopies), Health::default());
        House { stand, topics, extras, switches, topology, settings, store, health }
    }

    pub fn checked(&self) -> Checked {
        self.topology.check(&self.topology.stages[0], &self.stand.broker).expect("the topology fits the cluster")
    }

    pub fn first_start(&self) -> Result<(), Stop> {
        first_start(&self.checked(), &self.stand.broker, self.stand.clock.as_ref(), Duration::ZERO).map(drop)
    }

    pub fn worker(&self) -> Worker {
        self.worker_with(self.settings.clone())
    }

    pub fn other_worker(&self) -> Worker {
        self.worker_with(Settings { instance: "two".into(), ..self.settings.clone() })
    }

    pub fn worker_with(&self, settings: Settings) -> Worker {
        Worker::start(Parts {
            checked: self.checked(),
            beat: self.health.beat(&settings.instance),
            settings,
            broker: Arc::new(self.stand.broker.clone()),
            store: self.store.clone(),
            clock: self.stand.clock.clone(),
            life: mark::Life(self.stand.clock.now_us()),
            thread: 0,
        })
        .expect("worker starts")
    }

    /// Runs once.
    pub fn process(&self, threads: usize) -> Process {
        Process {
            topology: Arc::new(self.topology.clone()),
            lanes: vec![Lane { stage: self.topology.stages[0].name.into(), threads }],
            settings: self.settings.clone(),
            broker: Arc::new(self.stand.broker.clone()),
            store: self.store.clone(),
            clock: self.stand.clock.clone(),
            health: self.health.clone(),
            stopping: Arc::default(),
        }
    }

    pub fn write(&self, partition: i32, values: &[&str]) {
        self.write_to(self.topics.numbers, partition, values);
    }

    pub fn write_to(&self, topic: &'static str, partition: i32, values: &[&str]) {
        for value in values {
            self.stand.broker.append(record(at(topic, partition), value)).expect("append");
        }
    }

    /// Time in which the group forgets a member that was killed.
    pub fn forget_the_dead(&self) {
        self.stand.pass(SESSION);
    }

    /// Starts a worker, lets it work until it is killed or has nothing left to do, and does not say goodbye.
    pub fn live(&self) -> Life {
        let mut worker = self.worker();
        let life = catch_unwind(AssertUnwindSafe(|| idle(&mut worker)));
        drop(worker);
        self.forget_the_dead();
        life.map_or(Life::Killed, |()| Life::Idle)
    }

    /// How many workers it kills until one has nothing left to do.
    pub fn deaths(&self) -> usize {
        (0..20).find(|_| self.live() == Life::Idle).expect("it kills every worker")
    }

    /// What the group has of a partition.
    pub fn mark(&self, partition: i32) -> TurnMark {
        let mut consumer = self.stand.broker.consumer(&member(&self.checked().spec.group())).expect("consumer");
        let committed = consumer.committed(&[at(self.topics.numbers, partition)], Duration::ZERO).expect("offsets");
        let committed = committed.into_iter().next().flatten().expect("started");
        committed.metadata.parse().expect("a mark")
    }

    pub fn sum(&self, partition: i32) -> i64 {
        self.sums(partition).get("key").copied().unwrap_or(0)
    }

    pub fn sums(&self, partition: i32) -> BTreeMap<String, i64> {
        let mut reader = self.stand.broker.reader().expect("reader");
        let from = at(self.topics.sums, partition);
        let start = reader.bounds(from).expect("bounds").start;
        reader.assign(&[(from, start)]).expect("assign");
        let mut batch = Default::default();
        reader.poll(Duration::ZERO, ROOM, &mut batch).expect("poll");
        sums::last_sums(batch.iter())
    }

    pub fn answers(&self) -> usize {
        (0..PARTITIONS).map(|partition| self.stand.values(at(self.topics.answers, partition)).len()).sum()
    }

    pub fn dead(&self) -> Vec<String> {
        self.stand.values(at(self.topics.dead, 0))
    }
}
