//! Dividends: what slices are entitled to adds up to what the position is entitled to.

use bookflow::domain::dividends::amount::amount;
use bookflow::domain::dividends::declared::{Declaration, Declared, DividendId, DividendKind};
use bookflow::domain::dividends::entitlement::{CutOff, Tenure};
use bookflow::domain::dividends::terms::{Payout, Share};
use bookflow::domain::explain::Value;
use bookflow::domain::explain::pad::{Kept, Silent};
use bookflow::domain::money::Currency;
use bookflow::domain::names::Symbol;
use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::positions::{Slice, Trade, day, slices, trades};

fn of_slice(slice: &Slice) -> Tenure {
    Tenure { opened: slice.opened.dates, closed: slice.closed.map(|close| close.dates) }
}

fn of_trade(trade: &Trade) -> Tenure {
    Tenure { opened: trade.dates, closed: None }
}

fn declared(gross: Decimal, currency: Currency) -> Declared {
    Declared {
        id: DividendId::new("D1").expect("a name"),
        version: 1,
        of: Symbol::new("ACME").expect("a name"),
        kind: DividendKind::Ordinary,
        status: Declaration::Confirmed,
        gross,
        currency,
        ex_date: day(10),
        record_date: day(10),
        pay_date: None,
        source_tax: None,
    }
}

proptest! {
    #[test]
    fn slices_are_entitled_to_what_the_position_is(trades in trades(), cut in 0..40_u64, by_settlement in any::<bool>()) {
        let cut_off = if by_settlement { CutOff::Settled(day(cut)) } else { CutOff::Traded(day(cut)) };
        let of_slices: Decimal =
            slices(&trades).iter().filter_map(|slice| cut_off.entitled(slice.quantity, of_slice(slice))).sum();
        let position: Decimal = trades
            .iter()
            .filter(|trade| (if by_settlement { trade.dates.settle } else { trade.dates.trade }) <= day(cut))
            .map(|trade| trade.quantity)
            .sum();
        prop_assert_eq!(of_slices, position);
        prop_assert_eq!(trades.iter().filter_map(|trade| cut_off.entitled(trade.quantity, of_trade(trade))).sum::<Decimal>(), position);
    }

    #[test]
    fn the_dividends_of_slices_add_up_to_that_of_the_position(
        trades in trades(),
        gross in 1..10_000_i64,
        ratio in 0..=100_i64,
    ) {
        let currency = Currency::new("USD").expect("a currency in use");
        let declared = declared(Decimal::new(gross, 4), currency);
        let ratio = Some(Decimal::new(ratio, 2));
        let payout = Payout { long: ratio.map(Share::Ratio), short: ratio };
        let mut sum = Decimal::ZERO;
        let mut position = Decimal::ZERO;
        for slice in slices(&trades) {
            let Some(quantity) = CutOff::Traded(day(9)).entitled(slice.quantity, of_slice(&slice)) else { continue };
            let silent = amount(&mut Silent, quantity, &declared, payout, None, currency).expect("small numbers");
            let mut paper = Kept::default();
            prop_assert_eq!(amount(&mut paper, quantity, &declared, payout, None, currency), Ok(silent));
            prop_assert_eq!(paper.explanation().recompute(), Ok(Some(Value::Money(silent.paid.money))));
            sum += silent.paid.unrounded;
            position += quantity;
        }
        let whole = amount(&mut Silent, position, &declared, payout, None, currency).expect("small numbers");
        prop_assert_eq!(sum, whole.paid.unrounded);
    }
}
