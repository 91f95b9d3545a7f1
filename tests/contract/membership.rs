//! Rebalances, companions, closing.

use std::time::{Duration, Instant};

use bookflow::engine::batch::Batch;
use bookflow::engine::broker::*;

use crate::cluster::*;

/// A member that answers as a worker does and says what it holds.
struct Worker {
    consumer: Box<dyn Consumer>,
    lead: &'static str,
    companion: &'static str,
    held: Vec<i32>,
}

impl Worker {
    fn start(broker: &dyn Broker, group: &str, lead: &'static str, companion: &'static str) -> Worker {
        let mut consumer = broker.consumer(&member(group)).expect("consumer");
        consumer.subscribe(lead).expect("subscribe");
        Worker { consumer, lead, companion, held: Vec::new() }
    }

    fn step(&mut self) -> Option<Rebalance> {
        let mut batch = Batch::default();
        let event = self.consumer.poll(Duration::from_millis(20), ROOM, &mut batch).expect("poll");
        match &event {
            Some(Rebalance::Assigned(given)) => {
                let all: Vec<_> =
                    given.iter().flat_map(|p| [(at(self.lead, *p), 0), (at(self.companion, *p), 0)]).collect();
                self.consumer.assign(&all).expect("assign");
                self.held.extend(given);
            }
            Some(Rebalance::Revoked(taken) | Rebalance::Lost(taken)) => {
                let all: Vec<_> = taken.iter().flat_map(|p| [at(self.lead, *p), at(self.companion, *p)]).collect();
                self.consumer.unassign(&all).expect("unassign");
                self.held.retain(|partition| !taken.contains(partition));
            }
            None => {}
        }
        event
    }
}

#[test]
fn partitions_move_one_by_one_and_bring_their_companions() {
    let broker = broker();
    let (lead, companion, group) = (topic("lead", 4), topic("companion", 4), unique("group"));
    let mut first = Worker::start(&broker, group, lead, companion);
    until("the first member's partitions", || {
        first.step();
        (first.held.len() == 4).then_some(())
    });
    let before = first.consumer.membership();
    let mut second = Worker::start(&broker, group, lead, companion);
    until("an even share", || {
        first.step();
        second.step();
        (first.held.len() == 2 && second.held.len() == 2).then_some(())
    });
    assert!(first.consumer.membership().generation > before.generation);
    assert!(first.held.iter().all(|partition| !second.held.contains(partition)));

    // The companion of a partition given away is not read here any more, the companion of a kept one is.
    for partition in 0..4 {
        write(&broker, at(companion, partition), &["news"]);
    }
    let mine: Vec<_> = second.held.iter().map(|partition| at(companion, *partition)).collect();
    second.consumer.resume(&mine).expect("resume");
    let batch = take(second.consumer.as_mut(), 2);
    let mut from: Vec<_> = batch.iter().map(|record| record.from).collect();
    from.sort();
    let mut mine = mine;
    mine.sort();
    assert_eq!(from, mine);

    second.consumer.close();
    until("everything back", || {
        first.step();
        (first.held.len() == 4).then_some(())
    });
}

#[test]
fn closing_returns_at_once_even_with_an_unanswered_rebalance_and_companions() {
    let broker = broker();
    let (lead, companion, group) = (topic("lead", 4), topic("companion", 4), unique("group"));
    let mut unanswered = broker.consumer(&member(group)).expect("consumer");
    unanswered.subscribe(lead).expect("subscribe");
    assert!(matches!(next_event(unanswered.as_mut()), Rebalance::Assigned(_)));
    close_in_time(unanswered);

    let mut worker = Worker::start(&broker, group, lead, companion);
    until("partitions", || {
        worker.step();
        (worker.held.len() == 4).then_some(())
    });
    // A second one makes the group take partitions away, which the first never answers.
    let mut second = Worker::start(&broker, group, lead, companion);
    until("a revocation", || {
        second.step();
        let mut batch = Batch::default();
        worker.consumer.poll(Duration::from_millis(20), ROOM, &mut batch).expect("poll")
    });
    close_in_time(worker.consumer);
    until("everything", || {
        second.step();
        (second.held.len() == 4).then_some(())
    });
    close_in_time(second.consumer);
}

