//! What a closing trade ends before the termination date -> the break fee of that trade.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::due::{Due, Matter, Statement, paid};
use super::dues::Lot;
use super::flow::{Calculated, FlowName, Kind};
use super::valuation::Valuation;
use crate::domain::blocked::{Blocked, out_of_range};
use crate::domain::explain::Fact;
use crate::domain::explain::pad::Pad;
use crate::domain::fees::early_end::BreakFee;
use crate::domain::financing::notional::Price;
use crate::domain::flows::status::Stage;
use crate::domain::lots::slice::{ClosedBy, End, Slice};
use crate::domain::money::Currency;

/// A trade that ended parts of lots before the termination date.
pub struct Break {
    fee: BreakFee,
    parts: Vec<Result<Ended, Blocked>>,
    /// When the last part settles: from then on nothing is earned.
    ended: NaiveDate,
    termination: NaiveDate,
    currency: Currency,
}

/// Units, above zero, at their reference price.
struct Ended {
    units: Decimal,
    price: Price,
}

impl<'a> Valuation<'a> {
    /// Enters the break fee of every trade that has closed something by the day into a statement, in the order of the trades' dates.
    pub fn break_fees<Id: Copy + Ord>(&self, lots: &[Lot<Id>], statement: &mut impl Statement<'a, Id>) {
        let Some((fee, termination)) = self.swap.break_fee.zip(self.swap.termination) else { return };
        let mut breaks = BTreeMap::<(NaiveDate, Id), Break>::new();
        let mut slices = Vec::new();
        for lot in lots {
            lot.life.slices_until(self.day, self.resets(lot), &mut slices);
            for slice in &slices {
                let Some(End { edge, by: ClosedBy::Close(by) }) = &slice.end else { continue };
                // What an arrival closes of itself against others ends with them.
                if edge.date < termination && *by != lot.id {
                    let currency = self.swap.currencies.settlement;
                    let new = || Break { fee, parts: Vec::new(), ended: edge.settle_date, termination, currency };
                    let found = breaks.entry((edge.date, *by)).or_insert_with(new);
                    found.parts.push(self.part(lot, slice));
                    found.ended = found.ended.max(edge.settle_date);
                }
            }
        }
        for ((date, by), found) in breaks {
            let name = FlowName {
                contract: &self.swap.id,
                kind: Kind::Fee,
                of: by,
                detail: Some("BREAK"),
                closed_by: None,
                fate: None,
                start: date,
                end: Some(termination),
            };
            let payment_date = Some(found.ended);
            statement.enter(Due { name, stage: Stage::Realised, payment_date, currency: found.currency }, &found);
        }
    }

    fn part<Id: Copy>(&self, lot: &Lot<Id>, slice: &Slice<Id>) -> Result<Ended, Blocked> {
        self.known(lot, slice)?;
        self.referenced(lot, slice)?;
        let price = Price { price: slice.start.price, fx: self.notional_fx(slice.reference.date)? };
        Ok(Ended { units: slice.reference.quantity.abs(), price })
    }
}

impl Matter for Break {
    fn amount<P: Pad>(&self, pad: &mut P) -> Result<Calculated, Blocked> {
        let charge = self.fee.charge(pad, |pad| self.notional(pad), self.ended, self.termination, self.currency)?;
        paid(pad, charge)
    }
}

impl Break {
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
