//! Random trades of a position, and the slices that first in, first out makes of them.

use std::collections::VecDeque;

use bookflow::domain::dividends::entitlement::Dates;
use chrono::{Days, NaiveDate};
use proptest::prelude::*;
use rust_decimal::Decimal;

/// A trade: signed quantity, price, dates.
#[derive(Clone, Copy, Debug)]
pub struct Trade {
    pub quantity: Decimal,
    pub price: Decimal,
    pub dates: Dates,
}

/// What one trade opened and another closed, or nobody yet.
#[derive(Clone, Copy, Debug)]
pub struct Slice {
    /// Signed as the lot.
    pub quantity: Decimal,
    pub opened: Trade,
    pub closed: Option<Trade>,
}

pub fn day(number: u64) -> NaiveDate {
    NaiveDate::from_ymd_opt(2025, 3, 3).expect("a Monday in March") + Days::new(number)
}

/// Prices with two decimals, above zero.
pub fn price() -> impl Strategy<Value = Decimal> {
    (1..100_000_i64).prop_map(|cents| Decimal::new(cents, 2))
}

/// Trades in the order of their dates, on the days from 0 to 29; each settles within five days.
pub fn trades() -> impl Strategy<Value = Vec<Trade>> {
    let quantity = prop_oneof![-500..0_i64, 1..=500_i64].prop_map(|tenths| Decimal::new(tenths, 1));
    let dates = (0..30_u64, 0..5_u64).prop_map(|(trade, lag)| Dates { trade: day(trade), settle: day(trade + lag) });
    let trade = (quantity, price(), dates).prop_map(|(quantity, price, dates)| Trade { quantity, price, dates });
    prop::collection::vec(trade, 1..20).prop_map(|mut trades| {
        trades.sort_by_key(|trade| trade.dates.trade);
        trades
    })
}

/// First in, first out; a trade larger than what is open crosses zero and opens the rest.
pub fn slices(trades: &[Trade]) -> Vec<Slice> {
    let mut open: VecDeque<Trade> = VecDeque::new();
    let mut slices = Vec::new();
    for trade in trades {
        let mut rest = trade.quantity;
        while let Some(first) =
            open.front_mut().filter(|first| first.quantity.is_sign_positive() != rest.is_sign_positive())
        {
            let taken = first.quantity.abs().min(rest.abs());
            let quantity = if first.quantity.is_sign_positive() { taken } else { -taken };
            slices.push(Slice { quantity, opened: *first, closed: Some(*trade) });
            first.quantity -= quantity;
            rest += quantity;
            if first.quantity.is_zero() {
                open.pop_front();
            }
            if rest.is_zero() {
                break;
            }
        }
        if !rest.is_zero() {
            open.push_back(Trade { quantity: rest, ..*trade });
        }
    }
    slices.extend(open.into_iter().map(|opened| Slice { quantity: opened.quantity, opened, closed: None }));
    slices
}
