//! Entries of a table in order, group by group. The order stands in the table alone, so that a place costs four bytes.

use std::collections::VecDeque;

use super::derived::{Derived, Group, Steps, group_of};
use super::table::{Entry, Undoable};

#[derive(Default)]
pub struct Ordered {
    groups: Vec<VecDeque<Entry>>,
    steps: Steps<Step>,
}

/// What has been done at a place; backwards, places alone undo it.
pub struct Step {
    group: u32,
    place: usize,
    done: Done,
}

enum Done {
    Came,
    Left(Entry),
}

impl Ordered {
    /// Moves an entry from where it stood, `before`, to where the table now says that it stands; `None`: nowhere. One that has been in no group since
    /// it left memory is only put. No two entries of a group are equal in order, and all others must stand where `order` says.
    pub fn reorder<O: Ord>(&mut self, group: u32, entry: Entry, before: Option<O>, order: impl Fn(Entry) -> Option<O>) {
        let after = order(entry);
        if before == after {
            return;
        }
        let Ordered { groups, steps } = self;
        if before.is_some()
            && let Some(entries) = groups.get_mut(group.number())
            && let Some(place) = place_of(entries, entry, before, &order)
        {
            entries.remove(place);
            steps.push(Step { group, place, done: Done::Left(entry) });
        }
        if after.is_some() {
            let entries = group_of(groups, group);
            let place = place_for(entries, after, &order);
            entries.insert(place, entry);
            steps.push(Step { group, place, done: Done::Came });
        }
    }

    /// The group's entries in order; walk it from either end.
    pub fn scan(&self, group: u32) -> impl DoubleEndedIterator<Item = Entry> + use<'_> {
        self.groups.get(group.number()).into_iter().flatten().copied()
    }

    /// Becomes these entries of groups, after a restore: there is nothing to undo.
    pub fn rebuild<O: Ord>(&mut self, entries: impl Iterator<Item = (u32, Entry)>, order: impl Fn(Entry) -> O) {
        self.clear();
        entries.for_each(|(group, entry)| group_of(&mut self.groups, group).push_back(entry));
        for entries in &mut self.groups {
            entries.make_contiguous().sort_unstable_by_key(|entry| order(*entry));
        }
    }

    /// Forgets entries that are not kept, for good. Only between turns.
    pub fn retain(&mut self, mut keep: impl FnMut(Entry) -> bool) {
        self.groups.iter_mut().for_each(|group| group.retain(|entry| keep(*entry)));
    }
}

/// Where an entry is whose order was `before`. Mostly it is at an end: the oldest lot goes, the last trade changes.
fn place_of<O: Ord>(
    entries: &VecDeque<Entry>,
    entry: Entry,
    before: Option<O>,
    order: impl Fn(Entry) -> Option<O>,
) -> Option<usize> {
    if entries.front() == Some(&entry) {
        return Some(0);
    }
    // Of the entry itself the table no longer says it.
    let place = entries.partition_point(|&other| other != entry && order(other) < before);
    (entries.get(place) == Some(&entry)).then_some(place)
}

/// Where an entry comes to stand. Mostly it is the last.
fn place_for<O: Ord>(entries: &VecDeque<Entry>, after: Option<O>, order: impl Fn(Entry) -> Option<O>) -> usize {
    if entries.back().is_none_or(|&last| order(last) < after) {
        return entries.len();
    }
    entries.partition_point(|&other| order(other) < after)
}

impl Derived for Ordered {
    type Step = Step;

    fn steps(&mut self) -> &mut Steps<Step> {
        &mut self.steps
    }

    fn undo(&mut self, Step { group, place, done }: Step) {
        let entries = group_of(&mut self.groups, group);
        match done {
            Done::Came => drop(entries.remove(place)),
            Done::Left(entry) => entries.insert(place, entry),
        }
    }

    fn empty(&mut self) {
        self.groups.clear();
    }

    fn groups(&self) -> usize {
        self.groups.iter().filter(|entries| !entries.is_empty()).count()
    }
}
