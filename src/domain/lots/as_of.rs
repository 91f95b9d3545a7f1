//! A position as it stood at the end of a business day, by what its ledger knows.
//!
//! The ledger is the other axis: one that holds what had arrived by some offset gives the answer of that time.

use chrono::NaiveDate;

use super::happen;
use super::lot::{Lot, LotChange};
use super::open_lots::OpenLots;
use super::position::Position;
use super::relief::OutOfRange;
use super::restate::{Fact, facts_from_latest, totals_of};
use crate::domain::key::PositionKey;
use crate::domain::lots::ledger::Ledger;

/// The position and its open lots, oldest first. Both have the revision of the ledger's position, and a lot is told from the ledger's by nothing
/// else when it is the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub position: Position,
    pub lots: Vec<Lot>,
}

/// Undoes what is dated after the day; `None` when nothing ever was in the position. The work is in proportion to that and to the open lots.
pub fn standing<L: Ledger>(ledger: &L, key: &PositionKey, day: NaiveDate) -> Option<Standing> {
    let now = ledger.position()?;
    let mut open_lots = OpenLots::new(key, ledger, ledger.lots_fifo(), totals_of(now));
    let later: Vec<Fact<'_>> = facts_from_latest(ledger).take_while(|fact| fact.moment().0 > day).collect();
    later.iter().for_each(|fact| open_lots.undo(fact.done()));
    let (changes, totals) = open_lots.close(now.revision).unwrap_or_else(|OutOfRange| {
        panic!("what fitted when it was captured fits again: {key}");
    });
    let mut lots: Vec<Lot> = ledger.lots_fifo().cloned().collect();
    for change in changes {
        let id = match &change {
            LotChange::Put(lot) => &lot.id,
            LotChange::Close(id) => id,
        };
        lots.retain(|lot| lot.id != *id);
        if let LotChange::Put(lot) = change {
            lots.push(lot);
        }
    }
    lots.sort_by(|left, right| left.order().cmp(&right.order()));
    let position = happen::position(key, now.revision, now.currency, totals, ledger.policy());
    Some(Standing { position, lots })
}
