//! The one lock, the waits and the clock: for real threads that sleep, and for a simulation in which nobody may.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use super::cluster::{Cluster, Event, Refusal, Request};
use super::interference::{Call, CallKind, Fault, Interference};
use super::settings::{Settings, micros};
use crate::engine::broker::{BrokerError, ErrorKind};
use crate::engine::clock::Clock;

pub(super) struct Shared {
    pub settings: Settings,
    pub clock: Arc<dyn Clock>,
    waits: Waits,
    interference: Arc<dyn Interference>,
    /// One lock for everything: calls are short, and a transaction touches logs, groups and coordinator at once.
    cluster: Mutex<Cluster>,
    changed: Condvar,
}

/// What a call does that has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waits {
    /// Sleeps until something changes.
    Sleeps,
    /// A poll returns at once; a request that must be repeated lets the clock pass.
    TurnsTheClock,
}

impl Shared {
    pub fn new(settings: Settings, clock: Arc<dyn Clock>, waits: Waits, interference: Arc<dyn Interference>) -> Shared {
        let cluster = Mutex::new(Cluster::new(settings.clone()));
        Shared { settings, clock, waits, interference, cluster, changed: Condvar::new() }
    }

    /// Looks at the cluster or changes it, after everything that is due has happened.
    pub fn with<T>(&self, look: impl FnOnce(&mut Cluster, i64) -> T) -> T {
        let now = self.clock.now_us();
        let mut cluster = self.cluster.lock().expect("nobody panics with this lock");
        if cluster.deliver_due(now) {
            self.changed.notify_all();
        }
        look(&mut cluster, now)
    }

    /// The same, and wakes who waits.
    pub fn change<T>(&self, change: impl FnOnce(&mut Cluster, i64) -> T) -> T {
        let changed = self.with(change);
        self.changed.notify_all();
        changed
    }

    /// Looks until there is an answer or the time is over.
    pub fn wait_for<T>(&self, limit: Duration, mut look: impl FnMut(&mut Cluster, i64) -> Option<T>) -> Option<T> {
        let deadline = self.clock.now_us().saturating_add(micros(limit));
        let mut cluster = self.cluster.lock().expect("nobody panics with this lock");
        loop {
            let now = self.clock.now_us();
            if cluster.deliver_due(now) {
                self.changed.notify_all();
            }
            let found = look(&mut cluster, now);
            if found.is_some() || now >= deadline || self.waits == Waits::TurnsTheClock {
                return found;
            }
            let until = cluster.next_due().map_or(deadline, |due| due.min(deadline));
            let pause = Duration::from_micros((until - now).max(1) as u64);
            cluster = self.changed.wait_timeout(cluster, pause).expect("nobody panics with this lock").0;
        }
    }

    /// Repeats a call while an earlier transaction is being ended, as clients do on their own.
    pub fn insist<T>(
        &self,
        limit: Duration,
        mut call: impl FnMut(&mut Cluster, i64) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let deadline = self.clock.now_us().saturating_add(micros(limit));
        loop {
            match self.change(&mut call) {
                Err(Refusal::Concurrent) if self.pass_time(deadline) => {}
                answer => return answer,
            }
        }
    }

    pub fn fault(&self, client: &str, kind: CallKind) -> Fault {
        self.fault_of(Call::of(client, kind))
    }

    pub fn fault_of(&self, call: Call<'_>) -> Fault {
        let fault = self.interference.before(call);
        if let Fault::Slow(time) = fault {
            self.clock.sleep(time);
        }
        fault
    }

    /// A call that only happens or does not.
    pub fn attempt(&self, client: &str, kind: CallKind) -> Result<(), BrokerError> {
        match self.fault(client, kind) {
            Fault::NotDone | Fault::AnswerLost => Err(unavailable(kind)),
            _ => Ok(()),
        }
    }

    /// Sends a producer's request with what the interference has decided for it.
    pub fn request(&self, client: &str, kind: CallKind, mut request: Request, tried: &str) -> Result<(), BrokerError> {
        let fault = self.fault(client, kind);
        if let (Fault::Markers(instead), Request::End { delays, .. }) = (fault, &mut request) {
            *delays = instead;
        }
        if fault == Fault::NotDone {
            return Err(unavailable(kind));
        }
        if let Fault::Doubled { .. } = fault {
            self.clock.sleep(match request {
                Request::CommitOffsets { .. } => self.settings.offsets_retry_backoff,
                _ => self.settings.retry_backoff,
            });
        }
        let answer = self.insist(self.settings.request, |cluster, now| cluster.handle(&request, now));
        match fault {
            Fault::AnswerLost => return Err(unavailable(kind)),
            Fault::Doubled { late } => {
                self.change(|cluster, now| cluster.book(now + micros(late), Event::LateCopy(request)));
            }
            _ => {}
        }
        answer.map_err(|refusal| refusal.told(tried))
    }

    /// Until something comes due; false when the time is over or does not pass.
    fn pass_time(&self, deadline: i64) -> bool {
        let now = self.clock.now_us();
        if now >= deadline {
            return false;
        }
        let due = self.with(|cluster, _| cluster.next_due()).unwrap_or(deadline);
        let pause = Duration::from_micros((due.min(deadline) - now).max(1) as u64);
        match self.waits {
            Waits::TurnsTheClock => self.clock.sleep(pause),
            Waits::Sleeps => {
                let cluster = self.cluster.lock().expect("nobody panics with this lock");
                drop(self.changed.wait_timeout(cluster, pause).expect("nobody panics with this lock"));
            }
        }
        self.clock.now_us() > now
    }
}

pub(super) fn unavailable(kind: CallKind) -> BrokerError {
    BrokerError::new(ErrorKind::Unavailable, format!("{kind:?}: no answer from the broker"))
}
