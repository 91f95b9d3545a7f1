//! How long something slow may keep its callers waiting: bounded at once and over time, whatever each single call takes.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A call that takes at most this part of the limit costs nothing: it is what a healthy Redis takes for a large answer.
const FREE: u32 = 10;
/// Of the time that passes, this part may be spent on waiting.
const SHARE: u32 = 10;

/// What callers have waited, less their share of the time that has passed since.
pub struct Patience {
    limit: Duration,
    waited: Mutex<(Duration, Instant)>,
}

impl Patience {
    pub fn new(limit: Duration) -> Patience {
        Patience { limit, waited: Mutex::new((Duration::ZERO, Instant::now())) }
    }

    /// Whether one more call may be made.
    pub fn left(&self) -> bool {
        self.with(|waited| *waited < self.limit)
    }

    /// A call took this long.
    pub fn spend(&self, took: Duration) {
        self.with(|waited| *waited += took.saturating_sub(self.limit / FREE));
    }

    fn with<T>(&self, work: impl FnOnce(&mut Duration) -> T) -> T {
        let mut guard = self.waited.lock().unwrap_or_else(PoisonError::into_inner);
        let (waited, since) = &mut *guard;
        let now = Instant::now();
        *waited = waited.saturating_sub((now - *since) / SHARE);
        *since = now;
        work(waited)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_millis(50);

    #[test]
    fn quick_calls_cost_nothing_and_slow_ones_run_out() {
        let patience = Patience::new(LIMIT);
        for _ in 0..1_000 {
            patience.spend(LIMIT / FREE);
        }
        assert!(patience.left());
        patience.spend(Duration::from_millis(30));
        assert!(patience.left());
        patience.spend(Duration::from_millis(40));
        assert!(!patience.left());
    }

    #[test]
    fn patience_comes_back_with_time() {
        let patience = Patience::new(Duration::from_millis(5));
        patience.spend(Duration::from_millis(7));
        assert!(!patience.left());
        std::thread::sleep(Duration::from_millis(60));
        assert!(patience.left());
    }
}
