//! Money: a whole number of minor units of a currency, rounded once and never lost in a total.
//!
//! Thirty days of 5.25 % on a million, and a third of it each, to the cent:
//!
//! ```
//! use bookflow::domain::money::{Currency, Money};
//! use rust_decimal::Decimal;
//!
//! let usd = Currency::new("USD").expect("a currency in use");
//! let rate_days = Decimal::new(525, 4) * Decimal::from(30);
//! let interest = Money::quotient(Decimal::from(1_000_000), rate_days, Decimal::from(360), usd).expect("it fits");
//! assert_eq!(interest.to_string(), "4375.00 USD");
//!
//! let third = ["A", "B", "C"].map(|part| (part, Decimal::ONE));
//! let parts = interest.allocate(&third).expect("weights above zero");
//! assert_eq!(parts.iter().map(|part| part.minor).collect::<Vec<_>>(), [145_834, 145_833, 145_833]);
//! ```

mod currency; // ISO 4217 codes with their minor units and last days
mod unit; // what amounts are rounded to
mod allocation; // a total over parts
pub mod amount; // before and after the one rounding

use std::fmt;

use rust_decimal::Decimal;

pub use currency::{Currency, Ended, UnknownCurrency};
pub use unit::{RoundingPolicy, Unit};

use crate::domain::number::exact::{POWERS_OF_10, Product, short_product};

/// An amount in minor units of its currency (cents, yen), seen by the client: plus is received. There is no negative zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Money {
    pub minor: i64,
    pub currency: Currency,
}

/// Every amount is exact before it is rounded once, to a [`Unit`]; a currency alone rounds halves away from zero. `None` means that the
/// result has more than 64 bits of minor units.
impl Money {
    /// Nothing, which is a result.
    pub fn zero(currency: Currency) -> Money {
        Money { minor: 0, currency }
    }

    /// An amount in whole units of the currency, to minor units: 12.345 USD are 1,235 cents.
    pub fn round(amount: Decimal, to: impl Into<Unit>) -> Option<Money> {
        Money::product(amount, Decimal::ONE, to)
    }

    /// `left * right`, of whose product `Decimal` itself would keep 28 digits only.
    #[inline(always)]
    pub fn product(left: Decimal, right: Decimal, to: impl Into<Unit>) -> Option<Money> {
        let unit = to.into();
        // Not `or_else`: what a closure looks at stays in memory.
        match Money::short_product(left, right, unit) {
            Some(money) => Some(money),
            None => Money::quotient(left, right, Decimal::ONE, unit),
        }
    }

    #[inline(always)]
    fn short_product(left: Decimal, right: Decimal, Unit { currency, rounding }: Unit) -> Option<Money> {
        let [left_digits, right_digits] = [left, right].map(|number| number.mantissa().unsigned_abs());
        let zeros = (left.scale() + right.scale()).checked_sub(currency.decimals())?;
        let magnitude = i64::try_from(short_product(left_digits, right_digits, zeros, rounding)?).ok()?;
        let negative = left.is_sign_negative() ^ right.is_sign_negative();
        Some(Money { minor: if negative { -magnitude } else { magnitude }, currency })
    }

    /// `left * right / divisor`: a day count fraction would otherwise be cut off after 28 digits, and a half with it. `None` also for a
    /// divisor of 0.
    pub fn quotient(left: Decimal, right: Decimal, divisor: Decimal, to: impl Into<Unit>) -> Option<Money> {
        let Unit { currency, rounding } = to.into();
        let product = Product::of(left.mantissa().unsigned_abs(), right.mantissa().unsigned_abs());
        let below = Some(divisor.mantissa().unsigned_abs()).filter(|divisor| *divisor > 0)?;
        // The quotient of the three whole numbers still has to be divided by this power of ten.
        let zeros = (left.scale() + right.scale()) as i32 - (divisor.scale() + currency.decimals()) as i32;
        let magnitude = if zeros >= 0 {
            product.divide_scaled(below, zeros.unsigned_abs(), rounding)
        } else {
            product.times(POWERS_OF_10[zeros.unsigned_abs() as usize])?.divide(below, rounding)
        };
        let magnitude = i64::try_from(magnitude?).ok()?;
        let negative = left.is_sign_negative() ^ right.is_sign_negative() ^ divisor.is_sign_negative();
        Some(Money { minor: if negative { -magnitude } else { magnitude }, currency })
    }

