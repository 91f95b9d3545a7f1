//! Rebooks cross positions: each must have sent its second half exactly once.

use std::collections::BTreeMap;

use super::report::{Damage, Report};
use super::snapshot::Snapshot;
use crate::domain::trade::Trade;
use crate::domain::trade::captured::Place;
use crate::engine::broker::TopicPartition;
use crate::messages::key;
use crate::pipeline::topics::TRADES;

/// Second halves by the record that caused them: those that must be there, and those that are.
#[derive(Default)]
pub struct Rebooks {
    expected: BTreeMap<Place, Vec<Trade>>,
    found: BTreeMap<Place, Vec<Trade>>,
}

impl Rebooks {
    pub fn expect(&mut self, cause: Place, sends: Vec<Trade>) {
        if !sends.is_empty() {
            self.expected.entry(cause).or_default().extend(sends);
        }
    }

    pub fn find(&mut self, cause: Place, trade: Trade) {
        self.found.entry(cause).or_default().push(trade);
    }

    /// Compares both sides once all partitions have been read; `proved` are the partitions that could be worked out again.
    pub fn settle(mut self, snapshot: &Snapshot, proved: impl Fn(i32) -> bool, report: &mut Report) {
        let partitions = snapshot.partitions(TRADES).count() as i32;
        for (cause, sends) in self.expected {
            let mut found = self.found.remove(&cause).unwrap_or_default();
            for send in sends {
                report.counts.rebooks += 1;
                match found.iter().position(|found| *found == send) {
                    Some(index) => drop(found.swap_remove(index)),
                    // It may be among the older records that are gone there.
                    None if !proved(key::partition(send.key.as_str().as_bytes(), partitions)) => {}
                    None => report.differs(Damage::Lost, shown(cause), &send.key, half(&send), "none on trades"),
                }
            }
            for extra in found {
                report.differs(Damage::Doubled, shown(cause), &extra.key, "one second half", half(&extra));
            }
        }
        for (cause, found) in self.found {
            let at = TopicPartition { topic: TRADES, partition: cause.partition };
            let Some(offset) = snapshot.known(at).and_then(|stand| stand.offset) else { continue };
            // The cause lies behind what was committed: its turn came after this audit began, or it was torn.
            let pending = cause.offset >= offset && !snapshot.stand(at).still;
            if !pending && proved(cause.partition) {
                for extra in found {
                    report.differs(Damage::Torn, shown(cause), &extra.key, "no rebook at its cause", half(&extra));
                }
            }
        }
    }
}

fn shown(place: Place) -> String {
    format!("trades-{}@{}", place.partition, place.offset)
}

fn half(trade: &Trade) -> String {
    format!("second half of rebook {} version {}", trade.id, trade.version)
}
