//! Which positions a change reaches: those whose flows were told under a contract that names what changes.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use xxhash_rust::xxh3::xxh3_128;

use super::known::{Reference, decoded, each};
use crate::cli::failure::Failure;
use crate::cli::tail::{From, Tail};
use crate::domain::key::ContractId;
use crate::domain::money::Currency;
use crate::domain::names::Symbol;
use crate::engine::broker::Broker;
use crate::messages::captured_action::CapturedAction;
use crate::messages::contract::ContractVersion;
use crate::messages::data_point::{DataKind, DataPoint, Value};
use crate::messages::document::standing::{read_any_underlier, read_dividend};
use crate::messages::position_flows::PositionFlows;
use crate::messages::schemas::Schemas;
use crate::pipeline::flows::earlier_securities;
use crate::pipeline::knowledge::{Subject, subjects};
use crate::pipeline::topics::{CAPTURED_ACTIONS, CASH_FLOWS, CONTRACTS, MARKET_DATA};

#[derive(Default)]
pub struct Radius {
    pub positions: u64,
    /// With the positions of each that are reached.
    pub contracts: BTreeMap<ContractId, u64>,
}

/// Reads the contracts and the flows that count now. Kept are 16 bytes a position that is reached, and its contracts.
pub fn radius(
    broker: &dyn Broker,
    schemas: &Schemas,
    changed: &HashSet<Subject>,
    reference: &mut Reference,
) -> Result<Radius, Failure> {
    if changed.is_empty() {
        return Ok(Radius::default());
    }
    let mut changed = changed.clone();
    for calendar in changed.clone().iter().filter_map(Subject::calendar) {
        changed.extend(reference.standing_on(calendar));
    }
    let changed = &changed;
    let named = contracts_of(broker, schemas, changed, reference)?;
    let measured = measured_elsewhere(broker, schemas, changed)?;
    // By position and part.
    let mut reached: HashMap<(u128, u32), Vec<ContractId>> = HashMap::new();
    Tail::open(broker, CASH_FLOWS, From::Start)?.to_end(|record| {
        let Some(flows) = decoded::<PositionFlows>(schemas, record)? else { return Ok(()) };
        let place = (xxh3_128(flows.key.as_str().as_bytes()), flows.part);
        let security = Symbol::new(&flows.key.security()).expect("a part of a key is a name");
        let of_security = [Subject::Underlier(security.clone()), Subject::CorporateActions(security)];
        let whole = changed.contains(&Subject::All)
            || of_security.iter().any(|subject| changed.contains(subject))
            || measured.contains(&place.0);
        let Ok((blocked, rows)) = flows.rows.read() else { return Ok(()) };
        let mut contracts: Vec<_> = blocked.into_iter().map(|blocked| blocked.contract).collect();
        contracts.extend(rows.into_iter().map(|row| row.contract));
        contracts.retain(|contract| {
            whole || named.contains(contract) || changed.contains(&Subject::Contract(contract.clone()))
        });
        contracts.sort_unstable();
        contracts.dedup();
        match contracts.is_empty() {
            true => reached.remove(&place),
            false => reached.insert(place, contracts),
        };
        Ok(())
    })?;
    Ok(counted(reached))
}

/// Positions with lots that were of a security before they arrived which changes, or which an action on it may have sent there.
fn measured_elsewhere(
    broker: &dyn Broker,
    schemas: &Schemas,
    changed: &HashSet<Subject>,
) -> Result<HashSet<u128>, Failure> {
    let mut measured = HashSet::new();
    each::<CapturedAction>(broker, schemas, CAPTURED_ACTIONS, |CapturedAction { key, happened }| {
        let of = [Subject::Underlier, Subject::CorporateActions];
        let changes = |security: &Symbol| of.iter().any(|subject| changed.contains(&subject(security.clone())));
        if earlier_securities(&happened).any(changes) {
            measured.insert(xxh3_128(key.as_str().as_bytes()));
        }
    })?;
    Ok(measured)
}

/// A contract may stand in several parts of a position.
fn counted(reached: HashMap<(u128, u32), Vec<ContractId>>) -> Radius {
    let mut positions: HashMap<u128, Vec<ContractId>> = HashMap::new();
    for ((position, _), contracts) in reached {
        positions.entry(position).or_default().extend(contracts);
    }
    let mut radius = Radius { positions: positions.len() as u64, contracts: BTreeMap::new() };
    for mut contracts in positions.into_values() {
        contracts.sort_unstable();
        contracts.dedup();
        for contract in contracts {
            *radius.contracts.entry(contract).or_default() += 1;
        }
    }
    radius
}

/// The currencies in which dividends of any security are declared, where exchange rates change.
fn currencies_of_dividends(
    broker: &dyn Broker,
    schemas: &Schemas,
    changed: &HashSet<Subject>,
) -> Result<BTreeSet<Currency>, Failure> {
    let mut currencies = BTreeSet::new();
    if !changed.iter().any(|subject| matches!(subject, Subject::Fx(..))) {
        return Ok(currencies);
    }
    each::<DataPoint>(broker, schemas, MARKET_DATA, |point| {
        if let (DataKind::Dividend, Ok(of), Value::Terms(json)) = (point.kind, Symbol::new(&point.name), point.value) {
            currencies.extend(read_dividend(&of, &json).map(|dividend| dividend.currency));
        }
    })?;
    Ok(currencies)
}

/// The contracts whose terms that count name what changes.
fn contracts_of(
    broker: &dyn Broker,
    schemas: &Schemas,
    changed: &HashSet<Subject>,
    reference: &mut Reference,
) -> Result<HashSet<ContractId>, Failure> {
    let currencies = currencies_of_dividends(broker, schemas, changed)?;
    let mut latest: HashMap<ContractId, (u32, bool)> = HashMap::new();
    each::<ContractVersion>(broker, schemas, CONTRACTS, |ContractVersion { id, version, terms }| {
        if latest.get(&id).is_some_and(|(known, _)| *known > version) {
            return;
        }
        let calendars = &mut reference.calendars;
        calendars.looked_for();
        let swap = terms.and_then(|json| read_any_underlier(&json, reference.day, calendars).ok());
        let mut subjects = swap.map(|swap| subjects(&swap, &currencies)).unwrap_or_default();
        subjects.extend(calendars.looked_for().into_iter().map(Subject::Calendar));
        latest.insert(id, (version, subjects.iter().any(|subject| changed.contains(subject))));
    })?;
    Ok(latest.into_iter().filter(|(_, (_, names))| *names).map(|(id, _)| id).collect())
}
