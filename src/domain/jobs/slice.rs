//! Slices: the quantity of a lot with one fate, as it stands at the end of a day.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::cashflow::{Explain, FlowKind, FlowStatus};
use super::chunk::{Close, RelievedLot};
use super::notice::NoticeCode;
use crate::domain::money::Money;

/// What is open of a lot on a day, or what one closing lot took from it by then.
#[derive(Clone, Copy, Debug)]
pub struct Slice<'a> {
    pub lot: &'a RelievedLot,
    /// Signed: below zero is a short.
    pub quantity: Decimal,
    pub close: Option<&'a Close>,
}

/// An amount of a slice before it is given its place.
#[derive(Clone, PartialEq, Debug)]
pub struct Payment {
    pub kind: FlowKind,
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

impl RelievedLot {
    /// The slices of a lot at the end of a day: closed ones in the order of their closing, then what is open.
    pub fn slices_on(&self, day: NaiveDate) -> Vec<Slice<'_>> {
        let mut open = self.quantity;
        let mut slices = Vec::with_capacity(1);
        for close in self.closes.iter().filter(|close| close.date <= day) {
            open -= close.quantity;
            slices.push(Slice { lot: self, quantity: close.quantity, close: Some(close) });
        }
        if slices.is_empty() || !open.is_zero() {
            slices.push(Slice { lot: self, quantity: open, close: None });
        }
        slices
    }
}

impl Fault {
    /// The amount is beyond the 28 digits it is calculated with, or beyond what money can hold.
    pub fn out_of_range(field: &'static str) -> Fault {
        let message =
            "the amount does not fit 28 digits or 64 bits of minor units; check the size of quantity and price";
        Fault { code: NoticeCode::OutOfRange, field, message: message.to_owned() }
    }
}
