//! Jobs by reference as their partitions were asked.

use std::collections::{HashMap, HashSet};

use xxhash_rust::xxh3::xxh3_128;

use super::failure::Failure;
use super::known_job::read;
use super::tail::{From, Tail, partitions};
use super::verify::cursor::decode;
use crate::domain::jobs::job::JobId;
use crate::domain::jobs::recalculation::{Recalculation, Selection};
use crate::domain::key::{ContractId, PositionKey, Timestamp};
use crate::domain::swap::product::Product;
use crate::engine::broker::Broker;
use crate::messages::calculation_request::{Asked, CalculationRequest, RequestWord};
use crate::messages::contract::ContractVersion;
use crate::messages::key::of_job;
use crate::messages::position_flows::PositionFlows;
use crate::messages::schemas::Schemas;
use crate::pipeline::topics::{CALCULATION_REQUESTS, CONTRACTS};

/// What a job by reference was asked for, and when: every partition was told the same. None for a job that brought its own contracts.
pub fn asked(broker: &dyn Broker, schemas: &Schemas, job: &JobId) -> Result<Option<(Asked, Timestamp)>, Failure> {
    let mut found = None;
    Tail::of_partition(broker, CALCULATION_REQUESTS, 0, From::Start)?.to_end(|record| {
        if record.key != Some(job.as_str().as_bytes()) || found.is_some() {
            return Ok(());
        }
        // What cannot be read, or is another job's, is a dead letter of `book` and asks for nothing.
        if let Ok((_, CalculationRequest { job: of, word: RequestWord::Calculate(asked) })) = decode(schemas, record)?
            && of == *job
        {
            found = Some((*asked, Timestamp(record.timestamp_us)));
        }
        Ok(())
    })?;
    Ok(found)
}

/// Hands out the published flows of a job by reference that has a topic of its own for them, each part once.
pub fn each_flows(
    broker: &dyn Broker,
    schemas: &Schemas,
    topic: &'static str,
    job: &JobId,
    mut take: impl FnMut(PositionFlows) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let beginning = of_job(job).into_bytes();
    for partition in 0..partitions(broker, topic)? {
        let mut seen = HashSet::new();
        Tail::of_partition(broker, topic, partition, From::Start)?.to_end(|record| {
            let key = record.key.unwrap_or_default();
            match record.value.filter(|_| key.starts_with(&beginning) && seen.insert(xxh3_128(key))) {
                Some(value) => take(read(schemas, topic, value)?),
                None => Ok(()),
            }
        })?;
    }
    Ok(())
}

/// What a job by reference selects of told flows.
pub struct Selected<'a> {
    selection: &'a Selection,
    /// Of contracts, where it asks for them: of each the highest version that was known.
    products: HashMap<ContractId, Product>,
}

impl Selected<'_> {
    pub fn by<'a>(
        recalculation: &'a Recalculation,
        broker: &dyn Broker,
        schemas: &Schemas,
    ) -> Result<Selected<'a>, Failure> {
        let selection = &recalculation.selection;
        let products = match selection.products.is_empty() {
            true => HashMap::new(),
            false => products(broker, schemas, recalculation.moment.known.contracts)?,
        };
        Ok(Selected { selection, products })
    }

    pub fn has_position(&self, key: &PositionKey) -> bool {
        self.selection.has_position(key)
    }

    pub fn has_contract(&self, id: &ContractId) -> bool {
        self.selection.has_contract(id, || self.products.get(id).copied())
    }
}

/// The products of contracts, as their versions before an offset say.
fn products(broker: &dyn Broker, schemas: &Schemas, end: i64) -> Result<HashMap<ContractId, Product>, Failure> {
    let mut versions: HashMap<ContractId, (u32, Option<Product>)> = HashMap::new();
    Tail::open(broker, CONTRACTS, From::Start)?.to_end(|record| {
        // What nobody can read, workers pass over, too.
        if let Some(Ok((_, contract))) = record.value.map(|value| schemas.decode::<ContractVersion>(value))
            && record.offset < end
        {
            let product = contract.terms.as_deref().and_then(product);
            let (version, counts) = versions.entry(contract.id).or_default();
            if *version <= contract.version {
                (*version, *counts) = (contract.version, product);
            }
        }
        Ok(())
    })?;
    Ok(versions.into_iter().filter_map(|(id, (_, product))| Some((id, product?))).collect())
}

fn product(json: &str) -> Option<Product> {
    let terms: serde_json::Value = serde_json::from_str(json).ok()?;
    let name = terms.get("product")?.as_str()?;
    Product::NAMES.iter().find(|(known, _)| *known == name).map(|(_, product)| *product)
}
