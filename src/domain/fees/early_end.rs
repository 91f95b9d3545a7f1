//! What it costs the client to end a contract, or a part of it, before its termination date.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::domain::blocked::{Blocked, out_of_range};
use crate::domain::daycount::days;
use crate::domain::explain::Fact;
use crate::domain::explain::pad::Pad;
use crate::domain::money::Currency;
use crate::domain::money::amount::Amount;

/// The agreed measure of a break fee.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum BreakFee {
    Fixed(Decimal),
    /// A fraction of the notional that ends.
    OfNotional(Decimal),
    /// The spread that would have been earned: notional x spread x days to the termination date / days of a year. Not discounted.
    MakeWhole {
        spread: Decimal,
        /// The days a year counts: 360 or 365.
        year_days: u32,
    },
}

impl BreakFee {
    /// The charge, above zero, for a notional (above zero) that ends on `ended` instead of `termination`. A fixed one does not ask for the
    /// notional.
    pub fn charge<P: Pad>(
        self,
        pad: &mut P,
        notional: impl FnOnce(&mut P) -> Result<P::Number, Blocked>,
        ended: NaiveDate,
        termination: NaiveDate,
        currency: Currency,
    ) -> Result<Amount, Blocked> {
        const NAME: &str = "break fee";
        match self {
            BreakFee::Fixed(amount) => {
                let amount = pad.given(|| Fact::Term("fixed break fee"), amount);
                let money = pad.money(NAME, amount, currency).ok_or_else(out_of_range(NAME))?;
                Ok(Amount { unrounded: pad.value(amount), money })
            }
            BreakFee::OfNotional(rate) => {
                let notional = notional(pad)?;
                let rate = pad.given(|| Fact::Term("break fee rate"), rate);
                Amount::product(pad, NAME, notional, rate, currency)
            }
            BreakFee::MakeWhole { spread, year_days } => {
                let notional = notional(pad)?;
                let spread = pad.given(|| Fact::Term("spread"), spread);
                let remaining = pad.given(|| Fact::Count("days left"), Decimal::from(days(ended, termination)));
                let basis = pad.given(|| Fact::Count("days of a year"), Decimal::from(year_days));
                let rate_days = pad.multiply("spread x days", spread, remaining).ok_or_else(out_of_range(NAME))?;
                Amount::quotient(pad, NAME, notional, rate_days, basis, currency)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::explain::pad::Silent;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("the test writes a date")
    }

    fn minor(fee: BreakFee, termination: &str) -> i64 {
        let currency = Currency::new("USD").expect("a currency in use");
        let notional = |_: &mut Silent| Ok(Decimal::from(500_000));
        let charge = fee.charge(&mut Silent, notional, day("2025-04-22"), day(termination), currency);
        charge.expect("small numbers").money.minor
    }

    #[test]
    fn a_break_fee_is_fixed_or_of_the_notional_or_what_would_have_been_earned() {
        assert_eq!(minor(BreakFee::Fixed(Decimal::new(2_500, 1)), "2026-04-22"), 25_000);
        assert_eq!(minor(BreakFee::OfNotional(Decimal::new(1, 3)), "2026-04-22"), 50_000);
        let make_whole = BreakFee::MakeWhole { spread: Decimal::new(65, 4), year_days: 360 };
        assert_eq!(minor(make_whole, "2025-05-22"), 27_083); // 500,000 x 0.65 % x 30 / 360 = 270.8333
        assert_eq!(minor(make_whole, "2025-04-22"), 0, "nothing is left to be earned");
        assert_eq!(minor(make_whole, "2025-04-21"), 0, "it had ended already");
    }
}
