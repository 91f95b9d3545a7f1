//! The worker on a broker: turns, take-overs, dead letters, outages.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use bookflow::engine::batch::Batch;
use bookflow::engine::broker::*;
use bookflow::engine::clock::{Clock, SystemClock};
use bookflow::engine::copy::NoCopies;
use bookflow::engine::first_start::{FirstStart, first_start};
use bookflow::engine::health::Health;
use bookflow::engine::mark::{Life, TurnMark};
use bookflow::engine::settings::Settings;
use bookflow::engine::stop::Stop;
use bookflow::engine::topology::Topology;
use bookflow::engine::worker::{Parts, Turn, Worker};

use super::cluster::{self, PATIENCE, at, unique, until, values, write};
use super::sums::{self, Extras, Switches, Topics};

const PARTITIONS: i32 = 4;

pub struct Run {
    broker: Arc<dyn Broker>,
    /// Sees the ends of logs, open transactions included.
    lookout: RefCell<Box<dyn Consumer>>,
    topology: Topology,
    pub topics: Topics,
    pub switches: Switches,
}

impl Run {
    fn new() -> Run {
        Run::through(cluster::hasty_broker())
    }

    /// Its workers reach the cluster in this way; what a test writes and reads goes straight.
    pub fn through(broker: impl Broker + 'static) -> Run {
        let compacted = [("cleanup.policy", "compact")];
        let topics = Topics {
            numbers: cluster::topic("numbers", PARTITIONS),
            sums: cluster::topic_with("sums", PARTITIONS, &compacted),
            answers: cluster::topic("answers", PARTITIONS),
            dead: cluster::topic("dead", 1),
        };
        let switches = Switches::default();
        let topology = sums::topology(unique("sum"), topics, switches.clone());
        let lookout = cluster::broker().consumer(&cluster::member(unique("lookout"))).expect("consumer");
        Run { broker: Arc::new(broker), lookout: RefCell::new(lookout), topology, topics, switches }
    }

    fn checked(&self) -> bookflow::engine::topology::Checked {
        self.topology.check(&self.topology.stages[0], self.broker.as_ref()).expect("the topology fits the cluster")
    }

    pub fn first_start(&self) -> FirstStart {
        first_start(&self.checked(), self.broker.as_ref(), &SystemClock::start(), PATIENCE).expect("first start")
    }

    pub fn worker(&self, instance: &str) -> Worker {
        self.try_worker(instance).expect("worker starts")
    }

    fn try_worker(&self, instance: &str) -> Result<Worker, Stop> {
        self.worker_with(Settings { instance: instance.into(), ..Settings::default() })
    }

    pub fn worker_with(&self, settings: Settings) -> Result<Worker, Stop> {
        let instance = settings.instance.clone();
        Worker::start(Parts {
            checked: self.checked(),
            settings,
            broker: self.broker.clone(),
            store: Arc::new(NoCopies),
            clock: Arc::new(SystemClock::start()),
            beat: Health::default().beat(&instance),
            life: Life(SystemClock::start().now_us()),
            thread: 0,
        })
    }

    pub fn write(&self, partition: i32, values: &[&str]) {
        let broker = cluster::broker();
        write(&broker, at(self.topics.numbers, partition), values);
    }

    pub fn read(&self, topic: &'static str, partition: i32) -> Vec<String> {
        let broker = cluster::broker();
        self.settled(&broker, at(topic, partition));
        values(&broker, at(topic, partition))
    }

    /// Waits until no transaction is open here: a commit's markers reach the partitions one by one, later than its Ok.
    fn settled(&self, broker: &dyn Broker, partition: TopicPartition) {
        let mut reader = broker.reader().expect("reader");
        until("the end of open transactions", || {
            let stable = reader.bounds(partition).expect("bounds").end;
            let end = self.lookout.borrow_mut().bounds(partition).expect("bounds").end;
            (stable == end).then_some(())
        });
    }

    pub fn answers(&self) -> usize {
        (0..PARTITIONS).map(|partition| self.read(self.topics.answers, partition).len()).sum()
    }