    /// `None` when the currencies differ or the sum does not fit.
    pub fn checked_add(self, other: Money) -> Option<Money> {
        let minor = self.minor.checked_add(other.minor)?;
        (self.currency == other.currency).then_some(Money { minor, ..self })
    }

    /// `None` when the currencies differ or the difference does not fit.
    pub fn checked_sub(self, other: Money) -> Option<Money> {
        let minor = self.minor.checked_sub(other.minor)?;
        (self.currency == other.currency).then_some(Money { minor, ..self })
    }

    /// The sum of amounts that are rounded already, whatever their order. `None` when one has another currency or the sum does not fit.
    pub fn total(amounts: impl IntoIterator<Item = Money>, currency: Currency) -> Option<Money> {
        let mut sum = 0_i128; // amounts that cancel each other out must not overflow on the way
        for amount in amounts {
            sum = sum.checked_add(amount.minor.into()).filter(|_| amount.currency == currency)?;
        }
        Some(Money { minor: sum.try_into().ok()?, currency })
    }

    /// In whole units of the currency, with all decimals it has: 1,234 cents are 12.34.
    pub fn to_decimal(self) -> Decimal {
        Decimal::new(self.minor, self.currency.decimals())
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.to_decimal(), self.currency)
    }
}

#[cfg(test)]
mod tests {
    use num_bigint::BigInt;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::number::rounding::Rounding;

    fn currency(code: &str) -> Currency {
        Currency::new(code).expect("the test names a currency")
    }

    fn decimal(text: &str) -> Decimal {
        text.parse().expect("the test writes a decimal")
    }

    #[test]
    fn a_half_rounds_away_from_zero_on_both_sides() {
        for (amount, code, minor) in [
            ("0.005", "USD", 1),
            ("-0.005", "USD", -1),
            ("0.0049999999999999999999999999", "USD", 0),
            ("-0.0049", "USD", 0),
            ("2.5", "JPY", 3),
            ("-2.5", "JPY", -3),
            ("1.2345", "KWD", 1235),
            ("1.23455", "CLF", 12346),
            ("7", "USD", 700),
        ] {
            assert_eq!(
                Money::round(decimal(amount), currency(code)).map(|money| money.minor),
                Some(minor),
                "{amount} {code}"
            );
        }
    }

    #[test]
    fn a_product_is_exact_before_it_is_rounded() {
        // 0.5 less 5e-31: the half that `Decimal`'s own product cuts it to would round up.
        let (left, right) = (decimal("0.4999999999999995"), decimal("1.000000000000001"));
        assert_eq!(left * right, decimal("0.5"));
        assert_eq!(Money::product(left, right, currency("JPY")).map(|money| money.minor), Some(0));
        assert_eq!(Money::product(decimal("-3"), decimal("0.005"), currency("USD")).map(|money| money.minor), Some(-2));
    }

    #[test]
    fn a_product_of_all_the_digits_there_are_still_has_an_amount() {
        let growth = decimal("0.0035268871428571428571428571");
        let notional = decimal("12345678901234.5678901234");
        assert_eq!(Money::product(notional, growth, currency("USD")).map(|money| money.minor), Some(4_354_181_618_661));
    }

    #[test]
    fn a_quotient_is_exact_before_it_is_rounded() {
        let quotient = |left, right, divisor, code| {
            Money::quotient(decimal(left), decimal(right), decimal(divisor), currency(code)).map(|money| money.minor)
        };
        // -2.275: a third cut off after 28 digits would lose the half.
        assert_eq!(quotient("-7.5", "0.91", "3", "USD"), Some(-228));
        assert_eq!(quotient("7.5", "0.91", "-3", "USD"), Some(-228));
        assert_eq!(quotient("100", "1", "0.03", "JPY"), Some(3333));
        assert_eq!(quotient("1", "1", "0", "USD"), None);
        assert_eq!(quotient("79228162514264337593543950335", "1", "1", "USD"), None);
    }

