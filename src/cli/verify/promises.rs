//! What contracts say of relief: by which policy a position should be, and whether its answers can add up to its result.

use std::collections::{BTreeMap, BTreeSet};

use super::cursor::{Cursor, decode};
use super::expected::{Expected, Known};
use super::snapshot::Snapshot;
use crate::cli::failure::Failure;
use crate::domain::key::ContractId;
use crate::domain::lots::method::{FIFO, ReliefPolicy};
use crate::engine::broker::Broker;
use crate::messages::contract::ContractVersion;
use crate::messages::document::standing::read_relief;
use crate::messages::schemas::Schemas;
use crate::pipeline::topics::CONTRACTS;

/// The relief policies of all contracts.
#[derive(Default)]
pub struct Promises {
    /// Of the version that counts.
    now: BTreeMap<ContractId, (u32, ReliefPolicy)>,
    /// Contracts that ever said anything else than oldest first. When such a word comes or goes, results change without an answer.
    moved: BTreeSet<ContractId>,
}

impl Promises {
    pub fn read(broker: &dyn Broker, schemas: &Schemas, snapshot: &Snapshot) -> Result<Promises, Failure> {
        let mut promises = Promises::default();
        for partition in snapshot.partitions(CONTRACTS) {
            let bounds = snapshot.bounds(partition);
            let mut records = Cursor::open(broker, partition, bounds.start, bounds.end)?;
            while let Some(record) = records.peek()? {
                // What nobody can read, the pipeline has skipped as well.
                if let (Some(_), Ok((_, contract))) = (record.value, decode::<ContractVersion>(schemas, &record)?) {
                    promises.take(contract);
                }
                records.step();
            }
        }
        Ok(promises)
    }

    fn take(&mut self, contract: ContractVersion) {
        let relief = contract.terms.as_deref().and_then(|json| read_relief(json).ok()).unwrap_or_default();
        if relief != FIFO {
            self.moved.insert(contract.id.clone());
        }
        if self.now.get(&contract.id).is_none_or(|(version, _)| *version <= contract.version) {
            self.now.insert(contract.id, (contract.version, relief));
        }
    }

    /// Whether the result of a position whose trades ever named these contracts comes from its trades alone.
    pub fn answers_add_up(&self, named: &BTreeSet<ContractId>) -> bool {
        named.is_disjoint(&self.moved)
    }

    /// Says so when the position is by another policy than its contracts have now.
    pub fn behind(&self, expected: &Expected, found: &ReliefPolicy) -> Option<String> {
        let named = expected.trades.values().filter_map(Known::terms).filter_map(|terms| terms.contract.as_ref());
        let contract = named.min();
        let promised = contract.and_then(|contract| self.now.get(contract)).map_or(&FIFO, |(_, relief)| relief);
        (promised != found).then(|| match contract {
            Some(contract) => {
                format!("contract {contract} has another relief policy by now; verify again when `book` has applied it")
            }
            None => "no contract says its relief policy any more; verify again when `book` has applied that".to_owned(),
        })
    }
}
