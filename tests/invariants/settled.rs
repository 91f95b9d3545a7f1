//! Interest and night fees, night by night: they run from settlement to settlement, on the price of the last valuation that has switched the notional.

use bookflow::domain::daycount::DayCount;
use bookflow::domain::equity::terms::EquityTerms;
use bookflow::domain::fees::daily::DailyFeeKind;
use bookflow::domain::financing::terms::{Financing, FinancingTerms, NotionalSwitch};
use bookflow::domain::rates::schedule::Period;
use bookflow::domain::rates::terms::RateTerms;
use bookflow::domain::swap::flow::Kind;
use bookflow::domain::swap::terms::{DailyFeeRate, DailyFeeTerms, InterestPeriod, Swap};
use chrono::{Days, NaiveDate};
use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::equity::{Closes, LAST_DAY, closes, earned, swap, valuation_dates};
use crate::positions::{Slice, day, slices, trades};

/// Financed and kept at 3.6 % over 360 days each: a ten-thousandth of the notional a night.
fn financed(swap: Swap, switch: NotionalSwitch, payment_offset: u32) -> Swap {
    let rate = RateTerms::Fixed(Decimal::new(36, 3));
    let side = FinancingTerms { switch, ..FinancingTerms::plain(rate, Decimal::ZERO, DayCount::Act360) };
    let period = Period { start: day(0), end: day(LAST_DAY + 10) };
    Swap {
        financing: Some(Financing { long: side.clone(), short: side }),
        interest_periods: vec![InterestPeriod { period, payment: None }],
        daily_fees: vec![DailyFeeTerms {
            kind: DailyFeeKind::Custody,
            rate: DailyFeeRate::Agreed(Decimal::new(36, 3)),
            year_days: 360,
        }],
        equity: EquityTerms { payment_offset, ..swap.equity },
        ..swap
    }
}

/// The price that a slice is financed at for a night: of the last valuation it was held over whose switch has come, else of its opening.
fn reference(
    slice: &Slice,
    night: NaiveDate,
    valuations: &[NaiveDate],
    days_to_switch: u64,
    closes: &Closes,
) -> Decimal {
    let held_over =
        |date: NaiveDate| slice.opened.dates.trade <= date && slice.closed.is_none_or(|close| date < close.dates.trade);
    let switched = |date: NaiveDate| date + Days::new(days_to_switch) <= night;
    let last = valuations.iter().rfind(|date| held_over(**date) && switched(**date));
    last.map_or(slice.opened.price, |date| closes.0[(*date - day(0)).num_days() as usize].0)
}

proptest! {
    #[test]
    fn every_settled_night_bears_interest_and_fees_once(
        mut trades in trades(),
        closes in closes(),
        mut valuations in valuation_dates(),
        by_valuation in any::<bool>(),
        payment_offset in 0..8_u32,
        until in 0..=LAST_DAY,
    ) {
        let until = day(until);
        trades.retain(|trade| trade.dates.trade <= until);
        valuations.retain(|date| *date <= until);
        let (switch, days_to_switch) = if by_valuation {
            (NotionalSwitch::ValuationDate, 0)
        } else {
            (NotionalSwitch::PaymentDate, u64::from(payment_offset))
        };
        let swap = financed(swap(valuations.clone(), false), switch, payment_offset);
        let paid = |wanted: fn(Kind) -> bool| earned(swap.clone(), &trades, &closes, until, wanted);

        let (mut interest, mut fees) = (Decimal::ZERO, Decimal::ZERO);
        for slice in slices(&trades) {
            let end = slice.closed.map_or(until, |close| close.dates.settle.min(until));
            for night in slice.opened.dates.settle.iter_days().take_while(|night| *night < end) {
                interest += slice.quantity * reference(&slice, night, &valuations, days_to_switch, &closes);
                fees += slice.quantity.abs() * closes.0[(night - day(0)).num_days() as usize].0;
            }
        }
        let a_night = Decimal::from(10_000);
        prop_assert_eq!(paid(|kind| matches!(kind, Kind::Interest | Kind::ShortRebate)), -interest / a_night);
        prop_assert_eq!(paid(|kind| kind == Kind::Fee), -fees / a_night);
    }
}
