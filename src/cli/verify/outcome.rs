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
use crate::domain::jobs::job::JobId;
use crate::domain::jobs::totals::ControlTotals;
use crate::engine::broker::Broker;
use crate::messages::schemas::Schemas;

pub fn run(name: &str, broker: &dyn Broker, schemas: &Schemas, session: &Session) -> Result<Exit, Failure> {
    let job = known_job::named(name)?;
    let known = known_job::known(broker, schemas, &job)?.or_unknown(&job)?;
    let Some(outcome) = &known.outcome else {
        return Err(Failure::new(Exit::Precondition, format!("job {job} has not ended"))
            .next(format!("`bookflow watch {job}` follows it to its end")));
    };
    if !outcome.ending.complete() {
        let message = format!("job {job} ended as {}: its flows are no whole", outcome.ending.name());
        return Err(Failure::new(Exit::Precondition, message).next(once_more(&job, &known)));
    }
    let asked = recalculations::asked(broker, schemas, &job)?;
    let (found, told_since) = match &asked {
        Some((asked, at)) => recalculation::recalculated(asked, *at, &job, broker, schemas)?,
        None => (recalculated(&job, broker, schemas)?, 0),
    };
    let told = &outcome.totals;
    let same = (told.flows, &told.sums, told.hash) == (found.flows, &found.sums, found.hash)
        && (asked.is_some() || told.counts.contracts == found.counts.contracts);
    if !same && told_since > 0 {
        return Err(Failure::new(
            Exit::Precondition,
            format!("{told_since} records of positions are of after job {job} was asked for: what was before them cannot be added up any more"),
        )
        .next("run a FULL job while no trades come, and verify that one"));
    }
    let json = json!({
        "job": job.as_str(), "ending": outcome.ending.name(), "clean": same,
        "told": summary(told), "found": summary(&found),
    });
    let text = match same {
        true => format!("{job} {}: its flows add up to {}", outcome.ending.name(), summary(told)),
        false => format!(
            "{job} {}: its flows do not add up\n  outcome {}\n  flows   {}",
            outcome.ending.name(),
            summary(told),
            summary(&found)
        ),
    };
    session.output.say(json, text)?;
    Ok(if same { Exit::Ok } else { Exit::Mismatch })
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
