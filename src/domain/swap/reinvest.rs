//! Reinvested dividends: what a lot is paid buys units, at the close of the day it is paid, and they join the lot.
//!
//! 2002 ISDA Equity Definitions section 10.4. A lot has Q units at the start of the day, before its trades; each was entitled to a dividend of which D is
//! passed on, and the close is P. Then Q x D / P units are bought, to ten decimals; a short sells as many more. The units grow and what they are
//! measured from does not, as in a stock dividend, so that the performance of the grown lot is its total return:
//!
//! `Q (1 + D / P) P1 - Q P0`
//!
//! Nothing more is financed before the next valuation, because the units are paid for: the flow REINVESTMENT takes what the flow DIVIDEND brings.
//! Trades stay in the units that were traded: what one closes of a lot takes its share of the bought units with it. What was closed between
//! the cut-off and the payment is paid in cash, and so is everything from the termination date on: nothing is left that could grow.

use rust_decimal::Decimal;

use chrono::NaiveDate;

use super::due::{Dividend, Matter};
use super::dues::Lot;
use super::flow::Calculated;
use super::valuation::{Passed, Valuation};
use crate::domain::blocked::{Blocked, out_of_range};
use crate::domain::dividends::amount::reinvest;
use crate::domain::dividends::entitlement::{Dates, Tenure};
use crate::domain::equity::mark::Price;
use crate::domain::explain::pad::{Pad, Silent};
use crate::domain::lots::slice::{ClosedBy, Life, Slice, Step};
use crate::domain::lots::units::part_of;
use crate::domain::number::rounding::Rounding;
use crate::domain::trade::WHOLE_LIMIT;

/// Units that a dividend buys, signed like what it is paid on.
pub(super) struct Bought {
    units: Decimal,
    pub provisional: bool,
}

impl<'a> Valuation<'a> {
    /// Lets lots grow by what their dividends have bought until the day.
    pub fn reinvest<Id: Copy>(&self, lots: &mut [Lot<Id>]) {
        let mut due: Vec<_> =
            self.dividends.iter().filter_map(|passed| Some((self.bought_on(passed)?, passed))).collect();
        due.sort_by_key(|(date, passed)| (*date, passed.declared.ex_date, passed.declared.id.as_str()));
        for lot in lots {
            let mut grown = due.iter().map(|(date, passed)| self.grow(&mut lot.life, *date, passed));
            lot.unknown = lot.unknown.take().or_else(|| grown.find_map(Result::err));
        }
    }

