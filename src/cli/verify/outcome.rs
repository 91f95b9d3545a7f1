//! `verify --job`: the control totals of one job, added up again from its published flows.

use serde_json::json;

use super::jobs::summary;
use super::recalculation;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::job_flows;
use crate::cli::jobs::retry::once_more;
use crate::cli::known_job;
use crate::cli::recalculations;
use crate::cli::session::Session;
use crate::domain::jobs::job::{Ending, JobId};
use crate::domain::jobs::notice::{Notice, NoticeCode, Severity};
use crate::domain::jobs::totals::ControlTotals;
use crate::engine::broker::Broker;
use crate::messages::schemas::Schemas;

/// What a job has told of its totals, and what its published flows come to.
pub struct AddedUp {
    pub ending: Ending,
    pub told: ControlTotals,
    pub found: ControlTotals,
    /// As far as flows can tell.
    pub same: bool,
}

pub fn run(name: &str, broker: &dyn Broker, schemas: &Schemas, session: &Session) -> Result<Exit, Failure> {
    let job = known_job::named(name)?;
    let AddedUp { ending, told, found, same } = add_up(&job, broker, schemas)?;
    let (ending, told, found) = (ending.name(), summary(&told), summary(&found));
    let json = json!({ "job": job.as_str(), "ending": ending, "clean": same, "told": told, "found": found });
    let text = match same {
        true => format!("{job} {ending}: its flows add up to {told}"),
        false => format!("{job} {ending}: its flows do not add up\n  outcome {told}\n  flows   {found}"),
    };
    session.output.say(json, text)?;
    Ok(if same { Exit::Ok } else { Exit::Mismatch })
}

/// Adds the published flows of a job up again. Refuses what they cannot prove.
pub fn add_up(job: &JobId, broker: &dyn Broker, schemas: &Schemas) -> Result<AddedUp, Failure> {
    let known = known_job::known(broker, schemas, job)?.or_unknown(job)?;
    let Some(outcome) = &known.outcome else {
        return Err(Failure::new(Exit::Precondition, format!("job {job} has not ended"))
            .next(format!("`bookflow watch {job}` follows it to its end")));
    };
    if !outcome.ending.complete() {
        let message = format!("job {job} ended as {}: its flows are no whole", outcome.ending.name());
        return Err(Failure::new(Exit::Precondition, message).next(once_more(job, &known)));
    }
    let asked = recalculations::asked(broker, schemas, job)?;
    let (found, otherwise) = match &asked {
        Some((asked, at)) => recalculation::recalculated(asked, *at, job, broker, schemas)?,
        None => (recalculated(job, broker, schemas)?, None),
    };
    let told = &outcome.totals;
    let same = (told.flows, &told.sums, told.hash) == (found.flows, &found.sums, found.hash)
        && (asked.is_some() || told.counts.contracts == found.counts.contracts);
    if let Some(otherwise) = otherwise.filter(|_| !same) {
        return Err(otherwise);
    }
    let left_out = |row: &Notice| row.severity == Severity::Error && row.code == NoticeCode::NotCalculated;
    if !same && asked.is_some() && outcome.rows.iter().any(left_out) {
        let message = format!(
            "part of job {job} was not calculated: what counts of that is on `cash-flows`, and not in its totals"
        );
        return Err(Failure::new(Exit::Precondition, message).next("submit its request again under another name"));
    }
    Ok(AddedUp { ending: outcome.ending.clone(), told: told.clone(), found, same })
}

/// What flows alone can tell: their number, sums and hash, and the contracts that were answered.
fn recalculated(job: &JobId, broker: &dyn Broker, schemas: &Schemas) -> Result<ControlTotals, Failure> {
    let mut totals = ControlTotals::default();
    let cut = job_flows::each(broker, schemas, job, |message| {
        totals.counts.contracts += u64::from((message.flows.part, message.flows.piece) == (0, 0));
        totals.add_contract(&message.flows);
        Ok(())
    })?;
    match cut && totals.flows == 0 {
        true => Err(Failure::new(Exit::Precondition, format!("the flows of job {job} are past their retention"))
            .next("submit its request again under another name")),
        false => Ok(totals),
    }
}
