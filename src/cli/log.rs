//! Structured logs on standard error.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    Human,
    Json,
}

/// What is logged when nobody asks for more or less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usual {
    /// The life of a process that runs for long.
    Info,
    /// Only what somebody must act on: a command says itself why it failed.
    Errors,
}

/// Starts logging; `RUST_LOG` wins over the level. A second start in one process changes nothing.
pub fn start(usual: Usual, format: LogFormat, verbose: u8, quiet: bool) {
    let level = match (quiet, verbose, usual) {
        (true, _, _) => "error",
        (_, 0, Usual::Errors) => "error",
        (_, 0, Usual::Info) => "info",
        (_, 1, _) => "info,bookflow=debug",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // Whoever read them may be gone; complaining of that would end the process.
    let logs = logs.log_internal_errors(false);
    let _ = match format {
        LogFormat::Json => logs.json().flatten_event(true).with_current_span(false).try_init(),
        LogFormat::Human => logs.with_target(false).with_ansi(io::stderr().is_terminal()).try_init(),
    };
}
