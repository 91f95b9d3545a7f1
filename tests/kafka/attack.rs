//! Bad input through the real topology, with ids from the real registry. Target `attack` has more of it on the broker in process.

use std::sync::Arc;
use std::time::Duration;

use bookflow::cli::verify::audit;
use bookflow::domain::trade::answer::Verdict;
use bookflow::domain::trade::captured::Place;
use bookflow::engine::admin::{Admin, TopicToCreate};
use bookflow::engine::batch::Batch;
use bookflow::engine::broker::*;
use bookflow::engine::clock::{Clock, SystemClock};
use bookflow::engine::copy::NoCopies;
use bookflow::engine::first_start::first_start;
use bookflow::engine::health::Health;
use bookflow::engine::mark::Life;
use bookflow::engine::namespace::Namespaced;
use bookflow::engine::settings::Settings;
use bookflow::engine::worker::{Parts, Worker};
use bookflow::kafka::KafkaBroker;
use bookflow::kafka::registry::Registry;
use bookflow::messages::blotter::BlotterRow;
use bookflow::messages::dead_letter::{DeadLetter, Original};
use bookflow::messages::key::partition;
use bookflow::messages::message::Message;
use bookflow::messages::schemas::Schemas;
use bookflow::pipeline::topic_files;
use bookflow::pipeline::topics::{self, BLOTTER, DEAD_LETTERS, TRADES};
use bookflow::pipeline::topology::{BOOK, topology};

use crate::cluster::*;
use crate::damage::{DAMAGES, Raw};
use crate::samples::buy;

const PARTITIONS: i32 = 3;
const KEY: &str = "FUND_EQ_AAPL";

/// An installation of its own, with all topics and a started group for each stage.
fn installation() -> (Arc<Namespaced<KafkaBroker>>, Arc<Schemas>) {
    let namespace = unique("attack");
    let create = topic_files::embedded().into_iter().map(|topic| TopicToCreate {
        name: format!("{namespace}.{}", topic.name),
        partitions: PARTITIONS,
        replication: None,
        config: topic.config,
    });
    admin().create(&create.collect::<Vec<_>>()).expect("topics are created");
    let broker = Arc::new(Namespaced::new(broker(), namespace));
    let registry = Registry::new(&variable("BOOKFLOW_REGISTRY_URL")).expect("address");
    let subjects: Vec<_> =
        topic_files::subjects().into_iter().map(|(topic, name)| (format!("{namespace}.{topic}"), name)).collect();
    let subjects: Vec<_> = subjects.iter().map(|(topic, name)| (topic.as_str(), *name)).collect();
    let schemas = Schemas::connect(Box::new(registry), &subjects).expect("the registry is up");
    (broker, Arc::new(schemas))
}

fn home(raw: &Raw) -> TopicPartition {
    let home = partition(raw.key.as_deref().unwrap_or_default(), PARTITIONS);
    at(TRADES, (home + raw.astray) % PARTITIONS)
}

/// Everything on a topic, with its cause.
fn read<M: Message>(broker: &dyn Broker, schemas: &Schemas, topic: &'static str) -> Vec<(M::Cause, M)> {
    let mut all = Vec::new();
    for partition in 0..PARTITIONS {
        let mut reader = broker.reader().expect("reader");
        let end = reader.bounds(at(topic, partition)).expect("bounds").end;
        reader.assign(&[(at(topic, partition), 0)]).expect("assign");
        let mut batch = Batch::default();
        until("the end of the topic", || {
            reader.poll(Duration::from_millis(100), ROOM, &mut batch).expect("poll");
            (reader.position(at(topic, partition)) >= Some(end)).then_some(())
        });
        let values = batch.iter().filter_map(|record| record.value);
        all.extend(values.map(|value| schemas.decode::<M>(value).expect("our own record")));
    }
    all
}

