//! What the probes answer: alive, ready, started, healthy; each with the reason as JSON.

use std::time::Duration;

use serde_json::{Value, json};

use super::watch::Answers;
use crate::engine::health::{Health, Report};

/// A loop that has not moved for this long hangs: it says so between any two calls to a broker, none of which is waited for longer than 45 s (the
/// bounds of a partition, asked three times).
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

/// How a part of the worker is. Degraded: the work goes on without it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Status {
    Up,
    Degraded,
    Down,
}

/// All that the work needs is well, each part apart. The work goes on without Redis, where one is used at all, and without copies of state on disk.
pub fn healthy(health: &Health, kafka: &Answers, redis: Option<&Answers>, now: Duration) -> Probe {
    let reports = health.reports();
    let all = |well: fn(&Report) -> bool| reports.values().all(well);
    let each = |told: &dyn Fn(&Report) -> Value| -> Value {
        reports.iter().map(|(name, report)| (name.clone(), told(report))).collect()
    };
    let turns = !reports.is_empty() && health.live(now, PATIENCE) && all(|report| report.stopped.is_none());
    let runs = all(|report| report.running == report.tasks && report.restoring.is_empty());
    let engine = needed(turns);
    let broker = needed(kafka.answering(now) && all(|report| report.member));
    let state = needed(runs).max(spared(all(|report| report.unwritten.is_empty())));
    let cache = spared(redis.is_none_or(|redis| redis.answering(now)));
    let status = engine.max(broker).max(state).max(cache);
    let mut body = json!({
        "status": status.word(),
        "engine": {
            "status": engine.word(),
            "threads": each(&|report| json!({ "idle_seconds": idle(report, now), "stopped": report.stopped })),
        },
        "kafka": answers(broker, kafka, now),
        "redis": redis.map_or(json!({ "status": "not used" }), |redis| answers(cache, redis, now)),
        "state": {
            "status": state.word(),
            "threads": each(&|report| json!({
                "tasks": report.tasks, "running": report.running, "restoring": restoring(report), "unwritten": report.unwritten,
            })),
        },
    });
    body["kafka"]["threads"] = each(&|report| json!({ "member": report.member }));
    Probe { good: status < Status::Down, body }
}

fn answers(status: Status, answers: &Answers, now: Duration) -> Value {
    let ago = answers.last.map(|last| now.saturating_sub(last).as_secs());
    json!({ "status": status.word(), "answered_seconds_ago": ago, "error": answers.error })
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Status::Up => "up",
            Status::Degraded => "degraded",
            Status::Down => "down",
        }
    }
}

fn needed(well: bool) -> Status {
    if well { Status::Up } else { Status::Down }
}

fn spared(well: bool) -> Status {
    if well { Status::Up } else { Status::Degraded }
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
    json!({
        "idle_seconds": idle(report, now),
        "member": report.member,
        "tasks": report.tasks,
        "running": report.running,
        "restoring": restoring(report),
        "stopped": report.stopped,
    })
}

fn idle(report: &Report, now: Duration) -> u64 {
    now.saturating_sub(report.ticked_at).as_secs()
}

fn restoring(report: &Report) -> Vec<Value> {
    let restoring = report.restoring.iter().map(|(partition, progress)| {
        json!({
            "partition": partition,
            "read": progress.read,
            "remaining": progress.remaining,
            "eta_seconds": progress.eta().map(|eta| eta.as_secs()),
        })
    });
    restoring.collect()
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
    fn health_is_told_by_part_and_what_the_work_goes_on_without_is_no_failure() {
        let health = Health::default();
        let well = |seconds| Answers { last: Some(at(seconds)), error: None };
        let away = Answers { last: Some(at(1)), error: Some("refused".into()) };
        let is = |kafka: &Answers, redis: Option<&Answers>, now, good, words: [&str; 5]| {
            let told = healthy(&health, kafka, redis, at(now));
            let parts = ["/status", "/engine/status", "/kafka/status", "/redis/status", "/state/status"];
            let found = parts.map(|part| told.body.pointer(part).and_then(Value::as_str).expect("a word"));
            assert_eq!((told.good, found), (good, words), "{}", told.body);
            told.body
        };
        is(&Answers::default(), None, 0, false, ["down", "down", "down", "not used", "up"]);
        let beat = health.beat("book-0");
        beat.tasks(true, 1, 1);
        is(&Answers::default(), None, 0, false, ["down", "up", "down", "not used", "up"]);
        is(&well(0), None, 3, true, ["up", "up", "up", "not used", "up"]);
        is(&well(0), Some(&well(3)), 3, true, ["up", "up", "up", "up", "up"]);
        is(&well(0), Some(&away), 3, true, ["degraded", "up", "up", "degraded", "up"]);
        is(&well(0), Some(&well(3)), 12, false, ["down", "up", "down", "up", "up"]);

        beat.unwritten(3, "no space left".into());
        let body = is(&well(3), None, 3, true, ["degraded", "up", "up", "not used", "degraded"]);
        assert_eq!(body["state"]["threads"]["book-0"]["unwritten"]["3"], "no space left");
        beat.gave_up(3);
        beat.tasks(true, 0, 1);
        beat.restoring(3, Progress { read: 100, remaining: 300, elapsed: at(2) });
        let body = is(&well(3), None, 3, false, ["down", "up", "up", "not used", "down"]);
        assert_eq!(body["state"]["threads"]["book-0"]["restoring"][0]["eta_seconds"], 6);
        beat.restored(3);
        beat.tasks(false, 0, 0);
        is(&well(3), None, 3, false, ["down", "up", "down", "not used", "up"]);
        beat.tasks(true, 0, 0);
        let body = is(&away, None, 9, false, ["down", "up", "down", "not used", "up"]);
        assert_eq!((&body["kafka"]["error"], &body["kafka"]["answered_seconds_ago"]), (&"refused".into(), &8.into()));
        assert!(ready(&health, false, at(9)).good, "readiness asks for nothing but the group and the tasks");
        is(&well(70), None, 70, false, ["down", "down", "up", "not used", "up"]);
        beat.tick(at(70));
        is(&well(70), None, 70, true, ["up", "up", "up", "not used", "up"]);
        beat.stopped("fenced");
        is(&well(70), None, 70, false, ["down", "down", "up", "not used", "up"]);
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
