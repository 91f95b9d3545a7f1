//! `submit`: trades, lots, contracts, market and reference data, and calculation jobs from files; names for what is known.
//! In reading order:

mod trades; // `submit trades`
mod lots; // `submit lots`
mod contracts; // `submit contracts`
mod market_data; // `submit market-data`
mod reference_data; // `submit reference-data`
pub mod snapshot; // `submit snapshot`
pub mod job; // `submit job`
pub mod request; // `submit job` with a request of the replaced service
mod document; // `submit job` with a document
pub mod recalculation; // `submit job` by reference
pub(super) mod changes; // a document -> the next versions of what it has
mod rows; // a file -> rows, one after another
mod relief; // what a row orders for its own close
mod row; // a row -> a trade
mod left_out; // what a row leaves out and reference data know
mod lot_row; // a row -> a lot that was there before
mod deliveries; // trades or lots of a file onto their topic
pub(super) mod fields; // a row as named texts
mod old_trade; // the replaced service's trade -> trades
mod series; // CSV of market data and calendars -> points
mod versions; // which version a value gets, by those that are known
mod known; // what is on the topics already
mod submission; // what a file states -> what is sent, unchanged, corrected, rejected
mod radius; // which positions a change reaches
mod rejected; // rows that could not be taken
pub(super) mod sender; // records in transactions

use super::exit::Exit;
use super::failure::Failure;
use super::session::Session;

/// Sends trades, lots, contracts, market or reference data, or a calculation job from a file; or names what is known now
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    Trades(trades::Arguments),
    Lots(lots::Arguments),
    Contracts(contracts::Arguments),
    MarketData(market_data::Arguments),
    ReferenceData(reference_data::Arguments),
    Snapshot(snapshot::Arguments),
    Job(job::Arguments),
}

pub fn run(command: &Command, session: &Session) -> Result<Exit, Failure> {
    match command {
        Command::Trades(arguments) => trades::run(arguments, session),
        Command::Lots(arguments) => lots::run(arguments, session),
        Command::Contracts(arguments) => contracts::run(arguments, session),
        Command::MarketData(arguments) => market_data::run(arguments, session),
        Command::ReferenceData(arguments) => reference_data::run(arguments, session),
        Command::Snapshot(arguments) => snapshot::run(arguments, session),
        Command::Job(arguments) => job::run(arguments, session),
    }
}
