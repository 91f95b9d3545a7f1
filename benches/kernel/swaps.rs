//! Swaps with lots, and the market they are valued on: a year of overnight fixings, daily closes, a dividend a quarter.

use std::collections::BTreeMap;
use std::sync::Arc;

use bookflow::domain::daycount::DayCount;
use bookflow::domain::dividends::declared::{Declaration, Declared, DividendId, DividendKind};
use bookflow::domain::dividends::terms::{
    AmountType, DividendPeriod, DividendTerms, Entitlement, FxTrigger, PaymentRule, Payout, Share, SpecialDividends,
};
use bookflow::domain::equity::terms::{CommissionIn, EquityNotional, EquityTerms, ReturnType, UnwindPayment};
use bookflow::domain::financing::terms::{Financing, FinancingTerms};
use bookflow::domain::key::ContractId;
use bookflow::domain::lots::slice::{Edge, Life};
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
use bookflow::domain::swap::dues::{Lot, Slices};
use bookflow::domain::swap::product::Product;
use bookflow::domain::swap::terms::{InterestPeriod, Swap};
use bookflow::domain::swap::valuation::Valuation;
use chrono::{Datelike, Days, NaiveDate, Weekday};
use rust_decimal::Decimal;

use super::{Done, Scenario};

const UNDERLYINGS: usize = 10;
const LOTS: usize = 5;
const POSITIONS: usize = 4;
/// Valued a year after everything began.
const LIFE_DAYS: u64 = 365;

pub fn scenarios() -> Vec<Scenario> {
    let one = |financed, dividends| Portfolio::new(Legs { financed, dividends }, 250);
    let overnight = |days| Some(Financed::Overnight { days });
    let mut scenarios = vec![
        one(None, false).scenario("price performance", "one open slice a lot", 1),
        one(Some(Financed::Fixed), false).scenario("fixed financing", "performance, 365 days at a fixed rate", 1),
        one(overnight(30), false).scenario("overnight, 30 days", "performance, compounded from a warm table", 1),
        one(overnight(LIFE_DAYS), false).scenario(
            "overnight, 365 days",
            "performance, compounded from a warm table",
            1,
        ),
        one(None, true).scenario("dividends", "performance, four dividends", 1),
        one(overnight(LIFE_DAYS), true).scenario("full contract", "4 positions x 5 lots: all of these", 1),
    ];
    let large = || Portfolio::new(Legs { financed: overnight(LIFE_DAYS), dividends: true }, 65_000);
    let shared_terms = Portfolio { own_terms: false, ..large() };
    scenarios.push(shared_terms.scenario(
        "65,000 contracts",
        "the same on two threads, terms valued once an underlying",
        2,
    ));
    scenarios.push(large().scenario("65,000, terms of their own", "the same, terms valued anew for each position", 2));
    scenarios
}

#[derive(Clone, Copy)]
struct Legs {
    financed: Option<Financed>,
    dividends: bool,
}

#[derive(Clone, Copy)]
enum Financed {
    Fixed,
    Overnight { days: u64 },
}

/// Contracts of four positions over ten underlyings; the terms of an underlying are the same for all of them.
struct Portfolio {
    swaps: Vec<Swap>,
    market: Market,
    /// By position.
    lots: Vec<Vec<Lot<u32>>>,
    /// Whether each position is valued anew, as one with terms of its own is, or the terms of an underlying once for all of its positions.
    own_terms: bool,
}

impl Portfolio {
    fn new(legs: Legs, contracts: usize) -> Portfolio {
        let swaps: Vec<Swap> = (0..UNDERLYINGS).map(|underlying| swap(underlying, legs)).collect();
        let mut market = market();
        swaps.iter().flat_map(|swap| &swap.financing).for_each(|financing| market.rates.prepare(&financing.long));
        let position = |position: usize| (0..LOTS).map(|number| lot(position, number)).collect();
        Portfolio { swaps, market, lots: (0..contracts * POSITIONS).map(position).collect(), own_terms: true }
    }

    fn scenario(self, name: &'static str, what: &'static str, threads: usize) -> Scenario {
        let lots = (self.lots.len() * LOTS) as u64;
        // Slices and flows of a lot need no memory; what a valuation asks for is shared by the lots of its position.
        let allocations_max = if self.own_terms { 2.5 / LOTS as f64 } else { 0.001 };
        Scenario { name, what, allocations_max, round: Box::new(move || Done { flows: self.round(threads), lots }) }
    }

    fn round(&self, threads: usize) -> u64 {
        let share = self.lots.len().div_ceil(threads);
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads)
                .map(|thread| {
                    scope.spawn(move || self.flows(thread * share, ((thread + 1) * share).min(self.lots.len())))
                })
                .collect();
            workers.into_iter().map(|worker| worker.join().expect("no scenario panics")).sum()
        })
    }

    fn flows(&self, from: usize, to: usize) -> u64 {
        let (mut flows, mut sum) = (0, 0_i64);
        let value = |swap| Valuation::new(swap, &self.market, last_day(), Vec::new());
        let shared: Vec<Valuation<'_>> = self.swaps.iter().map(value).collect();
        let mut slices = Slices::default();
        for position in from..to {
            let own = self.own_terms.then(|| value(&self.swaps[position % UNDERLYINGS]));
            let valuation = own.as_ref().unwrap_or(&shared[position % UNDERLYINGS]);
            valuation.cash_flows(&self.lots[position], &mut slices, |flow| {
                flows += 1;
                sum += flow.result.expect("nothing is missing").amount.money.minor;
            });
        }
        std::hint::black_box(sum);
        flows
    }
}

