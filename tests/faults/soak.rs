//! Faults in any order for as long as is asked; memory, threads and files of the worker that lives through all of them stay where they were.

use std::thread;
use std::time::{Duration, Instant};

use bookflow::cli::generate::load::{Load, Mix, Share};
use rand::RngExt;

use crate::deaths::pause;
use crate::proxy::{Api, Loss, Proxy, Way};
use crate::scene::{Scene, Wishes, asked};

/// By how much the median of the last quarter may lie above that of the second one. An hour was seen to bring 20 MB of trades that are kept for ever, a
/// third of a MB a minute, and half of the time lies between the two; the rest is for what an allocator holds back.
fn allowance_mb(minutes: u64) -> f64 {
    12.0 + minutes as f64 / 4.0
}

/// What the survivor has at a moment.
#[derive(Clone, Copy, Debug)]
struct Has {
    memory_mb: f64,
    threads: f64,
    files: usize,
}

#[test]
#[ignore = "long: run tests/chaos soak --minutes 60"]
fn soak_the_survivor_of_many_faults_has_no_more_than_before_them() {
    let minutes = asked("BOOKFLOW_FAULT_MINUTES", 3);
    // Hardly anything that has to be kept for ever: what grows all the same is a leak.
    let repeated = |load: Load| Load {
        mix: Mix { duplicates: Share(8_000), amends: Share(1_000), cancels: Share(300), ..load.mix },
        ..load
    };
    let proxy = Proxy::start();
    let settings = vec![("worker.static_membership", "true".to_owned())];
    let through = Some(("w1", proxy.bootstrap().to_owned()));
    let mut scene = Scene::with(
        "soak",
        "faults in any order; w1 lives through all of them",
        Wishes { settings, through, load: Some(repeated), ..Wishes::default() },
    );
    thread::sleep(Duration::from_secs(30)); // everything has been opened once
    let has = |scene: &Scene| {
        let worker = &scene.workers["w1"];
        Has { memory_mb: worker.memory_mb(), threads: worker.threads(), files: worker.open_files() }
    };
    let (first, began, mut last_told) = (has(&scene), Instant::now(), Instant::now());
    eprintln!("at first: {first:?}");
    let (mut most, mut memory_mb) = (first, Vec::new());
    while began.elapsed() < Duration::from_secs(60 * minutes) {
        match scene.random.random_range(0..7) {
            0 => {
                let victim = ["w2", "w3"][scene.random.random_range(0..2)];
                scene.kill(victim);
                scene.start(victim);
            }
            1 => drop(proxy.reset()),
            2 => proxy.lose_answers(Api::END_TXN, 1, Loss::Disconnect),
            3 => proxy.lose_answers(Api::TXN_OFFSET_COMMIT, 1, Loss::Silence),
            4 => {
                proxy.cut(0, &[Way::Requests, Way::Answers]);
                thread::sleep(Duration::from_secs(3));
                proxy.mend();
            }
            5 => pause(&scene.workers["w1"], Duration::from_secs(2), || {}),
            _ => {
                proxy.hold_next(Api::END_TXN, "w1", Loss::Disconnect);
                proxy.deliver_before(Api::END_TXN, 2);
            }
        }
        scene.hit();
        thread::sleep(Duration::from_secs(8));
        let now = has(&scene);
        memory_mb.push(now.memory_mb);
        most = Has {
            memory_mb: most.memory_mb.max(now.memory_mb),
            threads: most.threads.max(now.threads),
            files: most.files.max(now.files),
        };
        if last_told.elapsed() > Duration::from_secs(60) {
            last_told = Instant::now();
            eprintln!("after {} s: {now:?}", began.elapsed().as_secs());
        }
    }
    let hit = proxy.counts();
    assert!(hit.answers_lost > 0 && hit.delivered_late > 0 && hit.cut > 0, "{hit:?}");
    thread::sleep(Duration::from_secs(30));
    let last = has(&scene);
    scene.note(&format!(
        "{minutes} min: {:.0} MB, {} threads, {} files at first, {:.0}, {} and {} at the most, {:.0}, {} and {} at last",
        first.memory_mb, first.threads, first.files, most.memory_mb, most.threads, most.files, last.memory_mb, last.threads, last.files
    ));
    let quarter = memory_mb.len() / 4;
    let (before, after) = (median(&memory_mb[quarter..2 * quarter]), median(&memory_mb[3 * quarter..]));
    let grown = format!("a median of {before:.0} MB in the second quarter, of {after:.0} in the last");
    assert!(after <= before + allowance_mb(minutes), "{grown}: {memory_mb:.0?}");
    scene.note(&grown);
    let threads_and_files = |has: Has| (has.threads as usize, has.files);
    let (before, after) = (threads_and_files(first), threads_and_files(last));
    assert!(after.0 <= before.0 + 4 && after.1 <= before.1 + 8, "from {first:?} to {last:?}");
    scene.end();
}

fn median(numbers: &[f64]) -> f64 {
    let mut numbers = numbers.to_vec();
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
