//! What the tax at source leaves of a dividend.
//!
//! Rate and jurisdiction are reference data of the dividend and its holder; a currency says nothing about them.

use compact_str::CompactString;
use rust_decimal::Decimal;

use crate::domain::blocked::{Blocked, out_of_range};
use crate::domain::explain::Fact;
use crate::domain::explain::pad::Pad;
use crate::domain::money::amount::Amount;
use crate::domain::money::{Currency, Money};

/// The tax that an issuer's country withholds.
#[derive(Clone, PartialEq, Debug)]
pub struct Withholding {
    /// A fraction: 0.15 is 15 %.
    pub rate: Decimal,
    pub jurisdiction: CompactString,
    pub treatment: Treatment,
}

/// How a declared amount and its tax belong together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Treatment {
    /// The declared amount is gross and the tax is deducted: cash = gross x (1 - rate).
    Deducted,
    /// The declared amount is what arrives: gross = cash / (1 - rate).
    DeclaredNet,
    /// Deducted, and the holder can claim it back: a receivable against the tax office, never cash of the dividend.
    Reclaimable,
    Exempt,
}

/// A dividend after tax; gross = cash + tax.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Taxed {
    pub gross: Money,
    pub tax: Money,
    pub cash: Money,
    /// The part of the tax that can be claimed back.
    pub reclaimable: Money,
}

/// Taxes an entitled signed quantity of a declared amount per share.
pub fn tax<P: Pad>(
    pad: &mut P,
    quantity: P::Number,
    per_share: P::Number,
    withholding: &Withholding,
    currency: Currency,
) -> Result<Taxed, Blocked> {
    let range = out_of_range("the dividend after tax");
    if withholding.treatment == Treatment::Exempt {
        let gross = Amount::product(pad, "gross dividend", quantity, per_share, currency)?.money;
        return Ok(Taxed { gross, tax: Money::zero(currency), cash: gross, reclaimable: Money::zero(currency) });
    }
    let one = pad.given(|| Fact::Count("one"), Decimal::ONE);
    let rate = pad.given(|| Fact::Term("withholding rate"), withholding.rate);
    let left = pad.subtract("left after tax", one, rate).ok_or_else(&range)?;
    let (gross, cash) = if withholding.treatment == Treatment::DeclaredNet {
        let gross = Amount::quotient(pad, "gross dividend", quantity, per_share, left, currency)?;
        (gross, Amount::product(pad, "dividend after tax", quantity, per_share, currency)?)
    } else {
        let gross = Amount::product(pad, "gross dividend", quantity, per_share, currency)?;
        let after_tax = pad.multiply("after tax per share", per_share, left).ok_or_else(&range)?;
        (gross, Amount::product(pad, "dividend after tax", quantity, after_tax, currency)?)
    };
    let tax = gross.money.checked_sub(cash.money).ok_or_else(range)?;
    let reclaimable = if withholding.treatment == Treatment::Reclaimable { tax } else { Money::zero(currency) };
    Ok(Taxed { gross: gross.money, tax, cash: cash.money, reclaimable })
}
