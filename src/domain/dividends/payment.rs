//! On which date a dividend is paid, and how far it has come on a day.

use chrono::NaiveDate;

use super::declared::Declared;
use super::terms::{AmountType, DividendPeriod, DividendTerms, PaymentRule};
use crate::domain::blocked::Blocked;
use crate::domain::status::Stage;

/// The dates a contract pays on, as far as they are agreed.
#[derive(Clone, Copy, Debug)]
pub struct Schedule<'a> {
    /// Ascending.
    pub equity: &'a [Payment],
    /// Ascending; the valuation date of an interest period is its end.
    pub interest: &'a [Payment],
    pub termination: Option<NaiveDate>,
}

/// A valuation date, and when what it comes to is paid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Payment {
    pub valuation: NaiveDate,
    pub payment: NaiveDate,
}

/// How the slice that bears the dividend was closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unwind {
    pub trade_date: NaiveDate,
    pub payment_date: NaiveDate,
}

/// When a dividend is determined, and when it is paid. None: not known yet; it stays accrued.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Due {
    pub determined: Option<NaiveDate>,
    pub payment: Option<NaiveDate>,
}

impl DividendTerms {
    /// When a dividend of a slice is due. `business_days_after` counts business days of the dividend's currency.
    pub fn due(
        &self,
        declared: &Declared,
        schedule: Schedule<'_>,
        unwind: Option<Unwind>,
        business_days_after: impl FnOnce(NaiveDate, u32) -> Result<NaiveDate, Blocked>,
    ) -> Result<Due, Blocked> {
        let by_type = self.amount_type.date_of(declared);
        let at = |payments: &[Payment], date: Option<NaiveDate>| self.due_in(payments, date);
        Ok(match &self.payment {
            PaymentRule::SharePayment { offset } => {
                let payment = declared.pay_date.map(|date| business_days_after(date, *offset)).transpose()?;
                Due { determined: by_type, payment }
            }
            PaymentRule::CashSettlement => at(schedule.equity, by_type),
            PaymentRule::CashSettlementExDiv | PaymentRule::CumulativeEquityExDiv => {
                at(schedule.equity, Some(declared.ex_date))
            }
            PaymentRule::CumulativeEquityPaid => at(schedule.equity, AmountType::Paid.date_of(declared)),
            PaymentRule::CumulativeInterestExDiv => at(schedule.interest, Some(declared.ex_date)),
            PaymentRule::UnwindOrEquityExDiv => {
                at(schedule.equity, Some(declared.ex_date)).or_unwound(declared.ex_date, unwind)
            }
            PaymentRule::AdHoc(dates) => {
                let first = |from| dates.iter().copied().find(|date| *date >= from);
                Due { determined: by_type, payment: by_type.and_then(first) }
            }
            PaymentRule::TerminationDate => Due { determined: schedule.termination, payment: schedule.termination },
        })
    }

    /// With the amount of the dividend period that contains a date.
    fn due_in(&self, payments: &[Payment], date: Option<NaiveDate>) -> Due {
        let Some(date) = date else { return Due::default() };
        let index = match self.period {
            DividendPeriod::First => payments.partition_point(|period| period.payment <= date),
            DividendPeriod::Second => payments.partition_point(|period| period.valuation < date),
        };
        payments.get(index).map_or(Due::default(), |period| {
            // In a first period a dividend may fall between valuation and payment: it is determined then, not before.
            Due { determined: Some(period.valuation.max(date)), payment: Some(period.payment) }
        })
    }
}

impl Due {
    fn or_unwound(self, ex_date: NaiveDate, unwind: Option<Unwind>) -> Due {
        let earlier = |unwind: &Unwind| self.payment.is_none_or(|payment| unwind.payment_date < payment);
        match unwind.filter(|unwind| unwind.trade_date >= ex_date).filter(earlier) {
            Some(Unwind { trade_date, payment_date }) => {
                Due { determined: Some(trade_date), payment: Some(payment_date) }
            }
            None => self,
        }
    }

    /// How far a dividend has come on a day: projected before its ex date, then accrued as a receivable or payable, realised once it is
    /// determined. Whether it was instructed and settled is told by events, not by dates.
    pub fn stage(self, declared: &Declared, day: NaiveDate) -> Stage {
        if day < declared.ex_date {
            Stage::Projected
        } else if self.determined.is_some_and(|determined| determined <= day) {
            Stage::Realised
        } else {
            Stage::Accrued
        }
    }
}
