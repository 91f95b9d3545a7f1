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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::equity::terms::{CommissionIn, EquityNotional, ReturnType};
    use crate::domain::market::carry::{Accepted, Quote};
    use crate::domain::market::fx::FxMode;
    use crate::domain::names::Symbol;

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2025, 4, day).expect("a day of April")
    }

    /// A price for every day but one.
    struct Market {
        symbol: Symbol,
        without: Option<NaiveDate>,
    }

    impl<'a> Marks<'a> for &'a Market {
        fn close(&self, date: NaiveDate) -> Result<Mark<'a>, Blocked> {
            if self.without == Some(date) {
                return Err(Blocked::MissingPrice { of: self.symbol.clone(), date });
            }
            let accepted = Accepted { quote: Quote { date, value: Decimal::TEN, version: 1 }, provisional: false };
            Ok(Mark { date, price: Price::Observed { of: &self.symbol, accepted, disrupted: None }, fx: None })
        }

        fn payment_date(&self, valuation: NaiveDate, offset: u32) -> Result<NaiveDate, Blocked> {
            Ok(valuation + chrono::Days::new(u64::from(offset)))
        }
    }

    /// Valued on the 10th and the 20th.
    fn spans(opened: u32, closed: Option<u32>, until: u32, unwind: UnwindPayment, without: Option<u32>) -> Vec<String> {
        let terms = EquityTerms {
            return_type: ReturnType::Price,
            notional: EquityNotional::Reset,
            fx: FxMode::None,
            valuation_dates: vec![day(10), day(20)],
            disrupted: BTreeMap::new(),
            payment_offset: 2,
            unwind_payment: unwind,
            commission: CommissionIn::OwnFlow,
        };
        let mark = |what, date: u32| Mark::traded(what, day(date), Decimal::ONE);
        let closed = closed.map(|date| CloseOut { mark: mark("closing price", date), settle_date: day(date + 1) });
        let holding = Holding { quantity: Decimal::ONE, opened: mark("opening price", opened), closed };
        let market = Market { symbol: Symbol::new("ACME").expect("a name"), without: without.map(day) };
        let told = |date: NaiveDate| date.format("%-d").to_string();
        let tell = |span: Result<Span<'_>, Blocked>| match span {
            Ok(span) => {
                let paid = span.payment_date.map_or("-".to_owned(), told);
                format!("{}..{} {:?} {paid}", told(span.start.date), told(span.end.date), span.ending)
            }
            Err(blocked) => blocked.code().to_owned(),
        };
        terms.spans(holding, day(until), &&market).map(tell).collect()
    }

    fn plain(opened: u32, closed: Option<u32>, until: u32) -> Vec<String> {
        spans(opened, closed, until, UnwindPayment::Settlement, None)
    }

    #[test]
    fn a_holding_is_valued_from_reset_to_reset_and_then_to_today() {
        assert_eq!(plain(1, None, 25), ["1..10 Reset 12", "10..20 Reset 22", "20..25 Open -"]);
        assert_eq!(plain(1, None, 9), ["1..9 Open -"]);
        assert_eq!(plain(1, None, 10), ["1..10 Reset 12", "10..10 Open -"]);
    }

    #[test]
    fn trades_come_before_the_valuation_of_their_day() {
        assert_eq!(plain(10, None, 15), ["10..10 Reset 12", "10..15 Open -"]);
        assert_eq!(plain(1, Some(10), 15), ["1..10 CloseOut 11"]);
        assert_eq!(plain(1, Some(11), 15), ["1..10 Reset 12", "10..11 CloseOut 12"]);
    }

    #[test]
    fn what_is_not_yet_done_is_not_seen() {
        assert_eq!(plain(10, None, 9), [""; 0]);
        assert_eq!(plain(1, Some(9), 8), ["1..8 Open -"]);
    }

    #[test]
    fn a_close_out_is_paid_when_it_settles_or_with_the_next_valuation() {
        let next = |closed| spans(1, Some(closed), 28, UnwindPayment::NextPayment, None);
        assert_eq!(next(5), ["1..5 CloseOut 12"]);
        assert_eq!(next(10), ["1..10 CloseOut 12"], "the valuation of the same day");
        assert_eq!(next(21).last().map(String::as_str), Some("20..21 CloseOut -"), "no valuation date is agreed");
    }

    #[test]
    fn a_missing_price_blocks_the_spans_it_ends_and_starts_and_no_others() {
        let told = spans(1, None, 25, UnwindPayment::Settlement, Some(10));
        assert_eq!(told, ["MISSING_PRICE", "MISSING_PRICE", "20..25 Open -"]);
        let told = spans(1, Some(5), 25, UnwindPayment::Settlement, Some(25));
        assert_eq!(told, ["1..5 CloseOut 6"], "what is closed needs no price of today");
    }
}
