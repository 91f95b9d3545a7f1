//! Disrupted days: what a valuation date becomes when the exchange gives no price for it.

use std::collections::BTreeMap;
use std::fmt;

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

/// What became of a disrupted valuation date, never silently: whoever calculates with it says so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Disrupted {
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
    /// On its date, without a price: nothing is agreed.
    Unagreed(NaiveDate),
}

/// Scheduled valuation dates after every disruption: each date that is valued, ascending, with what brought it there.
pub type Valued = BTreeMap<NaiveDate, Option<Disrupted>>;

/// The valuations for scheduled dates. `exchange` has the scheduled trading days; `disrupted` says of such a day that it gave no official close.
/// What is postponed to the date of another valuation becomes one with it.
pub fn valued(
    scheduled: &[NaiveDate],
    policy: Option<Disruption>,
    exchange: &Calendar,
    disrupted: impl Fn(NaiveDate) -> bool,
) -> Result<Valued, OutsideCalendar> {
    let mut valued = Valued::new();
    for date in scheduled {
        let found = if disrupted(*date) { Some(of_disrupted(*date, policy, exchange, &disrupted)?) } else { None };
        valued.entry(found.map_or(*date, Disrupted::date)).or_insert(found);
    }
    Ok(valued)
}

fn of_disrupted(
    from: NaiveDate,
    policy: Option<Disruption>,
    exchange: &Calendar,
    disrupted: impl Fn(NaiveDate) -> bool,
) -> Result<Disrupted, OutsideCalendar> {
    let trading_days = match policy {
        None => return Ok(Disrupted::Unagreed(from)),
        Some(Disruption::FallbackPrice) => return Ok(Disrupted::Fallback(from)),
        Some(Disruption::Postpone { trading_days }) => trading_days,
    };
    let mut day = from;
    for _ in 0..trading_days {
        day = exchange.add_business_days(day, 1)?;
        if !disrupted(day) {
            return Ok(Disrupted::Postponed { from, to: day });
        }
    }
    Ok(Disrupted::Determined { from, on: day })
}

impl Disrupted {
    /// The date that is valued.
    pub fn date(self) -> NaiveDate {
        match self {
            Disrupted::Postponed { to: date, .. }
            | Disrupted::Determined { on: date, .. }
            | Disrupted::Fallback(date)
            | Disrupted::Unagreed(date) => date,
        }
    }

    /// Calendar days from the scheduled date to the one that is valued.
    pub fn days(self) -> i64 {
        match self {
            Disrupted::Postponed { from, to: date } | Disrupted::Determined { from, on: date } => {
                (date - from).num_days()
            }
            Disrupted::Fallback(_) | Disrupted::Unagreed(_) => 0,
        }
    }
}

impl fmt::Display for Disrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Disrupted::Postponed { from, to } => write!(f, "disrupted valuation of {from} postponed to {to}"),
            Disrupted::Determined { from, on } => write!(f, "disrupted valuation of {from} determined on {on}"),
            Disrupted::Fallback(date) => write!(f, "disrupted valuation of {date} at the fallback price"),
            Disrupted::Unagreed(date) => write!(f, "disrupted valuation of {date}, for which nothing is agreed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().expect("the test writes a date")
    }

    /// Eight trading days: section 6.6(a).
    const ISDA: Option<Disruption> = Some(Disruption::Postpone { trading_days: 8 });

    /// Of 2012-10-26, a Friday before two days on which New York was closed by a storm.
    fn found(policy: Option<Disruption>, disrupted_until: &str) -> Option<Disrupted> {
        let exchange = Calendar::named("XNYS").expect("it is known");
        let until = date(disrupted_until);
        let valued = valued(&[date("2012-10-26")], policy, &exchange, |day| day <= until).expect("it is known");
        let (on, found) = valued.into_iter().next().expect("one date");
        assert_eq!(on, found.map_or(date("2012-10-26"), Disrupted::date));
        found
    }

    #[test]
    fn a_disrupted_valuation_goes_to_the_next_trading_day_with_a_price() {
        let from = date("2012-10-26");
        assert_eq!(found(ISDA, "2012-10-25"), None);
        assert_eq!(found(ISDA, "2012-10-26"), Some(Disrupted::Postponed { from, to: date("2012-10-31") }));
        assert_eq!(found(ISDA, "2012-11-08"), Some(Disrupted::Postponed { from, to: date("2012-11-09") }));
    }

    #[test]
    fn on_the_eighth_disrupted_day_the_price_is_determined() {
        let from = date("2012-10-26");
        assert_eq!(found(ISDA, "2012-11-09"), Some(Disrupted::Determined { from, on: date("2012-11-09") }));
        let never = Some(Disruption::Postpone { trading_days: 0 });
        assert_eq!(found(never, "2012-11-09"), Some(Disrupted::Determined { from, on: from }));
    }

    #[test]
    fn a_fallback_price_and_no_agreement_leave_the_date() {
        let from = date("2012-10-26");
        assert_eq!(found(Some(Disruption::FallbackPrice), "2012-10-26"), Some(Disrupted::Fallback(from)));
        assert_eq!(found(None, "2012-10-26"), Some(Disrupted::Unagreed(from)));
    }

    #[test]
    fn what_is_postponed_to_another_valuation_becomes_one_with_it() {
        let exchange = Calendar::named("XNYS").expect("it is known");
        let [first, second] = ["2025-04-24", "2025-04-25"].map(date);
        let valued = valued(&[first, second], ISDA, &exchange, |day| day == first).expect("it is known");
        assert_eq!(valued, Valued::from([(second, Some(Disrupted::Postponed { from: first, to: second }))]));
    }
}
