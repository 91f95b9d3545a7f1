//! `submit market-data`: prices, fixings, exchange rates, dividends, fee rates and disrupted days onto the topic `market-data`.

use chrono::NaiveDate;

use super::known;
use super::series::{self, Named};
use super::submission::Submission;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::messages::document::points::market_data;
use crate::pipeline::topics::MARKET_DATA;

/// Sends market data; a value that has changed is a correction, and what is known already is not sent twice
#[derive(clap::Args, Debug)]
#[command(after_help = FORMS)]
pub struct Arguments {
    /// File with market data, or - for standard input
    file: String,
    /// Name of the index whose rates the file has
    #[arg(long, value_name = "NAME")]
    index: Option<String>,
    /// Name of the fix whose exchange rates the file has
    #[arg(long, value_name = "NAME")]
    fix: Option<String>,
    /// Nothing before this day
    #[arg(long, value_name = "DATE")]
    from: Option<NaiveDate>,
    /// Nothing after this day
    #[arg(long, value_name = "DATE")]
    to: Option<NaiveDate>,
    /// Check only and show which positions would be reached, send nothing
    #[arg(long)]
    dry_run: bool,
}

const FORMS: &str = "\
Forms, known by how the file begins:
  {\"marketData\": ...}               a document as `calculate` reads it, or its marketData alone
  kind,name,detail,date,version,value
  DATE,SOFR                         rates of an index in percent, `.` where there is none
  DATE,OPEN,HIGH,LOW,CLOSE,VOLUME   the same with dates as 20250310; needs --index
  Date,USD,JPY,...                  units of each currency for one euro; needs --fix";

pub fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let content = known::content(&arguments.file)?;
    let during = |failure: Failure| failure.during(&arguments.file);
    let mut submission = Submission::open(session, MARKET_DATA, &arguments.file, arguments.dry_run)?;
    let mut stated = match content.trim_ascii_start().first() {
        Some(b'{') => {
            let rows = market_data(&content).map_err(|invalid| known::unreadable(&arguments.file, &invalid))?;
            submission.read(rows)?
        }
        _ => {
            let named = Named { index: arguments.index.as_deref(), fix: arguments.fix.as_deref() };
            let rows = series::market_data(&content, named).map_err(during)?;
            submission.read_rows(rows)?
        }
    };
    let within =
        |date: NaiveDate| arguments.from.is_none_or(|from| date >= from) && arguments.to.is_none_or(|to| date <= to);
    stated.retain(|point| point.about.date.is_none_or(within));
    submission.send_points(stated)?;
    submission.finish(session)
}