    #[test]
    fn an_amount_that_does_not_fit_is_refused() {
        assert_eq!(Money::round(decimal("92233720368547758.08"), currency("USD")), None);
        assert_eq!(Money::product(Decimal::MAX, Decimal::MAX, currency("USD")), None);
        let most = Money { minor: i64::MAX, currency: currency("USD") };
        assert_eq!(most.checked_add(Money { minor: 1, ..most }), None);
        assert_eq!(Money::zero(currency("USD")).checked_add(Money::zero(currency("EUR"))), None);
    }

    #[test]
    fn a_total_does_not_depend_on_the_order_of_its_amounts() {
        let dollars = |minor| Money { minor, currency: currency("USD") };
        let amounts = [dollars(i64::MAX), dollars(1), dollars(-2)];
        assert_eq!(Money::total(amounts, currency("USD")), Some(dollars(i64::MAX - 1)));
        assert_eq!(Money::total(amounts.into_iter().take(2), currency("USD")), None);
        assert_eq!(Money::total(amounts, currency("EUR")), None);
    }

    #[test]
    fn money_is_written_with_the_decimals_of_its_currency() {
        assert_eq!(Money { minor: -5, currency: currency("USD") }.to_string(), "-0.05 USD");
        assert_eq!(Money { minor: 1200, currency: currency("JPY") }.to_string(), "1200 JPY");
    }

    fn number() -> impl Strategy<Value = Decimal> {
        let mantissa = (any::<i128>(), 32_u32..126).prop_map(|(digits, cut)| (digits >> cut).max(-(1 << 95) + 1));
        (mantissa, 0_u32..=28).prop_map(|(digits, scale)| Decimal::from_i128_with_scale(digits, scale))
    }

    proptest! {
        #[test]
        fn an_amount_is_off_by_half_a_minor_unit_at_most(left in number(), right in number(), divisor in number(), code in 0_usize..4) {
            let currency = currency(["USD", "JPY", "KWD", "CLF"][code]);
            let ten_to = |exponent: u32| BigInt::from(10).pow(exponent);
            let above = BigInt::from(left.mantissa()) * right.mantissa() * ten_to(divisor.scale() + currency.decimals());
            let below = BigInt::from(divisor.mantissa()) * ten_to(left.scale() + right.scale());
            let magnitude = |number: &BigInt| number.magnitude().clone();
            match Money::quotient(left, right, divisor, currency) {
                Some(money) => prop_assert!(magnitude(&(above - &below * money.minor)) * 2_u32 <= magnitude(&below)),
                None => prop_assert!(divisor.is_zero() || magnitude(&above) * 2_u32 > magnitude(&below) * i64::MAX as u64),
            }
        }

        #[test]
        fn a_product_is_the_quotient_over_one(left in number(), right in number(), small in -10_i64.pow(9)..10_i64.pow(9), scale in 0_u32..6) {
            let small = Decimal::new(small, scale);
            for (left, right) in [(left, right), (left, small), (small, small)] {
                for (code, rounding) in [("USD", Rounding::HalfUp), ("JPY", Rounding::HalfEven), ("KWD", Rounding::Down)] {
                    let unit = Unit { currency: currency(code), rounding };
                    prop_assert_eq!(Money::product(left, right, unit), Money::quotient(left, right, Decimal::ONE, unit));
                }
            }
        }

        #[test]
        fn what_one_party_pays_the_other_receives(amount in number()) {
            for rounding in [Rounding::HalfUp, Rounding::HalfEven, Rounding::Down] {
                let unit = Unit { currency: currency("USD"), rounding };
                let minor = |amount| Money::round(amount, unit).map(|money| money.minor);
                prop_assert_eq!(minor(-amount), minor(amount).map(|minor| -minor));
            }
        }
    }
}
