//! Price performance of a slice: unrealised at the price of the day, realised at the price it was closed at.

use chrono::NaiveDate;

use super::cashflow::{Explain, FlowKind, FlowStatus};
use super::contract::Symbol;
use super::market::MarketData;
use super::money::{Currency, Money};
use super::notice::NoticeCode;
use super::slice::{Fault, Payment, Slice};

/// quantity x (price - cost price); a result of 0 is a result.
pub fn performance(
    slice: Slice<'_>,
    underlying: &Symbol,
    currency: Currency,
    market: &MarketData,
    day: NaiveDate,
) -> Result<Payment, Fault> {
    let (price, price_date, status) = match slice.close {
        Some(close) => (close.price, close.date, FlowStatus::Realised),
        None => {
            let found = market.prices.get(underlying).and_then(|series| series.price_on(day));
            let price = found.ok_or_else(|| missing_price(underlying, day))?;
            (price.value, price.date, FlowStatus::Accrued)
        }
    };
    let (quantity, cost_price) = (slice.quantity, slice.lot.cost_price);
    let out_of_range = || Fault::out_of_range("quantity");
    let move_per_share = price.checked_sub(cost_price).ok_or_else(out_of_range)?;
    Ok(Payment {
        kind: FlowKind::EquityPerformance,
        status,
        amount: Money::product(quantity, move_per_share, currency).ok_or_else(out_of_range)?,
        unrounded: quantity.checked_mul(move_per_share).ok_or_else(out_of_range)?,
        explain: Explain::Performance { quantity, cost_price, price, price_date },
    })
}

fn missing_price(underlying: &Symbol, day: NaiveDate) -> Fault {
    Fault {
        code: NoticeCode::MissingPrice,
        field: "underlying",
        message: format!("no price of {underlying} on or before {day}; add it to marketData.data.securities"),
    }
}
