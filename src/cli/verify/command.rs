//! `verify`: says what is proved, what is not, and the first differences; ends with 9 when there are any.

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::parts;
use crate::cli::session::Session;
use crate::cli::tail::partitions;
use crate::pipeline::topics::TRADES;

/// Audits the topics: nothing lost, doubled, out of order or torn
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Differences to show; all are counted
    #[arg(long, default_value_t = 20)]
    differences: usize,
    /// Only this job: its control totals, added up again from its published flows
    #[arg(long, value_name = "JOB")]
    job: Option<String>,
}

pub fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let config = session.config()?;
    let (broker, schemas) = (parts::broker(&config)?, parts::schemas(&config)?);
    if let Some(job) = &arguments.job {
        return super::outcome::run(job, broker.as_ref(), &schemas, session);
    }
    // Without it there is nothing to audit, and the address or the namespace is somebody else's.
    partitions(broker.as_ref(), TRADES)?;
    let report = super::audit(broker.as_ref(), &schemas, arguments.differences)?;
    session.output.say(report.json(), &report)?;
    Ok(if report.clean() { Exit::Ok } else { Exit::Mismatch })
}
