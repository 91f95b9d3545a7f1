//! How long this cluster takes to write the markers of a transaction, as far as it is felt.
//!
//! While they are being written the coordinator refuses a next transaction that begins with offsets, and librdkafka asks again only after
//! `RETRY_BACKOFF`, which looks like a silent retry; records it sends again after 20 ms. So one of offsets alone waits for them. Measured: without
//! that, a mark committed alone behind a turn took a second every time; with 50 ms it still did on three brokers that were busy.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::settings::RETRY_BACKOFF;

/// Of all producers of a process: each one that was refused is made anew.
pub(super) struct Markers(Mutex<Duration>);

const SHORTEST: Duration = Duration::from_millis(50);
/// Being refused costs more than twice as much.
const LONGEST: Duration = Duration::from_millis(400);

impl Default for Markers {
    fn default() -> Self {
        Markers(Mutex::new(SHORTEST))
    }
}

impl Markers {
    /// How long they are given.
    pub fn wait(&self) -> Duration {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// After so long a wait, offsets took this long: twice as long from now on where they were refused, and a little less each time that they were not.
    pub fn felt(&self, took: Duration) {
        let mut wait = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = took >= RETRY_BACKOFF.mul_f64(0.8);
        *wait = if refused { (*wait * 2).min(LONGEST) } else { wait.mul_f64(0.95).max(SHORTEST) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_get_more_time_where_they_need_it_and_less_where_they_do_not() {
        let markers = Markers::default();
        let felt = |ms| {
            markers.felt(Duration::from_millis(ms));
            markers.wait().as_millis()
        };
        assert_eq!((felt(3), felt(1_050), felt(990), felt(4)), (50, 100, 200, 190));
        for _ in 0..9 {
            felt(900);
        }
        assert_eq!(markers.wait(), LONGEST);
    }
}
