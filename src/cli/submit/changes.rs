//! What a WHAT_IF changes: terms and data as a document has them, each as the next version of what is known.

use std::hash::Hash;

use super::known::{self, Known, Reference};
use super::recalculation::invalid;
use super::versions::Versions;
use crate::cli::failure::Failure;
use crate::domain::key::ContractId;
use crate::engine::broker::Broker;
use crate::messages::contract::ContractVersion;
use crate::messages::data_point::{DataKind, DataPoint, Value};
use crate::messages::document::points::{self, About, Stated, with_version};
use crate::messages::request::InvalidValue;
use crate::messages::schemas::Schemas;
use crate::pipeline::topics::{CONTRACTS, MARKET_DATA, REFERENCE_DATA};

/// Reads contracts, market and reference data that are to be other than they are.
pub fn read(
    json: &[u8],
    broker: &dyn Broker,
    schemas: &Schemas,
) -> Result<(Vec<ContractVersion>, Vec<DataPoint>), Failure> {
    let members: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(json).map_err(|error| invalid(format!("changes: {error}")))?;
    let wrong = |error: InvalidValue| invalid(format!("changes.{error}"));
    let Reference { mut calendars, day, .. } = Reference::read(broker, schemas)?;
    let reference = whole(points::reference_data(json, &mut calendars).map_err(wrong)?)?;
    if let Some(action) = reference.iter().find(|stated| stated.about.kind == DataKind::CorporateAction) {
        return Err(invalid(format!("changes.{}: what issuers do to lots cannot be tried; leave it out", action.path)));
    }
    let market = match members.contains_key("marketData") {
        true => whole(points::market_data(json).map_err(wrong)?)?,
        false => Vec::new(),
    };
    let contracts = match members.contains_key("contracts") {
        true => whole(points::contracts(json, &mut calendars, day).map_err(wrong)?)?,
        false => Vec::new(),
    };
    let mut known: Known<ContractId, ()> = known::nothing(contracts.iter().map(|contract| &contract.about));
    known::each::<ContractVersion>(broker, schemas, CONTRACTS, |contract| {
        if let Some(versions) = known.get_mut(&contract.id) {
            versions.know(contract.version, ());
        }
    })?;
    let contracts = contracts.into_iter().map(|Stated { about: id, value, .. }| {
        let version = next(&mut known, &id);
        ContractVersion { id, version, terms: Some(value) }
    });
    let contracts = contracts.collect();
    let mut changed = Vec::new();
    for (topic, stated) in [(MARKET_DATA, market), (REFERENCE_DATA, reference)] {
        let mut known = known::nothing(stated.iter().map(|point| &point.about));
        known::points(broker, schemas, topic, &mut known)?;
        for Stated { about, value, .. } in stated {
            let version = next(&mut known, &about);
            let About { kind, name, detail, date } = about;
            let value = match value {
                Value::Terms(json) if kind == DataKind::Dividend => Value::Terms(with_version(&json, version)),
                value => value,
            };
            changed.push(DataPoint { kind, name, detail, date, version, value });
        }
    }
    Ok((contracts, changed))
}

fn next<A: Hash + Eq, V: PartialEq + Clone>(known: &mut Known<A, V>, about: &A) -> u32 {
    known.get(about).map_or(1, Versions::next)
}

/// A change that cannot be read is not left out: the answer would be to another question.
fn whole<T>(rows: Vec<Result<T, InvalidValue>>) -> Result<Vec<T>, Failure> {
    rows.into_iter().collect::<Result<_, _>>().map_err(|error| invalid(format!("changes.{error}")))
}
