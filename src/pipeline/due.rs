//! Positions whose flows are to be calculated: at once because of a trade, or in turn because of something that many depend on.

use std::collections::VecDeque;
use std::hash::Hash;

use hashbrown::{HashMap, HashSet};

use super::knowledge::{Knowledge, Subject};
use crate::domain::key::ContractId;
use crate::domain::names::Symbol;
use crate::engine::stage::Cause;
use crate::engine::table::Undoable;

/// A position of the task, by its number.
pub type Number = u32;

#[derive(Default)]
pub struct Due {
    /// Of this turn's trades, the last cause of each position last.
    touched: Vec<(Number, Cause)>,
    /// How many there were when the record began.
    record: usize,
    waiting: VecDeque<(Number, Cause)>,
    queued: HashSet<Number>,
    /// How many of those that wait are worked off in this turn.
    taken: usize,
    /// Positions of which trades change nothing that is told: none of their contracts is known, and that has been said. By number.
    silent: Vec<bool>,
    /// Those that this turn has found to be so.
    silenced: Vec<Number>,
    /// The last change that is queued.
    seen: u64,
    /// Positions with a trade that names a contract; they are looked for by what they depend on. Only grows: one too many publishes nothing.
    of_contract: HashMap<ContractId, Vec<Number>>,
    of_security: HashMap<Symbol, Vec<Number>>,
    /// All positions, by what they hold.
    holding: HashMap<Symbol, Vec<Number>>,
}

impl Due {
    /// A position exists from now on.
    pub fn hold(&mut self, position: Number, security: Symbol) {
        push(&mut self.holding, security, position);
    }

    /// A position's flows depend on a contract from now on.
    pub fn follow(&mut self, position: Number, security: Symbol, contract: &ContractId) {
        self.wake(position);
        push(&mut self.of_contract, contract.clone(), position);
        push(&mut self.of_security, security, position);
    }

    /// A position's flows depend on what is known of another security from now on: its lots were of it.
    pub fn remember(&mut self, position: Number, security: Symbol) {
        push(&mut self.of_security, security, position);
    }

    /// A trade has changed the position.
    pub fn touch(&mut self, position: Number, cause: Cause) {
        self.touched.push((position, cause));
    }

    /// Positions that trades of this turn have changed, each with the last one.
    pub fn touched(&self) -> HashMap<Number, Cause> {
        self.touched.iter().copied().collect()
    }

    /// Trades need not tell the position's flows any more, until it wakes.
    pub fn silence(&mut self, position: Number) {
        self.silenced.push(position);
    }

    /// Its contracts have changed, or what is known of them. One too many publishes nothing.
    pub fn wake(&mut self, position: Number) {
        if let Some(silent) = self.silent.get_mut(position as usize) {
            *silent = false;
        }
    }

    /// Queues what depends on what has changed since it was last looked at.
    pub fn queue_changed(&mut self, knowledge: &Knowledge) {
        let seen = std::mem::replace(&mut self.seen, knowledge.last_change());
        if seen == self.seen {
            return;
        }
        for (subject, cause) in knowledge.changed_after(seen) {
            for position in self.dependents(subject, knowledge) {
                self.wake(position);
                if self.queued.insert(position) {
                    self.waiting.push_back((position, cause));
                }
            }
        }
    }

    fn dependents(&self, subject: &Subject, knowledge: &Knowledge) -> Vec<Number> {
        let of = |contracts: &[ContractId]| -> Vec<Number> {
            contracts.iter().filter_map(|contract| self.of_contract.get(contract)).flatten().copied().collect()
        };
        match subject {
            Subject::Contract(contract) => of(std::slice::from_ref(contract)),
            Subject::Underlier(security) => self.of_security.get(security).cloned().unwrap_or_default(),
            Subject::CorporateActions(security) => self.holding.get(security).cloned().unwrap_or_default(),
            Subject::Index(_) | Subject::Fx(..) | Subject::FeeRate(_) | Subject::Calendar(_) => {
                of(&knowledge.contracts_of(subject))
            }
            Subject::All => {
                let mut all: Vec<_> = self.of_security.values().flatten().copied().collect();
                // Whatever order the map has: the same records are told in the same order.
                all.sort_unstable();
                all
            }
        }
    }

    /// Those that wait and are not taken yet, in their order.
    pub fn waiting(&self) -> impl Iterator<Item = Number> {
        self.waiting.iter().skip(self.taken).map(|(position, _)| *position)
    }

    /// Takes at most so many of those that wait into this turn.
    pub fn take(&mut self, count: usize) {
        self.taken = (self.taken + count).min(self.waiting.len());
    }

    /// What is due in this turn, each position once with its last cause.
    pub fn of_turn(&self) -> Vec<(Number, Cause)> {
        let mut seen = HashSet::new();
        let silent = |position: Number| self.silent.get(position as usize).is_some_and(|silent| *silent);
        let touched = self.touched.iter().rev().filter(|(position, _)| !silent(*position));
        let all = touched.chain(self.waiting.iter().take(self.taken));
        all.copied().filter(|(position, _)| seen.insert(*position)).collect()
    }

    /// Begins anew after a restore: everything may have changed.
    pub fn restart(&mut self) {
        *self = Due::default();
    }
}

fn push<K: Eq + Hash>(index: &mut HashMap<K, Vec<Number>>, key: K, position: Number) {
    let positions = index.entry(key).or_default();
    if positions.last() != Some(&position) {
        positions.push(position);
    }
}

impl Undoable for Due {
    fn begin_record(&mut self) {
        self.record = self.touched.len();
    }

    fn undo_record(&mut self) {
        self.touched.truncate(self.record);
    }

    fn undo_turn(&mut self) {
        self.touched.clear();
        self.silenced.clear();
        self.taken = 0;
    }

    fn keep_turn(&mut self) {
        self.touched.clear();
        for position in self.silenced.drain(..) {
            let positions = self.silent.len().max(position as usize + 1);
            self.silent.resize(positions, false);
            self.silent[position as usize] = true;
        }
        for (position, _) in self.waiting.drain(..std::mem::take(&mut self.taken)) {
            self.queued.remove(&position);
        }
    }

    fn changed(&self) -> bool {
        self.touched.len() > self.record || self.taken > 0
    }

    fn clear(&mut self) {
        self.restart();
    }

    fn len(&self) -> usize {
        self.waiting.len()
    }
}
