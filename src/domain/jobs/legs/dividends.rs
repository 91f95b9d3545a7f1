//! The dividends of a slice: what went ex while it was held.

use chrono::NaiveDate;
use compact_str::{CompactString, format_compact};
use rust_decimal::Decimal;

use crate::domain::blocked::Blocked;
use crate::domain::dividends::amount::paid_per_share;
use crate::domain::dividends::entitlement::{CutOff, Tenure};
use crate::domain::dividends::withholding::{Taxed, Treatment, gross, left_after_tax, tax};
use crate::domain::explain::pad::Silent;
use crate::domain::jobs::cashflow::{DividendTax, Explain, FlowKind, FlowStatus};
use crate::domain::jobs::market::{Dividend, Withholding};
use crate::domain::jobs::payment::{Fault, Payment};
use crate::domain::lots::slice::Slice;
use crate::domain::money::amount::Amount;
use crate::domain::money::{Currency, Money};
use crate::domain::names::LotId;

/// The dividends that went ex from `start` to `day`, both included, for whoever held the slice at the close before: bought earlier than the
/// ex date, and not closed earlier than it. A request names no calendar, so the close before is that of the calendar day before; and it
/// names one payout ratio, so a short pays what a long receives.
pub fn dividends<'a>(
    slice: &'a Slice<&LotId>,
    payout_ratio: Decimal,
    listed: &'a [Dividend],
    start: NaiveDate,
    day: NaiveDate,
) -> impl Iterator<Item = Result<Payment, Fault>> + 'a {
    let tenure = Tenure::from(slice);
    let entitled =
        move |dividend: &Dividend| CutOff::Traded(dividend.ex_date.pred_opt()?).entitled(slice.quantity, tenure);
    let gone_ex = move |(_, dividend): &(usize, &Dividend)| (start..=day).contains(&dividend.ex_date);
    listed.iter().enumerate().filter(gone_ex).filter_map(move |(index, dividend)| {
        let quantity = entitled(dividend)?;
        let detail = detail(dividend, &listed[..index]);
        Some(payment(quantity, payout_ratio, dividend, detail).map_err(|_| Fault::out_of_range("quantity")))
    })
}

/// Of a day and currency the first dividend is told by the day alone, as the only one is; the others by what they pay, too.
fn detail(dividend: &Dividend, before: &[Dividend]) -> CompactString {
    let Dividend { ex_date, per_share, currency, withholding } = dividend;
    let mut of_day = before.iter().rev().take_while(|other| other.ex_date == *ex_date);
    if !of_day.any(|other| other.currency == *currency) {
        return format_compact!("{ex_date}");
    }
    let per_share = per_share.normalize();
    match withholding {
        None => format_compact!("{ex_date} {per_share}"),
        Some(Withholding { rate, treatment }) => {
            format_compact!("{ex_date} {per_share} {} {}", rate.normalize(), treatment.name())
        }
    }
}

fn payment(
    quantity: Decimal,
    payout_ratio: Decimal,
    dividend: &Dividend,
    detail: CompactString,
) -> Result<Payment, Blocked> {
    let pad = &mut Silent;
    let per_share = paid_per_share(pad, dividend.per_share, payout_ratio)?;
    let (paid, tax) = match dividend.withholding {
        None => (Amount::product(pad, "dividend", quantity, per_share, dividend.currency)?, None),
        Some(withholding) => {
            let taxed = taxed(quantity, per_share, withholding, dividend.currency)?;
            (taxed.cash, Some(DividendTax { withholding, gross: taxed.gross, withheld: taxed.tax }))
        }
    };
    Ok(Payment {
        kind: FlowKind::Dividend,
        detail,
        status: FlowStatus::Accrued,
        amount: paid.money,
        unrounded: paid.unrounded,
        explain: Explain::Dividend {
            quantity,
            per_share: dividend.per_share,
            payout_ratio,
            ex_date: dividend.ex_date,
            tax,
        },
    })
}

/// A short pays the gross amount, whatever is withheld from a long.
fn taxed(
    quantity: Decimal,
    per_share: Decimal,
    withholding: Withholding,
    currency: Currency,
) -> Result<Taxed, Blocked> {
    let Withholding { rate, treatment } = withholding;
    let pad = &mut Silent;
    if !quantity.is_sign_negative() {
        return tax(pad, quantity, per_share, rate, treatment, currency);
    }
    let left = if treatment == Treatment::DeclaredNet { Some(left_after_tax(pad, rate)?) } else { None };
    let gross = gross(pad, "gross dividend", quantity, per_share, left, currency)?;
    let zero = Money::zero(currency);
    Ok(Taxed { gross: gross.money, tax: zero, cash: gross, reclaimable: zero })
}
