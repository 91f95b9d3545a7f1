//! Limits and delays of the broker and its clients. They belong together as on a real cluster.

use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Settings {
    /// A member that is not heard of for this long is put out of its group.
    pub session: Duration,
    /// A member that does not poll for this long leaves its group; also how long a rebalance waits for a member.
    pub max_poll_interval: Duration,
    /// Whether a static member that was put out rejoins with what it owns and hears of no loss, as librdkafka may.
    pub quiet_rejoin: bool,
    /// How long the first rebalance of a group waits for more members.
    pub rebalance_delay: Duration,
    pub transaction: Duration,
    /// How often the coordinator looks for transactions over their time.
    pub transaction_check: Duration,
    /// When a client repeats a request that was not answered.
    pub retry_backoff: Duration,
    /// The same for committed offsets, where librdkafka goes by a number of its own.
    pub offsets_retry_backoff: Duration,
    /// How long a client repeats a request.
    pub request: Duration,
    pub markers: MarkerDelays,
    /// Offsets expire this long after their last commit, once nobody subscribes to their topic.
    pub offsets_retention: Duration,
    /// What a topic takes that does not set `max.message.bytes`.
    pub max_message_bytes: usize,
    /// Tombstones of a topic that does not set `delete.retention.ms` go this long after their first cleaning.
    pub delete_retention: Duration,
    /// A producer hands over what it has queued at this size, before it is drained.
    pub queue_bytes: usize,
}

/// When the markers that end a transaction arrive, counted from the answer to the one who ended it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MarkerDelays {
    /// At the group's offsets.
    pub offsets: Duration,
    /// At each written partition, counted from the one before, in the order of their names.
    pub data: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            session: Duration::from_secs(45),
            max_poll_interval: Duration::from_secs(120),
            quiet_rejoin: false,
            rebalance_delay: Duration::ZERO,
            transaction: Duration::from_secs(20),
            transaction_check: Duration::from_secs(10),
            retry_backoff: Duration::from_secs(1),
            offsets_retry_backoff: Duration::from_millis(500),
            request: Duration::from_secs(5),
            markers: MarkerDelays::default(),
            offsets_retention: Duration::from_secs(7 * 24 * 3_600),
            max_message_bytes: 1_048_588, // Kafka's default
            delete_retention: Duration::from_secs(24 * 3_600),
            queue_bytes: 256 * 1_024, // large enough that the lock is taken rarely
        }
    }
}

/// Durations on the broker's clock, which counts microseconds.
pub(super) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / 4)
}
