//! Any contract, value of the market and telling of a position's flows, for property tests.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use rust_decimal::Decimal;

use super::data_point::{DataPoint, KINDS, Value};
use super::position_flows::{PositionFlows, Rows, STAGES, SWAP_FLOW_KINDS};
use super::samples::{currency, date, key, quantity};
use crate::domain::flows::id::FlowId;
use crate::domain::flows::row::{BlockedContract, FlowChange, FlowRow, Obstacle, RowAmount, Snapshot};
use crate::domain::key::ContractId;
use crate::domain::market::snapshot::{MarketSnapshot, Moment, SnapshotName};
use crate::messages::contract::ContractVersion;

fn contract_id() -> impl Strategy<Value = ContractId> {
    "[A-Z0-9|]{1,40}".prop_map(|id| ContractId::new(&id).expect("a name"))
}

fn json() -> impl Strategy<Value = Box<str>> {
    "\\{\"a\": \"[a-zé€]{0,20}\"\\}".prop_map(Box::from)
}

fn version() -> impl Strategy<Value = u32> {
    0..=i32::MAX as u32
}

pub fn contract() -> impl Strategy<Value = ContractVersion> {
    (contract_id(), version(), option::of(json())).prop_map(|(id, version, terms)| ContractVersion {
        id,
        version,
        terms,
    })
}

pub fn data_point() -> impl Strategy<Value = DataPoint> {
    let rate = (-(10i64.pow(15))..10i64.pow(15)).prop_map(|digits| Decimal::new(digits, 12));
    let value = prop_oneof![rate.prop_map(Value::Number), json().prop_map(Value::Terms), Just(Value::Withdrawn)];
    (0..KINDS.len(), "[A-Z/|% é]{0,20}", "[A-Z0-9-]{0,20}", option::of(date()), version(), value).prop_map(
        |(kind, name, detail, date, version, value)| DataPoint {
            kind: KINDS[kind],
            name: name.into(),
            detail: detail.into(),
            date,
            version,
            value,
        },
    )
}

fn obstacle() -> impl Strategy<Value = Obstacle> {
    ("[A-Z_]{1,20}", "[a-z é]{0,40}")
        .prop_map(|(reason, message)| Obstacle { reason: reason.into(), message: message.into() })
}

prop_compose! {
    pub fn row()(
        names in (any::<u128>(), contract_id(), 0..SWAP_FLOW_KINDS.len(), 0..STAGES.len()),
        texts in ("[A-Z|0-9]{1,30}", option::of("[A-Z]{1,10}"), option::of("[A-Z|0-9]{1,30}")),
        dates in (date(), option::of(date()), option::of(date())),
        currency in currency(),
        result in prop_oneof![
            (any::<i64>(), quantity(), any::<bool>()).prop_map(|(minor, unrounded, provisional)| {
                Ok(RowAmount { minor, unrounded: unrounded.normalize(), provisional })
            }),
            obstacle().prop_map(Err),
        ],
    ) -> FlowRow {
        let ((id, contract, kind, stage), (of, detail, closed_by), (start, end, payment_date)) = (names, texts, dates);
        FlowRow {
            id: FlowId(id),
            contract,
            kind: SWAP_FLOW_KINDS[kind],
            stage: STAGES[stage],
            of: of.into(),
            detail: detail.map(Into::into),
            closed_by: closed_by.map(Into::into),
            start,
            end,
            payment_date,
            currency,
            result,
        }
    }
}

prop_compose! {
    pub fn position_flows()(
        key in key(),
        numbers in (version(), version(), 0..u64::try_from(i64::MAX).expect("positive"), any::<[i64; 3]>()),
        day in option::of(date()),
        changes in vec((any::<u128>(), any::<Option<i64>>(), any::<Option<i64>>()), 0..3),
        blocked in vec((contract_id(), obstacle()), 0..2),
        rows in vec(row(), 0..4),
    ) -> PositionFlows {
        let (part, parts, revision, [contracts, market_data, reference_data]) = numbers;
        let blocked: Vec<_> =
            blocked.into_iter().map(|(contract, obstacle)| BlockedContract { contract, obstacle }).collect();
        let rows = Rows::parts(&blocked, &rows).expect("they fit").swap_remove(0);
        let changes = changes.into_iter().map(|(id, before, after)| FlowChange { id: FlowId(id), before, after }).collect();
        PositionFlows {
            key,
            part,
            parts,
            revision,
            day,
            snapshot: Snapshot { contracts, market_data, reference_data },
            changes,
            rows,
        }
    }
}

pub fn moment() -> impl Strategy<Value = Moment> {
    (any::<[i64; 3]>(), date()).prop_map(|([contracts, market_data, reference_data], day)| Moment {
        known: Snapshot { contracts, market_data, reference_data },
        day,
    })
}

pub fn market_snapshot() -> impl Strategy<Value = MarketSnapshot> {
    ("[A-Z0-9 -]{1,40}", moment()).prop_filter_map("a name", |(name, moment)| {
        Some(MarketSnapshot { name: SnapshotName::new(&name).ok()?, moment })
    })
}
