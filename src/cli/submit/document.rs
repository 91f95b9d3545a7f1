//! `submit job` with a document: contracts with all their terms.

use std::fs::File;
use std::io::{BufReader, Seek};

use super::job::{Arguments, HandOver, cut, send, unreadable};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::parts;
use crate::cli::session::Session;
use crate::domain::jobs::job::{Calculation, Job, JobId};
use crate::messages::document::split::Splitter;
use crate::messages::document::stream::{Head, read_head, stream_contracts};

pub fn run(mut file: File, name: Option<JobId>, arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let Head { request, valuation_date, contracts, notices, frame } =
        read_head(BufReader::new(&file)).map_err(|error| unreadable(&error, arguments))?;
    let id = name.unwrap_or_else(|| JobId::new(&format!("document-{request:032x}")).expect("short and printable"));
    let job = Job { id, request, valuation_date, calculation: Calculation::Valuation };
    send(&job, contracts, arguments, session, |_, config| {
        file.rewind()?;
        let splitter = Splitter::new(job.clone(), &frame, parts::split_limits(config));
        let bar = session.output.progress(contracts, "contracts");
        Ok(move |hand_over: &HandOver| cut(splitter, notices, &bar, hand_over, |take| stream_contracts(&file, take)))
    })
}
