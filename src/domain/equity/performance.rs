//! What a span of a holding comes to.
//!
//! With signed quantity Q, prices P0 and P1 and exchange rates X0 and X1 at start and end (2002 ISDA Equity Definitions section 5.7, 2018
//! ISDA CDM equity confirmation paragraphs 72, 75, 139: rate of return = (final - initial) / initial, times the equity notional):
//!
//! | FX mode | notional reset | constant notional N = Q x P at the opening |
//! |---|---|---|
//! | none | Q x (P1 - P0) | N x (P1 - P0) / P0 |
//! | composite | Q x (P1 X1 - P0 X0) | N X x (P1 X1 - P0 X0) / (P0 X0), X of the opening |
//! | cross-currency | Q x (P1 - P0) x X1 | N x (P1 - P0) x X1 / P0 |
//! | quanto at R | Q x (P1 - P0) x R | N x (P1 - P0) x R / P0 |
//!
//! Where a split has changed the units on the way, Q x P is what the quantity of that time was worth, at the start Q0 x P0: nothing is divided by
//! the ratio of the split, so no digit is lost.

use rust_decimal::Decimal;

use super::mark::Mark;
use crate::domain::blocked::{Blocked, out_of_range};
use crate::domain::explain::Fact;
use crate::domain::explain::pad::Pad;
use crate::domain::market::fx::{FxMode, Pair};
use crate::domain::money::amount::Amount;

/// A signed quantity in the units of a day, and how the market stood on it.
pub type Stand<'m, 'a> = (Decimal, &'m Mark<'a>);

/// A stretch of a holding between two prices: an opening, valuations, a close-out, or the price of today. Its two quantities differ where a split
/// lies between.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Span<'m, 'a> {
    pub start: Stand<'m, 'a>,
    pub end: Stand<'m, 'a>,
}

/// The currencies a performance goes between: prices are in one, amounts in the other.
pub type Currencies = Pair;

/// The amount of a span in settlement currency; `+` = the client receives, which a long does when the price rises. `constant` is the opening of the
/// holding where that fixes its notional; none where the notional is reset to each price.
pub fn performance<P: Pad>(
    pad: &mut P,
    span: &Span<'_, '_>,
    constant: Option<Stand<'_, '_>>,
    fx: FxMode,
    currencies: Currencies,
) -> Result<Amount, Blocked> {
    let Span { start, end } = *span;
    if start.0 != end.0 || constant.is_some_and(|opening| opening.0 != end.0) {
        return in_changed_units(pad, span, constant, fx, currencies);
    }
    let quantity = pad.given(|| Fact::Lot("quantity"), end.0);
    let (first, last) = (value(pad, start.1, fx, currencies)?, value(pad, end.1, fx, currencies)?);
    let moved = moved(pad, first, last, end.1, fx, currencies)?;
    match constant {
        None => {
            // Who asks how the amount came about is also told what it consists of.
            if P::KEEPS && fx == FxMode::Composite {
                attribute(pad, quantity, span, currencies)?;
            }
            Amount::product(pad, NAME, quantity, moved, currencies.settlement)
        }
        Some((_, opening)) => {
            let opening = if opening == start.1 { first } else { value(pad, opening, fx, currencies)? };
            let notional = pad.multiply("equity notional", quantity, opening).ok_or_else(out_of_range(NAME))?;
            Amount::quotient(pad, NAME, notional, moved, first, currencies.settlement)
        }
    }
}

/// The same where a split lies between: each quantity is worth what it is in the units of its own day.
fn in_changed_units<P: Pad>(
    pad: &mut P,
    span: &Span<'_, '_>,
    constant: Option<Stand<'_, '_>>,
    fx: FxMode,
    currencies: Currencies,
) -> Result<Amount, Blocked> {
    let first = worth(pad, span.start, fx, currencies)?;
    let last = worth(pad, span.end, fx, currencies)?;
    let moved = moved(pad, first, last, span.end.1, fx, currencies)?;
    match constant {
        None => {
            let all = pad.given(|| Fact::Count("all units"), Decimal::ONE);
            Amount::product(pad, NAME, all, moved, currencies.settlement)
        }
        Some(opening) => {
            let notional = worth(pad, opening, fx, currencies)?;
            Amount::quotient(pad, NAME, notional, moved, first, currencies.settlement)
        }
    }
}

