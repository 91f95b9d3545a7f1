//! What the probes answer: alive, ready, started; each with the reason as JSON.

use std::time::Duration;

use serde_json::{Value, json};

use crate::engine::health::{Health, Report};

/// A loop that has not turned for this long hangs: no call to a broker may take half as long.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    pub good: bool,
    pub body: Value,
}

/// The loops turn. Knows nothing of brokers: a restart would not mend those.
pub fn live(health: &Health, now: Duration) -> Probe {
    let good = health.live(now, PATIENCE);
    Probe { good, body: json!({ "status": word(good, "live", "hanging"), "threads": threads(health, now) }) }
}

/// Joined, restored and not leaving.
pub fn ready(health: &Health, draining: bool, now: Duration) -> Probe {
    let good = health.ready() && !draining;
    let status = if draining { "draining" } else { word(good, "ready", "not ready") };
    Probe { good, body: json!({ "status": status, "threads": threads(health, now) }) }
}

/// Every thread has been ready once; until then how far the restores are and how long they may still take.
pub fn started(health: &Health, once_ready: bool, now: Duration) -> Probe {
    let status = word(once_ready, "started", "starting");
    Probe { good: once_ready, body: json!({ "status": status, "threads": threads(health, now) }) }
}

fn word(good: bool, yes: &'static str, no: &'static str) -> &'static str {
    if good { yes } else { no }
}

fn threads(health: &Health, now: Duration) -> Value {
    health.reports().into_iter().map(|(name, report)| (name, thread(&report, now))).collect()
}

fn thread(report: &Report, now: Duration) -> Value {
    let restoring = report.restoring.iter().map(|(partition, progress)| {
        json!({
            "partition": partition,
            "read": progress.read,
            "remaining": progress.remaining,
            "eta_seconds": progress.eta().map(|eta| eta.as_secs()),
        })
    });
    json!({
        "idle_seconds": now.saturating_sub(report.ticked_at).as_secs(),
        "member": report.member,
        "tasks": report.tasks,
        "running": report.running,
        "restoring": restoring.collect::<Vec<_>>(),
        "stopped": report.stopped,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::restore::Progress;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_loop_that_stands_still_is_not_alive() {
        let health = Health::default();
        health.beat("book-0").tick(at(10));
        assert!(live(&health, at(60)).good);
        assert!(!live(&health, at(71)).good);
        assert_eq!(live(&health, at(71)).body["threads"]["book-0"]["idle_seconds"], 61);
    }

    #[test]
    fn a_restore_is_told_with_the_time_it_may_still_take() {
        let health = Health::default();
        let beat = health.beat("book-0");
        beat.tasks(true, 0, 1);
        beat.restoring(3, Progress { read: 100, remaining: 300, elapsed: at(2) });
        let probe = ready(&health, false, at(0));
        assert!(!probe.good);
        assert_eq!(probe.body["threads"]["book-0"]["restoring"][0]["eta_seconds"], 6);
        beat.restored(3);
        beat.tasks(true, 1, 1);
        assert!(ready(&health, false, at(0)).good);
        assert!(!ready(&health, true, at(0)).good, "a worker that drains takes no new work");
        beat.stopped("fenced");
        assert!(!ready(&health, false, at(0)).good);
    }
}
