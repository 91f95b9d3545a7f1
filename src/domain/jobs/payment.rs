//! What a leg pays for a slice of a lot, or why it has no amount.

use compact_str::CompactString;
use rust_decimal::Decimal;

use super::cashflow::{Explain, FlowKind, FlowStatus};
use super::notice::NoticeCode;
use crate::domain::money::Money;

/// An amount of a slice before it is given its place.
#[derive(Clone, PartialEq, Debug)]
pub struct Payment {
    pub kind: FlowKind,
    /// What tells it from others of its kind on a slice; empty for those that have none beside them.
    pub detail: CompactString,
    pub status: FlowStatus,
    pub amount: Money,
    pub unrounded: Decimal,
    pub explain: Explain,
}

/// Why a slice has no amount; whoever knows the place makes it a row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    pub code: NoticeCode,
    pub field: &'static str,
    pub message: String,
}

impl Fault {
    /// The amount is beyond the 28 digits it is calculated with, or beyond what money can hold.
    pub fn out_of_range(field: &'static str) -> Fault {
        let message =
            "the amount does not fit 28 digits or 64 bits of minor units; check the size of quantity and price";
        Fault { code: NoticeCode::OutOfRange, field, message: message.to_owned() }
    }
}
