//! Jobs by reference: positions that are here already, calculated again with what was known at a moment.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use compact_str::CompactString;

use super::job::JobId;
use crate::domain::key::{ContractId, PositionKey, Timestamp};
use crate::domain::market::snapshot::Moment;
use crate::domain::swap::product::Product;

/// What is asked of every partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recalculation {
    /// A 128-bit hash of the request's bytes.
    pub request: u128,
    /// Nobody waits for it any more after that.
    pub deadline: Timestamp,
    pub kind: RecalculationKind,
    pub selection: Selection,
    /// What everything is calculated with.
    pub moment: Moment,
}

/// How much is calculated again, and whether it counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RecalculationKind {
    /// Everything; what differs takes the place of what was told.
    Full,
    /// The same, but nothing is calculated that cannot have changed since another job.
    Incremental { since: JobId },
    /// A series of its own: every day of a range, both ends included, each with the data of up to that day.
    Historical { from: NaiveDate, to: NaiveDate },
    /// What would differ if terms or data were other than they are; nothing of it counts.
    WhatIf,
}

/// Which positions, and what of them. An empty set selects all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Selection {
    pub accounts: BTreeSet<CompactString>,
    pub books: BTreeSet<CompactString>,
    pub securities: BTreeSet<CompactString>,
    pub contracts: BTreeSet<ContractId>,
    pub products: BTreeSet<CompactString>,
}

impl Selection {
    /// Whether account, book and security of a position are selected.
    pub fn has_position(&self, key: &PositionKey) -> bool {
        let has = |set: &BTreeSet<CompactString>, name: &str| set.is_empty() || set.contains(name);
        has(&self.accounts, &key.account()) && has(&self.books, &key.book()) && has(&self.securities, &key.security())
    }

    /// The product is none while the terms are not known.
    pub fn has_contract(&self, id: &ContractId, product: impl FnOnce() -> Option<Product>) -> bool {
        let named = |product: Product| {
            Product::NAMES.iter().any(|(name, named)| *named == product && self.products.contains(*name))
        };
        (self.contracts.is_empty() || self.contracts.contains(id))
            && (self.products.is_empty() || product().is_some_and(named))
    }

    /// Whether every contract of a position is selected with it.
    pub fn whole_positions(&self) -> bool {
        self.contracts.is_empty() && self.products.is_empty()
    }
}

impl Recalculation {
    /// The days of which it wants the flows.
    pub fn days(&self) -> impl Iterator<Item = NaiveDate> + use<> {
        let (from, to) = match self.kind {
            RecalculationKind::Historical { from, to } => (from, to),
            _ => (self.moment.day, self.moment.day),
        };
        from.iter_days().take_while(move |day| *day <= to)
    }
}
