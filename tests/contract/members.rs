//! Members that fall silent: killed, cut off from the group, away for a while.

use std::time::Duration;

use bookflow::engine::batch::Batch;
use bookflow::engine::broker::*;
use bookflow::memory::interference::{CallKind, Fault};

use crate::cluster::*;
use crate::faults::*;

const SESSION: Duration = Duration::from_secs(45);

fn poll(consumer: &mut dyn Consumer) -> Option<Rebalance> {
    consumer.poll(Duration::ZERO, ROOM, &mut Batch::default()).expect("poll")
}

fn commit(stand: &Stand, to: TopicPartition, member: &GroupMembership) -> Result<(), BrokerError> {
    let mut producer = stand.producer("committer");
    producer.begin()?;
    producer.send_offsets(&[offset(to, 1)], member)?;
    producer.commit()
}

#[test]
fn a_killed_member_keeps_its_partitions_until_its_session_is_over() {
    let stand = Stand::new();
    let lead = stand.topic(2);
    drop(joined(&stand.broker, "group", lead));
    let mut next = stand.broker.consumer(&member("group")).expect("consumer");
    next.subscribe(lead).expect("subscribe");
    assert_eq!(poll(next.as_mut()), None);
    stand.pass(SESSION - Duration::from_millis(1));
    assert_eq!(poll(next.as_mut()), None);
    stand.pass(Duration::from_millis(1));
    assert_eq!(poll(next.as_mut()), Some(Rebalance::Assigned(vec![0, 1])));
}

#[test]
fn a_member_cut_off_from_the_group_reads_on_but_its_offsets_are_refused_and_it_is_told_later() {
    let stand = Stand::new();
    let lead = stand.topic(1);
    let mut zombie = joined(&stand.broker, "group", lead);
    let before = zombie.membership();
    stand.plan(CallKind::Poll, Fault::Muted(SESSION * 2));
    poll(zombie.as_mut());
    let mut next = stand.broker.consumer(&member("group")).expect("consumer");
    next.subscribe(lead).expect("subscribe");
    poll(next.as_mut());
    commit(&stand, at(lead, 0), &before).expect("still a member");
    stand.pass(SESSION);
    assert_eq!(poll(next.as_mut()), Some(Rebalance::Assigned(vec![0])));

    write(&stand.broker, at(lead, 0), &["news"]);
    assert_eq!(texts(&take(zombie.as_mut(), 1)), ["news"]);
    assert_eq!((zombie.membership(), zombie.assignment_lost()), (before.clone(), false));
    assert_eq!(commit(&stand, at(lead, 0), &before).expect_err("a zombie").kind, ErrorKind::NotMember);

    stand.pass(SESSION);
    assert!(zombie.assignment_lost() && !zombie.membership().valid());
    assert_eq!(poll(zombie.as_mut()), Some(Rebalance::Lost(vec![0])));
    zombie.unassign(&[at(lead, 0)]).expect("unassign");
    assert!(!zombie.assignment_lost());
}

#[test]
fn a_short_silence_changes_nothing() {
    let stand = Stand::new();
    let lead = stand.topic(1);
    let mut consumer = joined(&stand.broker, "group", lead);
    let before = consumer.membership();
    for _ in 0..3 {
        stand.plan(CallKind::Poll, Fault::Muted(SESSION / 2));
        assert_eq!(poll(consumer.as_mut()), None);
        stand.pass(SESSION / 2);
        assert_eq!(poll(consumer.as_mut()), None);
    }
    assert_eq!(consumer.membership(), before);
}

#[test]
fn a_member_that_never_answers_holds_the_group_up_until_its_poll_interval_is_over() {
    let stand = Stand::new();
    let lead = stand.topic(2);
    let mut silent = joined(&stand.broker, "group", lead);
    let mut next = stand.broker.consumer(&member("group")).expect("consumer");
    next.subscribe(lead).expect("subscribe");
    assert_eq!(poll(next.as_mut()), Some(Rebalance::Assigned(vec![])));
    next.assign(&[]).expect("assign");
    assert!(matches!(poll(silent.as_mut()), Some(Rebalance::Revoked(_))));
    let mut third = stand.broker.consumer(&member("group")).expect("consumer");
    third.subscribe(lead).expect("subscribe");
    assert_eq!(poll(third.as_mut()), None);
    stand.pass(Duration::from_secs(119));
    assert_eq!((poll(next.as_mut()), poll(third.as_mut())), (None, None));
    stand.pass(Duration::from_secs(1));
    let given = [poll(next.as_mut()), poll(third.as_mut())];
    assert!(given.iter().all(|event| matches!(event, Some(Rebalance::Assigned(one)) if one.len() == 1)), "{given:?}");
    assert!(silent.assignment_lost());
}

#[test]
fn a_static_member_that_comes_back_in_time_finds_its_partitions_and_nobody_else_notices() {
    let stand = Stand::new();
    let lead = stand.topic(2);
    let fixed = Member { instance_id: Some("fixed".to_owned()), ..member("group") };
    let mut other = joined(&stand.broker, "group", lead);
    let mut first = stand.broker.consumer(&fixed).expect("consumer");
    first.subscribe(lead).expect("subscribe");
    assert_eq!(poll(first.as_mut()), Some(Rebalance::Assigned(vec![])));
    first.assign(&[]).expect("assign");
    let Some(Rebalance::Revoked(moved)) = poll(other.as_mut()) else { panic!("nothing is revoked") };
    other.unassign(&[at(lead, moved[0])]).expect("unassign");
    assert_eq!(poll(first.as_mut()), Some(Rebalance::Assigned(moved.clone())));
    first.assign(&[(at(lead, moved[0]), 0)]).expect("assign");
    assert_eq!(poll(other.as_mut()), Some(Rebalance::Assigned(vec![])));
    other.assign(&[]).expect("assign");
    let generation = other.membership().generation;

    first.close();
    stand.pass(SESSION / 2);
    let mut back = stand.broker.consumer(&fixed).expect("consumer");
    back.subscribe(lead).expect("subscribe");
    assert_eq!(poll(back.as_mut()), Some(Rebalance::Assigned(moved)));
    stand.pass(SESSION);
    assert_eq!(poll(other.as_mut()), None);
    assert_eq!((other.membership().generation, back.membership().generation), (generation, generation));
}
