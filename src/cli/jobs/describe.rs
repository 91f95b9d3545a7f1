//! `jobs describe`: everything that is known of one job.

use serde_json::{Value, json};

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::known_job;
use crate::cli::parts;
use crate::cli::session::Session;
use crate::cli::shown_job;
use crate::cli::watch::instant;

/// How a job stands or ended, what it tried again, how long it took
#[derive(clap::Args, Debug)]
pub struct Arguments {
    job: String,
}

pub fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let job = known_job::named(&arguments.job)?;
    let config = session.config()?;
    let (broker, schemas) = (parts::broker(&config)?, parts::schemas(&config)?);
    let known = known_job::known(broker.as_ref(), &schemas, &job)?.or_unknown(&job)?;
    let output = &session.output;
    let progress = known.progress.as_ref();
    let json = json!({
        "job": job.as_str(),
        "request": known.request().map(|request| format!("{request:032x}")),
        "planned_chunks": known.planned.map(|(chunks, _)| chunks),
        "planned_contracts": known.planned.and_then(|(_, counts)| counts).map(|counts| counts.contracts),
        "progress": progress.map_or(Value::Null, shown_job::progress_json),
        "outcome": known.outcome.as_ref().map_or(Value::Null, shown_job::outcome_json),
    });
    let mut lines = Vec::new();
    lines.extend(progress.map(shown_job::progress_text));
    lines.extend(known.request().map(|request| format!("  request {request:032x}")));
    lines.extend(known.planned.map(|(chunks, counts)| {
        format!("  planned {chunks} chunks{}", counts.map_or(String::new(), |counts| format!(": {counts}")))
    }));
    lines.extend(progress.map(|progress| {
        let [first, last] = [progress.first, progress.last].map(|moment| instant(moment.0));
        let (first, last) = (first.as_str().unwrap_or_default(), last.as_str().unwrap_or_default());
        format!("  from {first} to {last}, {:.3} s; {} late chunks", progress.elapsed().as_seconds_f64(), progress.late)
    }));
    lines.extend(known.outcome.as_ref().map(|outcome| shown_job::outcome_text(outcome, output)));
    if lines.is_empty() {
        lines.push(format!("{job} was announced; no worker has taken it up yet"));
    }
    output.say(json, lines.join("\n"))?;
    Ok(Exit::Ok)
}
