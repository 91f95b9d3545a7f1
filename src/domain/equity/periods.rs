//! A holding -> the spans it is valued over: from opening over every reset to the close-out, or to today.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::mark::{Mark, Price};
use super::terms::{EquityTerms, UnwindPayment};
use crate::domain::blocked::Blocked;

/// What the equity leg knows of a lot slice.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Holding<'a> {
    /// Signed: below zero is a short.
    pub quantity: Decimal,
    pub opened: Mark<'a>,
    pub closed: Option<CloseOut<'a>>,
}

/// How a slice was closed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CloseOut<'a> {
    /// At the price of the closing trade, on its trade date.
    pub mark: Mark<'a>,
    pub settle_date: NaiveDate,
}

/// What a span needs from outside.
pub trait Marks<'a> {
    /// The market at the close of a day: price, and the rate if the contract's FX mode uses one.
    fn close(&self, date: NaiveDate) -> Result<Mark<'a>, Blocked>;

    /// So many business days of the settlement currency after a valuation date.
    fn payment_date(&self, valuation: NaiveDate, offset: u32) -> Result<NaiveDate, Blocked>;
}

/// One span of a holding, and what its end does to the amount.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Span<'a> {
    /// The opening: it fixes a constant notional.
    pub first: Mark<'a>,
    pub start: Mark<'a>,
    pub end: Mark<'a>,
    pub ending: Ending,
    /// None while unrealised, and for a close-out that waits for a valuation date that is not agreed yet.
    pub payment_date: Option<NaiveDate>,
}

/// How a span ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// A valuation date: the amount is realised, and the next span starts from its price and rate.
    Reset,
    /// The slice was closed: the amount is realised at the price of the closing trade.
    CloseOut,
    /// The holding goes on: the amount is unrealised and superseded by the next one.
    Open,
}

/// Iterator of `EquityTerms::spans`.
pub struct Spans<'t, 'a, M> {
    terms: &'t EquityTerms,
    holding: Holding<'a>,
    until: NaiveDate,
    marks: &'t M,
    start: Result<Mark<'a>, Blocked>,
    /// Index of the next valuation date; none when the last span was given.
    next: Option<usize>,
}

impl EquityTerms {
    /// The spans of a holding until a day, whose close is included. A trade comes before the valuation of its day: what is opened on a
    /// valuation date is reset by it, what is closed on one is not. A missing price blocks the two spans it ends and starts, no others.
    pub fn spans<'t, 'a, M: Marks<'a>>(
        &'t self,
        holding: Holding<'a>,
        until: NaiveDate,
        marks: &'t M,
    ) -> Spans<'t, 'a, M> {
        let opened = holding.opened.date;
        let first = self.valuation_dates.partition_point(|date| *date < opened);
        let next = (opened <= until).then_some(first);
        Spans { terms: self, holding, until, marks, start: Ok(holding.opened), next }
    }
}

impl<'a, M: Marks<'a>> Iterator for Spans<'_, 'a, M> {
    type Item = Result<Span<'a>, Blocked>;

    fn next(&mut self) -> Option<Self::Item> {
        let index = self.next?;
        let start = self.start.clone();
        let closed = self.holding.closed.filter(|close| close.mark.date <= self.until);
        let last_day = closed.map_or(self.until, |close| close.mark.date);
        let valuation = self.terms.valuation_dates.get(index).copied();
        let span = match (valuation, closed) {
            (Some(date), None) if date <= last_day => self.reset(date, index),
            (Some(date), Some(_)) if date < last_day => self.reset(date, index),
            (_, Some(close)) => {
                self.next = None;
                self.close_out(close, valuation)
            }
            (_, None) => {
                self.next = None;
                self.marks.close(self.until).map(|mark| (mark, Ending::Open, None))
            }
        };
        let first = self.holding.opened;
        Some(
            start.and_then(|start| {
                span.map(|(end, ending, payment_date)| Span { first, start, end, ending, payment_date })
            }),
        )
    }
}

type End<'a> = (Mark<'a>, Ending, Option<NaiveDate>);

impl<'a, M: Marks<'a>> Spans<'_, 'a, M> {
    fn reset(&mut self, date: NaiveDate, index: usize) -> Result<End<'a>, Blocked> {
        self.next = Some(index + 1);
        self.start = self.marks.close(date);
        let payment_date = self.marks.payment_date(date, self.terms.payment_offset)?;
        Ok((self.start.clone()?, Ending::Reset, Some(payment_date)))
    }

    fn close_out(&self, close: CloseOut<'a>, next_valuation: Option<NaiveDate>) -> Result<End<'a>, Blocked> {
        let payment_date = match (self.terms.unwind_payment, next_valuation) {
            (UnwindPayment::Settlement, _) => Some(close.settle_date),
            (UnwindPayment::NextPayment, None) => None,
            (UnwindPayment::NextPayment, Some(date)) => Some(self.marks.payment_date(date, self.terms.payment_offset)?),
        };
        Ok((close.mark, Ending::CloseOut, payment_date))
    }
}

impl<'a> Mark<'a> {
    /// The price of a trade, where no exchange rate matters.
    pub fn traded(what: &'static str, date: NaiveDate, price: Decimal) -> Mark<'a> {
        Mark { date, price: Price::Traded { what, price }, fx: None }
    }
}
