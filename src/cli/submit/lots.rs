//! `submit lots`: a file of lots that were there before onto the topic `trades`.

use super::deliveries::{Source, submit};
use super::fields::{Fields, RowError};
use super::lot_row;
use super::rows::Reading;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::messages::trade::Delivery;

/// Opens positions with lots that were there before, from NDJSON or CSV; rows that cannot be taken go to FILE.rejected
#[derive(clap::Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    source: Source,
}

pub fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    submit(&arguments.source, "lots", &Lots, session)
}

/// Rows as lots.
struct Lots;

impl Reading for Lots {
    fn json(&self, text: &str) -> Result<Vec<Delivery>, RowError> {
        Ok(vec![self.columns(Fields::of_json(text)?)?])
    }

    fn columns(&self, fields: Fields) -> Result<Delivery, RowError> {
        lot_row::lot(fields).map(Delivery::Lot)
    }
}