fn close_in_time(consumer: Box<dyn Consumer>) {
    let start = Instant::now();
    consumer.close();
    assert!(start.elapsed() < Duration::from_secs(5), "closing took {:?}", start.elapsed());
}

#[test]
fn a_member_that_does_not_poll_loses_its_partitions_and_is_told_so() {
    let broker = hasty_broker();
    let (lead, companion, group) = (topic("lead", 2), topic("companion", 2), unique("group"));
    let mut worker = Worker::start(&broker, group, lead, companion);
    until("partitions", || {
        worker.step();
        (worker.held.len() == 2).then_some(())
    });
    until("the time limit for not polling", || {
        std::thread::sleep(Duration::from_millis(50));
        worker.consumer.assignment_lost().then_some(())
    });
    let event = until("the loss", || worker.step());
    assert!(matches!(event, Rebalance::Lost(ref lost) if lost.len() == 2), "{event:?}");
    until("partitions again", || {
        worker.step();
        (worker.held.len() == 2).then_some(())
    });
    assert!(!worker.consumer.assignment_lost());
}

#[test]
fn a_second_process_with_the_same_instance_id_takes_the_place_and_the_first_is_told() {
    let broker = broker();
    let (lead, group) = (topic("lead", 2), unique("group"));
    let member = Member { instance_id: Some(unique("instance").to_owned()), ..member(group) };
    let mut first = broker.consumer(&member).expect("consumer");
    first.subscribe(lead).expect("subscribe");
    assert_eq!(next_event(first.as_mut()), Rebalance::Assigned(vec![0, 1]));
    first.assign(&[(at(lead, 0), 0), (at(lead, 1), 0)]).expect("assign");
    let before = first.membership();

    let mut second = broker.consumer(&member).expect("consumer");
    second.subscribe(lead).expect("subscribe");
    assert_eq!(next_event(second.as_mut()), Rebalance::Assigned(vec![0, 1]));
    second.assign(&[(at(lead, 0), 0), (at(lead, 1), 0)]).expect("assign");
    assert_eq!(second.membership().generation, before.generation, "nobody else had to move");
    let error = until("the news", || {
        let mut batch = Batch::default();
        first.poll(Duration::from_millis(100), ROOM, &mut batch).err()
    });
    assert_eq!(error.kind, ErrorKind::TwinInstance, "{error}");

    let mut producer = broker.producer(unique("worker")).expect("producer");
    producer.begin().expect("begin");
    let offset = OffsetToCommit { partition: at(lead, 0), offset: 1, metadata: String::new() };
    let error = producer.send_offsets(&[offset], &before).expect_err("another has the place");
    assert_eq!(error.kind, ErrorKind::TwinInstance, "{error}");
}

#[test]
fn the_generation_moves_before_the_rebalance_is_seen() {
    let broker = broker();
    let (lead, companion, group) = (topic("lead", 2), topic("companion", 2), unique("group"));
    let mut first = Worker::start(&broker, group, lead, companion);
    until("partitions", || {
        first.step();
        (first.held.len() == 2).then_some(())
    });
    let before = first.consumer.membership();
    let mut second = Worker::start(&broker, group, lead, companion);
    until("the new generation", || {
        second.step();
        std::thread::sleep(Duration::from_millis(20));
        (first.consumer.membership().generation > before.generation).then_some(())
    });
    let mut producer = broker.producer(unique("worker")).expect("producer");
    producer.begin().expect("begin");
    let offset = OffsetToCommit { partition: at(lead, 0), offset: 1, metadata: String::new() };
    let error = producer.send_offsets(&[offset], &before).expect_err("the group has moved on");
    assert_eq!(error.kind, ErrorKind::NotMember, "{error}");
    let event = until("a revocation", || first.step());
    assert!(matches!(event, Rebalance::Revoked(ref taken) if taken.len() == 1), "{event:?}");
}
