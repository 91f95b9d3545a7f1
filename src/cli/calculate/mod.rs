//! `calculate`: a file with contracts and their market in, cash flows out. No broker, no settings, no clock.

pub mod answer; // flows and rows, whatever they were calculated from
mod swaps; // a document with full terms
pub mod request; // a request of the replaced service
mod show; // as a table, as JSON, as CSV

use std::error::Error;
use std::fs::File;
use std::io::{self, Read};

use serde_json::value::RawValue;

use self::answer::{Answer, Wanted};
use super::exit::Exit;
use super::failure::{Failure, chain};
use super::session::Session;
use super::submit::fields::members;

/// Calculates the cash flows of a file with contracts and their market data
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// File with the document (docs/calculate.md) or a calculation request, or - for standard input
    file: String,
    /// Show how flows were calculated: those whose id begins like this, or all
    #[arg(long, value_name = "ID|all")]
    explain: Option<String>,
    /// One line per flow, with a header
    #[arg(long, conflicts_with_all = ["json", "explain"])]
    csv: bool,
}

/// 1 GiB: what stands in memory at once. A larger request goes to `submit job`, which streams it.
const BYTES_MAX: u64 = 1 << 30;

pub fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let wanted = match arguments.explain.as_deref() {
        None => Wanted::Nothing,
        Some("all") => Wanted::All,
        Some(id) => Wanted::Like(id.to_ascii_lowercase()),
    };
    let json = read(&arguments.file)?;
    let answer = calculate(&json, &wanted).map_err(|failure| failure.during(&arguments.file))?;
    if let (Wanted::Like(id), true) = (&wanted, answer.explanations.is_empty()) {
        let failure = Failure::usage(format!("no calculated flow has an id that begins with {id}"));
        return Err(failure.next("look at the ids without --explain"));
    }
    if arguments.csv {
        show::csv(&answer, session)?;
    } else {
        session.output.say(show::json(&answer), show::text(&answer, &wanted, session))?;
    }
    Ok(if answer.complete() { Exit::Ok } else { Exit::Partial })
}

fn calculate(json: &[u8], wanted: &Wanted) -> Result<Answer, Failure> {
    if replaced(json) { request::calculate(json, wanted) } else { swaps::calculate(json, wanted) }
}

/// What keeps the file as a whole from being read.
fn unreadable(error: &dyn Error) -> Failure {
    Failure::new(Exit::Partial, chain(error)).next(
        "mend the file: docs/calculate.md says what a document holds, docs/calculation-requests.md what a request does; a number in JSON is never NaN",
    )
}

/// Whether the file has the shape of the replaced service's requests.
fn replaced(json: &[u8]) -> bool {
    let text = std::str::from_utf8(json).unwrap_or_default();
    let members: Vec<(String, &RawValue)> = members(text).unwrap_or_default();
    members.iter().any(|(name, _)| name == "contractPositions")
}

fn read(file: &str) -> Result<Vec<u8>, Failure> {
    let open = || -> io::Result<Box<dyn Read>> {
        Ok(if file == "-" { Box::new(io::stdin().lock()) } else { Box::new(File::open(file)?) })
    };
    let mut json = Vec::new();
    let filled = open().and_then(|reader| reader.take(BYTES_MAX + 1).read_to_end(&mut json));
    let bytes = filled.map_err(|error| Failure::from(error).during(file))?;
    if bytes as u64 > BYTES_MAX {
        return Err(
            Failure::usage(format!("{file} is larger than {BYTES_MAX} bytes")).next("`bookflow submit job` streams")
        );
    }
    Ok(json)
}
