//! Health: what each worker thread last said of itself, for the probes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::restore::Progress;

/// All threads of a process.
#[derive(Clone, Default)]
pub struct Health {
    threads: Arc<Mutex<BTreeMap<String, Report>>>,
}

/// The source of truth for what the probes answer about one thread.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub ticked_at: Duration,
    pub member: bool,
    pub running: usize,
    pub tasks: usize,
    pub restoring: BTreeMap<i32, Progress>,
    /// Why what a task keeps on disk could not be written the last time, by its partition.
    pub unwritten: BTreeMap<i32, String>,
    /// Records of committed turns since the thread began.
    pub records: u64,
    pub stopped: Option<String>,
}

/// One thread's pen.
#[derive(Clone)]
pub struct Beat {
    health: Health,
    thread: String,
}

impl Health {
    pub fn beat(&self, thread: impl Into<String>) -> Beat {
        let beat = Beat { health: self.clone(), thread: thread.into() };
        beat.update(|_| {});
        beat
    }

    pub fn reports(&self) -> BTreeMap<String, Report> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The loops turn: says nothing about brokers or restores, because a restart would not mend those.
    pub fn live(&self, now: Duration, patience: Duration) -> bool {
        self.reports().values().all(|report| now.saturating_sub(report.ticked_at) < patience)
    }

    /// Joined and restored: a rollout may go on with the next worker.
    pub fn ready(&self) -> bool {
        let reports = self.reports();
        !reports.is_empty()
            && reports.values().all(|report| {
                report.member
                    && report.running == report.tasks
                    && report.restoring.is_empty()
                    && report.stopped.is_none()
            })
    }
}

impl Beat {
    pub fn tick(&self, now: Duration) {
        self.update(|report| report.ticked_at = now);
    }

    pub fn tasks(&self, member: bool, running: usize, tasks: usize) {
        self.update(|report| {
            (report.member, report.running, report.tasks) = (member, running, tasks);
        });
    }

    pub fn committed(&self, records: usize) {
        self.update(|report| report.records += records as u64);
    }

    pub fn restoring(&self, partition: i32, progress: Progress) {
        self.update(|report| {
            report.restoring.insert(partition, progress);
        });
    }

    pub fn restored(&self, partition: i32) {
        self.update(|report| {
            report.restoring.remove(&partition);
        });
    }

    pub fn written(&self, partition: i32) {
        self.update(|report| {
            report.unwritten.remove(&partition);
        });
    }

    pub fn unwritten(&self, partition: i32, why: String) {
        self.update(|report| {
            report.unwritten.insert(partition, why);
        });
    }

    /// The task is not this thread's any more.
    pub fn gave_up(&self, partition: i32) {
        self.restored(partition);
        self.written(partition);
    }

    pub fn stopped(&self, why: &str) {
        self.update(|report| report.stopped = Some(why.to_string()));
    }

    fn update(&self, change: impl FnOnce(&mut Report)) {
        let mut threads = self.health.threads.lock().unwrap_or_else(PoisonError::into_inner);
        change(threads.entry(self.thread.clone()).or_default());
    }
}
