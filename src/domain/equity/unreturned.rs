//! Ex dates inside a price return: the price falls by a dividend that nobody pays, which is a common break.

use chrono::NaiveDate;

use super::terms::{EquityTerms, ReturnType};

/// The ex dates for which a warning is due: those inside a span of a PRICE return. The close of `start` is still with the dividend, so the
/// span contains the ex dates after `start` up to and including `end`.
pub fn unreturned<'a>(
    terms: &EquityTerms,
    start: NaiveDate,
    end: NaiveDate,
    ex_dates: &'a [NaiveDate],
) -> impl Iterator<Item = NaiveDate> + 'a {
    let price_only = terms.return_type == ReturnType::Price;
    ex_dates.iter().copied().filter(move |ex_date| price_only && start < *ex_date && *ex_date <= end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::equity::terms::{CommissionIn, EquityNotional, UnwindPayment};
    use crate::domain::market::fx::FxMode;

    #[test]
    fn a_price_return_warns_of_ex_dates_after_its_start_up_to_its_end() {
        let day = |day| NaiveDate::from_ymd_opt(2025, 4, day).expect("a day of April");
        let mut terms = EquityTerms {
            return_type: ReturnType::Price,
            notional: EquityNotional::Reset,
            fx: FxMode::None,
            valuation_dates: Vec::new(),
            payment_offset: 2,
            unwind_payment: UnwindPayment::Settlement,
            commission: CommissionIn::OwnFlow,
        };
        let ex_dates = [day(1), day(15), day(30)];
        let warned = |terms: &EquityTerms| unreturned(terms, day(1), day(30), &ex_dates).collect::<Vec<_>>();
        assert_eq!(warned(&terms), [day(15), day(30)]);
        terms.return_type = ReturnType::Total;
        assert_eq!(warned(&terms), []);
    }
}
