//! The lots under a swap -> everything that is due of them on a day, in a fixed order: lot by lot as given, and of a lot equity, interest, night
//! fees, dividends.

use std::sync::Arc;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::arrived::Elsewhere;
use super::due::{Dividend, Due, FeeOfNights, FeeOfTrade, Interest, Performance, Reinvestment, Statement};
use super::flow::{FlowName, Kind};
use super::terms::InterestPeriod;
use super::valuation::{Passed, Side, Valuation};
use crate::domain::blocked::Blocked;
use crate::domain::dividends::entitlement::Tenure;
use crate::domain::dividends::payment::Unwind;
use crate::domain::equity::mark::Mark;
use crate::domain::equity::terms::UnwindPayment;
use crate::domain::fees::trade::{TradeFee, TradeFeeKind, Traded};
use crate::domain::flows::status::Stage;
use crate::domain::lots::slice::{ClosedBy, End, Life, OpenedBy, Slice, Step};
use crate::domain::rates::schedule::Period;
use crate::domain::trade::captured::CapturedTrade;

/// One lot and what happened to it.
#[derive(Clone)]
pub struct Lot<Id> {
    pub id: Id,
    pub life: Life<Id>,
    /// From a day on its units are not known: what they would follow from is missing.
    pub unknown: Option<(NaiveDate, Blocked)>,
    /// Of a lot that came from another position.
    pub elsewhere: Option<Arc<Elsewhere>>,
}

impl<Id> Lot<Id> {
    /// A lot whose units are known on all days; or on none, when its life comes to more than a decimal holds. Nothing is left of it then that would
    /// be calculated with.
    pub fn new(id: Id, mut life: Life<Id>) -> Lot<Id> {
        if life.fits() {
            return Lot { id, life, unknown: None, elsewhere: None };
        }
        life.quantity = Decimal::ZERO;
        life.steps.retain(|step| matches!(step, Step::Arrive { .. }));
        let unknown = Some((life.opened.date, Blocked::OutOfRange { amount: "units or price of the lot" }));
        Lot { id, life, unknown, elsewhere: None }
    }

    /// Whether the units of a day are known.
    pub fn known_on(&self, day: NaiveDate) -> Result<(), &Blocked> {
        match &self.unknown {
            Some((from, reason)) if *from <= day => Err(reason),
            _ => Ok(()),
        }
    }
}

/// A lot cut into slices; kept from lot to lot, so that none of them needs memory of its own.
pub struct Slices<Id> {
    performance: Vec<Slice<Id>>,
    /// A notional changes on other dates than a performance starts anew, or not at all.
    financing: Vec<Slice<Id>>,
}

impl<Id> Default for Slices<Id> {
    fn default() -> Self {
        Slices { performance: Vec::new(), financing: Vec::new() }
    }
}

impl<'a> Valuation<'a> {
    /// Enters everything that is due of a lot into a statement.
    pub fn dues<Id: Copy>(&self, lot: &Lot<Id>, cut: &mut Slices<Id>, statement: &mut impl Statement<'a, Id>) {
        if lot.life.since() > self.day {
            return;
        }
        lot.life.slices_until(self.day, self.resets(lot), &mut cut.performance);
        let stands = |slice: &&Slice<Id>| slice.start.date <= self.day && !self.after_its_end(slice);
        let until_today = || cut.performance.iter().filter(stands);
        until_today().for_each(|slice| self.equity(lot, slice, statement));
        if let Some(side) = self.side(lot.life.quantity) {
            lot.life.financed_until(self.day, self.switches(lot, side), &mut cut.financing);
            cut.financing.iter().for_each(|slice| self.interest(lot, slice, side, statement));
        }
        if !self.swap.daily_fees.is_empty() {
            // What is marked each night does not ask for a reference price: no valuation cuts it.
            lot.life.slices_until(self.day, &[], &mut cut.financing);
            cut.financing.iter().for_each(|slice| self.night_fees(lot, slice, statement));
        }
        for passed in &self.dividends {
            until_today().for_each(|slice| self.dividend(lot, slice, passed, statement));
        }
    }

    /// Enters the fees of a trade, known by an id, into a statement.
    pub fn trade_fees<Id: Copy>(&self, id: Id, trade: &'a CapturedTrade, statement: &mut impl Statement<'a, Id>) {
        let Some(terms) = trade.terms().filter(|terms| terms.trade_date <= self.day) else { return };
        let traded =
            Traded { side: terms.side, quantity: terms.quantity, price: terms.price, currency: terms.currency };
        let in_price = self.swap.commission_in_price().is_some();
        let flows = |fee: &&TradeFee| fee.is_due_of(terms.side) && !(in_price && fee.kind == TradeFeeKind::Commission);
        for fee in self.swap.trade_fees.iter().filter(flows) {
            let name = FlowName {
                contract: &self.swap.id,
                kind: fee.flow_kind(),
                of: id,
                detail: Some(fee.name()),
                closed_by: None,
                fate: None,
                start: terms.trade_date,
                end: None,
            };
            let due = Due { name, stage: Stage::Realised, payment_date: terms.settle_date, currency: terms.currency };
            statement.enter(due, &FeeOfTrade { fee, traded });
        }
    }

