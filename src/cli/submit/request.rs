//! `submit job` with a request of the replaced service.

use std::fs::File;
use std::io::{BufReader, Seek};

use super::job::{Arguments, Chunks, HandOver, cut, send, unreadable};
use crate::cli::config::Config;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::known_job::Known;
use crate::cli::market_data;
use crate::cli::parts;
use crate::cli::session::Session;
use crate::domain::jobs::job::JobId;
use crate::domain::jobs::split::{SplitLimits, Splitter};
use crate::messages::request::{MarketSource, Request, read_contracts, read_request_as};

pub fn run(mut file: File, name: Option<JobId>, arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let mut request = read_request_as(name, BufReader::new(&file)).map_err(|error| unreadable(&error, arguments))?;
    let (job, contracts) = (request.job.clone(), request.contracts);
    send(&job, contracts, arguments, session, |known, config| {
        complete(&mut request, &mut file, known, config)?;
        file.rewind()?;
        Ok(chunks(file, request, parts::split_limits(config), session))
    })
}

/// Cuts a request whose file stands at its beginning.
pub fn chunks(file: File, request: Request, limits: SplitLimits, session: &Session) -> impl Chunks {
    move |hand_over: &HandOver| {
        let Request { job, market, untold_dividends, notices, contracts, .. } = request;
        let splitter = Splitter::new(job, &market, limits).without_dividends_of(untold_dividends);
        let bar = session.output.progress(contracts, "contracts");
        cut(splitter, notices, &bar, hand_over, |take| read_contracts(&file, take))
    }
}

/// Market data may have changed since a submission that was cut off, and chunks of both would make one job.
fn complete(request: &mut Request, file: &mut File, known: &Known, config: &Config) -> Result<(), Failure> {
    if request.market_source != MarketSource::Sent && known.started.is_some() {
        let message =
            format!("job {} was cut off while it was sent, and its market data may have changed", request.job.id);
        return Err(Failure::new(Exit::Precondition, message).next("send it under another --idempotency-key"));
    }
    file.rewind()?;
    market_data::complete(request, BufReader::new(file), config)
}