    /// The sums as a reader of the changelog sees them.
    pub fn sums(&self, partition: i32) -> BTreeMap<String, i64> {
        let broker = cluster::broker();
        let from = at(self.topics.sums, partition);
        self.settled(&broker, from);
        let mut reader = broker.reader().expect("reader");
        let bounds = reader.bounds(from).expect("bounds");
        reader.assign(&[(from, bounds.start)]).expect("assign");
        let mut batch = Batch::default();
        until("the end of the sums", || {
            reader.poll(Duration::from_millis(100), cluster::ROOM, &mut batch).expect("poll");
            (reader.position(from) >= Some(bounds.end)).then_some(())
        });
        sums::last_sums(batch.iter())
    }
}

pub fn turn_until(workers: &mut [&mut Worker], what: &str, mut done: impl FnMut() -> bool) {
    until(what, || {
        for worker in workers.iter_mut() {
            worker.run_once().expect("turn");
        }
        done().then_some(())
    });
}

/// Turns until a worker has committed this many records in all.
fn commit(worker: &mut Worker, records: usize) {
    let mut committed = 0;
    until("committed records", || {
        if let Turn::Committed { records } = worker.run_once().expect("turn") {
            committed += records;
        }
        (committed >= records).then_some(())
    });
}

#[test]
fn every_number_gets_one_answer_and_the_sum_is_published_once_a_turn() {
    let run = Run::new();
    assert_eq!(run.first_start(), FirstStart::Committed { partitions: PARTITIONS as usize });
    assert_eq!(run.first_start(), FirstStart::AlreadyStarted);
    run.write(0, &["1", "2", "bad", "panic", "3"]);
    let mut worker = run.worker("one");
    commit(&mut worker, 5);
    assert_eq!(run.answers(), 3);
    assert_eq!(run.read(run.topics.dead, 0), ["bad_number:bad", "panic:panic"]);
    assert_eq!(run.sums(0), BTreeMap::from([("key".into(), 6)]));
    assert_eq!(run.read(run.topics.sums, 0).len(), 1);
    worker.close().expect("closes");
}

