//! Threads and processes that give way to others where processors are short.

use std::fs;

use rustix::process::{getpid, getsid, setpriority_process};

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
/// containers their shares decide (`docker-compose.yml`).
pub fn session_gives_way() {
    if getsid(None) != Ok(getpid()) {
        return;
    }
    match fs::write("/proc/self/autogroup", SESSION_NICE) {
        // A system without it compares threads alone.
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => telemetry::priority_kept(&error),
        _ => {}
    }
}