#[test]
fn a_damaged_trade_becomes_one_dead_letter_and_its_neighbours_are_captured_in_order() {
    let (broker, schemas) = installation();
    let topology = topology(schemas.clone());
    for stage in &topology.stages {
        let checked = topology.check(stage, broker.as_ref()).expect("topics fit");
        first_start(&checked, broker.as_ref(), &SystemClock::start(), PATIENCE).expect("first start");
    }
    let sound = |id: &str| {
        let mut value = Vec::new();
        schemas.encode(&buy(KEY, id, 1), None, &mut value).expect("it fits");
        Raw { key: Some(KEY.into()), value: Some(value), astray: 0 }
    };
    let mut raws = Vec::new();
    for (number, damage) in DAMAGES.iter().enumerate() {
        raws.push((sound(&format!("T{number}")), None));
        let mut bad = sound("BAD");
        (damage.apply)(&mut bad, &schemas);
        raws.push((bad, Some(damage)));
    }
    raws.push((sound("LAST"), None));

    let mut producer = broker.producer("attacker").expect("producer");
    producer.begin().expect("begin");
    let mut next = [0; PARTITIONS as usize];
    let mut wanted = Vec::new();
    let mut good = Vec::new();
    for (raw, damage) in &raws {
        let to = home(raw);
        let record = Outgoing { to, key: raw.key.as_deref(), value: raw.value.as_deref(), headers: &[] };
        producer.send(record).expect("queued");
        let offset = &mut next[to.partition as usize];
        let place = Place { topic: topics::code(TRADES), partition: to.partition, offset: *offset };
        *offset += 1;
        match damage {
            Some(damage) => wanted.push((place, damage, raw)),
            None => good.push(place),
        }
    }
    producer.drain().expect("delivered");
    producer.commit().expect("commit");

    let book = topology.stage(BOOK).expect("a stage");
    let settings = Settings { instance: "one".into(), ..Settings::default() };
    let mut worker = Worker::start(Parts {
        checked: topology.check(book, broker.as_ref()).expect("topics fit"),
        beat: Health::default().beat(&settings.instance),
        settings,
        broker: broker.clone(),
        store: Arc::new(NoCopies),
        clock: Arc::new(SystemClock::start()),
        life: Life(SystemClock::start().now_us()),
        thread: 0,
    })
    .expect("worker starts");
    let rows = until("all answers", || {
        for _ in 0..20 {
            worker.run_once().expect("turn");
        }
        let rows = read::<BlotterRow>(broker.as_ref(), &schemas, BLOTTER);
        let letters = read::<DeadLetter>(broker.as_ref(), &schemas, DEAD_LETTERS);
        (rows.len() >= good.len() && letters.len() >= wanted.len()).then_some(rows)
    });
    worker.close().expect("closes");

    let mut letters = read::<DeadLetter>(broker.as_ref(), &schemas, DEAD_LETTERS);
    letters.sort_by_key(|(place, _)| *place);
    wanted.sort_by_key(|(place, ..)| *place);
    assert_eq!(letters.len(), wanted.len());
    for ((found, letter), (place, damage, raw)) in letters.iter().zip(&wanted) {
        assert_eq!((found, letter.reason.as_str()), (place, damage.reason), "{}", damage.name);
        assert_eq!((&letter.key, letter.stage.as_str()), (&raw.key, BOOK), "{}", damage.name);
        assert_eq!(letter.value, Original::new(raw.value.as_deref(), usize::MAX), "{}", damage.name);
    }
    let answered: Vec<_> = rows.iter().map(|(_, row)| (row.answer.place, row.answer.verdict.clone())).collect();
    let expected: Vec<_> = good.into_iter().map(|place| (place, Verdict::Accepted)).collect();
    assert_eq!(answered, expected);
    let report = audit(broker.as_ref(), &schemas, 10).expect("it can be read");
    assert!(report.clean(), "{report}");
    assert_eq!(report.counts.dead_letters, DAMAGES.len() as u64);
}
