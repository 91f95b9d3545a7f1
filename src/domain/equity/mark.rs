//! A price and an exchange rate at one moment: what a performance is measured between.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::domain::blocked::{Blocked, out_of_range};
use crate::domain::explain::pad::Pad;
use crate::domain::explain::{Fact, Observed};
use crate::domain::market::carry::{Accepted, Quote};
use crate::domain::market::fx::FxRate;
use crate::domain::names::Symbol;
use crate::domain::schedule::Disrupted;
use crate::domain::trade::Side;

/// Where a holding stands at one moment.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Mark<'a> {
    pub date: NaiveDate,
    pub price: Price<'a>,
    /// Only where the contract's FX mode uses the rate of this moment.
    pub fx: Option<FxRate<'a>>,
}

/// A price per unit, and who says so.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Price<'a> {
    /// Of the trade that opened or closed; `what` names it in an explanation.
    Traded { what: &'static str, price: Decimal },
    Observed {
        of: &'a Symbol,
        accepted: Accepted,
        /// Of a valuation that was disrupted.
        disrupted: Option<&'a Disrupted>,
    },
}

impl<'a> Mark<'a> {
    /// The price of a trade, where no exchange rate matters.
    pub fn traded(what: &'static str, date: NaiveDate, price: Decimal) -> Mark<'a> {
        Mark { date, price: Price::Traded { what, price }, fx: None }
    }

    /// Whether a value of an earlier day stands in for the price or the rate.
    pub fn provisional(&self) -> bool {
        let price = matches!(self.price, Price::Observed { accepted: Accepted { provisional: true, .. }, .. });
        price || self.fx.is_some_and(|rate| rate.provisional())
    }
}

impl Price<'_> {
    /// The price on a pad, with who says so.
    pub fn number<P: Pad>(&self, pad: &mut P) -> P::Number {
        match *self {
            Price::Traded { what, price } => pad.given(|| Fact::Lot(what), price),
            Price::Observed { of, accepted: Accepted { quote: Quote { date, value, version }, .. }, disrupted } => {
                if let Some(disrupted) = disrupted {
                    pad.given(|| Fact::Disrupted(*disrupted), Decimal::from(disrupted.days()));
                }
                let what = match disrupted {
                    None | Some(Disrupted::Postponed { .. }) => "price",
                    Some(_) => "fallback price",
                };
                pad.given(|| Fact::Observed(Observed { what, key: of.as_str().into(), date, version }), value)
            }
        }
    }
}

/// A price with its commission inside: gross x (1 + rate) for a purchase, gross x (1 - rate) for a sale, so that either costs the client.
/// A short opens with a sale and closes with a purchase.
pub fn net_price<P: Pad>(
    pad: &mut P,
    gross: Decimal,
    side: Side,
    commission_rate: Decimal,
) -> Result<P::Number, Blocked> {
    let gross = pad.given(|| Fact::Lot("gross price"), gross);
    let rate = pad.given(|| Fact::Term("commission rate"), commission_rate);
    let range = out_of_range("the net price");
    let commission = pad.multiply("commission per unit", gross, rate).ok_or_else(&range)?;
    let net = match side {
        Side::Buy => pad.add("net price", gross, commission),
        Side::Sell => pad.subtract("net price", gross, commission),
    };
    net.ok_or_else(range)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::explain::pad::Silent;

    #[test]
    fn a_commission_in_the_price_costs_the_client_on_either_side() {
        let net = |side| net_price(&mut Silent, Decimal::from(50), side, Decimal::new(2, 3));
        assert_eq!(net(Side::Buy), Ok(Decimal::new(501, 1)));
        assert_eq!(net(Side::Sell), Ok(Decimal::new(499, 1)));
    }
}
