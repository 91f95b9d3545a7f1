//! On which date a dividend is paid, and how far it has come on a day.

use chrono::NaiveDate;

use super::declared::Declared;
use super::terms::{AmountType, DividendPeriod, DividendTerms, PaymentRule};
use crate::domain::blocked::Blocked;
use crate::domain::flows::status::Stage;

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
    /// When a dividend is due of what is held through it. `business_days_after` counts business days of the dividend's currency.
    pub fn due(
        &self,
        declared: &Declared,
        schedule: Schedule<'_>,
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
            PaymentRule::CashSettlementExDiv
            | PaymentRule::CumulativeEquityExDiv
            | PaymentRule::UnwindOrEquityExDiv => at(schedule.equity, Some(declared.ex_date)),
            PaymentRule::CumulativeEquityPaid => at(schedule.equity, AmountType::Paid.date_of(declared)),
            PaymentRule::CumulativeInterestExDiv => at(schedule.interest, Some(declared.ex_date)),
            PaymentRule::AdHoc(dates) => {
                let first = |from| dates.iter().copied().find(|date| *date >= from);
                Due { determined: by_type, payment: by_type.and_then(first) }
            }
            PaymentRule::TerminationDate => Due { determined: schedule.termination, payment: schedule.termination },
        })
    }

    /// The same of a slice that was closed.
    #[inline]
    pub fn unwound(&self, due: Due, declared: &Declared, unwind: Option<Unwind>) -> Due {
        match self.payment {
            PaymentRule::UnwindOrEquityExDiv => due.or_unwound(declared.ex_date, unwind),
            _ => due,
        }
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
    #[inline]
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::dividends::declared::{Declaration, DividendId, DividendKind};
    use crate::domain::dividends::terms::{Entitlement, FxTrigger, Payout, SpecialDividends};
    use crate::domain::money::Currency;
    use crate::domain::names::Symbol;

    fn day(month: u32, day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2025, month, day).expect("a day of the year")
    }

    fn currency() -> Currency {
        Currency::new("USD").expect("a currency in use")
    }

    /// Goes ex on 15 April, recorded on the 16th, paid by the issuer on 9 May.
    fn declared() -> Declared {
        Declared {
            id: DividendId::new("D1").expect("a name"),
            version: 1,
            of: Symbol::new("ACME").expect("a name"),
            kind: DividendKind::Ordinary,
            status: Declaration::Confirmed,
            gross: 1.into(),
            currency: currency(),
            ex_date: day(4, 15),
            record_date: day(4, 16),
            pay_date: Some(day(5, 9)),
            source_tax: None,
        }
    }

    fn terms(payment: PaymentRule) -> DividendTerms {
        DividendTerms {
            entitlement: Entitlement::ExDate,
            amount_type: AmountType::Ex,
            period: DividendPeriod::Second,
            payout: Payout { long: None, short: None },
            payment,
            reinvested: false,
            currency: currency(),
            fx_trigger: FxTrigger::PaymentDate,
            special: SpecialDividends::Included,
        }
    }

    /// Valued at the ends of April and May, and paid on the second business day after; interest is paid in the middle of the month.
    fn due(terms: &DividendTerms, declared: &Declared, unwind: Option<Unwind>) -> Due {
        let payment = |valuation, payment| Payment { valuation, payment };
        let schedule = Schedule {
            equity: &[payment(day(4, 30), day(5, 2)), payment(day(5, 30), day(6, 3))],
            interest: &[payment(day(4, 14), day(4, 16)), payment(day(5, 14), day(5, 16))],
            termination: Some(day(12, 31)),
        };
        let after = |date: NaiveDate, days: u32| Ok(date + chrono::Days::new(u64::from(days)));
        let held_through = terms.due(declared, schedule, after).expect("the calendar is known");
        terms.unwound(held_through, declared, unwind)
    }

    fn at(determined: NaiveDate, payment: NaiveDate) -> Due {
        Due { determined: Some(determined), payment: Some(payment) }
    }

    #[test]
    fn each_rule_has_its_payment_date() {
        for (rule, expected) in [
            (PaymentRule::SharePayment { offset: 2 }, at(day(4, 15), day(5, 11))),
            (PaymentRule::CashSettlement, at(day(4, 30), day(5, 2))),
            (PaymentRule::CashSettlementExDiv, at(day(4, 30), day(5, 2))),
            (PaymentRule::CumulativeEquityExDiv, at(day(4, 30), day(5, 2))),
            (PaymentRule::CumulativeEquityPaid, at(day(5, 30), day(6, 3))),
            (PaymentRule::CumulativeInterestExDiv, at(day(5, 14), day(5, 16))),
            (PaymentRule::UnwindOrEquityExDiv, at(day(4, 30), day(5, 2))),
            (PaymentRule::AdHoc(vec![day(4, 14), day(4, 20), day(5, 20)]), at(day(4, 15), day(4, 20))),
            (PaymentRule::TerminationDate, at(day(12, 31), day(12, 31))),
        ] {
            assert_eq!(due(&terms(rule.clone()), &declared(), None), expected, "{rule:?}");
        }
    }

    #[test]
    fn the_amount_type_puts_a_dividend_into_its_period() {
        for (amount_type, payment) in
            [(AmountType::Ex, day(5, 2)), (AmountType::Record, day(5, 2)), (AmountType::Paid, day(6, 3))]
        {
            let terms = DividendTerms { amount_type, ..terms(PaymentRule::CashSettlement) };
            assert_eq!(due(&terms, &declared(), None).payment, Some(payment), "{amount_type:?}");
            let terms = DividendTerms { payment: PaymentRule::CashSettlementExDiv, ..terms };
            assert_eq!(due(&terms, &declared(), None).payment, Some(day(5, 2)), "the ex date alone decides");
        }
    }

    #[test]
    fn a_first_period_counts_from_payment_to_payment_and_a_second_from_valuation_to_valuation() {
        for (ex_date, first, second) in
            [(day(4, 30), day(5, 2), day(5, 2)), (day(5, 1), day(5, 2), day(6, 3)), (day(5, 2), day(6, 3), day(6, 3))]
        {
            let declared = Declared { ex_date, ..declared() };
            for (period, payment) in [(DividendPeriod::First, first), (DividendPeriod::Second, second)] {
                let terms = DividendTerms { period, ..terms(PaymentRule::CashSettlement) };
                assert_eq!(due(&terms, &declared, None).payment, Some(payment), "{ex_date} {period:?}");
            }
        }
        let after_the_last = Declared { ex_date: day(6, 10), ..declared() };
        assert_eq!(due(&terms(PaymentRule::CashSettlement), &after_the_last, None), Due::default());
    }

    #[test]
    fn an_unwind_after_the_ex_date_pays_its_share_at_once() {
        let terms = terms(PaymentRule::UnwindOrEquityExDiv);
        let unwind = |trade_date, payment_date| Some(Unwind { trade_date, payment_date });
        let due = |unwind| due(&terms, &declared(), unwind);
        assert_eq!(due(unwind(day(4, 15), day(4, 17))), at(day(4, 15), day(4, 17)));
        assert_eq!(
            due(unwind(day(4, 30), day(5, 2))),
            at(day(4, 30), day(5, 2)),
            "not earlier than the equity payment"
        );
        assert_eq!(due(unwind(day(4, 14), day(4, 16))), at(day(4, 30), day(5, 2)), "closed before it went ex");
    }

    #[test]
    fn what_the_issuer_has_not_dated_waits() {
        let undated = Declared { pay_date: None, ..declared() };
        for rule in [PaymentRule::SharePayment { offset: 2 }, PaymentRule::CumulativeEquityPaid] {
            assert_eq!(due(&terms(rule), &undated, None).payment, None);
        }
    }

    #[test]
    fn a_dividend_is_projected_then_accrued_then_realised() {
        let due = due(&terms(PaymentRule::CashSettlement), &declared(), None);
        let stage = |month, of_month| due.stage(&declared(), day(month, of_month));
        assert_eq!((stage(4, 14), stage(4, 15)), (Stage::Projected, Stage::Accrued));
        assert_eq!((stage(4, 29), stage(4, 30)), (Stage::Accrued, Stage::Realised));
        assert_eq!(Due::default().stage(&declared(), day(12, 31)), Stage::Accrued, "nothing is realised undetermined");
    }
}
