//! A cash flow of a swap as others are told of it: with its id, and free of what it was calculated from.

use chrono::NaiveDate;
use compact_str::{CompactString, ToCompactString};
use rust_decimal::Decimal;
use std::fmt::Display;

use super::id::FlowId;
use super::status::Stage;
use crate::domain::blocked::Blocked;
use crate::domain::key::ContractId;
use crate::domain::money::Currency;
use crate::domain::swap::flow::{Flow, Kind};

/// One amount; `+` = the client receives.
#[derive(Clone, PartialEq, Debug)]
pub struct FlowRow {
    pub id: FlowId,
    pub contract: ContractId,
    pub kind: Kind,
    pub stage: Stage,
    /// The lot, or of a trade's fee the trade.
    pub of: CompactString,
    /// The dividend, or of a fee its kind; else what became of this part of the lot, where it was not simply closed.
    pub detail: Option<CompactString>,
    pub closed_by: Option<CompactString>,
    pub start: NaiveDate,
    pub end: Option<NaiveDate>,
    pub payment_date: Option<NaiveDate>,
    pub currency: Currency,
    pub result: Result<RowAmount, Obstacle>,
}

/// What a flow comes to.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RowAmount {
    /// Minor units of the flow's currency.
    pub minor: i64,
    pub unrounded: Decimal,
    /// A value of an earlier day stands in for one that was not published.
    pub provisional: bool,
}

/// Why there is no amount: the code and text of a [`Blocked`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Obstacle {
    pub reason: CompactString,
    pub message: CompactString,
}

/// A contract of a position of which no flow can be known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BlockedContract {
    pub contract: ContractId,
    pub obstacle: Obstacle,
}

/// A flow that differs from what was told before; in minor units.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FlowChange {
    pub id: FlowId,
    pub before: Option<i64>,
    pub after: Option<i64>,
}

/// How much of each topic was known when something was calculated: the offset after the last record. The same numbers give the same bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Snapshot {
    pub contracts: i64,
    pub market_data: i64,
    pub reference_data: i64,
}

impl Snapshot {
    /// Whether it knows something that another one does not.
    pub fn ahead_of(self, other: Snapshot) -> bool {
        self.contracts > other.contracts
            || self.market_data > other.market_data
            || self.reference_data > other.reference_data
    }
}

impl<Id: Copy + Display> From<Flow<'_, Id>> for FlowRow {
    fn from(flow: Flow<'_, Id>) -> FlowRow {
        let Flow { name, stage, payment_date, currency, result } = flow;
        FlowRow {
            id: name.id(currency),
            contract: name.contract.clone(),
            kind: name.kind,
            stage,
            of: name.of.to_compact_string(),
            detail: name.detail.or(name.fate).map(CompactString::from),
            closed_by: name.closed_by.map(|by| by.to_compact_string()),
            start: name.start,
            end: name.end,
            payment_date,
            currency,
            result: result.map_err(Obstacle::from).map(|calculated| RowAmount {
                minor: calculated.amount.money.minor,
                unrounded: calculated.amount.unrounded,
                provisional: calculated.provisional,
            }),
        }
    }
}

impl From<Blocked> for Obstacle {
    fn from(blocked: Blocked) -> Obstacle {
        Obstacle { reason: blocked.code().into(), message: blocked.to_compact_string() }
    }
}

/// What differs between two tellings of a position's flows, by id; both in any order.
pub fn changes(before: &[FlowRow], after: &[FlowRow]) -> Vec<FlowChange> {
    let amounts = |rows: &[FlowRow]| -> Vec<(FlowId, Option<i64>)> {
        let mut amounts: Vec<_> =
            rows.iter().map(|row| (row.id, row.result.as_ref().ok().map(|amount| amount.minor))).collect();
        amounts.sort_unstable_by_key(|(id, _)| *id);
        amounts
    };
    let (before, after) = (amounts(before), amounts(after));
    let of = |rows: &[(FlowId, Option<i64>)], id| {
        rows.binary_search_by_key(&id, |(id, _)| *id).ok().and_then(|place| rows[place].1)
    };
    let mut ids: Vec<FlowId> = before.iter().chain(&after).map(|(id, _)| *id).collect();
    ids.sort_unstable();
    ids.dedup();
    let change = |id| FlowChange { id, before: of(&before, id), after: of(&after, id) };
    ids.into_iter().map(change).filter(|change| change.before != change.after).collect()
}
