//! Why a command failed, for an operator: what, why, and what to do next.

use std::error::Error;
use std::io;

use serde_json::json;

use super::exit::Exit;
use crate::engine::broker::{BrokerError, ErrorKind};
use crate::engine::stop::Stop;
use crate::engine::topology::TopologyError;
use crate::messages::schemas::RegistryUnavailable;

#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    /// What failed and why, the whole chain.
    pub message: String,
    /// The next command to run or thing to look at.
    pub next: Option<String>,
}

impl Failure {
    pub fn new(exit: Exit, message: impl Into<String>) -> Failure {
        Failure { exit, message: message.into(), next: None }
    }

    pub fn usage(message: impl Into<String>) -> Failure {
        Failure::new(Exit::Usage, message)
    }

    pub fn next(mut self, next: impl Into<String>) -> Failure {
        self.next = Some(next.into());
        self
    }

    /// Says what was being done when it failed.
    pub fn during(mut self, what: impl AsRef<str>) -> Failure {
        self.message = format!("{}: {}", what.as_ref(), self.message);
        self
    }

    /// Nobody reads our output any more: not worth a word.
    pub fn silent(&self) -> bool {
        self.message.is_empty()
    }

    pub fn json(&self) -> serde_json::Value {
        json!({ "error": { "exit_code": self.exit.code(), "message": self.message, "next": self.next } })
    }
}

/// An error with everything that caused it, once.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

impl From<BrokerError> for Failure {
    fn from(error: BrokerError) -> Failure {
        let exit = match error.kind {
            ErrorKind::Unavailable => Exit::Unreachable,
            ErrorKind::Denied => Exit::Denied,
            ErrorKind::Fenced | ErrorKind::TwinInstance => Exit::Fenced,
            ErrorKind::OffsetOutOfRange => Exit::Precondition,
            _ => Exit::Failed,
        };
        let failure = Failure::new(exit, error.message);
        match exit {
            Exit::Precondition => failure.next(
                "retention has deleted what was not read: restore it, or go on without it: `bookflow worker --skip-lost-input`; or a copy without it leads: restore it",
            ),
            Exit::Denied => {
                failure.next("look at kafka.ca_file, kafka.username, kafka.password and the cluster's access rules")
            }
            _ => failure,
        }
    }
}

/// Stops say themselves what to do next.
impl From<Stop> for Failure {
    fn from(stop: Stop) -> Failure {
        match stop {
            Stop::Broker(error) => error.into(),
            Stop::Topology(error) => error.into(),
            stop => {
                let exit = match stop.exit_code() {
                    3 => Exit::Precondition,
                    8 => Exit::Fenced,
                    9 => Exit::Mismatch,
                    _ => Exit::Failed,
                };
                Failure::new(exit, chain(&stop))
            }
        }
    }
}

impl From<TopologyError> for Failure {
    fn from(error: TopologyError) -> Failure {
        match error {
            TopologyError::Broker(error) => error.into(),
            TopologyError::UnknownStage(..) => Failure::usage(chain(&error)),
            error => Failure::new(Exit::Precondition, chain(&error)),
        }
    }
}

impl From<RegistryUnavailable> for Failure {
    fn from(error: RegistryUnavailable) -> Failure {
        Failure::new(Exit::Unreachable, error.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::new(Exit::Ok, ""),
            io::ErrorKind::NotFound => Failure::new(Exit::Failed, error.to_string())
                .next("a name without / before it is looked for where the command was started"),
            _ => Failure::new(Exit::Failed, error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_stops_and_its_process_end_with_the_same_code() {
        use ErrorKind::*;
        for kind in [Unavailable, Fenced, NotMember, TwinInstance, OffsetOutOfRange, TooLarge, Denied, Fatal] {
            let stop = || Stop::of(BrokerError::new(kind, "told so"), "one");
            assert_eq!(Failure::from(stop()).exit.code(), stop().exit_code(), "{kind:?}");
        }
    }
}
