//! `jobs list`: the jobs of `job-progress`, the latest first.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::known_job;
use crate::cli::parts;
use crate::cli::session::Session;
use crate::cli::shown_job::{self, UNANNOUNCED};
use crate::cli::tail::{From, Tail};
use crate::domain::jobs::collect::Progress;
use crate::domain::key::Timestamp;
use crate::engine::broker::Broker;
use crate::messages::schemas::Schemas;
use crate::pipeline::topics::{CALCULATION_OUTCOMES, JOB_PROGRESS};

/// Jobs that run, or have ended within `jobs.kept`; the latest first
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Only those in this state: RUNNING, UNANNOUNCED, COMPLETED, COMPLETED_WITH_ERRORS, TIMED_OUT, CANCELLED, REJECTED
    #[arg(long, ignore_case = true, value_parser = STATES)]
    state: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    max: u32,
}

const STATES: [&str; 7] =
    ["RUNNING", UNANNOUNCED, "COMPLETED", "COMPLETED_WITH_ERRORS", "TIMED_OUT", "CANCELLED", "REJECTED"];

pub struct Row {
    first: Timestamp,
    pub json: Value,
    text: String,
}

pub fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let config = session.config()?;
    let (broker, schemas) = (parts::broker(&config)?, parts::schemas(&config)?);
    let rows = rows(arguments.state.as_deref(), arguments.max as usize, broker.as_ref(), &schemas)?;
    let text = match rows.is_empty() {
        true => "no jobs".to_owned(),
        false => rows.iter().map(|row| row.text.as_str()).collect::<Vec<_>>().join("\n"),
    };
    session.output.say(json!({ "jobs": rows.into_iter().map(|row| row.json).collect::<Vec<_>>() }), text)?;
    Ok(Exit::Ok)
}

/// At most `max`, of one state or all.
pub fn rows(state: Option<&str>, max: usize, broker: &dyn Broker, schemas: &Schemas) -> Result<Vec<Row>, Failure> {
    let (mut announced, mut unannounced) = (BTreeMap::<Vec<u8>, Row>::new(), BTreeMap::<Vec<u8>, Row>::new());
    Tail::open(broker, JOB_PROGRESS, From::Start)?.to_end(|record| {
        let key = record.key.unwrap_or_default();
        // Each version of a job replaces the one before.
        announced.remove(key);
        unannounced.remove(key);
        let Some(value) = record.value else { return Ok(()) };
        let progress = known_job::read::<Progress>(schemas, JOB_PROGRESS, value)?;
        let word = shown_job::state(&progress);
        if state.is_none_or(|state| state.eq_ignore_ascii_case(word)) {
            let rows = if word == UNANNOUNCED { &mut unannounced } else { &mut announced };
            rows.insert(key.to_vec(), Row::of(&progress));
        }
        if announced.len() >= 2 * max {
            latest(&mut announced, max);
        }
        Ok(())
    })?;
    if !unannounced.is_empty() {
        // One that has an outcome was forgotten after its end, and a chunk has come in late since.
        Tail::open(broker, CALCULATION_OUTCOMES, From::Start)?.to_end(|record| {
            unannounced.remove(record.key.unwrap_or_default());
            Ok(())
        })?;
    }
    announced.append(&mut unannounced);
    latest(&mut announced, max);
    let mut rows: Vec<_> = announced.into_values().collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.first));
    Ok(rows)
}

impl Row {
    fn of(progress: &Progress) -> Row {
        Row {
            first: progress.first,
            json: shown_job::progress_json(progress),
            text: shown_job::progress_text(progress),
        }
    }
}

/// Forgets all but the latest, so that a long history takes no memory.
fn latest(rows: &mut BTreeMap<Vec<u8>, Row>, max: usize) {
    let mut firsts: Vec<_> = rows.values().map(|row| row.first).collect();
    firsts.sort_unstable_by(|a, b| b.cmp(a));
    if let Some(oldest) = firsts.get(max.saturating_sub(1)).copied() {
        rows.retain(|_, row| row.first >= oldest);
    }
}
