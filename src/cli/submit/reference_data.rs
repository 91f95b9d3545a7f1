//! `submit reference-data`: calendars, indices, securities, accounts and the business date onto the topic `reference-data`.

use chrono::NaiveDate;

use super::known::{self, Reference};
use super::series;
use super::submission::Submission;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::messages::document::points::{business_date, reference_data};
use crate::pipeline::topics::REFERENCE_DATA;

/// Sends calendars, indices, corporate actions, securities, accounts and the business date
#[derive(clap::Args, Debug)]
#[command(after_help = FORMS)]
pub struct Arguments {
    /// File with reference data, or - for standard input
    #[arg(required_unless_present = "business_date")]
    file: Option<String>,
    /// The day at whose end cash flows stand from now on
    #[arg(long, value_name = "DATE", value_parser = series::dashed)]
    business_date: Option<NaiveDate>,
    /// First day that calendars from CSV know
    #[arg(long, value_name = "DATE", requires = "to")]
    from: Option<NaiveDate>,
    /// Last day that calendars from CSV know
    #[arg(long, value_name = "DATE", requires = "from")]
    to: Option<NaiveDate>,
    /// Check only and show which positions would be reached, send nothing
    #[arg(long)]
    dry_run: bool,
}

const FORMS: &str = "\
Forms, known by how the file begins:
  {\"calendars\": ..., \"indices\": ..., \"securities\": {\"ACME\": {\"market\": \"XNYS\", \"currency\": \"USD\"}},
   \"accounts\": {\"FUND1\": {\"zone\": \"America/New_York\", \"cutOff\": \"17:00\"}}, \"businessDate\": \"2025-03-10\"}
                  or a document as `calculate` reads it: its calendars and the terms of its indices
  calendar,date   holidays, weekends left out or not; needs --from and --to
  mic,date,kind,local_close
                  the days on which exchanges are `closed`; an `early_close` is a business day";

pub fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let file = arguments.file.as_deref();
    let content = file.map(known::content).transpose()?;
    let during = |failure: Failure| failure.during(file.unwrap_or_default());
    let name = file.unwrap_or("business-date");
    let mut submission = Submission::open(session, REFERENCE_DATA, name, arguments.dry_run)?;
    let Reference { mut calendars, day, .. } = Reference::read(submission.broker.as_ref(), &submission.schemas)?;
    let mut stated = Vec::new();
    if let Some(content) = content {
        let content = match content.trim_ascii_start().first() {
            Some(b'{') => content,
            _ => {
                let range = arguments.from.zip(arguments.to).ok_or_else(|| {
                    Failure::usage("a list of holidays does not say which days it knows").next("give --from and --to")
                })?;
                let (calendars, refused) = series::calendars(&content, range).map_err(during)?;
                submission.read_rows(refused)?;
                calendars
            }
        };
        let rows = reference_data(&content, &mut calendars).map_err(|invalid| known::unreadable(name, &invalid))?;
        stated = submission.read(rows)?;
    }
    stated.extend(arguments.business_date.map(|date| business_date("--business-date".into(), date)));
    submission.send_reference(stated, day)?;
    submission.finish(session)
}
