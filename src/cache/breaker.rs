//! Leaves alone what fails: half of the last ten calls failed -> no calls for a while, then a few to see.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use recloser::{Error, Recloser};

use crate::telemetry;

/// Half of the calls, ...
const FAILURES: f32 = 0.5;
/// ... of this many.
const CALLS: usize = 10;
/// After the pause this many calls decide whether it goes on.
const PROBES: usize = 3;

pub struct Breaker {
    dependency: &'static str,
    recloser: Recloser,
    /// As it was last told.
    open: AtomicBool,
}

/// Why a call has no result.
#[derive(Debug)]
pub enum Broken<E> {
    /// It was not made.
    Open,
    Failed(E),
}

impl Breaker {
    /// `dependency` is a label of metrics.
    pub fn new(dependency: &'static str, pause: Duration) -> Breaker {
        let recloser =
            Recloser::custom().error_rate(FAILURES).closed_len(CALLS).half_open_len(PROBES).open_wait(pause).build();
        telemetry::breaker_made(dependency);
        Breaker { dependency, recloser, open: AtomicBool::new(false) }
    }

    /// Makes the call unless too many of the last ones failed.
    pub fn call<T, E>(&self, call: impl FnOnce() -> Result<T, E>) -> Result<T, Broken<E>> {
        let result = self.recloser.call(call);
        match &result {
            Err(Error::Rejected) if !self.open.swap(true, Ordering::Relaxed) => {
                telemetry::breaker_opened(self.dependency);
            }
            Ok(_) if self.open.swap(false, Ordering::Relaxed) => telemetry::breaker_closed(self.dependency),
            _ => {} // a call that fails after the pause tells nothing new
        }
        result.map_err(|error| match error {
            Error::Rejected => Broken::Open,
            Error::Inner(error) => Broken::Failed(error),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(breaker: &Breaker, good: bool) -> Result<(), Broken<()>> {
        breaker.call(|| if good { Ok(()) } else { Err(()) })
    }

    #[test]
    fn half_of_ten_open_it_and_good_calls_after_the_pause_close_it() {
        let breaker = Breaker::new("test", Duration::from_millis(50));
        let calls = (0..100).take_while(|n| !matches!(call(&breaker, n % 2 == 0), Err(Broken::Open))).count();
        assert!((CALLS..=2 * CALLS).contains(&calls), "open after {calls} calls");
        std::thread::sleep(Duration::from_millis(60));
        for _ in 0..100 {
            assert!(call(&breaker, true).is_ok());
        }
    }

    #[test]
    fn what_still_fails_after_the_pause_is_left_alone_again() {
        let breaker = Breaker::new("test", Duration::from_millis(50));
        while !matches!(call(&breaker, false), Err(Broken::Open)) {}
        std::thread::sleep(Duration::from_millis(60));
        let probes = (0..100).take_while(|_| !matches!(call(&breaker, false), Err(Broken::Open))).count();
        assert!((1..=PROBES + 1).contains(&probes), "{probes}");
    }
}
