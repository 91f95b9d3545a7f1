//! The published flows of a self-contained job, each piece once.

use std::collections::HashSet;

use xxhash_rust::xxh3::xxh3_128;

use super::failure::Failure;
use super::known_job::read;
use super::tail::{From, Tail, partitions};
use crate::domain::jobs::job::JobId;
use crate::engine::broker::Broker;
use crate::messages::cash_flows::JobCashFlows;
use crate::messages::key::of_job;
use crate::messages::schemas::Schemas;
use crate::pipeline::topics::JOB_CASH_FLOWS;

/// Hands them out, and answers whether retention has taken any of the topic. A chunk that was sent twice has published the same pieces twice, in the same partition.
pub fn each(
    broker: &dyn Broker,
    schemas: &Schemas,
    job: &JobId,
    mut take: impl FnMut(JobCashFlows) -> Result<(), Failure>,
) -> Result<bool, Failure> {
    let beginning = of_job(job).into_bytes();
    let mut cut = false;
    for partition in 0..partitions(broker, JOB_CASH_FLOWS)? {
        let mut tail = Tail::of_partition(broker, JOB_CASH_FLOWS, partition, From::Start)?;
        cut |= tail.cut();
        // One partition's keys at a time: 16 bytes a piece.
        let mut seen = HashSet::new();
        tail.to_end(|record| {
            let key = record.key.unwrap_or_default();
            match record.value.filter(|_| key.starts_with(&beginning) && seen.insert(xxh3_128(key))) {
                Some(value) => take(read(schemas, JOB_CASH_FLOWS, value)?),
                None => Ok(()),
            }
        })?;
    }
    Ok(cut)
}
