//! What contracts and issuers say of the lots of a position: whether it counts there yet, and what its answers can prove.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::cursor::{Cursor, decode};
use super::expected::{Expected, Known};
use super::snapshot::Snapshot;
use crate::cli::failure::Failure;
use crate::domain::key::{ContractId, PositionKey};
use crate::domain::lots::happening::{Happened, Happening, What};
use crate::domain::lots::method::{FIFO, ReliefPolicy};
use crate::engine::broker::Broker;
use crate::engine::view::ViewTable;
use crate::messages::contract::ContractVersion;
use crate::messages::document::standing::read_on_lots;
use crate::messages::schemas::Schemas;
use crate::pipeline::knowledge::Knowledge;
use crate::pipeline::topics::{CONTRACTS, REFERENCE_DATA};

/// All of it, as the topics have it.
pub struct Promises {
    now: Knowledge,
    /// Contracts that ever said anything else than oldest first. When such a word comes or goes, results change without an answer.
    moved: BTreeSet<ContractId>,
}

impl Promises {
    pub fn read(broker: &dyn Broker, schemas: &Arc<Schemas>, snapshot: &Snapshot) -> Result<Promises, Failure> {
        let mut promises = Promises { now: Knowledge::new(schemas.clone()), moved: BTreeSet::new() };
        for partition in [CONTRACTS, REFERENCE_DATA].into_iter().flat_map(|topic| snapshot.partitions(topic)) {
            let bounds = snapshot.bounds(partition);
            let mut records = Cursor::open(broker, partition, bounds.start, bounds.end)?;
            while let Some(record) = records.peek()? {
                // What nobody can read, the pipeline has skipped as well.
                let _ = promises.now.apply(&record);
                if let (CONTRACTS, Some(_), Ok((_, contract))) =
                    (partition.topic, record.value, decode::<ContractVersion>(schemas, &record)?)
                {
                    promises.take(contract);
                }
                records.step();
            }
        }
        Ok(promises)
    }

    fn take(&mut self, contract: ContractVersion) {
        let on_lots = contract.terms.as_deref().and_then(|json| read_on_lots(json).ok()).unwrap_or_default();
        if on_lots.relief != FIFO {
            self.moved.insert(contract.id);
        }
    }

    /// Whether an issuer has ever done anything to the lots of a position: its quantity then depends on when that became known.
    pub fn acted(&self, key: &PositionKey) -> bool {
        self.now.acted(&key.security())
    }

    /// Whether the result of a position whose trades ever named these contracts comes from its trades alone.
    pub fn answers_add_up(&self, key: &PositionKey, named: &BTreeSet<ContractId>) -> bool {
        named.is_disjoint(&self.moved) && !self.acted(key)
    }

    /// Says so when the position is by anything else than its contracts and its issuer say now.
    pub fn behind(
        &self,
        key: &PositionKey,
        expected: &Expected,
        relief: &ReliefPolicy,
        happened: &[Happened],
    ) -> Option<String> {
        let named = expected.trades.values().filter_map(Known::terms).filter_map(|terms| terms.contract.as_ref());
        let arrived = expected.arrivals.values().filter_map(|moved| moved.arrival()?.lot.contract.as_ref());
        let contracts: BTreeSet<&ContractId> = named.chain(arrived).collect();
        let (agreed, _) = self.now.agreed(key, contracts.iter().copied());
        let of = match contracts.is_empty() {
            true => "no contract".to_owned(),
            false => {
                format!("contract {}", contracts.into_iter().map(ContractId::as_str).collect::<Vec<_>>().join(", "))
            }
        };
        if agreed.policy != relief {
            return Some(format!("{of}: another relief policy counts by now; verify again when `book` has applied it"));
        }
        let known = |action: &&Happening| match happened.iter().find(|one| one.happening.id == action.id) {
            Some(one) => one.happening == **action,
            None => action.what == What::Withdrawn,
        };
        let other = agreed.actions.iter().find(|action| !known(action));
        let other = other.filter(|_| expected.currency.is_some())?;
        let id = other.id.trade_id();
        Some(format!(
            "the corporate action {id} says something else under {of}; verify again when `book` has applied it"
        ))
    }
}
