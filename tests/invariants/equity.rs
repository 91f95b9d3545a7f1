//! The equity leg: resets telescope, results are cash plus market value, explanations can be calculated again.

use std::collections::BTreeMap;
use std::sync::Arc;

use bookflow::domain::equity::mark::{Mark, Price};
use bookflow::domain::equity::performance::{Span, performance};
use bookflow::domain::equity::terms::{CommissionIn, EquityNotional, EquityTerms, ReturnType, UnwindPayment};
use bookflow::domain::explain::Value;
use bookflow::domain::explain::pad::{Kept, Silent};
use bookflow::domain::key::{ContractId, PositionKey, Timestamp, TradeId};
use bookflow::domain::market::carry::{Accepted, CarryForward, NegativePrices, PricePolicy, Quote};
use bookflow::domain::market::fx::{FixName, FixPolicy, FxMode, FxRate, Pair};
use bookflow::domain::market::{Market, Quotes};
use bookflow::domain::money::{Currency, RoundingPolicy};
use bookflow::domain::names::Symbol;
use bookflow::domain::rates::business_days::BusinessDays;
use bookflow::domain::swap::agreement::{Agreement, Held};
use bookflow::domain::swap::flow::Kind;
use bookflow::domain::swap::flows::Book;
use bookflow::domain::swap::held::Holding;
use bookflow::domain::swap::product::Product;
use bookflow::domain::swap::terms::Swap;
use bookflow::domain::trade::{Side, Terms, Trade as CapturedTrade, TradeEvent};
use chrono::NaiveDate;
use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::positions::{Trade, day, price, trades};

pub const LAST_DAY: u64 = 40;

/// A close and an exchange rate for each day.
#[derive(Debug)]
pub struct Closes(pub Vec<(Decimal, Decimal)>);

impl Closes {
    fn worth(&self, number: u64, composite: bool) -> Decimal {
        let (price, rate) = self.0[number as usize];
        price * if composite { rate } else { Decimal::ONE }
    }

    fn market(&self) -> Market {
        let quotes = |value: fn(&(Decimal, Decimal)) -> Decimal| {
            let quote = |(number, day_of): (usize, &(Decimal, Decimal))| Quote {
                date: day(number as u64),
                value: value(day_of),
                version: 1,
            };
            Quotes::new(self.0.iter().enumerate().map(quote).collect())
        };
        let mut market = Market::default();
        market.prices.insert(acme(), quotes(|(price, _)| *price));
        market.fx.insert((fix(), euro_dollar()), quotes(|(_, rate)| *rate));
        market
    }
}

pub fn closes() -> impl Strategy<Value = Closes> {
    let rate = (50_000..200_000_i64).prop_map(|rate| Decimal::new(rate, 5));
    prop::collection::vec((price(), rate), LAST_DAY as usize + 1).prop_map(Closes)
}

fn acme() -> Symbol {
    Symbol::new("ACME").expect("a name")
}

fn fix() -> FixName {
    FixName::new("FIX").expect("a name")
}

fn currency(code: &str) -> Currency {
    Currency::new(code).expect("a currency in use")
}

fn euro_dollar() -> Pair {
    Pair { price: currency("EUR"), settlement: currency("USD") }
}

pub fn valuation_dates() -> impl Strategy<Value = Vec<NaiveDate>> {
    prop::collection::btree_set(0..=LAST_DAY, 0..6).prop_map(|days| days.into_iter().map(day).collect())
}

/// A return that is valued on these dates, in euros, and paid in dollars where it is composite; nothing is financed.
pub fn swap(valuation_dates: Vec<NaiveDate>, composite: bool) -> Swap {
    let days = Arc::new(BusinessDays::new("EVERY", day(0), day(LAST_DAY + 20), |_| true));
    let euro = currency("EUR");
    Swap {
        id: ContractId::new("C").expect("a name"),
        product: Product::Cfd,
        underlier: acme(),
        currencies: if composite { euro_dollar() } else { Pair { price: euro, settlement: euro } },
        effective: day(0),
        termination: None,
        equity: EquityTerms {
            return_type: ReturnType::Price,
            notional: EquityNotional::Reset,
            fx: if composite { FxMode::Composite } else { FxMode::None },
            valuation_dates,
            disrupted: BTreeMap::new(),
            payment_offset: 2,
            unwind_payment: UnwindPayment::Settlement,
            commission: CommissionIn::OwnFlow,
        },
        financing: None,
        interest_periods: Vec::new(),
        dividends: None,
        trade_fees: Vec::new(),
        daily_fees: Vec::new(),
        break_fee: None,
        prices: PricePolicy { carry: CarryForward::Never, negative: NegativePrices::Blocked },
        fix: composite.then(|| FixPolicy {
            fix: fix(),
            carry: CarryForward::Never,
            inverse_decimals: None,
            base: None,
        }),
        rounding: RoundingPolicy::default(),
        exchange_days: days.clone(),
        payment_days: days,
    }
}