/// What a quantity is worth at its mark.
fn worth<P: Pad>(
    pad: &mut P,
    (quantity, mark): Stand<'_, '_>,
    fx: FxMode,
    currencies: Currencies,
) -> Result<P::Number, Blocked> {
    let quantity = pad.given(|| Fact::Lot("quantity in the units of the day"), quantity);
    let value = value(pad, mark, fx, currencies)?;
    pad.multiply("worth", quantity, value).ok_or_else(out_of_range(NAME))
}

const NAME: &str = "equity amount";

/// Price P&L and FX P&L of a composite span with notional reset, unrounded: together they are its amount.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Attribution<N> {
    /// Q x (P1 - P0) x X1.
    pub price: N,
    /// Q x P0 x (X1 - X0).
    pub fx: N,
}

/// Splits the amount of a composite span into what the price did and what the exchange rate did.
pub fn attribute<P: Pad>(
    pad: &mut P,
    quantity: P::Number,
    span: &Span<'_, '_>,
    currencies: Currencies,
) -> Result<Attribution<P::Number>, Blocked> {
    let range = out_of_range("the split into price and FX");
    let (first, last) = (span.start.1, span.end.1);
    let (start, end) = (first.price.number(pad), last.price.number(pad));
    let (start_rate, end_rate) = (rate(pad, first, currencies)?, rate(pad, last, currencies)?);
    let move_of_price = pad.subtract("move of the price", end, start).ok_or_else(&range)?;
    let of_price = pad.multiply("move of the price, converted", move_of_price, end_rate).ok_or_else(&range)?;
    let price = pad.multiply("price P&L, unrounded", quantity, of_price).ok_or_else(&range)?;
    let move_of_rate = pad.subtract("move of the rate", end_rate, start_rate).ok_or_else(&range)?;
    let of_rate = pad.multiply("initial price x move of the rate", start, move_of_rate).ok_or_else(&range)?;
    let fx = pad.multiply("FX P&L, unrounded", quantity, of_rate).ok_or_else(range)?;
    Ok(Attribution { price, fx })
}

/// What one unit is worth at a mark: converted for a composite, in price currency otherwise.
#[inline(always)] // as `Amount::product`
fn value<P: Pad>(pad: &mut P, mark: &Mark<'_>, fx: FxMode, currencies: Currencies) -> Result<P::Number, Blocked> {
    let price = mark.price.number(pad);
    let FxMode::Composite = fx else { return Ok(price) };
    let rate = rate(pad, mark, currencies)?;
    pad.multiply("converted price", price, rate).ok_or_else(out_of_range("the converted price"))
}

/// What one unit earned, in settlement currency.
#[inline(always)]
fn moved<P: Pad>(
    pad: &mut P,
    start: P::Number,
    end: P::Number,
    last: &Mark<'_>,
    fx: FxMode,
    currencies: Currencies,
) -> Result<P::Number, Blocked> {
    let range = out_of_range("the move per unit");
    let moved = pad.subtract("move per unit", end, start).ok_or_else(&range)?;
    let rate = match fx {
        FxMode::None | FxMode::Composite => return Ok(moved),
        FxMode::CrossCurrency => rate(pad, last, currencies)?,
        FxMode::Quanto(rate) => pad.given(|| Fact::Term("quanto rate"), rate),
    };
    pad.multiply("converted move", moved, rate).ok_or_else(range)
}

fn rate<P: Pad>(pad: &mut P, mark: &Mark<'_>, currencies: Currencies) -> Result<P::Number, Blocked> {
    let Pair { price, settlement } = currencies;
    mark.fx.ok_or(Blocked::MissingFx { price, settlement, date: mark.date })?.number(pad)
}
