//! `submit`: trades and calculation jobs from files.
//! In reading order:

mod trades; // `submit trades`
pub(super) mod job; // `submit job`
mod rows; // a file -> rows, one after another
mod row; // a row -> a trade
pub(super) mod fields; // a row as named texts
mod old_trade; // the replaced service's trade -> trades
mod rejected; // rows that could not be taken
mod sender; // records in transactions

use super::exit::Exit;
use super::failure::Failure;
use super::session::Session;

/// Sends trades or a calculation job from a file
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    Trades(trades::Arguments),
    Job(job::Arguments),
}

pub fn run(command: &Command, session: &Session) -> Result<Exit, Failure> {
    match command {
        Command::Trades(arguments) => trades::run(arguments, session),
        Command::Job(arguments) => job::run(arguments, session),
    }
}
