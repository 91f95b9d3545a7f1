//! `jobs`: what runs and how it ended, and the words that end a job or try it again.
//! In reading order:

pub mod list; // `jobs list`
mod describe; // `jobs describe`
mod cancel; // `jobs cancel`
pub mod retry; // `jobs retry`

use super::exit::Exit;
use super::failure::Failure;
use super::session::Session;

/// Lists, describes, cancels and retries calculation jobs
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    List(list::Arguments),
    Describe(describe::Arguments),
    Cancel(cancel::Arguments),
    Retry(retry::Arguments),
}

pub fn run(command: &Command, session: &Session) -> Result<Exit, Failure> {
    match command {
        Command::List(arguments) => list::run(arguments, session),
        Command::Describe(arguments) => describe::run(arguments, session),
        Command::Cancel(arguments) => cancel::run(arguments, session),
        Command::Retry(arguments) => retry::run(arguments, session),
    }
}
