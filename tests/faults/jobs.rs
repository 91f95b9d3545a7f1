//! F32, F40, F41: jobs while workers die, while Redis does what it likes, and while there is much to do.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cluster::{unique, variable};
use crate::feed::PACE;
use crate::program::{Installation, argument};
use crate::scene::{Scene, WORKERS, Wishes};
use crate::{brokers, mend};

/// Ends with exit code 7 as every job with an error row does.
const WITH_ERRORS: i32 = 7;

fn all_stages() -> Wishes {
    let settings = vec![("worker.static_membership", "true".to_owned())];
    Wishes { settings, all_stages: true, ..Wishes::default() }
}

/// A file with a job of so many contracts; all jobs of a size have the same content.
fn request(installation: &Installation, job: &str, contracts: u32) -> PathBuf {
    let path = installation.folder.path().join(format!("{job}.json"));
    let contracts = contracts.to_string();
    installation.ok(&["generate", "job", "--contracts", &contracts, "--id", job, "--out", argument(&path)]);
    path
}

/// Sends such a job.
fn submit(installation: &Installation, job: &str, contracts: u32, more: &[&str]) {
    let path = request(installation, job, contracts);
    // The job is the same however often it is submitted.
    installation.insist(&[&["submit", "job", argument(&path)], more].concat());
}

fn outcome(installation: &Installation, job: &str) -> Value {
    let ended = installation.run(&["watch", job, "--json"]);
    assert!(matches!(ended.status.code(), Some(0 | WITH_ERRORS)), "{ended:?}");
    serde_json::from_str(ended.out.lines().last().expect("the outcome")).expect("JSON")
}

/// Whether a job that was submitted has not ended yet.
fn running(installation: &Installation, job: &str) -> bool {
    let said: Value = serde_json::from_str(&installation.ok(&["jobs", "describe", job, "--json"])).expect("JSON");
    said["outcome"].is_null()
}

#[test]
#[ignore = "long: run tests/chaos f41"]
fn f41_workers_die_with_jobs_in_flight() {
    const CONTRACTS: u32 = 1_000;
    // So many chunks that everybody has some of them.
    const SMALL_CHUNKS: [&str; 2] = ["--set", "jobs.chunk_positions=20"];
    let mut scene = Scene::with("F41", "workers of calculate and collect killed with a job in flight", all_stages());
    submit(&scene.installation, "UNDISTURBED", CONTRACTS, &SMALL_CHUNKS);
    let undisturbed = outcome(&scene.installation, "UNDISTURBED");
    assert_eq!(undisturbed["ending"], "COMPLETED", "{undisturbed:#}");
    // A job that goes on without its victim was hit; one that had ended before was not.
    let (mut hits, mut jobs) = (0, 0);
    while hits < 5 {
        jobs += 1;
        assert!(jobs <= 15, "jobs end before anybody has died");
        let job = format!("HIT-{jobs}");
        let path = request(&scene.installation, &job, CONTRACTS);
        // It may take longer to submit than to calculate: whoever waits for the command comes too late.
        let command = [&["submit", "job", argument(&path)], &SMALL_CHUNKS[..]].concat();
        let mut submission = scene.installation.start(&job, &command);
        scene.any_moment(300);
        let victim = scene.any_worker();
        scene.kill(victim);
        assert!(submission.wait().success(), "{}", submission.said());
        if running(&scene.installation, &job) {
            scene.hit();
            hits += 1;
        }
        scene.start(victim);
        let disturbed = outcome(&scene.installation, &job);
        assert_eq!((&disturbed["ending"], &disturbed["totals"]), (&undisturbed["ending"], &undisturbed["totals"]));
    }
    // Nobody calculates until the time is over; what comes then comes too late.
    WORKERS.into_iter().for_each(|name| scene.kill(name));
    let collector = scene.installation.worker("collector", &["--stages", "collect"]);
    scene.workers.insert("collector", collector);
    submit(&scene.installation, "LATE", CONTRACTS, &["--set", "jobs.timeout=2s"]);
    scene.hit();
    let late = outcome(&scene.installation, "LATE");
    assert_eq!(late["ending"], "TIMED_OUT", "{late:#}");
    WORKERS.into_iter().for_each(|name| scene.start(name));
    let report = scene.end();
    assert_eq!(report["jobs"], jobs + 2, "{report:#}");
}