fn first_day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2024, 1, 2).expect("a date")
}

fn last_day() -> NaiveDate {
    first_day() + Days::new(LIFE_DAYS)
}

fn usd() -> Currency {
    Currency::new("USD").expect("a currency")
}

fn symbol(underlying: usize) -> Symbol {
    Symbol::new(&format!("S{underlying}")).expect("a name")
}

fn weekdays() -> BusinessDays {
    let weekday = |day: NaiveDate| !matches!(day.weekday(), Weekday::Sat | Weekday::Sun);
    BusinessDays::new("WEEKDAYS", first_day() - Days::new(30), last_day() + Days::new(60), weekday)
}

fn lot(position: usize, number: usize) -> Lot<u32> {
    let date = first_day() + Days::new(number as u64);
    let price = Decimal::new(10_000 + (position % 97) as i64 * 37 + number as i64 * 113, 2);
    let opened = Edge { date, settle_date: date + Days::new(2), price, fx: Decimal::ONE };
    let quantity = Decimal::from(100 + 50 * number as i64);
    let life = Life { quantity, opened, priced: date, steps: Vec::new() };
    Lot::new((position * LOTS + number) as u32, life)
}

fn swap(underlying: usize, legs: Legs) -> Swap {
    let terms = |rate| FinancingTerms::plain(rate, Decimal::new(65, 4), DayCount::Act360);
    let (rate, from) = match legs.financed {
        Some(Financed::Fixed) | None => (RateTerms::Fixed(Decimal::new(5, 2)), first_day()),
        Some(Financed::Overnight { days }) => (overnight(), last_day() - Days::new(days)),
    };
    let period = Period { start: from, end: last_day() + Days::new(30) };
    Swap {
        id: ContractId::new("C").expect("a name"),
        product: Product::TotalReturnSwap,
        underlier: symbol(underlying),
        currencies: Pair { price: usd(), settlement: usd() },
        effective: first_day(),
        termination: None,
        equity: EquityTerms {
            return_type: ReturnType::Total,
            notional: EquityNotional::Reset,
            fx: FxMode::None,
            valuation_dates: Vec::new(),
            disrupted: BTreeMap::new(),
            payment_offset: 2,
            unwind_payment: UnwindPayment::Settlement,
            commission: CommissionIn::OwnFlow,
        },
        financing: legs.financed.map(|_| Financing { long: terms(rate.clone()), short: terms(rate.clone()) }),
        interest_periods: vec![InterestPeriod { period, payment: None }],
        dividends: legs.dividends.then(dividend_terms),
        trade_fees: Vec::new(),
        daily_fees: Vec::new(),
        break_fee: None,
        prices: PricePolicy { carry: CarryForward::Never, negative: NegativePrices::Blocked },
        fix: None,
        rounding: RoundingPolicy::default(),
        exchange_days: Arc::new(weekdays()),
        payment_days: Arc::new(weekdays()),
    }
}

fn overnight() -> RateTerms {
    RateTerms::Overnight(OvernightTerms {
        index: index_name(),
        method: Method::Compound,
        observation: Observation::Lookback(2),
        lockout: 0,
        daily_floor: None,
        daily_cap: None,
    })
}

fn index_name() -> IndexName {
    IndexName::new("USD-ON").expect("a name")
}

fn dividend_terms() -> DividendTerms {
    DividendTerms {
        entitlement: Entitlement::ExDate,
        amount_type: AmountType::Ex,
        period: DividendPeriod::First,
        payout: Payout { long: Some(Share::Ratio(Decimal::new(85, 2))), short: None },
        payment: PaymentRule::SharePayment { offset: 0 },
        reinvested: false,
        currency: usd(),
        fx_trigger: FxTrigger::Ex,
        special: SpecialDividends::Included,
    }
}

fn market() -> Market {
    let mut market = Market::default();
    let mut fixings = Fixings::new(index_name(), 360, weekdays());
    for (number, date) in (first_day() - Days::new(30)).iter_days().take_while(|date| *date <= last_day()).enumerate() {
        let rate = Decimal::new(5_300 - (number % 50) as i64, 5);
        // Weekends are no fixing days, and that is all that is refused.
        let _ = fixings.publish(date, Fixing { rate, version: 1 });
    }
    market.rates.indices.insert(index_name(), Index::new(fixings));
    for underlying in 0..UNDERLYINGS {
        let close =
            |date: NaiveDate| Quote { date, value: Decimal::new(11_000 + i64::from(date.day()) * 7, 2), version: 1 };
        let closes = first_day().iter_days().take_while(|date| *date <= last_day()).map(close).collect();
        market.prices.insert(symbol(underlying), Quotes::new(closes));
        market.dividends.insert(symbol(underlying), (1..=4).map(|quarter| declared(underlying, quarter)).collect());
    }
    market
}

fn declared(underlying: usize, quarter: u64) -> Declared {
    let ex_date = first_day() + Days::new(quarter * 84);
    Declared {
        id: DividendId::new(&format!("D{quarter}")).expect("a name"),
        version: 1,
        of: symbol(underlying),
        kind: DividendKind::Ordinary,
        status: Declaration::Confirmed,
        gross: Decimal::new(62, 2),
        currency: usd(),
        ex_date,
        record_date: ex_date,
        pay_date: Some(ex_date + Days::new(21)),
        source_tax: None,
    }
}
