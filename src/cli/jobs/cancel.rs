//! `jobs cancel`: ends a job that runs. Twice is harmless; one that has ended otherwise stays as it is.

use std::time::Duration;

use compact_str::CompactString;

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::known_job;
use crate::cli::parts;
use crate::cli::session::Session;
use crate::cli::shown_job;
use crate::cli::submit::job::Submission;
use crate::domain::jobs::job::{Ending, JobId};

/// Ends a job that runs as CANCELLED and prints its outcome
#[derive(clap::Args, Debug)]
pub struct Arguments {
    job: String,
    /// What the outcome says
    #[arg(long, value_name = "TEXT", default_value = "asked for")]
    reason: String,
    /// Wait no longer than this for the outcome; exit code 75 then
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = known_job::duration)]
    timeout: Duration,
}

/// What an outcome says fits a line.
const REASON_CHARACTERS_MAX: usize = 500;

pub fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let job = known_job::named(&arguments.job)?;
    if arguments.reason.chars().count() > REASON_CHARACTERS_MAX || arguments.reason.contains(char::is_control) {
        let allowed = format!("--reason: allowed: one line of up to {REASON_CHARACTERS_MAX} characters");
        return Err(Failure::usage(allowed));
    }
    let config = session.config()?;
    let (broker, schemas) = (parts::broker(&config)?, parts::schemas(&config)?);
    let known = known_job::known(broker.as_ref(), &schemas, &job)?.or_unknown(&job)?;
    let outcome = match known.outcome {
        Some(outcome) => outcome,
        None => {
            // A submission that is still under way is fenced: it would go on writing chunks that nobody waits for.
            let mut submission = Submission::open(broker.as_ref(), schemas.clone(), &job)?;
            let by_reference = known.planned.is_some_and(|(_, counts)| counts.is_none());
            submission.cancel(CompactString::from(arguments.reason.as_str()), by_reference)?;
            known_job::wait(broker.as_ref(), &schemas, &job, Some(arguments.timeout), &session.output)?
        }
    };
    match outcome.ending {
        Ending::Cancelled { .. } => shown_job::show(&outcome, &session.output).map(|_| Exit::Ok),
        other => Err(ended(&job, &other)),
    }
}

fn ended(job: &JobId, ending: &Ending) -> Failure {
    Failure::new(Exit::Precondition, format!("job {job} has ended already: {}", ending.name()))
        .next(format!("`bookflow jobs describe {job}` shows its outcome"))
}
