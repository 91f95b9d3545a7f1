//! Market values and their age: one of an earlier day stands in only where a policy says so, and what follows is provisional.

use chrono::NaiveDate;
use compact_str::CompactString;
use rust_decimal::Decimal;

use crate::domain::blocked::Blocked;
use crate::domain::names::Symbol;

/// A market value as it was published for a day.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Quote {
    pub date: NaiveDate,
    pub value: Decimal,
    /// 0 when the source publishes no versions.
    pub version: u32,
}

/// Whether the value of an earlier day may stand in for a day that has none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CarryForward {
    Never,
    /// It may be so many calendar days old.
    UpTo {
        days: i64,
    },
}

/// Whether a price below zero is an error or a price.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NegativePrices {
    Blocked,
    Allowed,
}

/// How prices are taken from the market.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PricePolicy {
    pub carry: CarryForward,
    pub negative: NegativePrices,
}

/// A value that may be calculated with. Amounts of a provisional one are provisional, too.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Accepted {
    pub quote: Quote,
    pub provisional: bool,
}

impl CarryForward {
    /// `last` is the last value on or before `date`; `missing` is the reason when there is none.
    pub fn accept(
        self,
        last: Option<Quote>,
        date: NaiveDate,
        of: impl FnOnce() -> CompactString,
        missing: impl FnOnce() -> Blocked,
    ) -> Result<Accepted, Blocked> {
        let Some(quote) = last.filter(|quote| quote.date <= date) else { return Err(missing()) };
        if quote.date == date {
            return Ok(Accepted { quote, provisional: false });
        }
        let age_days = (date - quote.date).num_days();
        match self {
            CarryForward::Never => Err(missing()),
            CarryForward::UpTo { days } if age_days <= days => Ok(Accepted { quote, provisional: true }),
            CarryForward::UpTo { .. } => Err(Blocked::Stale { of: of(), observed: quote.date, age_days }),
        }
    }
}

impl PricePolicy {
    /// The price of `date`, from the last one on or before it.
    pub fn accept(self, of: &Symbol, last: Option<Quote>, date: NaiveDate) -> Result<Accepted, Blocked> {
        let missing = || Blocked::MissingPrice { of: of.clone(), date };
        let accepted = self.carry.accept(last, date, || of.as_str().into(), missing)?;
        let Quote { date, value: price, .. } = accepted.quote;
        if price.is_sign_negative() && !price.is_zero() && self.negative == NegativePrices::Blocked {
            return Err(Blocked::NegativePrice { of: of.clone(), date, price });
        }
        Ok(accepted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2025, 4, day).expect("a day of April")
    }

    fn quote(date: u32, value: i64) -> Option<Quote> {
        Some(Quote { date: day(date), value: Decimal::from(value), version: 1 })
    }

    fn accept(carry: CarryForward, last: Option<Quote>) -> Result<bool, Blocked> {
        let policy = PricePolicy { carry, negative: NegativePrices::Blocked };
        let symbol = Symbol::new("ACME").expect("a name");
        policy.accept(&symbol, last, day(22)).map(|accepted| accepted.provisional)
    }

    #[test]
    fn the_price_of_the_day_is_final() {
        assert_eq!(accept(CarryForward::Never, quote(22, 53)), Ok(false));
        assert_eq!(accept(CarryForward::Never, quote(22, 0)), Ok(false), "a true 0 is a price");
    }

    #[test]
    fn an_earlier_price_counts_by_policy_only_within_its_age_and_provisionally() {
        let missing = Blocked::MissingPrice { of: Symbol::new("ACME").expect("a name"), date: day(22) };
        assert_eq!(accept(CarryForward::Never, quote(21, 53)), Err(missing.clone()));
        assert_eq!(accept(CarryForward::UpTo { days: 4 }, quote(18, 53)), Ok(true));
        let stale = Blocked::Stale { of: "ACME".into(), observed: day(17), age_days: 5 };
        assert_eq!(accept(CarryForward::UpTo { days: 4 }, quote(17, 53)), Err(stale));
        assert_eq!(accept(CarryForward::UpTo { days: 4 }, None), Err(missing.clone()));
        assert_eq!(accept(CarryForward::UpTo { days: 4 }, quote(23, 53)), Err(missing), "no price of a later day");
    }

    #[test]
    fn a_negative_price_blocks_unless_it_is_allowed() {
        let symbol = Symbol::new("WTI").expect("a name");
        let accept =
            |negative| PricePolicy { carry: CarryForward::Never, negative }.accept(&symbol, quote(22, -37), day(22));
        assert!(accept(NegativePrices::Allowed).is_ok());
        let blocked = Blocked::NegativePrice { of: symbol.clone(), date: day(22), price: Decimal::from(-37) };
        assert_eq!(accept(NegativePrices::Blocked), Err(blocked));
    }
}
