//! What each kind of leg pays for a slice, by the formulas of its own room.

mod equity; // price performance
mod interest; // interest on the settled notional
mod dividends; // dividends that went ex

use chrono::NaiveDate;

use super::chunk::{ContractPart, PositionPart};
use super::contract::Leg;
use super::market::MarketData;
use super::payment::{Fault, Payment};
use super::rates::RequestedRates;
use crate::domain::lots::slice::Slice;
use crate::domain::names::LotId;

/// Everything a position pays for a slice of one of its lots at the end of a day.
pub(super) fn payments(
    slice: &Slice<&LotId>,
    position: &PositionPart,
    part: &ContractPart,
    market: &MarketData,
    rates: &RequestedRates,
    day: NaiveDate,
) -> Vec<Result<Payment, Fault>> {
    match &position.leg {
        Leg::Equity => vec![equity::performance(slice, &position.underlying, position.currency, market, day)],
        Leg::Interest(terms) => vec![interest::interest(slice, terms, position.currency, market, rates, day)],
        Leg::Dividend { payout_ratio } => {
            let listed = market.dividends.get(&position.underlying).map_or(&[][..], Vec::as_slice);
            dividends::dividends(slice, *payout_ratio, listed, part.start, day).collect()
        }
    }
}