#[test]
fn of_first_starts_at_once_one_commits_and_the_others_find_it() {
    let run = Run::new();
    let (checked, broker, clock) = (run.checked(), run.broker.as_ref(), SystemClock::start());
    let mut found: Vec<_> = thread::scope(|scope| {
        let start = || first_start(&checked, broker, &clock, PATIENCE).expect("nobody ends over another");
        let begin = || scope.spawn(start);
        let begun = [begin(), begin(), begin(), begin()];
        begun.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    found.sort_by_key(|found| *found == FirstStart::AlreadyStarted);
    assert_eq!(found[0], FirstStart::Committed { partitions: PARTITIONS as usize });
    assert_eq!(found[1..], [const { FirstStart::AlreadyStarted }; 3]);
}

#[test]
fn a_worker_without_a_first_start_stops_with_the_remedy() {
    let run = Run::new();
    let mut worker = run.worker("one");
    let stop = until("a stop", || worker.run_once().err());
    assert!(matches!(stop, Stop::NeverStarted { .. }), "{stop}");
    assert!(stop.to_string().contains("--first-start"));
}

// A stage that has run reads a further topic from now on.
#[test]
fn an_input_that_is_new_to_a_group_begins_at_its_start_and_the_others_stay_where_they_are() {
    let mut run = Run::new();
    run.first_start();
    run.write(0, &["1"]);
    let mut before = run.worker("one");
    commit(&mut before, 1);
    before.close().expect("closes");
    let companion = cluster::topic("companion", PARTITIONS);
    write(&cluster::broker(), at(companion, 0), &["10"]);
    let extras = Extras { companion: Some(companion), ..Extras::default() };
    run.topology = sums::topology_with(run.topology.stages[0].name, run.topics, run.switches.clone(), extras);
    let mut early = run.worker("one");
    let stop = until("a stop", || early.run_once().err());
    assert!(matches!(stop, Stop::NeverStarted { partition } if partition.topic == companion), "{stop}");
    early.leave(&stop);
    assert_eq!(run.first_start(), FirstStart::Joined { topics: vec![companion] });
    assert_eq!(run.first_start(), FirstStart::AlreadyStarted);
    run.write(0, &["100"]);
    let mut after = run.worker("one");
    turn_until(&mut [&mut after], "all answers", || run.answers() == 3);
    assert_eq!(run.sums(0), BTreeMap::from([("key".into(), 111)]));
}

#[test]
fn the_next_owner_goes_on_where_a_dead_one_stopped() {
    let run = Run::new();
    run.first_start();
    run.write(1, &["1", "2", "3"]);
    let mut first = run.worker("one");
    commit(&mut first, 3);
    // Dropped without close: it never says goodbye, and its marks are not clean.
    drop(first);
    run.write(1, &["4"]);
    let mut second = run.worker("two");
    commit(&mut second, 1);
    assert_eq!(run.sums(1), BTreeMap::from([("key".into(), 10)]));
    assert_eq!(run.answers(), 4);
}

#[test]
fn two_workers_share_the_partitions_and_a_third_takes_over_what_one_leaves() {
    let run = Run::new();
    run.first_start();
    let (mut one, mut two) = (run.worker("one"), run.worker("two"));
    for round in 0..5 {
        for partition in 0..PARTITIONS {
            run.write(partition, &["1", "1"]);
        }
        turn_until(&mut [&mut one, &mut two], "answers", || run.answers() == (round + 1) * 8);
    }
    one.close().expect("closes");
    let mut three = run.worker("three");
    for partition in 0..PARTITIONS {
        run.write(partition, &["1"]);
    }
    turn_until(&mut [&mut two, &mut three], "answers", || run.answers() == 44);
    for partition in 0..PARTITIONS {
        assert_eq!(run.sums(partition), BTreeMap::from([("key".into(), 11)]), "partition {partition}");
    }
}

#[test]
fn an_outage_holds_its_partition_and_loses_nothing() {
    let run = Run::new();
    run.first_start();
    run.switches.outage.store(true, Ordering::Relaxed);
    run.write(0, &["1", "needs", "2"]);
    run.write(1, &["5"]);
    let mut worker = run.worker("one");
    turn_until(&mut [&mut worker], "the other partition", || run.sums(1) == BTreeMap::from([("key".into(), 5)]));
    assert_eq!(run.answers(), 1, "nothing of the partition that waits is visible");
    run.switches.outage.store(false, Ordering::Relaxed);
    turn_until(&mut [&mut worker], "the end of the outage", || run.answers() == 4);
    assert_eq!(run.sums(0), BTreeMap::from([("key".into(), 3)]));
}

#[test]
fn an_entry_out_of_bounds_lands_on_its_record() {
    let run = Run::new();
    run.first_start();
    run.write(2, &["1", "2000000", "3"]);
    let mut worker = run.worker("one");
    turn_until(&mut [&mut worker], "all answers", || run.answers() == 2);
    assert_eq!(run.read(run.topics.dead, 0), ["state_bound:2000000"]);
    assert_eq!(run.sums(2), BTreeMap::from([("key".into(), 4)]));
}

#[test]
fn records_of_a_task_whose_owners_died_are_tried_one_by_one_from_the_first_on() {
    let run = Run::new();
    run.first_start();
    run.write(0, &["1"; 5]);
    // The third attempt is the first with one record a turn.
    let mark = TurnMark { attempt: 3, ..TurnMark::default() };
    let group = run.topology.stages[0].group();
    let nobody = GroupMembership { group, generation: -1, member_id: String::new(), instance_id: None };
    let offset = OffsetToCommit { partition: at(run.topics.numbers, 0), offset: 0, metadata: mark.to_string() };
    let mut producer = run.broker.producer(unique("dead-owner")).expect("producer");
    let marked = producer.begin().and_then(|()| producer.send_offsets(&[offset], &nobody));
    marked.and_then(|()| producer.commit()).expect("marked");
    let mut worker = run.worker("one");
    let mut turns = Vec::new();
    until("five records", || {
        if let Turn::Committed { records } = worker.run_once().expect("turn") {
            turns.push(records);
        }
        (turns.iter().sum::<usize>() == 5).then_some(())
    });
    assert_eq!(turns, [1; 5]);
}
