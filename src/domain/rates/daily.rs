//! A fixing -> the rate of a day: floor, cap, and a spread that is compounded with it.

use rust_decimal::Decimal;

use crate::domain::explain::Fact;
use crate::domain::explain::pad::Pad;

/// What happens to each fixing before it is weighted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct DailyTerms {
    pub floor: Option<Decimal>,
    pub cap: Option<Decimal>,
    /// Only a spread INSIDE the compounding; one that stays outside is added to the rate of the period.
    pub spread: Option<Decimal>,
}

impl DailyTerms {
    /// `min(max(fixing, floor), cap) + spread`: floor and cap are of the published rate (ISDA 2021 sections 7.2.3 and 7.2.4), the spread comes
    /// on top. `None` when it does not fit 28 digits.
    pub fn rate<P: Pad>(&self, pad: &mut P, fixing: P::Number) -> Option<P::Number> {
        let mut rate = fixing;
        if let Some(floor) = self.floor {
            let floor = pad.given(|| Fact::Term("daily floor"), floor);
            rate = pad.at_least("floored rate of the day", rate, floor)?;
        }
        if let Some(cap) = self.cap {
            let cap = pad.given(|| Fact::Term("daily cap"), cap);
            rate = pad.at_most("capped rate of the day", rate, cap)?;
        }
        if let Some(spread) = self.spread {
            let spread = pad.given(|| Fact::Term("spread"), spread);
            rate = pad.add("rate of the day with spread", rate, spread)?;
        }
        Some(rate)
    }
}
