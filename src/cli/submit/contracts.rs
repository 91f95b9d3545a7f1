//! `submit contracts`: terms of contracts onto the topic `contracts`, each version once; what cannot be read goes into a file with its path.

use super::known::{self, Known, Reference};
use super::submission::Submission;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::domain::key::ContractId;
use crate::messages::contract::ContractVersion;
use crate::messages::document::points::contracts;
use crate::pipeline::knowledge::Subject;
use crate::pipeline::topics::CONTRACTS;

/// Sends the terms of contracts; those that cannot be read go to FILE.rejected
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// File with a `contracts` list, a contract a line or one contract, or - for standard input
    file: String,
    /// Version of contracts that do not state one [default: the next one where the terms have changed]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    version: Option<u32>,
    /// Check only and show which positions would be reached, send nothing
    #[arg(long)]
    dry_run: bool,
}

pub fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let json = known::content(&arguments.file)?;
    let mut submission = Submission::open(session, CONTRACTS, &arguments.file, arguments.dry_run)?;
    let Reference { mut calendars, day, .. } = Reference::read(submission.broker.as_ref(), &submission.schemas)?;
    let rows = contracts(&json, &mut calendars, day).map_err(|invalid| known::unreadable(&arguments.file, &invalid))?;
    let mut stated = submission.read(rows)?;
    for contract in &mut stated {
        contract.version = contract.version.or(arguments.version);
    }
    let mut known: Known<ContractId, Option<Box<str>>> = known::nothing(stated.iter().map(|contract| &contract.about));
    known::each::<ContractVersion>(submission.broker.as_ref(), &submission.schemas, CONTRACTS, |contract| {
        if let Some(versions) = known.get_mut(&contract.id) {
            versions.know(contract.version, contract.terms);
        }
    })?;
    let stated = stated.into_iter().map(|contract| contract.map(Some)).collect();
    submission.send(
        stated,
        &mut known,
        |id| Ok(Some(Subject::Contract(id.clone()))),
        |id, version, terms| {
            let contract = ContractVersion { id, version, terms };
            (contract.key(), contract)
        },
    )?;
    submission.finish(session)
}
