//! `verify --job` of a job by reference: its totals, added up again from the flows of positions as they stand, or from its own series.

use std::collections::HashMap;

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::flows;
use crate::cli::recalculations;
use crate::domain::flows::row::Snapshot;
use crate::domain::jobs::job::JobId;
use crate::domain::jobs::recalculation::{RecalculationKind, Selection};
use crate::domain::jobs::totals::ControlTotals;
use crate::domain::key::ContractId;
use crate::domain::swap::product::Product;
use crate::engine::broker::Broker;
use crate::messages::calculation_request::Asked;
use crate::messages::contract::ContractVersion;
use crate::messages::position_flows::PositionFlows;
use crate::messages::schemas::Schemas;
use crate::pipeline::topics::{CASH_FLOWS, HISTORICAL_FLOWS};

/// What published flows come to. Refuses what they cannot tell.
pub fn recalculated(
    asked: &Asked,
    job: &JobId,
    broker: &dyn Broker,
    schemas: &Schemas,
) -> Result<ControlTotals, Failure> {
    let recalculation = &asked.recalculation;
    let (selection, known) = (&recalculation.selection, recalculation.moment.known);
    let products = products(selection, &known, broker, schemas)?;
    let mut totals = ControlTotals::default();
    let mut ahead = 0u64;
    let mut add = |told: PositionFlows, of_day: bool| -> Result<(), Failure> {
        if !selection.has_position(&told.key) {
            return Ok(());
        }
        let Snapshot { contracts, market_data, reference_data } = told.snapshot;
        let newer =
            contracts > known.contracts || market_data > known.market_data || reference_data > known.reference_data;
        ahead += u64::from(newer);
        let unreadable = |error| Failure::new(Exit::Mismatch, format!("flows of {}: {error}", told.key));
        let rows = told.rows.read().map_err(unreadable)?.1;
        let chosen = |id: &ContractId| selection.has_contract(id, || products.get(id).copied());
        let day = told.day.filter(|_| of_day);
        rows.iter().filter(|row| chosen(&row.contract)).for_each(|row| totals.add_row(row, day));
        Ok(())
    };
    match recalculation.kind {
        RecalculationKind::Full | RecalculationKind::Incremental { .. } => {
            flows::each(broker, schemas, CASH_FLOWS, None, |told| add(told, false))?;
        }
        RecalculationKind::Historical { .. } => {
            recalculations::each_flows(broker, schemas, HISTORICAL_FLOWS, job, |told| add(told, true))?;
        }
        RecalculationKind::WhatIf => {
            return Err(Failure::new(Exit::Precondition, format!("job {job} has published only what would differ"))
                .next(format!("`bookflow flows --job {job}` shows it")));
        }
    }
    match ahead {
        0 => Ok(totals),
        _ => Err(Failure::new(
            Exit::Precondition,
            format!("{ahead} records of positions stand on newer data than job {job} knew: they prove nothing of it"),
        )
        .next("run a FULL job without a snapshot, and verify that one")),
    }
}

/// The products of contracts, where the selection asks for them: of each the highest version that was known.
fn products(
    selection: &Selection,
    known: &Snapshot,
    broker: &dyn Broker,
    schemas: &Schemas,
) -> Result<HashMap<ContractId, Product>, Failure> {
    let mut versions: HashMap<ContractId, (u32, Option<Product>)> = HashMap::new();
    if !selection.products.is_empty() {
        recalculations::each_contract(broker, schemas, known.contracts, |contract: ContractVersion| {
            let product = contract.terms.as_deref().and_then(product);
            let (version, counts) = versions.entry(contract.id).or_default();
            if *version <= contract.version {
                (*version, *counts) = (contract.version, product);
            }
        })?;
    }
    Ok(versions.into_iter().filter_map(|(id, (_, product))| Some((id, product?))).collect())
}

fn product(json: &str) -> Option<Product> {
    let terms: serde_json::Value = serde_json::from_str(json).ok()?;
    let name = terms.get("product")?.as_str()?;
    Product::NAMES.iter().find(|(known, _)| *known == name).map(|(_, product)| *product)
}
