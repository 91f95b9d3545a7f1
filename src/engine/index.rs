//! An index: ordered entries of a group, derived from tables. It has no topic and is rebuilt after a restore.

use std::collections::BTreeMap;

use super::table::Undoable;

/// Undone with its turn, never published.
pub struct Index<G, O, V> {
    groups: Vec<BTreeMap<O, V>>,
    undo: Vec<(G, O, Option<V>)>,
    record: usize,
}

/// Groups are numbered from 0, without large gaps.
pub trait Group: Copy {
    fn number(self) -> usize;
}

/// All in one.
impl Group for () {
    fn number(self) -> usize {
        0
    }
}

impl Group for u32 {
    fn number(self) -> usize {
        self as usize
    }
}

impl<G, O, V> Default for Index<G, O, V> {
    fn default() -> Self {
        Index { groups: Vec::new(), undo: Vec::new(), record: 0 }
    }
}

impl<G: Group, O: Ord + Clone, V> Index<G, O, V> {
    pub fn put(&mut self, group: &G, order: O, value: V) {
        let before = self.set(group, order.clone(), Some(value));
        self.undo.push((*group, order, before));
    }

    /// Becomes these entries, after a restore: there is nothing to undo.
    pub fn rebuild(&mut self, entries: impl Iterator<Item = (G, O, V)>) {
        let mut groups: Vec<Vec<(O, V)>> = Vec::new();
        for (group, order, value) in entries {
            let group = group.number();
            if groups.len() <= group {
                groups.resize_with(group + 1, Vec::new);
            }
            groups[group].push((order, value));
        }
        self.clear();
        self.groups = groups.into_iter().map(BTreeMap::from_iter).collect();
    }

    pub fn delete(&mut self, group: &G, order: &O) {
        let before = self.set(group, order.clone(), None);
        self.undo.push((*group, order.clone(), before));
    }

    pub fn get(&self, group: &G, order: &O) -> Option<&V> {
        self.groups.get(group.number())?.get(order)
    }

    /// The group's entries in order; walk it from either end.
    pub fn scan<'a>(&'a self, group: &G) -> impl DoubleEndedIterator<Item = (&'a O, &'a V)> + use<'a, G, O, V> {
        self.groups.get(group.number()).into_iter().flat_map(BTreeMap::iter)
    }

    /// Forgets what an entry is not kept for, for good; `keep` sees every entry of a group in order. Only between turns.
    pub fn retain(&mut self, mut keep: impl FnMut(usize, &O, &V) -> bool) {
        for (number, group) in self.groups.iter_mut().enumerate() {
            group.retain(|order, value| keep(number, order, value));
        }
    }

    fn set(&mut self, group: &G, order: O, value: Option<V>) -> Option<V> {
        let group = group.number();
        match value {
            Some(value) => {
                if self.groups.len() <= group {
                    self.groups.resize_with(group + 1, BTreeMap::new);
                }
                self.groups[group].insert(order, value)
            }
            None => self.groups.get_mut(group)?.remove(&order),
        }
    }

    fn undo_to(&mut self, point: usize) {
        while self.undo.len() > point {
            if let Some((group, order, before)) = self.undo.pop() {
                self.set(&group, order, before);
            }
        }
    }
}

impl<G: Group, O: Ord + Clone, V> Undoable for Index<G, O, V> {
    fn begin_record(&mut self) {
        self.record = self.undo.len();
    }

    fn undo_record(&mut self) {
        self.undo_to(self.record);
    }

    fn undo_turn(&mut self) {
        self.undo_to(0);
        self.record = 0;
    }

    fn keep_turn(&mut self) {
        self.undo.clear();
        self.record = 0;
    }

    fn changed(&self) -> bool {
        false
    }

    fn clear(&mut self) {
        self.groups.clear();
        self.undo.clear();
        self.record = 0;
    }

    fn len(&self) -> usize {
        self.groups.iter().filter(|entries| !entries.is_empty()).count()
    }
}
