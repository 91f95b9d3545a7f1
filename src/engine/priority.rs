//! Threads and processes that give way to others where processors are short.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{fs, thread};

use rustix::process::{getpid, getsid, setpriority_process};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::telemetry;

/// A tenth of the share of a thread that does not.
const NICE: i32 = 10;
/// The least share. With a tenth for the session a small job beside a large one waited about twice as long.
const SESSION_NICE: &str = "19";

/// For this thread, and for those that it starts from now on. Linux compares threads of one cgroup, and with `kernel.sched_autogroup_enabled` of
/// one session.
pub fn give_way() {
    // Linux keeps priorities by thread and takes no process for the calling one.
    if let Err(error) = setpriority_process(None, NICE) {
        telemetry::priority_kept(&error.into());
    }
}

/// For the session of this process against all others, where it leads one as a service does: another's programs are not ours to slow down. Between
/// containers their shares decide (`docker-compose.yml`). The least share is no help against what a broker does for us with a share of its own, nor
/// does it end a turn on a processor before the system's clock ticks: so with `spare` this thread, and those that it starts from now on, leave so many
/// processors to others, and long work rests.
pub fn session_gives_way(spare: usize) {
    if getsid(None) != Ok(getpid()) {
        return;
    }
    match fs::write("/proc/self/autogroup", SESSION_NICE) {
        // A system without it compares threads alone.
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => telemetry::priority_kept(&error),
        _ => {}
    }
    if let Err(error) = leave(spare) {
        telemetry::priority_kept(&error.into());
    }
    RESTS.store(spare > 0, Ordering::Relaxed);
}

static RESTS: AtomicBool = AtomicBool::new(false);

/// Long work is off the processor for `REST` after each `WORK`. On two cores the 99th percentile of small jobs beside a large one was 44 ms without, and 34 with
/// it; with twice the work between, or half the rest, 37 to 40.
const WORK: Duration = Duration::from_micros(500);
const REST: Duration = Duration::from_micros(100);

/// Between the pieces of long work, where this process gives way: who waits for the processor has it now.
pub fn rest_if_due() {
    thread_local!(static RESTED: Cell<Option<Instant>> = const { Cell::new(None) });
    let due = || RESTED.get().is_none_or(|rested| rested.elapsed() >= WORK);
    if RESTS.load(Ordering::Relaxed) && due() {
        thread::sleep(REST);
        RESTED.set(Some(Instant::now()));
    }
}

/// The first ones of those that this thread may use, but for the last.
fn leave(spare: usize) -> rustix::io::Result<()> {
    let mut ours = sched_getaffinity(None)?;
    let spare = spare.min(ours.count().saturating_sub(1) as usize);
    let first: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|&cpu| ours.is_set(cpu)).take(spare).collect();
    first.into_iter().for_each(|cpu| ours.unset(cpu));
    sched_setaffinity(None, &ours)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn so_many_processors_are_left_and_one_is_kept() {
        let allowed = || sched_getaffinity(None).expect("Linux tells it").count();
        let all = allowed();
        for (spare, kept) in [(0, all), (1, (all - 1).max(1)), (usize::MAX, 1)] {
            let kept_by_a_thread = thread::spawn(move || leave(spare).map(|()| allowed()));
            assert_eq!(kept_by_a_thread.join().expect("it does not panic"), Ok(kept));
        }
    }
}
