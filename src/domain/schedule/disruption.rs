//! Disrupted days: what a valuation date becomes when the exchange gives no price for it.

use chrono::NaiveDate;

use crate::domain::calendar::{Calendar, OutsideCalendar};

/// What the contract says about a disrupted valuation date: 2002 ISDA Equity Derivatives Definitions, section 6.6.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Disruption {
    /// It goes to the next scheduled trading day that is not disrupted, over so many at most: section 6.6(a) has eight.
    Postpone { trading_days: i64 },
    /// It stays, and the contract's fallback price counts.
    FallbackPrice,
}

impl Disruption {
    pub const ISDA: Disruption = Disruption::Postpone { trading_days: 8 };
}

/// Where a valuation came to, never silently: whoever calculates with it says so in the explanation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Valuation {
    OnDate(NaiveDate),
    Postponed {
        from: NaiveDate,
        to: NaiveDate,
    },
    /// All days were disrupted: on the last of them the price is one that the calculation agent determines.
    Determined {
        from: NaiveDate,
        on: NaiveDate,
    },
    /// On its date, with the fallback price.
    Fallback(NaiveDate),
}

/// The valuation for a scheduled date. `exchange` has the scheduled trading days; `disrupted` says of such a day that it gave no official close.
pub fn valuation(
    scheduled: NaiveDate,
    policy: Disruption,
    exchange: &Calendar,
    disrupted: impl Fn(NaiveDate) -> bool,
) -> Result<Valuation, OutsideCalendar> {
    if !disrupted(scheduled) {
        return Ok(Valuation::OnDate(scheduled));
    }
    let Disruption::Postpone { trading_days } = policy else { return Ok(Valuation::Fallback(scheduled)) };
    let mut day = scheduled;
    for _ in 0..trading_days {
        day = exchange.add_business_days(day, 1)?;
        if !disrupted(day) {
            return Ok(Valuation::Postponed { from: scheduled, to: day });
        }
    }
    Ok(Valuation::Determined { from: scheduled, on: day })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().expect("the test writes a date")
    }

    /// For 2012-10-26, a Friday before two days on which New York was closed by a storm.
    fn value(policy: Disruption, disrupted_until: &str) -> Valuation {
        let exchange = Calendar::named("XNYS").expect("it is known");
        let until = date(disrupted_until);
        valuation(date("2012-10-26"), policy, &exchange, |day| day <= until).expect("it is known")
    }

    #[test]
    fn a_disrupted_valuation_goes_to_the_next_trading_day_with_a_price() {
        let from = date("2012-10-26");
        assert_eq!(value(Disruption::ISDA, "2012-10-25"), Valuation::OnDate(from));
        assert_eq!(value(Disruption::ISDA, "2012-10-26"), Valuation::Postponed { from, to: date("2012-10-31") });
        assert_eq!(value(Disruption::ISDA, "2012-11-08"), Valuation::Postponed { from, to: date("2012-11-09") });
    }

    #[test]
    fn on_the_eighth_disrupted_day_the_price_is_determined() {
        let from = date("2012-10-26");
        assert_eq!(value(Disruption::ISDA, "2012-11-09"), Valuation::Determined { from, on: date("2012-11-09") });
        let never = Disruption::Postpone { trading_days: 0 };
        assert_eq!(value(never, "2012-11-09"), Valuation::Determined { from, on: from });
    }

    #[test]
    fn a_fallback_price_leaves_the_date() {
        assert_eq!(value(Disruption::FallbackPrice, "2012-10-26"), Valuation::Fallback(date("2012-10-26")));
    }
}
