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

use rust_decimal::Decimal;

use super::mark::Mark;
use super::periods::Span;
use super::terms::EquityNotional;
use crate::domain::blocked::{Blocked, out_of_range};
use crate::domain::explain::Fact;
use crate::domain::explain::pad::Pad;
use crate::domain::market::fx::{FxMode, Pair};
use crate::domain::money::amount::Amount;
use crate::domain::money::{Currency, Money};

/// The currencies a performance goes between: prices are in one, amounts in the other.
pub type Currencies = Pair;

/// The amount of a span in settlement currency; `+` = the client receives, which a long does when the price rises.
pub fn performance<P: Pad>(
    pad: &mut P,
    quantity: Decimal,
    span: &Span<'_>,
    notional: EquityNotional,
    fx: FxMode,
    currencies: Currencies,
) -> Result<Amount, Blocked> {
    let quantity = pad.given(|| Fact::Lot("quantity"), quantity);
    let start = value(pad, &span.start, fx, currencies)?;
    let end = value(pad, &span.end, fx, currencies)?;
    let moved = moved(pad, start, end, span, fx, currencies)?;
    match notional {
        EquityNotional::Reset => Amount::product(pad, NAME, quantity, moved, currencies.settlement),
        EquityNotional::Constant => {
            let first = if span.first == span.start { start } else { value(pad, &span.first, fx, currencies)? };
            let notional = pad.multiply("equity notional", quantity, first).ok_or_else(out_of_range(NAME))?;
            Amount::quotient(pad, NAME, notional, moved, start, currencies.settlement)
        }
    }
}

const NAME: &str = "equity amount";

/// Price P&L and FX P&L of a composite span.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attribution {
    /// Q x (P1 - P0) x X1.
    pub price: Money,
    /// Q x P0 x (X1 - X0), up to a minor unit: what is left of the amount, so that both add up to it exactly.
    pub fx: Money,
}

/// Splits the amount of a composite span with notional reset into what the price did and what the exchange rate did.
pub fn attribute<P: Pad>(
    pad: &mut P,
    quantity: Decimal,
    span: &Span<'_>,
    amount: Money,
    currencies: Currencies,
) -> Result<Attribution, Blocked> {
    let quantity = pad.given(|| Fact::Lot("quantity"), quantity);
    let (start, end) = (span.start.price.number(pad), span.end.price.number(pad));
    let moved = moved(pad, start, end, span, FxMode::CrossCurrency, currencies)?;
    let price = Amount::product(pad, "price P&L", quantity, moved, currencies.settlement)?.money;
    let fx = amount.checked_sub(price).ok_or_else(out_of_range("the FX P&L"))?;
    Ok(Attribution { price, fx })
}

/// (final + dividends - initial) x quantity: a total return whose dividends are paid with the equity amount. `dividends_per_share` is
/// what the client gets of them, after the payout ratio, in the currency of the prices.
pub fn total_return<P: Pad>(
    pad: &mut P,
    quantity: Decimal,
    span: &Span<'_>,
    dividends_per_share: P::Number,
    currency: Currency,
) -> Result<Amount, Blocked> {
    let quantity = pad.given(|| Fact::Lot("quantity"), quantity);
    let (start, end) = (span.start.price.number(pad), span.end.price.number(pad));
    let range = out_of_range("the total return");
    let end = pad.add("final price and dividends", end, dividends_per_share).ok_or_else(&range)?;
    let moved = pad.subtract("move per unit", end, start).ok_or_else(&range)?;
    Amount::product(pad, "equity amount with dividends", quantity, moved, currency)
}

/// (final - initial) / initial of a span, by the values that its FX mode compares.
pub fn rate_of_return<P: Pad>(
    pad: &mut P,
    span: &Span<'_>,
    fx: FxMode,
    currencies: Currencies,
) -> Result<P::Number, Blocked> {
    let start = value(pad, &span.start, fx, currencies)?;
    let end = value(pad, &span.end, fx, currencies)?;
    let range = out_of_range("the rate of return");
    let moved = pad.subtract("move per unit", end, start).ok_or_else(&range)?;
    pad.divide("rate of return", moved, start).ok_or_else(range)
}

/// The shares of a span: constant, or what a constant notional buys at its start. Not rounded: quantities of swaps never are.
pub fn shares<P: Pad>(
    pad: &mut P,
    quantity: Decimal,
    span: &Span<'_>,
    notional: EquityNotional,
) -> Result<P::Number, Blocked> {
    let quantity = pad.given(|| Fact::Lot("quantity"), quantity);
    if notional == EquityNotional::Reset || span.first == span.start {
        return Ok(quantity);
    }
    let range = out_of_range("the number of shares");
    let (first, start) = (span.first.price.number(pad), span.start.price.number(pad));
    let notional = pad.multiply("equity notional", quantity, first).ok_or_else(&range)?;
    pad.divide("shares", notional, start).ok_or_else(range)
}

/// What one unit is worth at a mark: converted for a composite, in price currency otherwise.
fn value<P: Pad>(pad: &mut P, mark: &Mark<'_>, fx: FxMode, currencies: Currencies) -> Result<P::Number, Blocked> {
    let price = mark.price.number(pad);
    let FxMode::Composite = fx else { return Ok(price) };
    let rate = rate(pad, mark, currencies)?;
    pad.multiply("converted price", price, rate).ok_or_else(out_of_range("the converted price"))
}

/// What one unit earned, in settlement currency.
fn moved<P: Pad>(
    pad: &mut P,
    start: P::Number,
    end: P::Number,
    span: &Span<'_>,
    fx: FxMode,
    currencies: Currencies,
) -> Result<P::Number, Blocked> {
    let range = out_of_range("the move per unit");
    let moved = pad.subtract("move per unit", end, start).ok_or_else(&range)?;
    let rate = match fx {
        FxMode::None | FxMode::Composite => return Ok(moved),
        FxMode::CrossCurrency => rate(pad, &span.end, currencies)?,
        FxMode::Quanto(rate) => pad.given(|| Fact::Term("quanto rate"), rate),
    };
    pad.multiply("converted move", moved, rate).ok_or_else(range)
}

fn rate<P: Pad>(pad: &mut P, mark: &Mark<'_>, currencies: Currencies) -> Result<P::Number, Blocked> {
    let Pair { price, settlement } = currencies;
    mark.fx.ok_or(Blocked::MissingFx { price, settlement, date: mark.date })?.number(pad)
}
