//! `topics`: what the cluster must have, compared with what it has. Never deletes anything.
//! In reading order:

mod plan; // what would change, and what is refused
mod apply; // carrying a plan out
mod files; // topic files, compiled in or from a folder

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use self::files::Source;
use self::plan::{Plan, Risk};
use super::exit::Exit;
use super::failure::Failure;
use super::output::Ink;
use super::parts;
use super::session::Session;

/// Creates and configures topics, by plan; never deletes
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Checks the topic files without a cluster
    Validate(Source),
    /// Shows what `apply` would do; exit code 10 when that is anything
    Plan {
        #[command(flatten)]
        source: Source,
        /// Also write the plan to this file, for `apply`
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Does what `plan` shows, or what a saved plan says if the cluster is still as it was
    Apply {
        #[command(flatten)]
        source: Source,
        /// A plan written by `plan --out`
        plan: Option<PathBuf>,
        /// Also make changes after which the broker deletes or compacts records
        #[arg(long)]
        allow_destructive: bool,
    },
}

pub fn run(command: &Command, session: &Session) -> Result<Exit, Failure> {
    match command {
        Command::Validate(source) => {
            let specs = source.read()?;
            let topics: Vec<_> = specs.iter().map(|spec| spec.name.as_str()).collect();
            session.output.say(
                json!({ "topics": topics, "valid": true }),
                format!("{} topic files are valid and agree with the topology", specs.len()),
            )?;
            Ok(Exit::Ok)
        }
        Command::Plan { source, out } => {
            let plan = fresh_plan(source, session)?;
            if let Some(path) = out {
                let json = serde_json::to_string_pretty(&plan).expect("a plan is plain data");
                fs::write(path, json).map_err(|error| Failure::from(error).during(path.display().to_string()))?;
            }
            show(&plan, session)?;
            Ok(match (plan.refused.is_empty(), plan.changes.is_empty()) {
                (false, _) => Exit::Precondition,
                (true, false) => Exit::Changes,
                (true, true) => Exit::Ok,
            })
        }
        Command::Apply { source, plan: saved, allow_destructive } => {
            let plan = fresh_plan(source, session)?;
            if let Some(path) = saved {
                same_as_saved(&plan, path)?;
            }
            apply::run(&plan, *allow_destructive, source, session)
        }
    }
}

fn fresh_plan(source: &Source, session: &Session) -> Result<Plan, Failure> {
    let config = session.config()?;
    let specs = source.read()?;
    Plan::make(&specs, source.replication, &config.kafka.namespace, parts::admin(&config)?.as_ref())
}

/// A saved plan is only worth something while it is still what would be planned now.
fn same_as_saved(plan: &Plan, path: &PathBuf) -> Result<(), Failure> {
    let text = fs::read_to_string(path).map_err(|error| Failure::from(error).during(path.display().to_string()))?;
    let saved: Plan = serde_json::from_str(&text)
        .map_err(|error| Failure::usage(format!("{} is not a plan: {error}", path.display())))?;
    if saved == *plan {
        return Ok(());
    }
    let moved = format!("{}: the cluster, the namespace or the topic files have changed since", path.display());
    Err(Failure::new(Exit::Precondition, moved).next("make a new plan with `bookflow topics plan --out`"))
}

fn show(plan: &Plan, session: &Session) -> Result<(), Failure> {
    let output = &session.output;
    let mut lines = Vec::new();
    for change in &plan.changes {
        let ink = match change.risk {
            Risk::Safe => Ink::Good,
            Risk::Destructive => Ink::Bad,
        };
        lines.push(format!("{} {}: {} ({})", output.ink(ink, "+"), change.topic, change.action, change.risk));
    }
    for refusal in &plan.refused {
        lines.push(format!("{} {}: {}", output.ink(Ink::Bad, "!"), refusal.topic, refusal.reason));
    }
    lines.push(format!("{} changes, {} refused", plan.changes.len(), plan.refused.len()));
    let json: Value = serde_json::to_value(plan).expect("a plan is plain data");
    output.say(json, lines.join("\n"))
}
