//! Threads that give way to others where processors are short.

use rustix::process::setpriority_process;

use crate::telemetry;

/// A tenth of the share of a thread that does not. Linux compares threads of one cgroup, and with `kernel.sched_autogroup_enabled` of one
/// session: between containers their shares decide (`docker-compose.yml`).
const NICE: i32 = 10;

/// For this thread, and for those that it starts from now on.
pub fn give_way() {
    // Linux keeps priorities by thread and takes no process for the calling one.
    if let Err(error) = setpriority_process(None, NICE) {
        telemetry::priority_kept(&error.into());
    }
}
