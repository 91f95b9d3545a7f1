//! What is derived from tables: undone step by step with its turn, never published. It has no topic and is rebuilt after a restore.

use super::table::Undoable;

/// A group of its entries: numbered from 0, without large gaps.
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

/// That of a number, which there is from now on.
pub(super) fn group_of<T: Default>(groups: &mut Vec<T>, group: impl Group) -> &mut T {
    let number = group.number();
    if groups.len() <= number {
        groups.resize_with(number + 1, T::default);
    }
    &mut groups[number]
}

/// What has been done in a turn.
pub struct Steps<S> {
    done: Vec<S>,
    /// How much of it was done when the record began.
    record: usize,
}

/// Whatever writes its steps down is undone with tables.
pub trait Derived {
    type Step;

    fn steps(&mut self) -> &mut Steps<Self::Step>;
    /// Undoes a step; all later ones are undone already.
    fn undo(&mut self, step: Self::Step);
    /// Becomes as it was before there was any entry.
    fn empty(&mut self);
    /// Groups that have entries.
    fn groups(&self) -> usize;
}

impl<S> Default for Steps<S> {
    fn default() -> Self {
        Steps { done: Vec::new(), record: 0 }
    }
}

impl<S> Steps<S> {
    pub fn push(&mut self, step: S) {
        self.done.push(step);
    }

    fn forget(&mut self) {
        self.done.clear();
        self.record = 0;
    }
}

impl<D: Derived> Undoable for D {
    fn begin_record(&mut self) {
        let steps = self.steps();
        steps.record = steps.done.len();
    }

    fn undo_record(&mut self) {
        while let Steps { done, record } = self.steps()
            && done.len() > *record
            && let Some(step) = done.pop()
        {
            self.undo(step);
        }
    }

    fn undo_turn(&mut self) {
        self.steps().record = 0;
        self.undo_record();
    }

    fn keep_turn(&mut self) {
        self.steps().forget();
    }

    fn changed(&self) -> bool {
        false
    }

    fn clear(&mut self) {
        self.steps().forget();
        self.empty();
    }

    fn len(&self) -> usize {
        self.groups()
    }
}
