//! The group coordinator: who is in, who owns what, and how partitions move in two steps.
//!
//! A rebalance waits until every member can rejoin: none silent, none with an event unanswered. Then the generation moves,
//! before any member has polled what it means. Partitions that move are first revoked; who gives them up rejoins, and only
//! that second rebalance hands them on.

use std::collections::{BTreeMap, BTreeSet};

use super::cluster::{Cluster, Event, Refusal, Topic};
use super::group_client::{GroupClient, Silence};
use super::offsets::Offsets;
use super::settings::micros;
use super::sticky::shares;
use crate::engine::broker::{GroupMembership, Rebalance};

#[derive(Default)]
pub(super) struct Group {
    pub generation: i32,
    pub members: BTreeMap<String, GroupMember>,
    joined: u64,
    /// Since when a rebalance waits for its members.
    waiting_since: Option<i64>,
    pub empty_since: i64,
    pub offsets: Offsets,
}

/// A member as the coordinator knows it.
pub(super) struct GroupMember {
    pub client: usize,
    /// What the last rebalance gave it; a static member that comes back gets the same.
    given: BTreeSet<i32>,
}

impl Cluster {
    /// A poll: heartbeats, joins where needed, and the next event once the last one is answered.
    pub fn on_poll(&mut self, number: usize, now: i64) -> Result<Option<Rebalance>, Refusal> {
        self.clients[number].last_poll = now;
        self.hear(number, now)?;
        let client = &mut self.clients[number];
        if client.deaf(now) || client.unanswered.is_some() {
            return Ok(None);
        }
        if client.member_id.is_empty() && !client.lost && client.lead.is_some() {
            self.join(number, now);
        }
        let client = &mut self.clients[number];
        client.unanswered = client.events.pop_front();
        Ok(client.unanswered.clone())
    }

    /// What the client learns from the coordinator by its heartbeats.
    pub fn hear(&mut self, number: usize, now: i64) -> Result<(), Refusal> {
        let client = &mut self.clients[number];
        if client.deaf(now) {
            return Ok(());
        }
        client.silence = None;
        if client.twin {
            return Err(Refusal::Twin);
        }
        let group = self.groups.get(&client.member.group);
        let known = group.is_some_and(|group| group.members.contains_key(&client.member_id));
        if !client.member_id.is_empty() && !known {
            client.forget_membership(self.settings.quiet_rejoin);
        }
        if client.lost && client.unanswered.is_none() && client.events.is_empty() {
            client.lost = !client.owned.is_empty();
            if client.lost {
                client.events.push_back(Rebalance::Lost(client.owned.iter().copied().collect()));
            }
        }
        Ok(())
    }

    pub fn on_assign(&mut self, number: usize, now: i64) {
        let client = &mut self.clients[number];
        match client.unanswered.take() {
            Some(Rebalance::Assigned(given)) => client.owned.extend(given),
            other => client.unanswered = other,
        }
        self.answered(number, now);
    }

    pub fn on_unassign(&mut self, number: usize, now: i64) {
        let client = &mut self.clients[number];
        match client.unanswered.take() {
            Some(Rebalance::Revoked(taken)) => {
                client.owned.retain(|partition| !taken.contains(partition));
                client.gave_up = true;
            }
            Some(Rebalance::Lost(_)) => {
                client.owned.clear();
                client.lost = false;
            }
            other => client.unanswered = other,
        }
        self.answered(number, now);
    }

    /// The group does not hear of this member, nor it of the group, until then.
    pub fn mute(&mut self, number: usize, until: i64, now: i64) {
        self.silence(number, until, now);
        let group = self.clients[number].member.group.clone();
        self.book(until, Event::Rebalance { group });
    }

    /// Killed: nobody says goodbye, the session has to run out.
    pub fn on_killed(&mut self, number: usize, now: i64) {
        self.silence(number, i64::MAX, now);
    }

