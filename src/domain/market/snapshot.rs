//! A named moment of contracts, market and reference data: whoever calculates with it gets the same bytes for ever.

use chrono::NaiveDate;

use crate::domain::flows::row::Snapshot;
use crate::domain::key::ID_LENGTH_MAX;
use crate::domain::names::name;

name! {
    /// Name of a snapshot, given once.
    SnapshotName, "snapshot", ID_LENGTH_MAX
}

/// What was known, and the business date of that moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment {
    pub known: Snapshot,
    pub day: NaiveDate,
}

/// A moment under its name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MarketSnapshot {
    pub name: SnapshotName,
    pub moment: Moment,
}
