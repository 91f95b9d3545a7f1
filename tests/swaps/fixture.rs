//! The fixture language of swaps: terms that a test changes, trades in words, a market of a few days.

use std::collections::BTreeMap;
use std::sync::Arc;

use bookflow::domain::daycount::DayCount;
use bookflow::domain::dividends::declared::{Declaration, Declared, DividendId, DividendKind};
use bookflow::domain::dividends::terms::{
    AmountType, DividendPeriod, DividendTerms, Entitlement, FxTrigger, PaymentRule, Payout, Share, SpecialDividends,
};
use bookflow::domain::equity::terms::{CommissionIn, EquityNotional, EquityTerms, ReturnType, UnwindPayment};
use bookflow::domain::financing::terms::{Financing, FinancingTerms};
use bookflow::domain::key::{ContractId, PositionKey, Timestamp, TradeId};
use bookflow::domain::lots::happening::{Happening, What};
use bookflow::domain::lots::method::ReliefPolicy;
use bookflow::domain::market::carry::{CarryForward, NegativePrices, PricePolicy, Quote};
use bookflow::domain::market::fx::{FxMode, Pair};
use bookflow::domain::market::{Market, Quotes};
use bookflow::domain::money::{Currency, RoundingPolicy};
use bookflow::domain::names::{IndexName, Symbol};
use bookflow::domain::rates::business_days::BusinessDays;
use bookflow::domain::rates::fixings::{Fixing, Fixings};
use bookflow::domain::rates::index::Index;
use bookflow::domain::rates::schedule::Period;
use bookflow::domain::rates::terms::{Method, Observation, OvernightTerms, RateTerms};
use bookflow::domain::swap::agreement::{Agreement, Held};
use bookflow::domain::swap::flow::{Flow, Kind};
use bookflow::domain::swap::flows::Book;
use bookflow::domain::swap::held::Holding;
use bookflow::domain::swap::product::Product;
use bookflow::domain::swap::terms::{InterestPeriod, Swap};
use bookflow::domain::trade::{Side, Terms, Trade, TradeEvent};
use chrono::{Datelike, NaiveDate, Weekday};
use rust_decimal::Decimal;

pub fn day(text: &str) -> NaiveDate {
    text.parse().expect("the test writes a date")
}

pub fn decimal(text: &str) -> Decimal {
    text.parse().expect("the test writes a number")
}

pub fn usd() -> Currency {
    Currency::new("USD").expect("a currency")
}

pub fn acme() -> Symbol {
    Symbol::new("ACME").expect("a name")
}

fn index() -> IndexName {
    IndexName::new("USD-ON").expect("a name")
}

/// A happening of the position.
pub fn happening(id: &str, what: What) -> Happening {
    Happening { id: TradeId::new("TEST", id).expect("an id"), version: 1, what }
}

/// Whether the market is open on a day.
pub fn exchange_day(date: NaiveDate) -> bool {
    let days = business_days();
    days.on_or_before(date).is_ok_and(|number| days.date(number) == date)
}

/// Weekdays of 2025 but Good Friday and Memorial Day.
pub fn business_days() -> Arc<BusinessDays> {
    let holidays = [day("2025-04-18"), day("2025-05-26")];
    Arc::new(BusinessDays::new("MARKET", day("2025-01-01"), day("2025-12-31"), move |date| {
        !matches!(date.weekday(), Weekday::Sat | Weekday::Sun) && !holidays.contains(&date)
    }))
}

/// The total return swap of golden 25: one valuation, overnight financing with two days of lookback, dividends with the equity amount.
pub fn swap() -> Swap {
    let overnight = OvernightTerms {
        index: index(),
        method: Method::Compound,
        observation: Observation::Lookback(2),
        lockout: 0,
        daily_floor: None,
        daily_cap: None,
    };
    let side = FinancingTerms::plain(RateTerms::Overnight(overnight), decimal("0.0065"), DayCount::Act360);
    Swap {
        id: ContractId::new("TRS-1").expect("a name"),
        product: Product::TotalReturnSwap,
        underlier: acme(),
        currencies: Pair { price: usd(), settlement: usd() },
        effective: day("2025-04-01"),
        termination: None,
        equity: EquityTerms {
            return_type: ReturnType::Total,
            notional: EquityNotional::Reset,
            fx: FxMode::None,
            valuation_dates: vec![day("2025-04-30")],
            disrupted: BTreeMap::new(),
            payment_offset: 2,
            unwind_payment: UnwindPayment::Settlement,
            commission: CommissionIn::OwnFlow,
        },
        financing: Some(Financing { long: side.clone(), short: side }),
        interest_periods: vec![
            interest("2025-04-01", "2025-05-02", Some("2025-05-02")),
            interest("2025-05-02", "2025-06-02", None),
        ],
        dividends: Some(DividendTerms {
            entitlement: Entitlement::ExDate,
            amount_type: AmountType::Ex,
            period: DividendPeriod::Second,
            payout: Payout { long: Some(Share::Ratio(decimal("0.85"))), short: None },
            payment: PaymentRule::CashSettlement,
            reinvested: false,
            currency: usd(),
            fx_trigger: FxTrigger::Ex,
            special: SpecialDividends::Included,
        }),
        trade_fees: Vec::new(),
        daily_fees: Vec::new(),
        break_fee: None,
        prices: PricePolicy { carry: CarryForward::Never, negative: NegativePrices::Blocked },
        fix: None,
        rounding: RoundingPolicy::default(),
        exchange_days: business_days(),
        payment_days: business_days(),
    }
}