    /// The final valuation leaves nothing that could be valued again.
    fn after_its_end<Id: Copy>(&self, slice: &Slice<Id>) -> bool {
        slice.opened_by == OpenedBy::Reset && self.swap.termination.is_some_and(|end| slice.start.date >= end)
    }

    #[inline]
    fn name<Id: Copy>(&self, lot: &Lot<Id>, slice: &Slice<Id>, kind: Kind) -> FlowName<'a, Id> {
        FlowName {
            contract: &self.swap.id,
            kind,
            of: lot.id,
            detail: None,
            closed_by: slice.end.as_ref().and_then(|end| end.by.name()),
            fate: slice.end.as_ref().and_then(|end| end.by.fate()),
            start: slice.start.date,
            end: slice.end.as_ref().map(|end| end.edge.date),
        }
    }

    /// What a corporate action or a move ends realises nothing: it goes on in the next slice, or in another position.
    fn equity<Id: Copy>(&self, lot: &Lot<Id>, slice: &Slice<Id>, statement: &mut impl Statement<'a, Id>) {
        let ended = slice.end.as_ref();
        let stage = match ended.map(|end| end.by) {
            Some(ClosedBy::Action(_) | ClosedBy::Move(_)) => return,
            Some(ClosedBy::Reset | ClosedBy::Close(_) | ClosedBy::CashInLieu(_)) => Stage::Realised,
            None => Stage::Accrued,
        };
        let payment = self.equity_payment(ended);
        let cash_in_lieu = ended.is_some_and(|end| matches!(end.by, ClosedBy::CashInLieu(_)));
        let kind = if cash_in_lieu { Kind::CashInLieu } else { Kind::EquityPerformance };
        let due = Due {
            name: self.name(lot, slice, kind),
            stage,
            payment_date: payment.as_ref().ok().copied().flatten(),
            currency: self.swap.currencies.settlement,
        };
        statement.enter(due, &Performance { valuation: self, lot, slice, unpayable: payment.as_ref().err() });
    }

    pub(super) fn start_mark<Id: Copy>(&self, lot: &Lot<Id>, slice: &Slice<Id>) -> Result<Mark<'a>, Blocked> {
        self.known(lot, slice)?;
        self.referenced(lot, slice)?;
        let (date, price) = (slice.reference.date, slice.start.price);
        match slice.opened_by {
            OpenedBy::Open => self.priced("opening price", date, price),
            OpenedBy::Reset => self.close(date),
            OpenedBy::Action => self.priced("reference price after the spin-off", date, price),
            OpenedBy::Arrival => self.priced("reference price where it came from", date, price),
        }
    }

    pub(super) fn end_mark<Id: Copy>(&self, End { edge, by }: &End<Id>) -> Result<Mark<'a>, Blocked> {
        match by {
            ClosedBy::Close(_) => self.priced("closing price", edge.date, edge.price),
            ClosedBy::CashInLieu(_) => self.priced("price of the fraction", edge.date, edge.price),
            ClosedBy::Reset | ClosedBy::Action(_) | ClosedBy::Move(_) => self.close(edge.date),
        }
    }

    fn equity_payment<Id: Copy>(&self, ended: Option<&End<Id>>) -> Result<Option<NaiveDate>, Blocked> {
        let offset = self.swap.equity.payment_offset;
        match ended {
            Some(End { edge, by: ClosedBy::Reset }) => self.payment_date(edge.date, offset).map(Some),
            Some(End { edge, by }) if by.pays_out() => match self.swap.equity.unwind_payment {
                UnwindPayment::Settlement => Ok(Some(edge.settle_date)),
                UnwindPayment::NextPayment => {
                    let next = self.swap.equity.valuation_dates.iter().find(|date| **date >= edge.date);
                    next.map(|date| self.payment_date(*date, offset)).transpose()
                }
            },
            _ => Ok(None),
        }
    }

    fn interest<Id: Copy>(
        &self,
        lot: &Lot<Id>,
        slice: &Slice<Id>,
        side: &Side<'a>,
        statement: &mut impl Statement<'a, Id>,
    ) {
        let kind = if slice.quantity.is_sign_negative() { Kind::ShortRebate } else { Kind::Interest };
        for (interest, period) in self.interest_periods(lot, slice) {
            let due = Due {
                name: FlowName { start: period.start, end: Some(period.end), ..self.name(lot, slice, kind) },
                stage: if period.end <= self.day { Stage::Realised } else { Stage::Accrued },
                payment_date: interest_payment(slice, side, interest),
                currency: self.swap.currencies.settlement,
            };
            let interest_period = interest.period;
            statement.enter(due, &Interest { valuation: self, lot, slice, side, interest_period, period });
        }
    }

    /// The interest periods in which a slice stands, and for which days of each.
    fn interest_periods<Id: Copy>(
        &self,
        lot: &Lot<Id>,
        slice: &Slice<Id>,
    ) -> impl Iterator<Item = (&'a InterestPeriod, Period)> {
        let (from, to) = self.settled(lot, slice);
        let begun = self.swap.interest_periods.iter().filter(|interest| interest.period.start <= self.day);
        begun.filter_map(move |interest| {
            let period = Period { start: from.max(interest.period.start), end: to.min(interest.period.end) };
            (period.start < period.end).then_some((interest, period))
        })
    }

    /// From the settlement of the start to that of the end; of an open slice to the end of all interest periods. A valuation that switches the
    /// notional before the lot has settled starts nothing early, and what a lot bore elsewhere is told there.
    fn settled<Id: Copy>(&self, lot: &Lot<Id>, slice: &Slice<Id>) -> (NaiveDate, NaiveDate) {
        let last = self.swap.interest_periods.last().map_or(self.day, |interest| interest.period.end);
        let from = slice.start.settle_date.max(lot.life.opened.settle_date).max(lot.life.since());
        (from, slice.end.as_ref().map_or(last, |end| end.edge.settle_date))
    }

    /// Night fees are charged with the interest, period by period; without interest periods in one.
    fn night_fees<Id: Copy>(&self, lot: &Lot<Id>, slice: &Slice<Id>, statement: &mut impl Statement<'a, Id>) {
        for fee in self.swap.daily_fees.iter().filter(|fee| fee.bears(slice.quantity)) {
            for (interest, nights) in self.interest_periods(lot, slice) {
                let charged = Period { end: self.day.clamp(nights.start, nights.end), ..nights };
                let name = self.name(lot, slice, fee.flow_kind());
                let due = Due {
                    name: FlowName { start: nights.start, end: Some(nights.end), detail: Some(fee.name()), ..name },
                    stage: if nights.end <= self.day { Stage::Realised } else { Stage::Accrued },
                    payment_date: interest.payment,
                    currency: self.swap.currencies.price,
                };
                let units = self.known(lot, slice).map(|()| self.units(lot, slice));
                statement.enter(due, &FeeOfNights { valuation: self, fee, units, nights: charged });
            }
        }
    }

    fn dividend<Id: Copy>(
        &self,
        lot: &Lot<Id>,
        slice: &Slice<Id>,
        passed: &Passed<'a>,
        statement: &mut impl Statement<'a, Id>,
    ) {
        let Passed { terms, declared, cut_off, dates, .. } = passed;
        let changed = self.changed_units(lot, slice);
        let held = changed.as_ref().map_or(&slice.quantity, |units| units.on(cut_off.day()));
        let Some(quantity) = cut_off.entitled(*held, Tenure::from(slice)) else { return };
        let dates = dates.as_ref().map(|dates| terms.unwound(*dates, declared, unwind(slice)));
        let known = dates.unwrap_or_default();
        let name = FlowName {
            start: declared.ex_date,
            end: None,
            detail: Some(declared.id.as_str()),
            ..self.name(lot, slice, Kind::Dividend)
        };
        let (stage, payment_date) = (known.stage(declared, self.day), known.payment);
        let due = Due { name, stage, payment_date, currency: terms.currency };
        let counted = lot.known_on(cut_off.day());
        let dividend = Dividend { valuation: self, quantity: counted.map(|()| quantity), passed, dates };
        statement.enter(due, &dividend);
        if terms.reinvested
            && let Some(quantity) = self.staying(lot, slice, passed, quantity)
        {
            let due = Due { name: FlowName { kind: Kind::Reinvestment, ..name }, ..due };
            let dividend = Dividend { quantity: dividend.quantity.map(|_| quantity), ..dividend };
            statement.enter(due, &Reinvestment { dividend });
        }
    }
}

/// When the interest of a slice within a period is paid.
fn interest_payment<Id: Copy>(slice: &Slice<Id>, side: &Side<'_>, interest: &InterestPeriod) -> Option<NaiveDate> {
    let closed = slice.end.as_ref().filter(|end| end.by.pays_out());
    let unwound = closed.filter(|end| end.edge.settle_date <= interest.period.end);
    match (unwound, interest.payment) {
        (Some(end), Some(payment)) => Some(side.terms.unwind_payment(end.edge.settle_date, payment)),
        (Some(end), None) => Some(end.edge.settle_date).filter(|_| side.terms.pays_with_unwind()),
        (None, payment) => payment,
    }
}

fn unwind<Id: Copy>(slice: &Slice<Id>) -> Option<Unwind> {
    let end = slice.end.as_ref().filter(|end| end.by.pays_out())?;
    Some(Unwind { trade_date: end.edge.date, payment_date: end.edge.settle_date })
}

/// Shorts alone borrow; everything that is held is kept in custody.
impl super::terms::DailyFeeTerms {
    fn bears(&self, quantity: Decimal) -> bool {
        self.flow_kind() != Kind::BorrowFee || quantity.is_sign_negative()
    }
}
