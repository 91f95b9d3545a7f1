//! The simulation's clock: the scheduler turns it; a worker that sleeps gives the baton away until its time has come.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bookflow::engine::clock::Clock;

use super::baton::Baton;

/// 2026-01-05, a Monday.
const START_US: i64 = 1_767_571_200_000_000;

pub struct SimulatedClock {
    baton: Arc<Baton>,
    /// The same for all machines.
    passed_us: Arc<AtomicI64>,
    /// How far this one's clock has been set forwards.
    set_us: AtomicI64,
}

impl SimulatedClock {
    pub fn new(baton: Arc<Baton>) -> Self {
        SimulatedClock { baton, passed_us: Arc::default(), set_us: AtomicI64::new(0) }
    }

    /// The clock of another machine, set right.
    pub fn another(&self) -> Self {
        SimulatedClock { baton: self.baton.clone(), passed_us: self.passed_us.clone(), set_us: AtomicI64::new(0) }
    }

    pub fn turn(&self, time: Duration) {
        self.passed_us.fetch_add(time.as_micros() as i64, Ordering::Relaxed);
    }

    /// Sets it so far from what is right; the time that passes stays the same.
    pub fn set(&self, forwards_us: i64) {
        self.set_us.store(forwards_us, Ordering::Relaxed);
    }

    fn passed(&self) -> i64 {
        self.passed_us.load(Ordering::Relaxed)
    }
}

impl Clock for SimulatedClock {
    fn now_us(&self) -> i64 {
        START_US + self.passed() + self.set_us.load(Ordering::Relaxed)
    }

    fn elapsed(&self) -> Duration {
        Duration::from_micros(self.passed() as u64)
    }

    fn sleep(&self, time: Duration) {
        let until = self.passed() + time.as_micros() as i64;
        while self.passed() < until {
            // The scheduler itself cannot wait for anybody.
            if !self.baton.step() {
                return self.turn(time);
            }
        }
    }
}
