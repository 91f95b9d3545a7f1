//! Overnight rates of every combination of terms.

use bookflow::domain::daycount::DayCount;
use bookflow::domain::explain::Value;
use bookflow::domain::explain::pad::{Kept, Pad, Silent};
use bookflow::domain::financing::interest::{Interest, interest};
use bookflow::domain::financing::notional::{Financed, Price};
use bookflow::domain::financing::terms::FinancingTerms;
use bookflow::domain::money::Currency;
use bookflow::domain::rates::fixings::Fixing;
use bookflow::domain::rates::index::Index;
use bookflow::domain::rates::schedule::Period;
use bookflow::domain::rates::terms::{AmountDays, Observation, OvernightTerms, RateTerms};
use chrono::NaiveDate;
use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::by_hand::interest_on_one;
use crate::world::{World, basis_points, from_period_start, overnight, period, terms, world};

/// Interest that a short of one receives.
fn on_one<P: Pad>(
    pad: &mut P,
    world: &World,
    terms: &FinancingTerms,
    period: Period,
    to: NaiveDate,
) -> Interest<P::Number> {
    let rates = world.rates(terms);
    let coupon = rates.coupon(terms, period.start).expect("the index is known");
    let part = Financed { quantity: Decimal::NEGATIVE_ONE, price: Price::of(Decimal::ONE), period };
    interest(pad, &coupon, period, &part, to).expect("every fixing is published")
}

fn usd() -> Currency {
    Currency::new("USD").expect("a currency")
}

fn amount(world: &World, terms: &FinancingTerms, period: Period, to: NaiveDate) -> Decimal {
    on_one(&mut Silent, world, terms, period, to).amount(&mut Silent, usd()).expect("it fits").unrounded
}

proptest! {
    #[test]
    fn the_tables_come_to_what_is_calculated_by_hand(
        world in world(), terms in terms(), period in period(), part in 0_u64..=40
    ) {
        let to = period.start.checked_add_days(chrono::Days::new(part)).expect("a date").min(period.end);
        let by_hand = interest_on_one(&world, &terms, period, to);
        let calculated = amount(&world, &terms, period, to);
        prop_assert!(by_hand.is_near(calculated, 24), "{calculated} is not {by_hand:?}");
    }

    #[test]
    fn an_explanation_has_the_bytes_of_the_silent_calculation(
        world in world(), terms in terms(), period in period(), part in 0_u64..=40, from_start in any::<bool>()
    ) {
        let to = period.start.checked_add_days(chrono::Days::new(part)).expect("a date").min(period.end);
        let terms = if from_start { from_period_start(terms) } else { terms };
        let silent = on_one(&mut Silent, &world, &terms, period, to);
        let mut paper = Kept::default();
        let explained = on_one(&mut paper, &world, &terms, period, to);
        let explained = explained.amount(&mut paper, usd()).expect("it fits");
        let silent = silent.amount(&mut Silent, usd()).expect("it fits");
        prop_assert_eq!(explained.unrounded.to_string(), silent.unrounded.to_string());
        prop_assert_eq!(explained.money, silent.money);
        prop_assert_eq!(paper.explanation().recompute(), Ok(Some(Value::Money(silent.money))));
    }

    #[test]
    fn a_table_is_the_same_in_whatever_order_its_fixings_came(
        (world, published) in world().prop_flat_map(|world| {
            let published: Vec<_> = world.published().collect();
            (Just(world), Just(published).prop_shuffle())
        }),
        terms in terms(), corrected in any::<prop::sample::Index>(), points in -200_i64..800
    ) {
        let correction = (corrected.get(&published).0, Fixing { rate: basis_points(points), version: 2 });
        let table = terms.table().expect("the terms are overnight");
        let mut index = Index::new(world.without_fixings());
        index.prepare(table.clone());
        for (date, fixing) in published.into_iter().chain([correction]) {
            index.publish(date, fixing).expect("a business day");
        }
        let mut fixings = world.fixings();
        fixings.publish(correction.0, correction.1).expect("a business day");
        let mut at_once = Index::new(fixings);
        at_once.prepare(table.clone());
        prop_assert_eq!(index.table(&table), at_once.table(&table));
    }

    #[test]
    fn at_one_rate_without_holidays_shift_lookback_and_lockout_agree(
        overnight in overnight(), points in -200_i64..800, period in period()
    ) {
        let world = World::flat(basis_points(points));
        let received = |observation, lockout| {
            let overnight = OvernightTerms { observation, lockout, ..overnight.clone() };
            let terms = FinancingTerms::plain(RateTerms::Overnight(overnight), Decimal::ZERO, DayCount::Act360);
            amount(&world, &terms, period, period.end)
        };
        let (days, lockout) = (overnight.observation.days(), overnight.lockout);
        let expected = received(Observation::Lookback(0), 0);
        for amount_days in [AmountDays::CalculationPeriod, AmountDays::ObservationPeriod] {
            let shifted = received(Observation::Shift { days, amount_days }, lockout);
            prop_assert!((shifted - expected).abs() < Decimal::new(1, 26));
        }
        prop_assert!((received(Observation::Lookback(days), lockout) - expected).abs() < Decimal::new(1, 26));
    }
}
