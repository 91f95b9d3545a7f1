//! What an entitled quantity gets of a dividend: gross, paid, and what lies between them.

use rust_decimal::Decimal;

use super::declared::Declared;
use super::terms::PayoutRatios;
use crate::domain::amount::Amount;
use crate::domain::blocked::{Blocked, out_of_range};
use crate::domain::explain::{Fact, Observed};
use crate::domain::fx::FxRate;
use crate::domain::money::{Currency, Money};
use crate::domain::pad::Pad;

/// A dividend of a slice; `+` = the client receives. A short has negative amounts: it pays, manufactured.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct DividendAmount {
    /// quantity x gross per share.
    pub gross: Amount,
    /// quantity x gross per share x payout ratio.
    pub paid: Amount,
    /// gross - paid: information, no cash.
    pub withheld: Money,
}

/// The amounts of an entitled signed quantity in `currency`, converted at `fx` where the dividend is in another one.
pub fn amount<P: Pad>(
    pad: &mut P,
    quantity: Decimal,
    declared: &Declared,
    payout: PayoutRatios,
    fx: Option<FxRate<'_>>,
    currency: Currency,
) -> Result<DividendAmount, Blocked> {
    let ratio = payout.of(quantity, declared)?;
    let gross_per_share = gross_per_share(pad, declared, fx, currency)?;
    let quantity = pad.given(|| Fact::Lot("entitled quantity"), quantity);
    let gross = Amount::product(pad, "gross dividend", quantity, gross_per_share, currency)?;
    let paid_per_share = paid_per_share(pad, gross_per_share, ratio)?;
    let paid = Amount::product(pad, "dividend", quantity, paid_per_share, currency)?;
    let withheld = gross.money.checked_sub(paid.money).ok_or_else(out_of_range("what is withheld"))?;
    Ok(DividendAmount { gross, paid, withheld })
}

/// The declared amount on a pad, in `currency`.
pub fn gross_per_share<P: Pad>(
    pad: &mut P,
    declared: &Declared,
    fx: Option<FxRate<'_>>,
    currency: Currency,
) -> Result<P::Number, Blocked> {
    let (date, version) = (declared.ex_date, declared.version);
    let observed = || Fact::Observed(Observed { what: "dividend", key: declared.id.as_str().into(), date, version });
    let gross = pad.given(observed, declared.gross);
    if declared.currency == currency {
        return Ok(gross);
    }
    let missing = Blocked::MissingFx { price: declared.currency, settlement: currency, date };
    let rate = fx.ok_or(missing)?.number(pad)?;
    pad.multiply("converted dividend", gross, rate).ok_or_else(out_of_range("the converted dividend"))
}

/// gross x payout ratio.
pub fn paid_per_share<P: Pad>(pad: &mut P, gross: P::Number, ratio: Decimal) -> Result<P::Number, Blocked> {
    let ratio = pad.given(|| Fact::Term("payout ratio"), ratio);
    pad.multiply("paid per share", gross, ratio).ok_or_else(out_of_range("the dividend per share"))
}

/// The units that a paid dividend buys at a price: a new lot and no cash. To 10 decimals, which is what a quantity has.
pub fn reinvest<P: Pad>(pad: &mut P, paid: Amount, price: P::Number) -> Result<P::Number, Blocked> {
    let paid = pad.given(|| Fact::Lot("paid dividend, unrounded"), paid.unrounded);
    let units = pad.divide("units", paid, price).ok_or_else(out_of_range("the reinvested units"))?;
    Ok(pad.round("units of the new lot", units, 10))
}