#[test]
#[ignore = "long: run tests/chaos f32"]
fn f32_redis_stands_still_forgets_and_dies() {
    const CONTRACTS: u32 = 200;
    let mut wishes = all_stages();
    wishes.settings.push(("redis.url", variable("BOOKFLOW_REDIS_URL")));
    wishes.settings.push(("cache.results", "true".to_owned()));
    wishes.settings.push(("cache.results_prefix", format!("{}:", unique("results"))));
    let mut scene = Scene::with(
        "F32",
        "Redis stopped, emptied, killed and back while it is used for results, and asked each time",
        wishes,
    );
    let redis = || brokers::process("redis");
    submit(&scene.installation, "BEFORE", CONTRACTS, &[]);
    let before = outcome(&scene.installation, "BEFORE");
    // Workers whose own tier of the cache is empty, while something happens to Redis; one of these counters must move.
    let same = |scene: &mut Scene, job: &str, counters: &[&str], happens: &mut dyn FnMut(&Scene)| {
        for name in WORKERS {
            scene.kill(name);
            scene.start(name);
        }
        happens(scene);
        let count = |scene: &mut Scene| counters.iter().map(|counter| scene.counted(counter)).sum::<u64>();
        let counted = count(scene);
        submit(&scene.installation, job, CONTRACTS, &[]);
        let now = outcome(&scene.installation, job);
        assert_eq!((&now["ending"], &now["totals"]), (&before["ending"], &before["totals"]), "{job}");
        assert!(count(scene) > counted, "{job}: nobody has asked Redis");
        scene.hit();
    };
    same(&mut scene, "CACHED", &[HIT], &mut |_| {});
    let mut stopped = None;
    same(&mut scene, "STOPPED", &MISSED, &mut |_| stopped = Some(mend::stop(redis())));
    drop(stopped);
    same(&mut scene, "EMPTIED", &[MISS], &mut |scene| drop(scene.installation.ok(&["cache", "clear"])));
    same(&mut scene, "KILLED", &MISSED, &mut |_| assert!(mend::signal(&redis(), "KILL"), "Redis is not there"));
    same(&mut scene, "BACK", &[MISS], &mut |_| brokers::start());
    let report = scene.end();
    assert_eq!(report["jobs"], 6, "{report:#}");
}

/// Redis has answered that it has this, or has not.
const HIT: &str = "bookflow_cache_requests_total{cache=\"results\",tier=\"redis\",result=\"hit\"}";
const MISS: &str = "bookflow_cache_requests_total{cache=\"results\",tier=\"redis\",result=\"miss\"}";
/// Calls that came to nothing, or were not made because those before them had.
const MISSED: [&str; 2] = [
    "bookflow_dependency_errors_total{dependency=\"redis\"",
    "bookflow_dependency_bypassed_total{dependency=\"redis\"",
];

#[test]
#[ignore = "long: run tests/chaos f40"]
fn f40_ten_times_the_load_and_a_large_job_and_small_ones_between() {
    let mut scene =
        Scene::with("F40", "ten times the load for 15 s, a job of 20,000 contracts, small jobs between", all_stages());
    // From the command to its outcome, the start of the process included.
    let small = |scene: &Scene, job: String| {
        let began = Instant::now();
        submit(&scene.installation, &job, 1, &["--wait"]);
        began.elapsed().as_secs_f64()
    };
    let mut before: Vec<f64> = (0..5).map(|number| small(&scene, format!("BEFORE-{number}"))).collect();
    let path = request(&scene.installation, "LARGE", 20_000);
    let mut large = scene.installation.start("LARGE", &["submit", "job", argument(&path)]);
    let (began, passed, mut meanwhile, mut met) = (Instant::now(), scene.feed.passed(), Vec::new(), false);
    scene.feed.hurry(10);
    while began.elapsed() < Duration::from_secs(15) {
        met |= large.ended().is_none() || running(&scene.installation, "LARGE");
        meanwhile.push(small(&scene, format!("SMALL-{}", meanwhile.len())));
        thread::sleep(Duration::from_millis(200));
    }
    assert!(met && large.wait().success(), "no small job has met the large one: {}", large.said());
    let pace = (scene.feed.passed() - passed) as f64 / began.elapsed().as_secs_f64();
    assert!(pace > 5.0 * PACE as f64, "{pace:.0} records a second are no burst");
    scene.hit();
    scene.feed.hurry(1);
    scene.healed();
    assert_eq!(outcome(&scene.installation, "LARGE")["ending"], "COMPLETED");
    let middle = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        (times[times.len() / 2], times[times.len() - 1])
    };
    let ((before, _), (meanwhile, worst)) = (middle(&mut before), middle(&mut meanwhile));
    scene.note(&format!("a small job {before:.1} s before, {meanwhile:.1} s then, {worst:.1} s at the worst"));
    scene.end();
}
