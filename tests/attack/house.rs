//! The real topology on the broker in process: records in, dead letters and results out.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use bookflow::cli::embedded;
use bookflow::cli::verify::audit;
use bookflow::cli::verify::report::Report;
use bookflow::domain::lots::position::Position;
use bookflow::domain::trade::Trade;
use bookflow::domain::trade::answer::Verdict;
use bookflow::domain::trade::captured::Place;
use bookflow::engine::batch::Batch;
use bookflow::engine::broker::*;
use bookflow::engine::clock::Clock;
use bookflow::engine::copy::NoCopies;
use bookflow::engine::health::Health;
use bookflow::engine::mark::Life;
use bookflow::engine::settings::Settings;
use bookflow::engine::topology::Topology;
use bookflow::engine::worker::{Parts, Worker};
use bookflow::messages::blotter::BlotterRow;
use bookflow::messages::dead_letter::{DeadLetter, Original};
use bookflow::messages::key::partition;
use bookflow::messages::message::Message;
use bookflow::messages::schemas::Schemas;
use bookflow::pipeline::topic_files;
use bookflow::pipeline::topics::{self, BLOTTER, DEAD_LETTERS, POSITIONS, TRADES};
use bookflow::pipeline::topology::topology;

use crate::cluster::at;
use crate::damage::Raw;
use crate::faults::Stand;
use crate::turns::idle;

pub const PARTITIONS: i32 = 3;

pub struct House {
    pub stand: Stand,
    pub schemas: Arc<Schemas>,
    pub topology: Topology,
}

impl House {
    pub fn new() -> House {
        House::with(Schemas::embedded(), |topology| topology)
    }

    pub fn with(schemas: Schemas, change: impl FnOnce(Topology) -> Topology) -> House {
        let (stand, schemas) = (Stand::new(), Arc::new(schemas));
        for topic in topic_files::embedded() {
            let config: Vec<_> = topic.config.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let partitions = if topic.in_one_partition() { 1 } else { PARTITIONS };
            stand.broker.create_topic(&topic.name, partitions, &config).expect("topic is created");
        }
        let topology = change(topology(schemas.clone()));
        embedded::start_all(&topology, &stand.broker).expect("first start");
        House { stand, schemas, topology }
    }

    pub fn worker(&self, stage: &str) -> Worker {
        self.worker_with(stage, Settings { instance: "one".into(), ..Settings::default() })
    }

    pub fn worker_with(&self, stage: &str, settings: Settings) -> Worker {
        let stage = self.topology.stage(stage).expect("a stage");
        Worker::start(Parts {
            checked: self.topology.check(stage, &self.stand.broker).expect("the topology fits"),
            beat: Health::default().beat(&settings.instance),
            settings,
            broker: Arc::new(self.stand.broker.clone()),
            store: Arc::new(NoCopies),
            clock: self.stand.clock.clone(),
            life: Life(self.stand.clock.now_us()),
            thread: 0,
        })
        .expect("worker starts")
    }

    /// Lets a stage do all there is to do, and leave in order.
    pub fn work(&self, stage: &str) {
        let mut worker = self.worker(stage);
        idle(&mut worker);
        worker.close().expect("closes");
    }

    /// Lets a stage whose process dies come back until it has done all there is to do; answers with the deaths.
    pub fn survive(&self, stage: &str) -> usize {
        let deaths = (0..20).find(|_| {
            let mut worker = self.worker(stage);
            let lived = catch_unwind(AssertUnwindSafe(|| idle(&mut worker))).is_ok();
            drop(worker);
            self.stand.pass(Duration::from_secs(45));
            lived
        });
        deaths.expect("it lives in the end")
    }

    /// The record of a message that comes from outside.
    pub fn raw<M: Message<Cause = Option<Place>>>(&self, message: &M, key: &str) -> Raw {
        self.caused(message, None, key)
    }

    pub fn caused<M: Message>(&self, message: &M, cause: M::Cause, key: &str) -> Raw {
        let mut value = Vec::new();
        self.schemas.encode(message, cause, &mut value).expect("it fits");
        Raw { key: Some(key.as_bytes().to_vec()), value: Some(value), astray: 0 }
    }