    /// Leaves, if membership is dynamic; a static member's place is kept for its session.
    pub fn on_close(&mut self, number: usize, now: i64) {
        if self.clients[number].member.instance_id.is_some() || self.clients[number].deaf(now) {
            return self.on_killed(number, now);
        }
        let client = &mut self.clients[number];
        client.events.clear();
        client.unanswered = None;
        let member_id = std::mem::take(&mut client.member_id);
        let group = client.member.group.clone();
        self.remove(&group, &member_id, now);
    }

    pub fn check_member(&mut self, member: &GroupMembership) -> Result<(), Refusal> {
        // Kafka takes offsets from nobody, even while the group is alive.
        if member.generation < 0 && member.member_id.is_empty() && member.instance_id.is_none() {
            return Ok(());
        }
        let clients = &self.clients;
        let Some(group) = self.groups.get(&member.group) else { return Err(Refusal::NotMember) };
        if !group.members.contains_key(&member.member_id) {
            let same_instance = |known: &GroupMember| clients[known.client].member.instance_id == member.instance_id;
            let twin = member.instance_id.is_some() && group.members.values().any(same_instance);
            return Err(if twin { Refusal::Twin } else { Refusal::NotMember });
        }
        (group.generation == member.generation).then_some(()).ok_or(Refusal::NotMember)
    }

    /// Deals out anew, if that is wanted and every member can take part.
    pub fn rebalance(&mut self, name: &str, now: i64) {
        let delay = micros(self.settings.rebalance_delay);
        let Some(group) = self.groups.get_mut(name) else { return };
        let clients = &mut self.clients;
        let ready = group.waiting_since.is_some_and(|since| now >= since + delay);
        if !ready || !group.members.values().all(|member| clients[member.client].can_rejoin(now)) {
            return;
        }
        group.waiting_since = None;
        group.generation += 1;
        let leads: BTreeSet<_> = group.members.values().filter_map(|member| clients[member.client].lead).collect();
        for lead in leads {
            let partitions = self.topics.get(lead).map_or(0, Topic::partitions);
            let mut members: Vec<_> =
                group.members.values_mut().filter(|member| clients[member.client].lead == Some(lead)).collect();
            let claims = claims(members.iter().map(|member| &clients[member.client]));
            for ((member, share), mine) in members.iter_mut().zip(shares(partitions, &claims)).zip(&claims) {
                let free = |partition: &&i32| !claims.iter().any(|claimed| claimed.contains(partition));
                let added: Vec<i32> = share.iter().filter(free).copied().collect();
                member.given = mine.intersection(&share).chain(&added).copied().collect();
                let client = &mut clients[member.client];
                let revoked: Vec<i32> = client.owned.difference(&member.given).copied().collect();
                client.on_rebalanced(group.generation, revoked, added);
            }
        }
    }

    pub fn end_session(&mut self, number: usize, member_id: &str, now: i64) {
        let session = micros(self.settings.session);
        let client = &self.clients[number];
        if client.deaf(now) && client.silence.is_some_and(|silence| now >= silence.since + session) {
            let group = client.member.group.clone();
            self.remove(&group, member_id, now);
        }
    }

    pub fn check_poll_deadline(&mut self, number: usize, member_id: String, now: i64) {
        let client = &self.clients[number];
        let deadline = client.last_poll + micros(self.settings.max_poll_interval);
        if client.member_id != member_id {
            return;
        }
        if now >= deadline {
            let group = client.member.group.clone();
            self.remove(&group, &member_id, now);
        } else {
            self.book(deadline, Event::PollDeadline { client: number, member_id });
        }
    }

    /// Goes on without those that did not rejoin in time.
    pub fn end_rebalance_wait(&mut self, name: &str, since: i64, now: i64) {
        let clients = &self.clients;
        let Some(group) = self.groups.get(name).filter(|group| group.waiting_since == Some(since)) else { return };
        let late = |member: &GroupMember| !clients[member.client].can_rejoin(now);
        let late: Vec<_> = group.members.iter().filter(|(_, member)| late(member)).map(|(id, _)| id.clone()).collect();
        for member_id in late {
            self.remove(name, &member_id, now);
        }
    }

