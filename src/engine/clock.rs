//! The Clock port: the engine asks it for time; a simulation turns it by hand.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub trait Clock: Send + Sync {
    /// Wall time, microseconds since 1970 UTC: for deadlines that travel and for people.
    fn now_us(&self) -> i64;

    /// Never goes back: for time-outs, back-off and the length of a turn.
    fn elapsed(&self) -> Duration;

    /// Waits without polling; only before a worker has tasks and between attempts to reach a broker.
    fn sleep(&self, time: Duration);
}

/// The machine's clock.
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    pub fn start() -> Self {
        SystemClock { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now_us(&self) -> i64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_micros() as i64)
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep(&self, time: Duration) {
        std::thread::sleep(time);
    }
}
