//! What a closing trade ends before the termination date -> the break fee of that trade.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::due::{Due, Matter};
use super::dues::Lot;
use super::flow::{FlowName, Kind};
use super::valuation::Valuation;
use crate::domain::blocked::{Blocked, out_of_range};
use crate::domain::explain::Fact;
use crate::domain::explain::pad::Pad;
use crate::domain::fees::early_end::BreakFee;
use crate::domain::financing::notional::Price;
use crate::domain::flows::status::Stage;
use crate::domain::lots::slice::{ClosedBy, End, Slice};
use crate::domain::money::Currency;
use crate::domain::money::amount::Amount;

/// A trade that ended parts of lots before the termination date.
pub struct Break {
    fee: BreakFee,
    parts: Vec<Result<Ended, Blocked>>,
    /// When the last part settles: from then on nothing is earned.
    ended: NaiveDate,
    termination: NaiveDate,
}

/// Units, above zero, at their reference price.
struct Ended {
    units: Decimal,
    price: Price,
}

impl<'a> Valuation<'a> {
    /// Shows the break fee of every trade that has closed something by the day to `each`, in the order of the trades' dates.
    pub fn break_fees<Id: Copy + Ord>(&self, lots: &[Lot<Id>], each: &mut impl FnMut(Due<'a, Id>)) {
        let Some((fee, termination)) = self.swap.break_fee.zip(self.swap.termination) else { return };
        let mut breaks = BTreeMap::<(NaiveDate, Id), Break>::new();
        let mut slices = Vec::new();
        for lot in lots {
            lot.life.slices_until(self.day, &self.resets, &mut slices);
            for slice in &slices {
                let Some(End { edge, by: ClosedBy::Close(by) }) = &slice.end else { continue };
                if edge.date < termination {
                    let new = || Break { fee, parts: Vec::new(), ended: edge.settle_date, termination };
                    let found = breaks.entry((edge.date, *by)).or_insert_with(new);
                    found.parts.push(self.part(lot, slice));
                    found.ended = found.ended.max(edge.settle_date);
                }
            }
        }
        for ((date, by), found) in breaks {
            each(Due {
                name: FlowName {
                    contract: &self.swap.id,
                    kind: Kind::Fee,
                    of: by,
                    detail: Some("BREAK"),
                    closed_by: None,
                    start: date,
                    end: Some(termination),
                },
                stage: Stage::Realised,
                payment_date: Some(found.ended),
                currency: self.swap.currencies.settlement,
                matter: Ok(Matter::Break(found)),
            });
        }
    }

    fn part<Id: Copy>(&self, lot: &Lot<Id>, slice: &Slice<Id>) -> Result<Ended, Blocked> {
        if let Some(reason) = self.unreferenced(lot.life.opened.date, slice.start.date) {
            return Err(reason.clone());
        }
        let price = Price { price: slice.start.price, fx: self.reference_fx(lot, slice)? };
        Ok(Ended { units: slice.quantity.abs(), price })
    }
}

impl Break {
    /// The charge, above zero.
    pub(super) fn charge<P: Pad>(&self, pad: &mut P, currency: Currency) -> Result<Amount, Blocked> {
        self.fee.charge(pad, |pad| self.notional(pad), self.ended, self.termination, currency)
    }

    fn notional<P: Pad>(&self, pad: &mut P) -> Result<P::Number, Blocked> {
        let range = out_of_range("the notional that ends");
        let mut sum = None;
        for part in &self.parts {
            let Ended { units, price } = part.as_ref().map_err(Blocked::clone)?;
            let units = pad.given(|| Fact::Lot("units that end"), *units);
            let notional = price.notional(pad, || Fact::Lot("reference price"), units).ok_or_else(&range)?;
            sum = Some(match sum {
                None => notional,
                Some(sum) => pad.add("notional that ends", sum, notional).ok_or_else(&range)?,
            });
        }
        sum.ok_or_else(range)
    }
}
