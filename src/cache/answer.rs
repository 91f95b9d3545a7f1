//! What a source said.

use std::sync::Arc;

/// A source that has nothing under a name says so, and is not asked again at once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    There(Arc<[u8]>),
    NotThere,
}

impl Answer {
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Answer::There(bytes) => Some(bytes),
            Answer::NotThere => None,
        }
    }

    /// What it weighs beside its key.
    pub(super) fn len(&self) -> usize {
        self.bytes().map_or(0, <[u8]>::len)
    }
}
