//! A consumer as it knows itself: what it believes to own, what it has not yet been told.

use std::collections::{BTreeSet, VecDeque};

use crate::engine::broker::{GroupMembership, Member, Rebalance};

/// It may be wrong: the coordinator decides.
pub(super) struct GroupClient {
    pub member: Member,
    pub lead: Option<&'static str>,
    /// Empty: not in the group.
    pub member_id: String,
    pub generation: i32,
    /// The generation in which it was told what it owns: it says so when it joins.
    pub owns_since: i32,
    /// True once the group has taken everything away without asking.
    pub lost: bool,
    pub owned: BTreeSet<i32>,
    pub events: VecDeque<Rebalance>,
    pub unanswered: Option<Rebalance>,
    pub gave_up: bool,
    pub silence: Option<Silence>,
    pub twin: bool,
    pub last_poll: i64,
}

#[derive(Clone, Copy)]
pub(super) struct Silence {
    pub since: i64,
    /// When it can hear again; never, for one that was killed.
    pub until: i64,
}

impl GroupClient {
    pub fn new(member: &Member) -> GroupClient {
        GroupClient {
            member: member.clone(),
            lead: None,
            member_id: String::new(),
            generation: -1,
            owns_since: -1,
            lost: false,
            owned: BTreeSet::new(),
            events: VecDeque::new(),
            unanswered: None,
            gave_up: false,
            silence: None,
            twin: false,
            last_poll: 0,
        }
    }

    pub fn membership(&self) -> GroupMembership {
        GroupMembership {
            group: self.member.group.clone(),
            generation: self.generation,
            member_id: self.member_id.clone(),
            instance_id: self.member.instance_id.clone(),
        }
    }

    pub fn deaf(&self, now: i64) -> bool {
        self.silence.is_some_and(|silence| now < silence.until)
    }

    pub fn can_rejoin(&self, now: i64) -> bool {
        !self.deaf(now) && self.events.is_empty() && self.unanswered.is_none()
    }

    /// Joined and synchronised in the background: the generation counts at once, the events wait to be polled.
    pub fn on_rebalanced(&mut self, generation: i32, revoked: Vec<i32>, added: Vec<i32>) {
        self.generation = generation;
        self.owns_since = generation;
        self.gave_up = false;
        if revoked.is_empty() {
            self.events.push_back(Rebalance::Assigned(added));
            return;
        }
        self.events.push_back(Rebalance::Revoked(revoked));
        if !added.is_empty() {
            self.events.push_back(Rebalance::Assigned(added));
        }
    }

    /// The group goes on without us.
    pub fn forget_membership(&mut self, quiet_rejoin: bool) {
        self.member_id.clear();
        self.generation = -1;
        self.events.clear();
        let quiet = quiet_rejoin && self.member.instance_id.is_some() && self.unanswered.is_none();
        self.lost = !quiet && (!self.owned.is_empty() || self.unanswered.is_some());
    }
}
