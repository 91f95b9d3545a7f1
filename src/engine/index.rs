//! An index: ordered entries of a group, derived from tables.

use std::collections::BTreeMap;

use super::derived::{Derived, Group, Steps, group_of};

pub struct Index<G, O, V> {
    groups: Vec<BTreeMap<O, V>>,
    steps: Steps<(G, O, Option<V>)>,
}

impl<G, O, V> Default for Index<G, O, V> {
    fn default() -> Self {
        Index { groups: Vec::new(), steps: Steps::default() }
    }
}

impl<G: Group, O: Ord + Clone, V> Index<G, O, V> {
    pub fn put(&mut self, group: &G, order: O, value: V) {
        let before = self.set(group, order.clone(), Some(value));
        self.steps.push((*group, order, before));
    }

    pub fn delete(&mut self, group: &G, order: &O) {
        let before = self.set(group, order.clone(), None);
        self.steps.push((*group, order.clone(), before));
    }

    pub fn get(&self, group: &G, order: &O) -> Option<&V> {
        self.groups.get(group.number())?.get(order)
    }

    /// The group's entries in order; walk it from either end.
    pub fn scan<'a>(&'a self, group: &G) -> impl DoubleEndedIterator<Item = (&'a O, &'a V)> + use<'a, G, O, V> {
        self.groups.get(group.number()).into_iter().flat_map(BTreeMap::iter)
    }

    fn set(&mut self, group: &G, order: O, value: Option<V>) -> Option<V> {
        match value {
            Some(value) => group_of(&mut self.groups, *group).insert(order, value),
            None => self.groups.get_mut(group.number())?.remove(&order),
        }
    }
}

impl<G: Group, O: Ord + Clone, V> Derived for Index<G, O, V> {
    type Step = (G, O, Option<V>);

    fn steps(&mut self) -> &mut Steps<Self::Step> {
        &mut self.steps
    }

    fn undo(&mut self, (group, order, before): Self::Step) {
        self.set(&group, order, before);
    }

    fn empty(&mut self) {
        self.groups.clear();
    }

    fn groups(&self) -> usize {
        self.groups.iter().filter(|entries| !entries.is_empty()).count()
    }
}
