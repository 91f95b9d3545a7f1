//! One lot under a swap, as the cases of the equity leg have it, and the flows that come of it on a day.

use std::collections::BTreeMap;
use std::sync::Arc;

use bookflow::domain::dividends::terms::DividendTerms;
use bookflow::domain::equity::terms::{CommissionIn, EquityNotional, EquityTerms, ReturnType, UnwindPayment};
use bookflow::domain::key::{ContractId, PositionKey};
use bookflow::domain::lots::given::{Deal, GivenClose, GivenLot};
use bookflow::domain::market::carry::{CarryForward, NegativePrices, PricePolicy, Quote};
use bookflow::domain::market::fx::{FxMode, Pair};
use bookflow::domain::market::{Market, Quotes};
use bookflow::domain::money::RoundingPolicy;
use bookflow::domain::money::amount::Amount;
use bookflow::domain::names::{LotId, Symbol};
use bookflow::domain::rates::business_days::BusinessDays;
use bookflow::domain::swap::agreement::{Agreement, Held};
use bookflow::domain::swap::flow::Kind;
use bookflow::domain::swap::flows::Book;
use bookflow::domain::swap::held::Holding;
use bookflow::domain::swap::product::Product;
use bookflow::domain::swap::terms::Swap;
use chrono::{Datelike, NaiveDate, Weekday};
use rust_decimal::Decimal;

use crate::leg::usd;

pub fn acme() -> Symbol {
    Symbol::new("ACME").expect("a name")
}

/// A price return in dollars that is valued on these dates and paid two weekdays later; nothing is financed.
pub fn swap(valuation_dates: Vec<NaiveDate>) -> Swap {
    let new_year = |year| NaiveDate::from_ymd_opt(year, 1, 1).expect("a date");
    let weekday = |date: NaiveDate| !matches!(date.weekday(), Weekday::Sat | Weekday::Sun);
    let days = Arc::new(BusinessDays::new("WEEKDAYS", new_year(2024), new_year(2027), weekday));
    Swap {
        id: ContractId::new("C").expect("a name"),
        product: Product::Cfd,
        underlier: acme(),
        currencies: Pair { price: usd(), settlement: usd() },
        effective: new_year(2024),
        termination: None,
        equity: EquityTerms {
            return_type: ReturnType::Price,
            notional: EquityNotional::Reset,
            fx: FxMode::None,
            valuation_dates,
            disrupted: BTreeMap::new(),
            payment_offset: 2,
            unwind_payment: UnwindPayment::Settlement,
            commission: CommissionIn::OwnFlow,
        },
        financing: None,
        interest_periods: Vec::new(),
        dividends: None::<DividendTerms>,
        trade_fees: Vec::new(),
        daily_fees: Vec::new(),
        break_fee: None,
        prices: PricePolicy { carry: CarryForward::Never, negative: NegativePrices::Blocked },
        fix: None,
        rounding: RoundingPolicy::default(),
        exchange_days: days.clone(),
        payment_days: days,
    }
}

pub fn deal(trade_date: NaiveDate, settle_date: NaiveDate, price: Decimal) -> Deal {
    Deal { trade_date, settle_date, price }
}

/// A swap over one lot, with what closed of it.
pub fn agreement(swap: Swap, quantity: Decimal, opened: Deal, closed: Option<(Decimal, Deal)>) -> Agreement {
    let id = |name| LotId::new(name).expect("a name");
    let closes = closed.map(|(quantity, deal)| GivenClose { id: id("CLOSE"), quantity, deal });
    let lot = GivenLot { id: id("LOT"), quantity, opened, closes: closes.into_iter().collect() };
    let key = PositionKey::new("A", "B", "S").expect("a key");
    Agreement::new(swap, key, Default::default(), Held::Lots(vec![lot]))
}

pub fn market(closes: impl IntoIterator<Item = (NaiveDate, Decimal)>) -> Market {
    let quotes = closes.into_iter().map(|(date, value)| Quote { date, value, version: 1 }).collect();
    Market { prices: BTreeMap::from([(acme(), Quotes::new(quotes))]), ..Market::default() }
}

/// A flow that was calculated.
#[derive(Debug)]
pub struct Flow {
    pub start: NaiveDate,
    pub end: Option<NaiveDate>,
    pub closed: bool,
    pub payment_date: Option<NaiveDate>,
    pub amount: Amount,
}

/// The flows of a kind on a day.
pub fn flows(agreement: &Agreement, market: &Market, day: NaiveDate, kind: Kind) -> Vec<Flow> {
    let (holding, _) = Holding::of(agreement);
    let book = Book::new(&agreement.swap, &holding, market, day).expect("prices fit");
    let of_kind = book.flows().into_iter().filter(|flow| flow.name.kind == kind);
    of_kind
        .map(|flow| Flow {
            start: flow.name.start,
            end: flow.name.end,
            closed: flow.name.closed_by.is_some(),
            payment_date: flow.payment_date,
            amount: flow.result.expect("the case has all prices").amount,
        })
        .collect()
}
