//! `submit trades`: a file of trades onto the topic `trades`.

use super::deliveries::{Source, submit};
use super::fields::Fields;
use super::rows::Reading;
use super::{old_trade, row};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::messages::trade::Delivery;

/// Sends trades from NDJSON or CSV, with the fields of `schemas/trade.avsc` or as the replaced service has them; rows that cannot be taken go to FILE.rejected
#[derive(clap::Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    source: Source,
}

pub fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    submit(&arguments.source, "trades", TRADES, session)
}

/// Rows as trades.
pub const TRADES: Reading = Reading {
    json: |text| match old_trade::old(text) {
        true => Ok(old_trade::trades(text)?.into_iter().map(Delivery::Trade).collect()),
        false => Ok(vec![Delivery::Trade(row::trade(Fields::of_json(text)?)?)]),
    },
    columns: |fields| row::trade(fields).map(Delivery::Trade),
};
