//! Exit codes: what a script can tell apart.

use std::process::ExitCode;

/// How the process ends. Numbers are part of the interface: never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    Ok = 0,
    /// Anything without a number of its own.
    Failed = 1,
    /// Wrong arguments or settings.
    Usage = 2,
    /// The cluster is not as it must be: missing topics, drift, never started.
    Precondition = 3,
    /// A measured value is beyond its threshold.
    Threshold = 4,
    Denied = 5,
    /// Broker or registry cannot be reached.
    Unreachable = 6,
    /// The job did not complete without errors, or some rows were rejected.
    Partial = 7,
    /// Another process uses our identity.
    Fenced = 8,
    /// The data contradict themselves.
    Mismatch = 9,
    /// A plan has changes.
    Changes = 10,
    /// Try again later: the time limit of a wait has passed, and what is waited for goes on.
    Temporary = 75,
    Interrupted = 130,
}

impl Exit {
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}
