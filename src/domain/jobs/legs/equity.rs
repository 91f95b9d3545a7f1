//! The performance of a slice: unrealised at the price of the day, realised at the price it was closed at.

use chrono::NaiveDate;
use compact_str::CompactString;

use crate::domain::blocked::Blocked;
use crate::domain::equity::mark::{Mark, Price};
use crate::domain::equity::performance::{Span, performance as performance_of};
use crate::domain::explain::pad::Silent;
use crate::domain::jobs::cashflow::{Explain, FlowKind, FlowStatus};
use crate::domain::jobs::market::MarketData;
use crate::domain::jobs::notice::NoticeCode;
use crate::domain::jobs::payment::{Fault, Payment};
use crate::domain::lots::slice::Slice;
use crate::domain::market::carry::{Accepted, Quote};
use crate::domain::market::fx::{FxMode, Pair};
use crate::domain::money::Currency;
use crate::domain::names::{LotId, Symbol};

/// quantity x (price - cost price); a result of 0 is a result. A request names no valuation dates and no exchange rates: one span, from
/// the cost to the close or the price of the day.
pub fn performance(
    slice: &Slice<&LotId>,
    underlying: &Symbol,
    currency: Currency,
    market: &MarketData,
    day: NaiveDate,
) -> Result<Payment, Fault> {
    let (price, end, status) = match &slice.end {
        Some(end) => {
            (end.edge.price, Mark::traded("closing price", end.edge.date, end.edge.price), FlowStatus::Realised)
        }
        None => {
            let found = market.prices.get(underlying).and_then(|series| series.price_on(day));
            let found = found.ok_or_else(|| missing_price(underlying, day))?;
            let quote = Quote { date: found.date, value: found.value, version: 0 };
            let price =
                Price::Observed { of: underlying, accepted: Accepted { quote, provisional: false }, disrupted: None };
            (found.value, Mark { date: found.date, price, fx: None }, FlowStatus::Accrued)
        }
    };
    let (quantity, cost_price) = (slice.quantity, slice.start.price);
    let start = Mark::traded("cost price", slice.start.date, cost_price);
    let span = Span { start: (quantity, &start), end: (quantity, &end) };
    let currencies = Pair { price: currency, settlement: currency };
    let amount = performance_of(&mut Silent, &span, None, FxMode::None, currencies)
        .map_err(|_: Blocked| Fault::out_of_range("quantity"))?;
    Ok(Payment {
        kind: FlowKind::EquityPerformance,
        detail: CompactString::default(),
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
