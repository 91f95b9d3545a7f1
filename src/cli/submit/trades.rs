//! `submit trades`: a file of trades onto the topic `trades`.

use super::deliveries::{Source, submit};
use super::fields::{Fields, RowError};
use super::left_out::LeftOut;
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
    submit(&arguments.source, "trades", &Trades(LeftOut::new(session)), session)
}

/// Rows as trades.
#[derive(Default)]
pub struct Trades<'s>(LeftOut<'s>);

impl Reading for Trades<'_> {
    fn json(&self, text: &str) -> Result<Vec<Delivery>, RowError> {
        match old_trade::old(text) {
            true => Ok(old_trade::trades(text)?.into_iter().map(Delivery::Trade).collect()),
            false => Ok(vec![self.columns(Fields::of_json(text)?)?]),
        }
    }

    fn columns(&self, fields: Fields) -> Result<Delivery, RowError> {
        row::trade(fields, &self.0).map(Delivery::Trade)
    }

    fn check(&self) -> Result<(), Failure> {
        self.0.check()
    }
}
