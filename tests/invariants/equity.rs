//! The equity leg: resets telescope, results are cash plus market value, explanations can be calculated again.

use std::collections::BTreeMap;

use bookflow::domain::blocked::Blocked;
use bookflow::domain::equity::mark::{Mark, Price};
use bookflow::domain::equity::performance::performance;
use bookflow::domain::equity::periods::{CloseOut, Ending, Holding, Marks, Span};
use bookflow::domain::equity::terms::{CommissionIn, EquityNotional, EquityTerms, ReturnType, UnwindPayment};
use bookflow::domain::explain::Value;
use bookflow::domain::explain::pad::{Kept, Silent};
use bookflow::domain::market::carry::{Accepted, Quote};
use bookflow::domain::market::fx::{FxMode, FxRate, Pair};
use bookflow::domain::money::Currency;
use bookflow::domain::money::amount::Amount;
use bookflow::domain::names::Symbol;
use chrono::NaiveDate;
use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::positions::{Trade, day, price, slices, trades};

/// A close and an exchange rate for each day; the payment date plays no part here.
#[derive(Debug)]
struct Market {
    symbol: Symbol,
    days: BTreeMap<NaiveDate, (Decimal, Decimal)>,
}

impl<'a> Marks<'a> for &'a Market {
    fn close(&self, date: NaiveDate) -> Result<Mark<'a>, Blocked> {
        let missing = || Blocked::MissingPrice { of: self.symbol.clone(), date };
        let (value, rate) = *self.days.get(&date).ok_or_else(missing)?;
        let accepted = Accepted { quote: Quote { date, value, version: 1 }, provisional: false };
        Ok(Mark {
            date,
            price: Price::Observed { of: &self.symbol, accepted, disrupted: None },
            fx: Some(FxRate::Agreed(rate)),
        })
    }

    fn payment_date(&self, valuation: NaiveDate, _: u32) -> Result<NaiveDate, Blocked> {
        Ok(valuation)
    }
}

const LAST_DAY: u64 = 40;

fn market() -> impl Strategy<Value = Market> {
    let rate = (50_000..200_000_i64).prop_map(|rate| Decimal::new(rate, 5));
    prop::collection::vec((price(), rate), LAST_DAY as usize + 1).prop_map(|days| Market {
        symbol: Symbol::new("ACME").expect("a name"),
        days: days.into_iter().enumerate().map(|(number, market)| (day(number as u64), market)).collect(),
    })
}

fn valuation_dates() -> impl Strategy<Value = Vec<NaiveDate>> {
    prop::collection::btree_set(0..=LAST_DAY, 0..6).prop_map(|days| days.into_iter().map(day).collect())
}

fn terms(valuation_dates: Vec<NaiveDate>, fx: FxMode, notional: EquityNotional) -> EquityTerms {
    EquityTerms {
        return_type: ReturnType::Price,
        notional,
        fx,
        valuation_dates,
        disrupted: BTreeMap::new(),
        payment_offset: 2,
        unwind_payment: UnwindPayment::Settlement,
        commission: CommissionIn::OwnFlow,
    }
}

fn euro_dollar() -> Pair {
    let currency = |code| Currency::new(code).expect("a currency in use");
    Pair { price: currency("EUR"), settlement: currency("USD") }
}

fn amount(quantity: Decimal, span: &Span<'_>, terms: &EquityTerms) -> Amount {
    performance(&mut Silent, quantity, span, terms.notional, terms.fx, euro_dollar()).expect("small numbers")
}

fn traded(what: &'static str, trade: &Trade, market: &Market) -> Mark<'static> {
    let (_, rate) = market.days[&trade.dates.trade];
    Mark { fx: Some(FxRate::Agreed(rate)), ..Mark::traded(what, trade.dates.trade, trade.price) }
}

proptest! {
    #[test]
    fn realised_and_unrealised_are_cash_and_market_value(
        trades in trades(),
        market in market(),
        valuations in valuation_dates(),
        until in 0..=LAST_DAY,
    ) {
        let (terms, until) = (terms(valuations, FxMode::None, EquityNotional::Reset), day(until));
        let (mut realised, mut unrealised) = (Decimal::ZERO, Decimal::ZERO);
        for slice in slices(&trades) {
            let closed = slice.closed.map(|close| CloseOut {
                mark: traded("closing price", &close, &market),
                settle_date: close.dates.settle,
            });
            let opened = traded("opening price", &slice.opened, &market);
            let holding = Holding { quantity: slice.quantity, opened, closed };
            for span in terms.spans(holding, until, &&market) {
                let span = span.expect("every day has a price");
                let earned = amount(slice.quantity, &span, &terms).unrounded;
                *if span.ending == Ending::Open { &mut unrealised } else { &mut realised } += earned;
            }
        }
        let done = trades.iter().filter(|trade| trade.dates.trade <= until);
        let cash: Decimal = done.clone().map(|trade| -trade.quantity * trade.price).sum();
        let position: Decimal = done.map(|trade| trade.quantity).sum();
        prop_assert_eq!(realised + unrealised, cash + position * market.days[&until].0);
    }

    #[test]
    fn resets_telescope_to_the_last_value_less_the_first(
        quantity in prop_oneof![-5_000..0_i64, 1..=5_000_i64],
        market in market(),
        valuations in valuation_dates(),
        composite in any::<bool>(),
    ) {
        let quantity = Decimal::from(quantity);
        let fx = if composite { FxMode::Composite } else { FxMode::None };
        let terms = terms(valuations, fx, EquityNotional::Reset);
        let opened = (&&market).close(day(0)).expect("every day has a price");
        let holding = Holding { quantity, opened, closed: None };
        let earned: Decimal = terms
            .spans(holding, day(LAST_DAY), &&market)
            .map(|span| amount(quantity, &span.expect("every day has a price"), &terms).unrounded)
            .sum();
        let worth = |number| {
            let (price, rate) = market.days[&day(number)];
            quantity * price * if composite { rate } else { Decimal::ONE }
        };
        prop_assert_eq!(earned, worth(LAST_DAY) - worth(0));
    }

    #[test]
    fn an_amount_is_the_same_silently_explained_and_calculated_again(
        quantity in prop_oneof![-5_000..0_i64, 1..=5_000_i64],
        market in market(),
        valuations in valuation_dates(),
        constant in any::<bool>(),
        mode in 0..4,
    ) {
        let quantity = Decimal::new(quantity, 3);
        let notional = if constant { EquityNotional::Constant } else { EquityNotional::Reset };
        let fx = match mode {
            0 => FxMode::None,
            1 => FxMode::Composite,
            2 => FxMode::CrossCurrency,
            _ => FxMode::Quanto(Decimal::new(108, 2)),
        };
        let terms = terms(valuations, fx, notional);
        let opened = (&&market).close(day(0)).expect("every day has a price");
        for span in terms.spans(Holding { quantity, opened, closed: None }, day(LAST_DAY), &&market) {
            let span = span.expect("every day has a price");
            let mut paper = Kept::default();
            let explained = performance(&mut paper, quantity, &span, notional, fx, euro_dollar()).expect("small numbers");
            prop_assert_eq!(explained, amount(quantity, &span, &terms));
            prop_assert_eq!(paper.explanation().recompute(), Ok(Some(Value::Money(explained.money))));
        }
    }
}