pub fn interest(start: &str, end: &str, payment: Option<&str>) -> InterestPeriod {
    InterestPeriod { period: Period { start: day(start), end: day(end) }, payment: payment.map(day) }
}

pub fn key() -> PositionKey {
    PositionKey::new("A", "B", "ACME").expect("a key")
}

/// `T1 BUY 10000 @ 50.00 on 2025-03-31 settles 2025-04-01`.
pub fn trade(words: &str) -> Trade {
    let words: Vec<&str> = words.split_whitespace().collect();
    let [id, side, quantity, "@", price, "on", date, "settles", settle] = words[..] else {
        panic!("not a trade: {words:?}")
    };
    let terms = Terms {
        contract: None,
        side: if side == "BUY" { Side::Buy } else { Side::Sell },
        quantity: decimal(quantity),
        price: decimal(price),
        currency: usd(),
        trade_date: day(date),
        exec_time: Timestamp(0),
        source_seq: 0,
        settle_date: Some(day(settle)),
        relief: None,
    };
    Trade {
        key: key(),
        id: TradeId::new("TEST", id).expect("an id"),
        version: 1,
        event: TradeEvent::New(terms.checked().expect("valid terms")),
    }
}

pub fn agreement(swap: Swap, trades: &[&str]) -> Agreement {
    let held = Held::Trades(trades.iter().map(|words| trade(words)).collect());
    Agreement::new(swap, key(), ReliefPolicy::default(), held)
}

/// Fixings of April 2025, closes as given, and the dividend of golden 25.
pub fn market(closes: &[(&str, &str)]) -> Market {
    const FIXINGS: [&str; 25] = [
        "0.0439", "0.0441", "0.0437", "0.0435", "0.0433", "0.044", "0.0442", "0.0438", "0.0436", "0.0433", "0.0431",
        "0.043", "0.0432", "0.0436", "0.0435", "0.0433", "0.0431", "0.043", "0.0429", "0.0433", "0.0436", "0.0441",
        "0.0439", "0.0436", "0.0433",
    ];
    let mut market = Market::default();
    let days = business_days();
    let mut fixings = Fixings::new(index(), 360, (*days).clone());
    let first = days.on_or_after(day("2025-03-28")).expect("within the year");
    for (number, rate) in FIXINGS.iter().enumerate() {
        let fixing = Fixing { rate: decimal(rate), version: 1 };
        fixings.publish(days.date(first + number), fixing).expect("a fixing day");
    }
    market.rates.indices.insert(index(), Index::new(fixings));
    let quote = |(date, price): &(&str, &str)| Quote { date: day(date), value: decimal(price), version: 1 };
    market.prices.insert(acme(), Quotes::new(closes.iter().map(quote).collect()));
    market.dividends.insert(acme(), vec![dividend()]);
    market
}

fn dividend() -> Declared {
    Declared {
        id: DividendId::new("ACME-2025-04").expect("a name"),
        version: 1,
        of: acme(),
        kind: DividendKind::Ordinary,
        status: Declaration::Confirmed,
        gross: decimal("0.40"),
        currency: usd(),
        ex_date: day("2025-04-15"),
        record_date: day("2025-04-15"),
        pay_date: Some(day("2025-05-09")),
        source_tax: None,
    }
}

/// Calls `look` with the day's book of an agreement.
pub fn on<R>(agreement: &Agreement, market: &mut Market, date: &str, look: impl FnOnce(&Book<'_>) -> R) -> R {
    agreement.swap.financing.iter().for_each(|financing| {
        market.rates.prepare(&financing.long);
        market.rates.prepare(&financing.short);
    });
    let (holding, problems) = Holding::of(agreement);
    assert_eq!(problems, [], "all that the test says counts");
    let book = Book::new(&agreement.swap, &holding, market, day(date)).expect("prices fit");
    look(&book)
}

/// One line a flow: kind, lot, start, end, status, payment, amount or reason.
pub fn lines(book: &Book<'_>) -> Vec<String> {
    let dash = |date: Option<NaiveDate>| date.map_or("-".to_owned(), |date| date.to_string());
    let line = |flow: &Flow<'_, &str>| {
        let amount = match &flow.result {
            Ok(calculated) => calculated.amount.money.to_string(),
            Err(reason) => reason.code().to_owned(),
        };
        let (start, end) = (flow.name.start, dash(flow.name.end));
        let (kind, stage) = (flow.name.kind.name(), flow.stage.name());
        format!("{kind} {} {start}..{end} {stage} {} {amount}", flow.name.of, dash(flow.payment_date))
    };
    book.flows().iter().map(line).collect()
}

/// The amounts of one kind, in minor units.
pub fn minor(book: &Book<'_>, kind: Kind) -> Vec<i64> {
    let flows = book.flows();
    let of_kind = flows.iter().filter(|flow| flow.name.kind == kind);
    of_kind.map(|flow| flow.result.as_ref().expect("calculated").amount.money.minor).collect()
}
