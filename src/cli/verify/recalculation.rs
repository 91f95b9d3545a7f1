//! `verify --job` of a job by reference: its totals, added up again from the flows of positions as they stand, or from its own series.

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::flows;
use crate::cli::recalculations::{self, Selected};
use crate::cli::snapshots;
use crate::domain::jobs::job::JobId;
use crate::domain::jobs::recalculation::RecalculationKind;
use crate::domain::jobs::totals::ControlTotals;
use crate::domain::key::Timestamp;
use crate::engine::broker::Broker;
use crate::messages::calculation_request::Asked;
use crate::messages::position_flows::PositionFlows;
use crate::messages::schemas::Schemas;
use crate::pipeline::topics::{self, CALCULATION_REQUESTS, HISTORICAL_FLOWS};

/// What published flows come to, and what else may have made them so since the job was asked for. Refuses what they cannot tell.
pub fn recalculated(
    asked: &Asked,
    at: Timestamp,
    job: &JobId,
    broker: &dyn Broker,
    schemas: &Schemas,
) -> Result<(ControlTotals, Option<Failure>), Failure> {
    let recalculation = &asked.recalculation;
    let known = recalculation.moment.known;
    let selected = Selected::by(recalculation, broker, schemas)?;
    let mut totals = ControlTotals::default();
    let (mut ahead, mut since) = (0u64, 0u64);
    let mut add = |told: PositionFlows, of_day: bool, later: bool| -> Result<(), Failure> {
        if !selected.has_position(&told.key) {
            return Ok(());
        }
        since += u64::from(later);
        ahead += u64::from(told.snapshot.ahead_of(known));
        let unreadable = |error| Failure::new(Exit::Mismatch, format!("flows of {}: {error}", told.key));
        let rows = told.rows.read().map_err(unreadable)?.1;
        let day = told.day.filter(|_| of_day);
        rows.iter().filter(|row| selected.has_contract(&row.contract)).for_each(|row| totals.add_row(row, day));
        Ok(())
    };
    match recalculation.kind {
        RecalculationKind::Full | RecalculationKind::Incremental { .. } => {
            flows::each(broker, schemas, None, |record, cause, told| {
                let of_a_job = topics::cause(cause).topic == CALCULATION_REQUESTS;
                add(told, false, !of_a_job && record.timestamp_us >= at.0)
            })?;
        }
        RecalculationKind::Historical { .. } => {
            recalculations::each_flows(broker, schemas, HISTORICAL_FLOWS, job, |told| add(told, true, false))?;
        }
        RecalculationKind::WhatIf => {
            return Err(Failure::new(Exit::Precondition, format!("job {job} has published only what would differ"))
                .next(format!("`bookflow flows --job {job}` shows it")));
        }
    }
    let refused = |why: String, next: &str| Failure::new(Exit::Precondition, why).next(next);
    let on_its_own = "run a FULL job without a snapshot, and verify that one";
    if ahead > 0 {
        let why =
            format!("{ahead} records of positions stand on newer data than job {job} knew: they prove nothing of it");
        return Err(refused(why, on_its_own));
    }
    let series = matches!(recalculation.kind, RecalculationKind::Historical { .. });
    if since > 0 {
        let why = format!(
            "{since} records of positions are of after job {job} was asked for: what was before them cannot be added up any more"
        );
        return Ok((totals, Some(refused(why, "run a FULL job while no trades come, and verify that one"))));
    }
    // Newer data may have come to what was told of older ones, and then nobody is told of them.
    let newer = !series && snapshots::now(broker, schemas)?.known.ahead_of(known);
    let why = || format!("newer data have come than job {job} knew, and what was told before may be what they come to");
    Ok((totals, newer.then(|| refused(why(), on_its_own))))
}
