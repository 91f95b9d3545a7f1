//! Lots that go on in another position -> what is known of them there: cost and dates, and what the legs have measured them from.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::agreement::ReferencePrice;
use super::dues::Lot;
use super::held::Holding;
use super::valuation::Valuation;
use crate::domain::blocked::{Blocked, out_of_range};
use crate::domain::key::TradeId;
use crate::domain::lots::happening::{Arrival, Sent};
use crate::domain::lots::slice::{ClosedBy, Step};

/// A lot, or what a corporate action made of it, on its way to another position.
pub struct Move<'a> {
    /// The transfer or the corporate action.
    pub by: &'a TradeId,
    pub sent: &'a Sent,
    pub arrival: &'a Arrival,
    /// What performance and notional are measured from there, so that nothing is paid twice and nothing is lost.
    pub reference: Result<ReferencePrice, Blocked>,
}

impl<'a> Valuation<'a> {
    /// What has gone to other positions by the day.
    pub fn moves(&self, holding: &'a Holding<'_>, lots: &[Lot<&str>]) -> Vec<Move<'a>> {
        let lots: BTreeMap<&str, &Lot<&str>> = lots.iter().map(|lot| (lot.id, lot)).collect();
        let mut names: Option<(&TradeId, BTreeMap<TradeId, &str>)> = None;
        let mut moves = Vec::new();
        for (by, sent) in holding.sent() {
            let Some(arrival) = sent.happening.arrival().filter(|arrival| arrival.date <= self.day) else { continue };
            let names = match &mut names {
                Some((of, names)) if *of == by => names,
                names => &mut names.insert((by, holding.moved_names(by))).1,
            };
            let lot = names.get(&sent.happening.id).and_then(|name| lots.get(name));
            let missing = || Blocked::SpecificLotInvalid { lot: sent.happening.id.trade_id().into() };
            let reference = lot.ok_or_else(missing).and_then(|lot| self.reference_of(lot, by, arrival.lot.remaining));
            moves.push(Move { by, sent, arrival, reference });
        }
        moves
    }

    /// What `units` that came of a lot are measured from.
    fn reference_of(&self, lot: &Lot<&str>, by: &TradeId, units: Decimal) -> Result<ReferencePrice, Blocked> {
        let mut slices = Vec::new();
        lot.life.slices_until(self.day, self.resets(lot), &mut slices);
        let (mut date, mut worth): (Option<NaiveDate>, Decimal) = (None, Decimal::ZERO);
        for slice in &slices {
            let part = match slice.end.map(|end| end.by) {
                Some(ClosedBy::Move(id)) if id == by.trade_id() => Decimal::ONE,
                Some(ClosedBy::Action(id)) if id == by.trade_id() => Decimal::ONE - kept(lot, id),
                _ => continue,
            };
            self.known(lot, slice)?;
            self.referenced(lot, slice)?;
            let moved =
                slice.reference.quantity.checked_mul(slice.start.price).and_then(|moved| moved.checked_mul(part));
            worth = moved.and_then(|moved| worth.checked_add(moved)).ok_or_else(out_of_range("the reference"))?;
            date = Some(slice.reference.date);
        }
        let price = worth.checked_div(units).ok_or_else(out_of_range("the reference"))?.normalize();
        Ok(ReferencePrice { date: date.unwrap_or(lot.life.priced), price })
    }
}

/// The part of its cost that a lot keeps in a spin-off.
fn kept(lot: &Lot<&str>, by: &str) -> Decimal {
    let kept = |step: &Step<&str>| match step {
        Step::SpinOff { by: id, kept, .. } if *id == by => Some(*kept),
        _ => None,
    };
    lot.life.steps.iter().find_map(kept).unwrap_or(Decimal::ONE)
}
