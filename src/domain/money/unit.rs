//! What amounts are rounded to: the minor unit of a currency, in a mode that the contract may set per currency.

use super::currency::Currency;
use crate::domain::number::rounding::Rounding;

/// A currency with the mode its amounts are rounded in. A currency alone means halves away from zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Unit {
    pub currency: Currency,
    pub rounding: Rounding,
}

impl From<Currency> for Unit {
    fn from(currency: Currency) -> Unit {
        Unit { currency, rounding: Rounding::default() }
    }
}

/// How a contract rounds money: one mode, and the currencies that are rounded in another. Without any terms, halves away from zero.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct RoundingPolicy {
    usual: Rounding,
    exceptions: Vec<(Currency, Rounding)>,
}

impl RoundingPolicy {
    /// One mode for all currencies.
    pub fn new(usual: Rounding) -> RoundingPolicy {
        RoundingPolicy { usual, exceptions: Vec::new() }
    }

    /// One more exception; of two for the same currency the later one counts.
    pub fn with(mut self, currency: Currency, rounding: Rounding) -> RoundingPolicy {
        self.exceptions.retain(|(other, _)| *other != currency);
        self.exceptions.push((currency, rounding));
        self.exceptions.sort_by_key(|(currency, _)| *currency); // the same terms are the same value, however they were put together
        self
    }

    /// What amounts in a currency are rounded to.
    #[inline]
    pub fn unit(&self, currency: Currency) -> Unit {
        let exception = self.exceptions.iter().find(|(other, _)| *other == currency);
        Unit { currency, rounding: exception.map_or(self.usual, |(_, rounding)| *rounding) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contract_may_round_one_currency_in_another_mode() {
        let [usd, jpy] = ["USD", "JPY"].map(|code| Currency::new(code).expect("in use"));
        let isda = RoundingPolicy::new(Rounding::HalfUp).with(jpy, Rounding::Down);
        assert_eq!(
            isda.unit(jpy).rounding,
            Rounding::Down,
            "2006 ISDA Definitions, section 8.1: fractions of a yen are dropped"
        );
        assert_eq!(isda.unit(usd), usd.into());
        let policy = RoundingPolicy::new(Rounding::HalfEven).with(usd, Rounding::Down).with(jpy, Rounding::HalfUp);
        assert_eq!(
            policy,
            RoundingPolicy::new(Rounding::HalfEven).with(jpy, Rounding::HalfUp).with(usd, Rounding::Down)
        );
        assert_eq!(policy.clone().with(usd, Rounding::HalfEven).unit(usd).rounding, Rounding::HalfEven);
        assert_eq!(policy.unit(usd).rounding, Rounding::Down);
    }
}
