//! A flow of a position: its lots as they are, with what was known when the flow was told.

use std::borrow::Cow;

use super::log::{Log, Standing};
use super::{Explained, Flow, Publication, damaged};
use crate::cli::calculate::answer::Step;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::domain::explain::Explanation;
use crate::domain::flows::id::FlowId;
use crate::domain::flows::row::FlowRow;
use crate::domain::jobs::job::JobId;
use crate::domain::jobs::recalculation::{Recalculation, RecalculationKind};
use crate::domain::key::ContractId;
use crate::domain::lots::shelf::Shelf;
use crate::domain::names::Symbol;
use crate::domain::trade::captured::Place;
use crate::messages::calculation_request::{Asked, CalculationRequest, RequestWord};
use crate::messages::position_flows::{PositionFlows, Rows};
use crate::pipeline::flows::{Told, WhatIf, contracts, explained, flows, selects, series, tried};
use crate::pipeline::knowledge::Knowledge;
use crate::pipeline::topics::{self, CALCULATION_REQUESTS};

/// What a position's flows come to now.
struct Again {
    told: Told,
    explanation: Option<Explanation>,
}

/// The flow that is asked for, with the record that it is in.
struct Case<'a> {
    told: &'a PositionFlows,
    row: &'a FlowRow,
    security: Symbol,
}

pub fn explain(log: &Log<'_>, cause: Place, told: PositionFlows, id: FlowId) -> Result<Explained, Failure> {
    let rows = told.rows.read().map_err(damaged)?.1;
    let row = rows.into_iter().find(|row| row.id == id).expect("the record was looked for by it");
    let security = Symbol::new(&told.key.security()).map_err(damaged)?;
    let case = Case { told: &told, row: &row, security };
    let standing = log.position(&told.key)?;
    let (job, again) = match asked(log, cause)? {
        Some((job, asked)) => (Some(job), case.by_reference(log, &standing.shelf, &asked)?),
        None => (None, case.as_it_counts(log, &standing.shelf)?),
    };
    let parts = again.told.parts().map_err(damaged)?;
    let same = parts.get(told.part as usize) == Some(&told.rows);
    if !same && standing.changed_since(&told, cause) {
        return Err(changed(&told, &standing, job.as_ref()));
    }
    let steps = again.explanation.iter().flat_map(Step::all).collect();
    let again = found(&parts, id)?;
    let publication = Publication::OfPosition { told: told.clone(), job };
    Ok(Explained { flow: Flow::from(&row), again, publication, cause, steps, same })
}

/// The job by reference that a record was written for.
fn asked(log: &Log<'_>, cause: Place) -> Result<Option<(JobId, Asked)>, Failure> {
    if topics::cause(cause).topic != CALCULATION_REQUESTS {
        return Ok(None);
    }
    match log.record::<CalculationRequest>(cause)? {
        Some(CalculationRequest { job, word: RequestWord::Calculate(asked) }) => Ok(Some((job, *asked))),
        // Of what counts now the record itself says all that it was calculated with.
        _ => Ok(None),
    }
}

fn found(parts: &[Rows], id: FlowId) -> Result<Option<Flow>, Failure> {
    for part in parts {
        if let Some(row) = part.read().map_err(damaged)?.1.iter().find(|row| row.id == id) {
            return Ok(Some(Flow::from(row)));
        }
    }
    Ok(None)
}

impl Case<'_> {
    fn as_it_counts(&self, log: &Log<'_>, shelf: &Shelf) -> Result<Again, Failure> {
        let knowledge = log.knowledge(self.told.snapshot)?;
        let shelf = &*self.by(&knowledge, shelf);
        let told = flows(shelf, contracts(shelf).into_iter(), &self.security, &knowledge, None);
        Ok(Again { told: told.unwrap_or_default(), explanation: self.explanation(shelf, &knowledge) })
    }

    fn by_reference(&self, log: &Log<'_>, shelf: &Shelf, asked: &Asked) -> Result<Again, Failure> {
        let Recalculation { kind, selection, moment, .. } = &asked.recalculation;
        let known = log.knowledge(moment.known)?;
        let shelf = &*self.by(&known, shelf);
        let selected = contracts(shelf).into_iter();
        let selected = selected.filter(|contract| selects(selection, contract, &self.security, &known));
        let selected: Vec<ContractId> = selected.cloned().collect();
        match kind {
            RecalculationKind::Full | RecalculationKind::Incremental { .. } => self.as_it_counts(log, shelf),
            RecalculationKind::Historical { .. } => {
                let days = self.told.day.into_iter();
                let told = series(shelf, &selected, &self.security, &known, None, days).next();
                let told = told.map(|(_, told)| told).unwrap_or_default();
                Ok(Again { told, explanation: self.explanation(shelf, &known) })
            }
            RecalculationKind::WhatIf => {
                let changed = log.changed(asked)?;
                let policy = changed.agreed(&self.told.key, contracts(shelf).into_iter()).0.policy;
                let what_if = WhatIf { policy, selected: &selected, security: &self.security };
                let (before, after) = what_if.of(shelf, &known, &changed, None);
                let explanation = self.explanation(&self.by(&changed, shelf), &changed);
                Ok(Again { told: after.unlike(&before), explanation })
            }
        }
    }

    /// The position with its lots closed as contracts said.
    fn by<'s>(&self, knowledge: &Knowledge, shelf: &'s Shelf) -> Cow<'s, Shelf> {
        let policy = knowledge.agreed(&self.told.key, contracts(shelf).into_iter()).0.policy;
        tried(shelf, policy).map_or(Cow::Borrowed(shelf), |(copy, _)| Cow::Owned(copy))
    }

    fn explanation(&self, shelf: &Shelf, knowledge: &Knowledge) -> Option<Explanation> {
        explained(shelf, &self.row.contract, &self.security, knowledge, self.told.day?, self.row.id)
    }
}

/// Lots are kept as they are now: what they were when the flows were told is known only as long as they are the same.
fn changed(told: &PositionFlows, standing: &Standing, job: Option<&JobId>) -> Failure {
    let (key, of, is) = (&told.key, told.revision, standing.revision());
    match job {
        None => {
            let message = format!("position {key} is at revision {is}, its flows at {of}: they are being told anew");
            Failure::new(Exit::Temporary, message).next("ask again in a moment")
        }
        Some(job) => {
            let message = format!(
                "position {key} was at revision {of} when job {job} read it and is at {is} by now, or its lots were worked out anew: they are kept \
                 as they are now"
            );
            Failure::new(Exit::Precondition, message)
                .next("submit the job again under another name, and explain its flow")
        }
    }
}
