//! What a change did to the results and lots of a position, by ids that stay the same under restatement.
//!
//! The sum of all differences of an id is its value now: nothing published is taken back, only added to.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::happening::Happened;
use super::lot::{LotChange, Relief};
use crate::domain::key::TradeId;
use crate::domain::lots::ledger::Ledger;
use crate::domain::trade::captured::CapturedTrade;

/// One number that is another one now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub id: DifferenceId,
    /// Zero for what was not there.
    pub old: Decimal,
    pub new: Decimal,
    /// The business day that the number belongs to: that of the close, or of the lot's opening trade.
    pub valid_date: NaiveDate,
}

/// What the number is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DifferenceId {
    /// Realised result, in the position's currency, of what the fact `by` took of a lot.
    Relief { by: TradeId, lot: TradeId },
    /// Signed open quantity.
    Lot(TradeId),
}

impl Difference {
    /// What is to be added to the old number.
    pub fn delta(&self) -> Decimal {
        self.new - self.old
    }
}

/// Compares what a change writes with what the ledger has, before it is kept. In order of ids.
pub fn differences<L: Ledger>(
    ledger: &L,
    trades: &[CapturedTrade],
    happened: &[Happened],
    lots: &[LotChange],
) -> Vec<Difference> {
    let mut differences = Vec::new();
    for trade in trades {
        let known = ledger.captured(&trade.id);
        let day = |trade: &CapturedTrade| trade.terms().map(|terms| terms.trade_date);
        let reliefs = (known.map_or(&[][..], |known| &known.reliefs), &trade.reliefs[..]);
        relieved(&trade.id, reliefs, (known.and_then(day), day(trade)), &mut differences);
    }
    for new in happened {
        let known = ledger.happened(&new.happening.id);
        let day = |happened: &Happened| happened.happening.moment().map(|moment| moment.0);
        let reliefs = (known.map_or(&[][..], |known| &known.effect.reliefs), &new.effect.reliefs[..]);
        relieved(&new.happening.id, reliefs, (known.and_then(day), day(new)), &mut differences);
    }
    for change in lots {
        let (id, new) = match change {
            LotChange::Put(lot) => (&lot.id, Some(lot)),
            LotChange::Close(id) => (id, None),
        };
        let old = ledger.lot(id);
        let Some(any) = new.or(old) else { continue };
        let remaining = |lot: Option<&super::lot::Lot>| lot.map_or(Decimal::ZERO, |lot| lot.remaining);
        let id = DifferenceId::Lot(id.clone());
        differences.push(Difference { id, old: remaining(old), new: remaining(new), valid_date: any.trade_date });
    }
    differences.retain(|difference| difference.old != difference.new);
    differences.sort_by(|left, right| (&left.id, left.valid_date).cmp(&(&right.id, right.valid_date)));
    differences
}

/// A fact that moved to another day takes its results along: they leave the old day and come to the new one.
fn relieved(
    by: &TradeId,
    (old, new): (&[Relief], &[Relief]),
    days: (Option<NaiveDate>, Option<NaiveDate>),
    differences: &mut Vec<Difference>,
) {
    let (old, new) = (results(old), results(new));
    let zero = Decimal::ZERO;
    for lot in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
        let id = || DifferenceId::Relief { by: by.clone(), lot: (*lot).clone() };
        let of = |results: &BTreeMap<&TradeId, Decimal>| results.get(*lot).copied().unwrap_or_default();
        match days {
            (Some(before), Some(after)) if before != after => {
                differences.push(Difference { id: id(), old: of(&old), new: zero, valid_date: before });
                differences.push(Difference { id: id(), old: zero, new: of(&new), valid_date: after });
            }
            (before, after) => {
                let Some(valid_date) = after.or(before) else { continue };
                differences.push(Difference { id: id(), old: of(&old), new: of(&new), valid_date });
            }
        }
    }
}

fn results(reliefs: &[Relief]) -> BTreeMap<&TradeId, Decimal> {
    let mut results = BTreeMap::new();
    for relief in reliefs {
        *results.entry(&relief.lot).or_insert(Decimal::ZERO) += relief.realised.to_decimal();
    }
    results
}
