//! What cleaning leaves of a compacted log: the last version of each key; tombstones for a while, so that readers see them.

use std::collections::HashMap;

use super::log::{Log, What};

impl Log {
    /// One pass over what is stable and older than `lag`. A tombstone gets its horizon in the first pass it survives and
    /// is gone in the first pass after that horizon.
    pub fn compact(&mut self, now: i64, lag: i64, delete_retention: i64) {
        let stable_end = self.stable_end();
        let cleaned = self
            .entries
            .partition_point(|entry| entry.offset < stable_end && entry.timestamp_us <= now.saturating_sub(lag));
        let mut last = HashMap::new();
        for entry in &self.entries[..cleaned] {
            if let What::Record(content) | What::Tombstone(content, _) = &entry.what {
                last.insert(content.key().unwrap_or_default().to_vec(), entry.offset);
            }
        }
        let mut index = 0;
        self.entries.retain_mut(|entry| {
            index += 1;
            if index > cleaned {
                return true;
            }
            let newest = |key: Option<&[u8]>| last[key.unwrap_or_default()] == entry.offset;
            match std::mem::replace(&mut entry.what, What::Marker) {
                What::Marker => true,
                What::Aborted => false,
                What::Tombstone(content, horizon) => {
                    let kept = newest(content.key()) && now < horizon;
                    entry.what = What::Tombstone(content, horizon);
                    kept
                }
                What::Record(content) => {
                    let kept = newest(content.key());
                    entry.what = match content.value() {
                        Some(_) => What::Record(content),
                        None => What::Tombstone(content, now.saturating_add(delete_retention)),
                    };
                    kept
                }
            }
        });
    }
}
