//! Dividends of a slice: what went ex while it was held.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::cashflow::{Explain, FlowKind, FlowStatus};
use super::market::Dividend;
use super::money::Money;
use super::slice::{Fault, Payment, Slice};

/// The dividends that went ex from `start` to `day`, both included, for whoever held the slice at the close before: bought earlier than the
/// ex date, and not closed earlier than it. A short pays what a long receives.
pub fn dividends<'a>(
    slice: Slice<'a>,
    payout_ratio: Decimal,
    listed: &'a [Dividend],
    start: NaiveDate,
    day: NaiveDate,
) -> impl Iterator<Item = Result<Payment, Fault>> + 'a {
    listed
        .iter()
        .filter(move |dividend| (start..=day).contains(&dividend.ex_date) && entitled(slice, dividend.ex_date))
        .map(move |dividend| payment(slice.quantity, payout_ratio, dividend).ok_or(Fault::out_of_range("quantity")))
}

fn entitled(slice: Slice<'_>, ex_date: NaiveDate) -> bool {
    slice.lot.cost_date < ex_date && slice.close.is_none_or(|close| close.date >= ex_date)
}

fn payment(quantity: Decimal, payout_ratio: Decimal, dividend: &Dividend) -> Option<Payment> {
    let paid_per_share = dividend.per_share.checked_mul(payout_ratio)?;
    Some(Payment {
        kind: FlowKind::Dividend,
        status: FlowStatus::Accrued,
        amount: Money::product(quantity, paid_per_share, dividend.currency)?,
        unrounded: quantity.checked_mul(paid_per_share)?,
        explain: Explain::Dividend { quantity, per_share: dividend.per_share, payout_ratio, ex_date: dividend.ex_date },
    })
}
