//! Jobs that ended before all of their chunks were in: a view, so that nobody calculates what is left of them.

use std::collections::{HashMap, VecDeque};

use super::topics::STOPPED_JOBS;
use crate::domain::jobs::job::JobId;
use crate::engine::batch::Record;
use crate::engine::view::ViewTable;

/// The name of the view.
pub const STOPPED: &str = "stopped";

/// The topic it is made of.
pub const TOPICS: [&str; 1] = [STOPPED_JOBS];

/// 8 days, as long as the topics of chunks keep what could be stopped.
const KEPT_US: i64 = 8 * 86_400 * 1_000_000;

#[derive(Default)]
pub struct Stopped {
    /// By the time of the record that says so.
    ends: HashMap<JobId, i64>,
    order: VecDeque<(i64, JobId)>,
}

impl Stopped {
    /// Whether a chunk is left over from a job that has ended. One that was written later is not: a name may come again once its outcome is forgotten.
    pub fn before_its_end(&self, job: &JobId, chunk: &Record<'_>) -> bool {
        self.ends.get(job).is_some_and(|end| chunk.timestamp_us < *end)
    }
}

impl ViewTable for Stopped {
    fn apply(&mut self, record: &Record<'_>) -> Result<(), String> {
        let name = std::str::from_utf8(record.key.unwrap_or_default()).map_err(|error| error.to_string())?;
        let (job, end) = (JobId::new(name).map_err(|error| error.to_string())?, record.timestamp_us);
        while let Some((old, name)) = self.order.pop_front_if(|(old, _)| *old <= end.saturating_sub(KEPT_US)) {
            // A name may have come again since, and have been stopped once more.
            if self.ends.get(&name) == Some(&old) {
                self.ends.remove(&name);
            }
        }
        self.ends.insert(job.clone(), end);
        self.order.push_back((end, job));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::broker::TopicPartition;

    fn record(job: &str, day: i64) -> Record<'_> {
        let from = TopicPartition { topic: STOPPED_JOBS, partition: 0 };
        let timestamp_us = day * 86_400 * 1_000_000;
        Record { from, offset: day, timestamp_us, key: Some(job.as_bytes()), value: Some(b"an outcome"), headers: &[] }
    }

    #[test]
    fn a_name_that_was_stopped_again_is_known_as_long_as_its_last_stop() {
        let mut stopped = Stopped::default();
        for (job, day) in [("J", 1), ("J", 5), ("OTHER", 10)] {
            stopped.apply(&record(job, day)).expect("a name");
        }
        let job = JobId::new("J").expect("a name");
        assert!(stopped.before_its_end(&job, &record("J", 4)), "the first stop is forgotten, the second is not");
        stopped.apply(&record("OTHER", 14)).expect("a name");
        assert!(!stopped.before_its_end(&job, &record("J", 4)));
    }
}
