//! A group's committed offsets: stable ones, and those that wait for their transaction's end.

use std::collections::BTreeMap;

use super::log::Outcome;
use crate::engine::broker::{CommittedOffset, OffsetToCommit, TopicPartition};

#[derive(Default)]
pub(super) struct Offsets {
    stable: BTreeMap<TopicPartition, Stored>,
    /// By producer. A later request of the same transaction overwrites an earlier one, whichever was sent first.
    pending: BTreeMap<i64, BTreeMap<TopicPartition, Stored>>,
}

struct Stored {
    committed: CommittedOffset,
    at: i64,
}

impl Offsets {
    pub fn put(&mut self, producer: i64, offsets: &[OffsetToCommit], now: i64) {
        let pending = self.pending.entry(producer).or_default();
        for OffsetToCommit { partition, offset, metadata } in offsets {
            let committed = CommittedOffset { offset: *offset, metadata: metadata.clone() };
            pending.insert(*partition, Stored { committed, at: now });
        }
    }

    pub fn end_transaction(&mut self, producer: i64, outcome: Outcome) {
        let ended = self.pending.remove(&producer).unwrap_or_default();
        if outcome == Outcome::Committed {
            self.stable.extend(ended);
        }
    }

    /// `None` while an offset of these partitions is pending.
    pub fn stable(&self, partitions: &[TopicPartition]) -> Option<Vec<Option<CommittedOffset>>> {
        let unstable = |partition| self.pending.values().any(|pending| pending.contains_key(partition));
        if partitions.iter().any(unstable) {
            return None;
        }
        let committed = |partition| self.stable.get(partition).map(|stored| stored.committed.clone());
        Some(partitions.iter().map(committed).collect())
    }

    /// Drops what was committed before `limit` on topics that are not kept alive.
    pub fn expire(&mut self, limit: i64, kept: impl Fn(&str) -> bool) {
        self.stable.retain(|partition, stored| stored.at > limit || kept(partition.topic));
    }
}