    /// Why the units of a lot are not known where it goes, if dividends have bought some while it stood here for so long.
    pub(super) fn left_behind(&self, tenure: Tenure) -> Option<Blocked> {
        let closed = tenure.closed?.trade;
        let bought = |passed: &Passed<'_>| self.bought_on(passed).is_some_and(|date| date < closed);
        let entitled = |passed: &Passed<'_>| {
            let open = Tenure { closed: None, ..tenure };
            passed.cut_off.entitled(Decimal::ONE, open).is_some()
        };
        let left = self.dividends.iter().any(|passed| bought(passed) && entitled(passed));
        left.then_some(Blocked::MissingTerm { term: LEAVING })
    }

    /// The day on which a dividend buys units, if it has come; its ex date while the day cannot be told.
    fn bought_on(&self, passed: &Passed<'_>) -> Option<NaiveDate> {
        let date = match &passed.dates {
            Ok(dates) => dates.payment?,
            Err(_) => passed.declared.ex_date,
        };
        (date <= self.day && self.buys_on(passed, date)).then_some(date)
    }

    fn buys_on(&self, passed: &Passed<'_>, date: NaiveDate) -> bool {
        passed.terms.reinvested && self.swap.termination.is_none_or(|end| date < end)
    }

    /// Adds what a dividend buys on a day. Units are not known from the day on for which it fails.
    fn grow<Id: Copy>(
        &self,
        life: &mut Life<Id>,
        date: NaiveDate,
        passed: &Passed<'a>,
    ) -> Result<(), (NaiveDate, Blocked)> {
        let Passed { cut_off, dates, .. } = passed;
        let before = before_trades(life, date);
        let open = life.steps[..before].iter().fold(life.quantity, |open, step| step.left(open));
        let since = life.since();
        let opened = Dates { trade: since, settle: life.opened.settle_date.max(since) };
        if open.is_zero() || cut_off.entitled(open, Tenure { opened, closed: None }).is_none() {
            return Ok(());
        }
        // In the units of the cut-off, which is the day that a dividend per unit is for.
        let entitled = life.steps[..before].iter().rev().fold(open, |units, step| match *step {
            Step::Split { date, before, after } if date > cut_off.day() => part_of(before, units, after),
            _ => units,
        });
        let quantity = if cut_off.day() < date { Ok(entitled) } else { Err(&PAID_LATER) };
        let dividend = Dividend { valuation: self, quantity, passed, dates: dates.as_ref().map(|dates| *dates) };
        let bought = dividend.buys(&mut Silent).map_err(|reason| (date, reason))?;
        let after = open.checked_add(bought.map_or(Decimal::ZERO, |bought| bought.units));
        let after = after
            .filter(|after| after.abs() < WHOLE_LIMIT)
            .ok_or_else(|| (date, out_of_range("units that a dividend has bought")()))?;
        life.steps.insert(before, Step::Split { date, before: open, after });
        scale(&mut life.steps[before + 1..], open, after)
    }

    /// What of a dividend on a slice stays invested: all that is still held when it buys units, as far as that is known on the day.
    pub(super) fn staying<Id: Copy>(
        &self,
        lot: &Lot<Id>,
        slice: &Slice<Id>,
        passed: &Passed<'a>,
        entitled: Decimal,
    ) -> Option<Decimal> {
        let payment = passed.dates.as_ref().map_or(None, |dates| dates.payment);
        let owed = entitled.is_sign_negative() != slice.quantity.is_sign_negative();
        if owed || !self.buys_on(passed, payment.unwrap_or(passed.declared.ex_date)) {
            return None;
        }
        let until = payment.filter(|date| *date <= self.day).or(self.day.succ_opt())?;
        let from = match slice.end.map(|end| (end.by, end.edge.date)) {
            None => return Some(entitled),
            Some((ClosedBy::Close(_), date)) => return (date >= until).then_some(entitled),
            Some((ClosedBy::CashInLieu(_) | ClosedBy::Move(_), date)) => return (date > until).then_some(entitled),
            Some((ClosedBy::Reset, date)) => date.succ_opt()?,
            Some((ClosedBy::Action(_), date)) => date,
        };
        // It goes on in the next slices; what is closed of them before the payment takes its share.
        let life = &lot.life;
        let (mut open, mut staying) = (life.quantity, entitled);
        for step in &life.steps[..before_trades(life, until)] {
            let left = step.left(open);
            if step.date() >= from && !matches!(step, Step::Split { .. }) {
                staying = part_of(staying, left, open);
            }
            open = left;
        }
        (!staying.is_zero()).then_some(staying)
    }
}

impl Dividend<'_, '_> {
    /// The units that it buys; none while the day has not come.
    pub(super) fn buys<P: Pad>(&self, pad: &mut P) -> Result<Option<Bought>, Blocked> {
        let valuation = self.valuation;
        let payment = self.dates.map_err(Blocked::clone)?.payment;
        let Some(date) = payment.filter(|date| *date <= valuation.day) else { return Ok(None) };
        let paid: Calculated = self.amount(&mut Silent)?;
        let accepted = valuation.close_price(date)?;
        let price = Price::Observed { of: &valuation.swap.underlier, accepted, disrupted: None }.number(pad);
        if pad.value(price) <= Decimal::ZERO {
            return Err(out_of_range("what a dividend buys at a price that is not above zero")());
        }
        let units = reinvest(pad, paid.amount, price)?;
        Ok(Some(Bought { units: pad.value(units), provisional: paid.provisional || accepted.provisional }))
    }
}

static PAID_LATER: Blocked = Blocked::MissingTerm {
    term: "a payment date after the day that decides who gets a reinvested dividend (dividends.payment)",
};
const LEAVING: &str =
    "what becomes of units that dividends have bought when their lot goes elsewhere (dividends.reinvested)";

/// How many steps come before the trades of a day.
fn before_trades<Id>(life: &Life<Id>, date: NaiveDate) -> usize {
    let before = |step: &Step<Id>| step.date() < date || (step.date() == date && !matches!(step, Step::Close { .. }));
    life.steps.partition_point(before)
}

/// What happens to `open` units happens to `grown` ones in proportion.
fn scale<Id>(steps: &mut [Step<Id>], mut open: Decimal, mut grown: Decimal) -> Result<(), (NaiveDate, Blocked)> {
    let part = |whole, part, of| Rounding::HalfUp.round(part_of(whole, part, of), 10);
    for step in steps {
        let (left, date) = (step.left(open), step.date());
        let stays = part(grown, left, open);
        match step {
            Step::Close { units, .. } | Step::CashInLieu { units, .. } => *units = (grown - stays).abs(),
            Step::Split { before, after, .. } => (*before, *after) = (grown, stays),
            Step::Arrive { .. } => {}
            Step::SpinOff { .. } | Step::Move { .. } => return Err((date, Blocked::MissingTerm { term: LEAVING })),
        }
        (open, grown) = (left, stays);
    }
    Ok(())
}