fn captured(number: usize, trade: &Trade) -> CapturedTrade {
    let terms = Terms {
        contract: None,
        side: if trade.quantity.is_sign_negative() { Side::Sell } else { Side::Buy },
        quantity: trade.quantity.abs(),
        price: trade.price,
        currency: currency("EUR"),
        trade_date: trade.dates.trade,
        exec_time: Timestamp(0),
        source_seq: number as u64,
        settle_date: Some(trade.dates.settle),
        relief: None,
    };
    CapturedTrade {
        key: PositionKey::new("A", "B", "ACME").expect("a key"),
        id: TradeId::new("TEST", &format!("T{number:02}")).expect("an id"),
        version: 1,
        event: TradeEvent::New(terms.checked().expect("valid terms")),
    }
}

/// What the flows of some trades come to on a day, unrounded, of the kinds that are wanted.
pub fn earned(
    swap: Swap,
    trades: &[Trade],
    closes: &Closes,
    until: NaiveDate,
    wanted: impl Fn(Kind) -> bool,
) -> Decimal {
    let trades = trades.iter().enumerate().map(|(number, trade)| captured(number, trade)).collect();
    let key = PositionKey::new("A", "B", "ACME").expect("a key");
    let agreement = Agreement::new(swap, key, Default::default(), Held::Trades(trades));
    let (holding, refused) = Holding::of(&agreement);
    assert!(refused.is_empty(), "all trades are captured");
    let market = closes.market();
    let book = Book::new(&agreement.swap, &holding, &market, until).expect("prices fit");
    let flows = book.flows().into_iter().filter(|flow| wanted(flow.name.kind));
    flows.map(|flow| flow.result.expect("every day has a price").amount.unrounded).sum()
}

fn performance_of(swap: Swap, trades: &[Trade], closes: &Closes, until: NaiveDate) -> Decimal {
    earned(swap, trades, closes, until, |kind| kind == Kind::EquityPerformance)
}

proptest! {
    #[test]
    fn realised_and_unrealised_are_cash_and_market_value(
        trades in trades(),
        closes in closes(),
        valuations in valuation_dates(),
        until in 0..=LAST_DAY,
    ) {
        let done = trades.iter().filter(|trade| trade.dates.trade <= day(until));
        let cash: Decimal = done.clone().map(|trade| -trade.quantity * trade.price).sum();
        let position: Decimal = done.map(|trade| trade.quantity).sum();
        let earned = performance_of(swap(valuations, false), &trades, &closes, day(until));
        prop_assert_eq!(earned, cash + position * closes.worth(until, false));
    }

    #[test]
    fn resets_telescope_to_the_last_value_less_the_first(
        quantity in prop_oneof![-5_000..0_i64, 1..=5_000_i64],
        closes in closes(),
        valuations in valuation_dates(),
        composite in any::<bool>(),
    ) {
        use bookflow::domain::dividends::entitlement::Dates;
        let (quantity, opened) = (Decimal::from(quantity), Dates { trade: day(0), settle: day(0) });
        let trade = Trade { quantity, price: closes.worth(0, false), dates: opened };
        let earned = performance_of(swap(valuations, composite), &[trade], &closes, day(LAST_DAY));
        prop_assert_eq!(earned, quantity * (closes.worth(LAST_DAY, composite) - closes.worth(0, composite)));
    }

    #[test]
    fn an_amount_is_the_same_silently_explained_and_calculated_again(
        quantity in prop_oneof![-5_000..0_i64, 1..=5_000_i64],
        closes in closes(),
        ends in (0..=LAST_DAY, 0..=LAST_DAY),
        constant in any::<bool>(),
        mode in 0..4,
    ) {
        let quantity = Decimal::new(quantity, 3);
        let fx = match mode {
            0 => FxMode::None,
            1 => FxMode::Composite,
            2 => FxMode::CrossCurrency,
            _ => FxMode::Quanto(Decimal::new(108, 2)),
        };
        let symbol = acme();
        let mark = |number: u64| {
            let (value, rate) = closes.0[number as usize];
            let date = day(number);
            let accepted = Accepted { quote: Quote { date, value, version: 1 }, provisional: false };
            let price = Price::Observed { of: &symbol, accepted, disrupted: None };
            Mark { date, price, fx: Some(FxRate::Agreed(rate)) }
        };
        let (opening, start, end) = (mark(0), mark(ends.0), mark(ends.1));
        let span = Span { start: (quantity, &start), end: (quantity, &end) };
        let constant = constant.then_some((quantity, &opening));
        let mut paper = Kept::default();
        let explained = performance(&mut paper, &span, constant, fx, euro_dollar()).expect("small numbers");
        let silent = performance(&mut Silent, &span, constant, fx, euro_dollar()).expect("small numbers");
        prop_assert_eq!(explained, silent);
        prop_assert_eq!(paper.explanation().recompute(), Ok(Some(Value::Money(explained.money))));
    }
}
