//! The performance of a slice in a job: unrealised at the price of the day, realised at the price it was closed at.

use chrono::NaiveDate;

use super::mark::{Mark, Price};
use super::performance::{Span, performance};
use super::terms::EquityNotional;
use crate::domain::blocked::Blocked;
use crate::domain::explain::pad::Silent;
use crate::domain::jobs::cashflow::{Explain, FlowKind, FlowStatus};
use crate::domain::jobs::market::MarketData;
use crate::domain::jobs::notice::NoticeCode;
use crate::domain::jobs::slice::{Fault, Payment, Slice};
use crate::domain::market::carry::{Accepted, Quote};
use crate::domain::market::fx::{FxMode, Pair};
use crate::domain::money::Currency;
use crate::domain::names::Symbol;

/// quantity x (price - cost price); a result of 0 is a result. A request names no valuation dates and no exchange rates: one span, from
/// the cost to the close or the price of the day.
pub fn performance_of_slice(
    slice: Slice<'_>,
    underlying: &Symbol,
    currency: Currency,
    market: &MarketData,
    day: NaiveDate,
) -> Result<Payment, Fault> {
    let (price, end, status) = match slice.close {
        Some(close) => (close.price, Mark::traded("closing price", close.date, close.price), FlowStatus::Realised),
        None => {
            let found = market.prices.get(underlying).and_then(|series| series.price_on(day));
            let found = found.ok_or_else(|| missing_price(underlying, day))?;
            let quote = Quote { date: found.date, value: found.value, version: 0 };
            let price =
                Price::Observed { of: underlying, accepted: Accepted { quote, provisional: false }, disrupted: None };
            (found.value, Mark { date: found.date, price, fx: None }, FlowStatus::Accrued)
        }
    };
    let (quantity, cost_price) = (slice.quantity, slice.lot.cost_price);
    let start = Mark::traded("cost price", slice.lot.cost_date, cost_price);
    let span = Span { first: start, start, end };
    let currencies = Pair { price: currency, settlement: currency };
    let amount = performance(&mut Silent, quantity, &span, EquityNotional::Reset, FxMode::None, currencies)
        .map_err(|_: Blocked| Fault::out_of_range("quantity"))?;
    Ok(Payment {
        kind: FlowKind::EquityPerformance,
        status,
        amount: amount.money,
        unrounded: amount.unrounded,
        explain: Explain::Performance { quantity, cost_price, price, price_date: end.date },
    })
}

fn missing_price(underlying: &Symbol, day: NaiveDate) -> Fault {
    Fault {
        code: NoticeCode::MissingPrice,
        field: "underlying",
        message: format!("no price of {underlying} on or before {day}; add it to marketData.data.securities"),
    }
}
