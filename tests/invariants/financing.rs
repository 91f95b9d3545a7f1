//! Amounts of parts: cuts in time and quantity, daily bookings, resets and marks.

use bookflow::domain::explain::pad::Silent;
use bookflow::domain::financing::booking::daily_bookings;
use bookflow::domain::financing::coupon::Rates;
use bookflow::domain::financing::interest::{Interest, interest, marked_interest};
use bookflow::domain::financing::notional::{Financed, Mark, Marks, Price};
use bookflow::domain::financing::terms::FinancingTerms;
use bookflow::domain::lots::units::Units;
use bookflow::domain::market::carry::NegativePrices;
use bookflow::domain::money::{Currency, Money};
use bookflow::domain::names::Symbol;
use bookflow::domain::rates::schedule::Period;
use bookflow::domain::rates::terms::Method;
use chrono::{Days, NaiveDate};
use proptest::collection::vec;
use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::world::{basis_points, compounded, day, from_period_start, period, plain, terms, world};

/// A leg with its tables.
struct Leg {
    terms: FinancingTerms,
    rates: Rates,
    interest_period: Period,
}

impl Leg {
    fn of(&self, quantity: Decimal, period: Period) -> Interest<Decimal> {
        self.at(Financed { quantity, price: Price::of(Decimal::ONE), period })
    }

    fn at(&self, part: Financed) -> Interest<Decimal> {
        self.until(part, part.period.end)
    }

    fn until(&self, part: Financed, to: NaiveDate) -> Interest<Decimal> {
        let coupon = self.rates.coupon(&self.terms, day(0)).expect("the index is known");
        interest(&mut Silent, &coupon, self.interest_period, &part, to).expect("every fixing is published")
    }
}

fn usd() -> Currency {
    Currency::new("USD").expect("a currency")
}

fn unrounded(interest: Interest<Decimal>) -> Decimal {
    interest.amount(&mut Silent, usd()).expect("it fits").unrounded
}

/// Some date of a period, its end included.
fn cut(period: Period, after: u64) -> NaiveDate {
    let date = period.start + Days::new(after);
    date.min(period.end)
}

fn near(left: Decimal, right: Decimal) -> bool {
    (left - right).abs() < Decimal::new(1, 22)
}

proptest! {
    #[test]
    fn simple_interest_is_additive_over_every_cut_in_time_and_quantity(
        world in world(), period in period(), after in 0_u64..40, spread in -200_i64..200,
        (quantity, taken) in (1_i64..1_000_000, 1_i64..1_000_000)
    ) {
        let terms = plain(Method::Average, basis_points(spread));
        let leg = Leg { rates: world.rates(&terms), terms, interest_period: period };
        let at = cut(period, after);
        let (quantity, taken) = (Decimal::new(quantity, 2), Decimal::new(taken, 2));
        let whole = leg.of(quantity, period).notional_rate_days;
        let before = leg.of(quantity, Period { end: at, ..period }).notional_rate_days;
        let behind = leg.of(quantity, Period { start: at, ..period }).notional_rate_days;
        prop_assert_eq!(before + behind, whole);
        let parts = leg.of(taken, period).notional_rate_days + leg.of(quantity - taken, period).notional_rate_days;
        prop_assert_eq!(parts, whole);
    }

    #[test]
    fn compounding_from_the_slice_is_multiplicative_over_business_days(
        world in world(), period in period(), after in 0_u64..40
    ) {
        let terms = plain(Method::Compound, Decimal::ZERO);
        let leg = Leg { rates: world.rates(&terms), terms, interest_period: period };
        let mut at = cut(period, after);
        while !world.open(at) && at > period.start {
            at = at.pred_opt().expect("a day before");
        }
        let grown = |period| Decimal::ONE - unrounded(leg.of(Decimal::ONE, period));
        let (before, behind) = (grown(Period { end: at, ..period }), grown(Period { start: at, ..period }));
        prop_assert!(near(before * behind, grown(period)));
    }

    #[test]
    fn compounding_from_the_period_is_additive_over_every_cut(
        world in world(), terms in terms(), period in period(), cuts in vec(0_u64..40, 0..4)
    ) {
        let terms = from_period_start(compounded(terms));
        let leg = Leg { rates: world.rates(&terms), terms, interest_period: period };
        let mut dates: Vec<_> = cuts.into_iter().map(|after| cut(period, after)).collect();
        dates.extend([period.start, period.end]);
        dates.sort();
        let parts = dates.windows(2).map(|pair| Period { start: pair[0], end: pair[1] });
        let sum: Decimal = parts.map(|part| unrounded(leg.of(Decimal::ONE, part))).sum();
        prop_assert!(near(sum, unrounded(leg.of(Decimal::ONE, period))));
    }

    #[test]
    fn daily_bookings_sum_to_the_rounded_amount_of_the_period(
        world in world(), terms in terms(), period in period(), cents in -100_000_000_i64..100_000_000
    ) {
        let leg = Leg { rates: world.rates(&terms), terms, interest_period: period };
        let part = Financed { quantity: Decimal::ONE, price: Price::of(Decimal::new(cents, 2)), period };
        let bookings = daily_bookings(period, usd(), |to| Ok(unrounded(leg.until(part, to)))).expect("it fits");
        let booked = bookings.iter().try_fold(Money::zero(usd()), |sum, booking| sum.checked_add(booking.booked));
        prop_assert_eq!(booked, Money::round(unrounded(leg.at(part)), usd()));
    }

    #[test]
    fn marked_at_one_price_a_part_bears_what_it_bears_at_one_notional(
        world in world(), terms in terms(), period in period(), from_start in any::<bool>(), closes in vec(0_u64..90, 0..20)
    ) {
        let terms = if from_start { from_period_start(terms) } else { terms };
        let leg = Leg { rates: world.rates(&terms), terms, interest_period: period };
        let price = Price { price: Decimal::new(1234, 1), fx: Some(Decimal::new(108, 2)) };
        let mut days: Vec<_> = closes.into_iter().chain([0]).collect();
        days.sort();
        days.dedup();
        let closes: Vec<_> = days.into_iter().map(|date| Mark { date: day(date), version: 1, price }).collect();
        let symbol = Symbol::new("STOCK").expect("a name");
        let marks = Marks { of: &symbol, closes: &closes, age_days_max: 1_000, negative: NegativePrices::Blocked };
        let (coupon, one) = (leg.rates.coupon(&leg.terms, day(0)).expect("the index is known"), Units::constant(Decimal::ONE));
        let marked = marked_interest(&mut Silent, &coupon, period, &one, period, &marks, period.end);
        let marked = unrounded(marked.expect("every night has a close"));
        let at_one = unrounded(leg.at(Financed { quantity: Decimal::ONE, price, period }));
        prop_assert!(near(marked, at_one), "{marked} {at_one}");
    }
}
