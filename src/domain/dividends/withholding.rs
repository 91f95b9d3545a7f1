//! What the tax at source leaves of a dividend.
//!
//! Its rate and jurisdiction are reference data of the dividend; a currency says nothing about them.

use rust_decimal::Decimal;

use crate::domain::blocked::{Blocked, out_of_range};
use crate::domain::explain::Fact;
use crate::domain::explain::pad::Pad;
use crate::domain::money::amount::Amount;
use crate::domain::money::{Currency, Money};

/// How a declared amount and its tax belong together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Treatment {
    /// The declared amount is gross and the tax is deducted: cash = gross x (1 - rate).
    Deducted,
    /// The declared amount is what arrives: gross = cash / (1 - rate).
    DeclaredNet,
    Exempt,
    /// Deducted, and the holder can claim it back: a receivable against the tax office, never cash of the dividend.
    Reclaimable,
}

/// A dividend after tax; gross = cash + tax.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Taxed {
    pub gross: Money,
    pub tax: Money,
    pub cash: Amount,
    /// The part of the tax that can be claimed back.
    pub reclaimable: Money,
}

impl Treatment {
    /// All of them by their names.
    pub const NAMES: [(&str, Treatment); 4] = {
        use Treatment::{DeclaredNet, Deducted, Exempt, Reclaimable};
        [
            (Deducted.name(), Deducted),
            (DeclaredNet.name(), DeclaredNet),
            (Exempt.name(), Exempt),
            (Reclaimable.name(), Reclaimable),
        ]
    };

    /// As documents and requests write it. The replaced service calls a plain deduction GROSS_UP.
    pub const fn name(self) -> &'static str {
        match self {
            Treatment::Deducted => "GROSS_UP",
            Treatment::DeclaredNet => "NET_AMOUNT",
            Treatment::Exempt => "NO_WITHHOLDING",
            Treatment::Reclaimable => "TAX_CREDIT",
        }
    }
}

/// What a quantity is entitled to before tax. `left` is what the tax leaves of one, where the amount per share is what arrives.
#[inline(always)]
pub fn gross<P: Pad>(
    pad: &mut P,
    name: &'static str,
    quantity: P::Number,
    per_share: P::Number,
    left: Option<P::Number>,
    currency: Currency,
) -> Result<Amount, Blocked> {
    Ok(match left {
        None => Amount::product(pad, name, quantity, per_share, currency)?,
        Some(left) => Amount::quotient(pad, name, quantity, per_share, left, currency)?,
    })
}

/// 1 - rate.
pub fn left_after_tax<P: Pad>(pad: &mut P, rate: P::Number) -> Result<P::Number, Blocked> {
    let one = pad.given(|| Fact::Count("one"), Decimal::ONE);
    pad.subtract("left after tax", one, rate).ok_or_else(out_of_range(NET))
}

/// Taxes what a long is entitled to. The rate is a fraction, 0.15 is 15 %, and counts for nothing where the holder is exempt. (A short pays
/// the gross amount, manufactured: whoever lent the share has not got it from the issuer.)
pub fn tax<P: Pad>(
    pad: &mut P,
    quantity: P::Number,
    per_share: P::Number,
    rate: P::Number,
    treatment: Treatment,
    currency: Currency,
) -> Result<Taxed, Blocked> {
    let range = out_of_range(NET);
    if treatment == Treatment::Exempt {
        let cash = gross(pad, GROSS, quantity, per_share, None, currency)?;
        let zero = Money::zero(currency);
        return Ok(Taxed { gross: cash.money, tax: zero, cash, reclaimable: zero });
    }
    let (gross, tax_per_share, after_tax) = if treatment == Treatment::DeclaredNet {
        let left = left_after_tax(pad, rate)?;
        let gross = gross(pad, GROSS, quantity, per_share, Some(left), currency)?;
        let gross_per_share = pad.divide("gross per share", per_share, left).ok_or_else(&range)?;
        (gross, pad.subtract("tax per share", gross_per_share, per_share), Some(per_share))
    } else {
        let gross = gross(pad, GROSS, quantity, per_share, None, currency)?;
        let (tax, after_tax) = deducted(pad, per_share, rate)?;
        (gross, Some(tax), Some(after_tax))
    };
    let reclaimable = treatment == Treatment::Reclaimable;
    let name = if reclaimable { "tax at source that can be reclaimed, unrounded" } else { "tax at source, unrounded" };
    tax_per_share.and_then(|tax| pad.multiply(name, quantity, tax)).ok_or_else(&range)?;
    let cash = Amount::product(pad, NET, quantity, after_tax.ok_or_else(&range)?, currency)?;
    let tax = gross.money.checked_sub(cash.money).ok_or_else(range)?;
    let reclaimable = if reclaimable { tax } else { Money::zero(currency) };
    Ok(Taxed { gross: gross.money, tax, cash, reclaimable })
}

/// What a holder who is not exempt gets per share.
pub fn after_tax<P: Pad>(
    pad: &mut P,
    per_share: P::Number,
    rate: P::Number,
    treatment: Treatment,
) -> Result<P::Number, Blocked> {
    if treatment == Treatment::DeclaredNet { Ok(per_share) } else { Ok(deducted(pad, per_share, rate)?.1) }
}

/// The tax per share, and what it leaves.
fn deducted<P: Pad>(pad: &mut P, per_share: P::Number, rate: P::Number) -> Result<(P::Number, P::Number), Blocked> {
    let tax = pad.multiply("tax per share", per_share, rate).ok_or_else(out_of_range(NET))?;
    let after_tax = pad.subtract("after tax per share", per_share, tax).ok_or_else(out_of_range(NET))?;
    Ok((tax, after_tax))
}

const GROSS: &str = "gross dividend";
const NET: &str = "dividend after tax";
