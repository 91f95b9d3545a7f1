//! Interest and night fees at one price: they run from settlement to settlement, whatever is valued in between and whenever that is paid.

use bookflow::domain::daycount::DayCount;
use bookflow::domain::equity::terms::EquityTerms;
use bookflow::domain::fees::daily::DailyFeeKind;
use bookflow::domain::financing::terms::{Financing, FinancingTerms, NotionalSwitch};
use bookflow::domain::rates::schedule::Period;
use bookflow::domain::rates::terms::RateTerms;
use bookflow::domain::swap::flow::Kind;
use bookflow::domain::swap::terms::{DailyFeeRate, DailyFeeTerms, InterestPeriod, Swap};
use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::equity::{Closes, LAST_DAY, earned, swap, valuation_dates};
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

proptest! {
    #[test]
    fn every_settled_night_bears_interest_and_fees_once(
        mut trades in trades(),
        valuations in valuation_dates(),
        by_valuation in any::<bool>(),
        payment_offset in 0..8_u32,
        until in 0..=LAST_DAY,
    ) {
        let price = Decimal::ONE_HUNDRED;
        trades.iter_mut().for_each(|trade| trade.price = price);
        trades.retain(|trade| trade.dates.trade <= day(until));
        let closes = Closes(vec![(price, Decimal::ONE); LAST_DAY as usize + 1]);
        let switch = if by_valuation { NotionalSwitch::ValuationDate } else { NotionalSwitch::PaymentDate };
        let swap = financed(swap(valuations, false), switch, payment_offset);
        let paid = |wanted: fn(Kind) -> bool| earned(swap.clone(), &trades, &closes, day(until), wanted);
        let nights = |slice: &Slice| {
            let end = slice.closed.map_or(day(until), |close| close.dates.settle.min(day(until)));
            Decimal::from((end - slice.opened.dates.settle).num_days().max(0))
        };
        let slices = slices(&trades);
        let a_night = |slice: &Slice| slice.quantity * price / Decimal::from(10_000);
        let interest: Decimal = slices.iter().map(|slice| a_night(slice) * nights(slice)).sum();
        prop_assert_eq!(paid(|kind| matches!(kind, Kind::Interest | Kind::ShortRebate)), -interest);
        let fees: Decimal = slices.iter().map(|slice| a_night(slice).abs() * nights(slice)).sum();
        prop_assert_eq!(paid(|kind| kind == Kind::Fee), -fees);
    }
}