    pub fn put(&self, topic: &'static str, raw: &Raw) -> TopicPartition {
        let partitions =
            self.stand.broker.topic(topic).expect("the broker answers").expect("the topic is there").partitions;
        let home = partition(raw.key.as_deref().unwrap_or_default(), partitions);
        let to = at(topic, (home + raw.astray) % partitions);
        let (key, value) = (raw.key.as_deref(), raw.value.as_deref());
        self.stand.broker.append(Outgoing { to, key, value, headers: &[] }).expect("append");
        to
    }

    /// Puts the record, and where it stands.
    pub fn place(&self, topic: &'static str, raw: &Raw) -> Place {
        let to = self.put(topic, raw);
        let end = self.stand.broker.reader().expect("reader").bounds(to).expect("bounds").end;
        Place { topic: topics::code(topic), partition: to.partition, offset: end - 1 }
    }

    pub fn put_trade(&self, trade: &Trade) -> Place {
        self.place(TRADES, &self.raw(trade, trade.key.as_str()))
    }

    /// Everything visible on a topic, with its cause.
    pub fn read<M: Message>(&self, topic: &'static str) -> Vec<(M::Cause, M)> {
        let mut read = Vec::new();
        for partition in 0..PARTITIONS {
            let mut reader = self.stand.broker.reader().expect("reader");
            let end = reader.bounds(at(topic, partition)).expect("bounds").end;
            reader.assign(&[(at(topic, partition), 0)]).expect("assign");
            let mut batch = Batch::default();
            while reader.position(at(topic, partition)) < Some(end) {
                reader.poll(Duration::ZERO, crate::cluster::ROOM, &mut batch).expect("poll");
            }
            let values = batch.iter().filter_map(|record| record.value);
            read.extend(values.map(|value| self.schemas.decode::<M>(value).expect("our own record")));
        }
        read
    }

    /// The dead letters by the places of their records.
    pub fn letters(&self) -> Vec<(Place, DeadLetter)> {
        let mut letters = self.read::<DeadLetter>(DEAD_LETTERS);
        letters.sort_by_key(|(place, _)| *place);
        letters
    }

    /// The places of the accepted trades of a position, in the order of their answers.
    pub fn accepted(&self, position: &str) -> Vec<Place> {
        let rows = self.read::<BlotterRow>(BLOTTER).into_iter().map(|(_, row)| row.answer);
        let accepted = |verdict: &Verdict| matches!(verdict, Verdict::Accepted);
        rows.filter(|row| row.key.as_str() == position && accepted(&row.verdict)).map(|row| row.place).collect()
    }

    pub fn quantity(&self, position: &str) -> i64 {
        let mut positions = self.read::<Position>(POSITIONS).into_iter().map(|(_, position)| position);
        let last = positions.rfind(|found| found.key.as_str() == position).expect("it has trades");
        last.quantity.try_into().expect("a small whole number")
    }

    pub fn audit(&self) -> Report {
        let report = audit(&self.stand.broker, &self.schemas, 10).expect("it can be read");
        assert!(report.clean(), "{report}");
        report
    }
}

/// Exactly these letters, each with its reason, place and original bytes.
pub fn expect(letters: &[(Place, DeadLetter)], stage: &str, mut wanted: Vec<(Place, &str, &str, Raw)>) {
    wanted.sort_by_key(|(place, ..)| *place);
    let found: Vec<_> = letters.iter().map(|(place, letter)| (*place, letter.reason.as_str())).collect();
    let expected: Vec<_> = wanted.iter().map(|(place, _, reason, _)| (*place, *reason)).collect();
    assert_eq!(found, expected, "{:?}", wanted.iter().map(|(_, name, ..)| name).collect::<Vec<_>>());
    for ((_, letter), (_, name, _, raw)) in letters.iter().zip(&wanted) {
        assert_eq!(letter.stage, stage, "{name}");
        assert_eq!(letter.key, raw.key, "{name}");
        assert_eq!(letter.value, Original::new(raw.value.as_deref(), usize::MAX), "{name}");
        assert!(!letter.message.is_empty(), "{name}");
    }
}
