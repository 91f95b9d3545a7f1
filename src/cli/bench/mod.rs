//! `bench`: measures, prints its conditions, and judges nothing. In reading order:

pub mod capture; // trades in, everything out
mod ours; // our worker
mod copying; // a loop by hand, the limit
mod usage; // wall and CPU time

use super::exit::Exit;
use super::failure::Failure;
use super::session::Session;

/// Measures on this machine, with all conditions
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    Capture(capture::Arguments),
}

pub fn run(command: &Command, session: &Session) -> Result<Exit, Failure> {
    match command {
        Command::Capture(arguments) => capture::run(arguments, session),
    }
}