    fn join(&mut self, number: usize, now: i64) {
        let member = self.clients[number].member.clone();
        self.expire_offsets(&member.group, now);
        let group = self.group(&member.group);
        group.joined += 1;
        let member_id = format!("{}-{}", member.client_id, group.joined);
        self.clients[number].member_id = member_id.clone();
        match member.instance_id.and_then(|instance| self.instance(&member.group, &instance)) {
            Some(before) => self.take_place(number, &member.group, &before, now),
            None => {
                let joined = GroupMember { client: number, given: BTreeSet::new() };
                self.group(&member.group).members.insert(member_id.clone(), joined);
                self.want_rebalance(&member.group, now);
            }
        }
        let deadline = now + micros(self.settings.max_poll_interval);
        self.book(deadline, Event::PollDeadline { client: number, member_id });
    }

    /// A static member gets what its instance had before. Whoever else has that instance id is told so.
    fn take_place(&mut self, number: usize, name: &str, before: &str, now: i64) {
        let client = &mut self.clients[number];
        let Some(group) = self.groups.get_mut(name) else { return };
        let Some(GroupMember { client: replaced, given }) = group.members.remove(before) else { return };
        if group.waiting_since.is_none() {
            client.generation = group.generation;
            client.events.push_back(Rebalance::Assigned(given.iter().copied().collect()));
        }
        group.members.insert(client.member_id.clone(), GroupMember { client: number, given });
        self.clients[replaced].twin = true;
        self.rebalance(name, now);
    }

    fn instance(&self, group: &str, instance: &str) -> Option<String> {
        let same = |member: &GroupMember| self.clients[member.client].member.instance_id.as_deref() == Some(instance);
        self.groups.get(group)?.members.iter().find(|(_, member)| same(member)).map(|(id, _)| id.clone())
    }

    fn remove(&mut self, name: &str, member_id: &str, now: i64) {
        let group = self.group(name);
        if group.members.remove(member_id).is_none() {
            return;
        }
        if group.members.is_empty() {
            group.generation += 1;
            group.waiting_since = None;
            group.empty_since = now;
        } else {
            self.want_rebalance(name, now);
        }
    }

    fn want_rebalance(&mut self, name: &str, now: i64) {
        let (delay, patience) = (micros(self.settings.rebalance_delay), micros(self.settings.max_poll_interval));
        let group = self.group(name);
        if group.waiting_since.is_none() {
            group.waiting_since = Some(now);
            self.book(now + delay, Event::Rebalance { group: name.to_owned() });
            self.book(now + delay + patience, Event::RebalanceTimeout { group: name.to_owned(), since: now });
        }
        self.rebalance(name, now);
    }

    fn answered(&mut self, number: usize, now: i64) {
        let client = &mut self.clients[number];
        if client.member_id.is_empty() || !client.events.is_empty() || client.unanswered.is_some() {
            return;
        }
        let group = client.member.group.clone();
        if std::mem::take(&mut client.gave_up) {
            self.want_rebalance(&group, now);
        } else {
            self.rebalance(&group, now);
        }
    }

    fn silence(&mut self, number: usize, until: i64, now: i64) {
        let session = micros(self.settings.session);
        let client = &mut self.clients[number];
        let since = client.silence.filter(|silence| now < silence.until).map_or(now, |silence| silence.since);
        client.silence = Some(Silence { since, until });
        let member_id = client.member_id.clone();
        self.book(since + session, Event::SessionEnd { client: number, member_id });
    }
}

/// What each of them owns. Of two that claim a partition, the one that was away is wrong: it was told in an older generation.
fn claims<'a>(clients: impl Iterator<Item = &'a GroupClient> + Clone) -> Vec<BTreeSet<i32>> {
    let newer = |than: &GroupClient, partition: &i32| {
        clients.clone().any(|other| other.owns_since > than.owns_since && other.owned.contains(partition))
    };
    let claimed = |client: &GroupClient| client.owned.iter().filter(|p| !newer(client, p)).copied().collect();
    clients.clone().map(claimed).collect()
}
