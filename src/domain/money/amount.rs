//! An amount before and after its one rounding.

use rust_decimal::Decimal;

use crate::domain::blocked::{Blocked, out_of_range};
use crate::domain::explain::pad::Pad;
use crate::domain::money::{Currency, Money};

/// What a formula comes to; `+` = the client receives. `money` is rounded from the exact result, not from `unrounded`, which is cut off
/// after 28 digits.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Amount {
    pub unrounded: Decimal,
    pub money: Money,
}

impl Amount {
    /// left x right.
    #[inline(always)]
    pub fn product<P: Pad>(
        pad: &mut P,
        name: &'static str,
        left: P::Number,
        right: P::Number,
        currency: Currency,
    ) -> Result<Amount, Blocked> {
        let unrounded = pad.multiply("unrounded", left, right).ok_or_else(out_of_range(name))?;
        let money = pad.amount(name, left, right, currency).ok_or_else(out_of_range(name))?;
        Ok(Amount { unrounded: without_sign(pad.value(unrounded)), money })
    }

    /// left x right / divisor.
    pub fn quotient<P: Pad>(
        pad: &mut P,
        name: &'static str,
        left: P::Number,
        right: P::Number,
        divisor: P::Number,
        currency: Currency,
    ) -> Result<Amount, Blocked> {
        let product = pad.multiply("product", left, right).ok_or_else(out_of_range(name))?;
        let unrounded = pad.divide("unrounded", product, divisor).ok_or_else(out_of_range(name))?;
        let money = pad.amount_per(name, left, right, divisor, currency).ok_or_else(out_of_range(name))?;
        Ok(Amount { unrounded: without_sign(pad.value(unrounded)), money })
    }

    /// Received where it was paid and paid where it was received; on a pad right after it was calculated there.
    pub fn turned<P: Pad>(self, pad: &mut P, name: &'static str) -> Result<Amount, Blocked> {
        let money = pad.turn(name, self.money).ok_or_else(out_of_range(name))?;
        Ok(Amount { unrounded: without_sign(-self.unrounded), money })
    }
}

/// No negative zero.
#[inline]
fn without_sign(number: Decimal) -> Decimal {
    if number.is_zero() { Decimal::ZERO } else { number }
}
