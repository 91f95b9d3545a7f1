//! Jobs by reference as their partitions were asked.

use std::collections::HashSet;

use xxhash_rust::xxh3::xxh3_128;

use super::failure::Failure;
use super::known_job::read;
use super::tail::{From, Tail, partitions};
use crate::domain::jobs::job::JobId;
use crate::engine::broker::Broker;
use crate::messages::calculation_request::{Asked, CalculationRequest, RequestWord};
use crate::messages::contract::ContractVersion;
use crate::messages::key::of_job;
use crate::messages::position_flows::PositionFlows;
use crate::messages::schemas::Schemas;
use crate::pipeline::topics::{CALCULATION_REQUESTS, CONTRACTS};

/// What a job by reference was asked for: every partition was told the same. None for a job that brought its own contracts.
pub fn asked(broker: &dyn Broker, schemas: &Schemas, job: &JobId) -> Result<Option<Asked>, Failure> {
    let mut found = None;
    Tail::of_partition(broker, CALCULATION_REQUESTS, 0, From::Start)?.to_end(|record| {
        let of_job = record.key == Some(job.as_str().as_bytes());
        if let Some(value) = record.value.filter(|_| of_job && found.is_none()) {
            let request: CalculationRequest = read(schemas, CALCULATION_REQUESTS, value)?;
            if let RequestWord::Calculate(asked) = request.word {
                found = Some(*asked);
            }
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

/// Hands out the versions of contracts before an offset.
pub fn each_contract(
    broker: &dyn Broker,
    schemas: &Schemas,
    end: i64,
    mut take: impl FnMut(ContractVersion),
) -> Result<(), Failure> {
    Tail::open(broker, CONTRACTS, From::Start)?.to_end(|record| {
        // What nobody can read, workers pass over, too.
        if let Some(Ok((_, contract))) = record.value.map(|value| schemas.decode::<ContractVersion>(value))
            && record.offset < end
        {
            take(contract);
        }
        Ok(())
    })
}
