//! What is financed: settled quantity x price x FX, and the dates on which it changes.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::domain::blocked::Blocked;
use crate::domain::explain::pad::Pad;
use crate::domain::explain::{Fact, Observed};
use crate::domain::market::carry::{CarryForward, NegativePrices, PricePolicy, Quote};
use crate::domain::names::Symbol;
use crate::domain::rates::schedule::Period;

/// A price that a notional stands on, in the currency of the price, with what converts it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Price {
    pub price: Decimal,
    /// Units of settlement currency per unit of price currency; none where they are the same.
    pub fx: Option<Decimal>,
}

/// A part of a lot at one notional: it is financed every calendar night of its period, holidays and weekends as well, from the settlement of its
/// opening (counted) to that of its closing (not counted).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Financed {
    pub quantity: Decimal,
    pub price: Price,
    pub period: Period,
}

/// The closes that a notional is marked to each night.
#[derive(Clone, Copy, Debug)]
pub struct Marks<'a> {
    pub of: &'a Symbol,
    /// Ascending by date.
    pub closes: &'a [Mark],
    /// How old the last close may be, in calendar days. A night without a close of its own stands on the last one by contract, so that the
    /// amount is final.
    pub age_days_max: i64,
    pub negative: NegativePrices,
}

/// A close.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Mark {
    pub date: NaiveDate,
    pub version: u32,
    pub price: Price,
}

impl Price {
    /// One in the settlement currency.
    pub fn of(price: Decimal) -> Price {
        Price { price, fx: None }
    }

    /// `quantity x price x fx`, signed as the quantity.
    #[inline(always)] // as `Amount::product`
    pub fn notional<P: Pad>(
        &self,
        pad: &mut P,
        price: impl FnOnce() -> Fact,
        quantity: P::Number,
    ) -> Option<P::Number> {
        let price = pad.given(price, self.price);
        let notional = pad.multiply("notional", quantity, price)?;
        let Some(fx) = self.fx else { return Some(notional) };
        let fx = pad.given(|| Fact::Lot("fx of the notional"), fx);
        pad.multiply("notional in settlement currency", notional, fx)
    }
}

impl Marks<'_> {
    /// The last close on or before a night.
    pub(super) fn on(&self, night: NaiveDate) -> Result<Mark, Blocked> {
        let after = self.closes.partition_point(|close| close.date <= night);
        let last = after.checked_sub(1).map(|last| self.closes[last]);
        let policy = PricePolicy { carry: CarryForward::UpTo { days: self.age_days_max }, negative: self.negative };
        let quote = |mark: Mark| Quote { date: mark.date, value: mark.price.price, version: mark.version };
        policy.accept(self.of, last.map(quote), night)?;
        last.ok_or_else(|| Blocked::MissingPrice { of: self.of.clone(), date: night })
    }

    /// The first date after a night on which another close counts, at most `to`.
    pub(super) fn unchanged_until(&self, night: NaiveDate, to: NaiveDate) -> NaiveDate {
        let after = self.closes.partition_point(|close| close.date <= night);
        let next = self.closes.get(after).map_or(to, |close| close.date.min(to));
        // A close that becomes too old on the way is asked for again, and refused, on the night it does.
        let oldest = after
            .checked_sub(1)
            .map(|last| self.closes[last].date + chrono::Days::new(self.age_days_max.unsigned_abs() + 1));
        oldest.map_or(next, |oldest| next.min(oldest))
    }

    pub(super) fn fact(&self, mark: Mark) -> Fact {
        Fact::Observed(Observed { what: "price", key: self.of.as_str().into(), date: mark.date, version: mark.version })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn april(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2025, 4, day).expect("a day of April")
    }

    fn mark(day: u32, price: i64) -> Mark {
        Mark { date: april(day), version: 1, price: Price::of(Decimal::from(price)) }
    }

    #[test]
    fn a_night_stands_on_the_last_close_until_that_is_too_old() {
        let symbol = Symbol::new("ACME").expect("a name");
        let closes = [mark(17, 50), mark(21, 52)];
        let marks = Marks { of: &symbol, closes: &closes, age_days_max: 3, negative: NegativePrices::Blocked };
        assert_eq!(marks.on(april(20)), Ok(closes[0]));
        assert_eq!(marks.unchanged_until(april(17), april(30)), april(21));
        assert_eq!(marks.on(april(24)), Ok(closes[1]));
        assert_eq!(marks.unchanged_until(april(21), april(30)), april(25), "the night that is asked for again");
        let stale = Blocked::Stale { of: "ACME".into(), observed: april(21), age_days: 4 };
        assert_eq!(marks.on(april(25)), Err(stale));
        assert_eq!(marks.on(april(16)), Err(Blocked::MissingPrice { of: symbol.clone(), date: april(16) }));
    }

    #[test]
    fn a_negative_close_blocks() {
        let symbol = Symbol::new("WTI").expect("a name");
        let marks = Marks { of: &symbol, closes: &[mark(17, -37)], age_days_max: 3, negative: NegativePrices::Blocked };
        let blocked = Blocked::NegativePrice { of: symbol.clone(), date: april(17), price: Decimal::from(-37) };
        assert_eq!(marks.on(april(18)), Err(blocked));
    }
}
