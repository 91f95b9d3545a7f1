//! Goldens 10-20, 38, 39 and 41: overnight and term rates of one period.

use bookflow::domain::daycount::DayCount;
use bookflow::domain::financing::booking::daily_bookings;
use bookflow::domain::financing::notional::{Financed, Price};
use bookflow::domain::financing::terms::FinancingTerms;
use bookflow::domain::rates::fixings::Fixing;
use bookflow::domain::rates::schedule::Schedule;
use bookflow::domain::rates::terms::{AmountDays, Observation, RateTerms, Unpublished};
use rust_decimal::Decimal;

use crate::case::Case;
use crate::leg::{Leg, index_name, overnight, period, rates, rates_of, terms, usd};

fn whole_period(id: &str) {
    let case = Case::load(id);
    let (inputs, expected) = (case.inputs(), case.expected());
    let leg = Leg::new(rates_of(&inputs), terms(&inputs));
    let period = period(inputs.at("accrual_start"), inputs.at("accrual_end"));

    let rate = leg.rate(period);
    expected.at("rate").is_near(rate, case.tolerance("rate"));
    let percent = rate * Decimal::ONE_HUNDRED;
    expected.at("rate_percent_rounded_5dp").is(to_five_decimals(percent));
    let amount = leg.received(period, inputs.at("notional").decimal());
    expected.at("amount_unrounded").is_near(amount.unrounded, case.tolerance("amount_unrounded"));
    expected.at("amount").is(amount.money.to_decimal());

    let fixings = leg.rates.indices[&index_name()].fixings();
    let terms = overnight(&inputs);
    let schedule = Schedule::new(&fixings.days, period, &terms).expect("the calendar is known");
    expected.at("calendar_days").is((period.end - period.start).num_days());
    let observed = match terms.observation {
        Observation::Shift { .. } => schedule.observed_days(schedule.first, schedule.last),
        Observation::Lookback(_) => (period.end - period.start).num_days(),
    };
    expected.at("annualisation_days").is(observed);
    let listed = expected.at("observations").items();
    assert_eq!(schedule.observations().count(), listed.len());
    for (number, (got, listed)) in schedule.observations().zip(listed).enumerate() {
        listed.at("interest_date").is_date(got.interest_date);
        listed.at("fixing_date").is_date(got.fixing_date);
        listed.at("weight_days").is(got.weight_days);
        let day = schedule.fixing_day(schedule.first + number);
        let counted = fixings.counted(day, Unpublished::Blocks).expect("it was published");
        listed.at("rate").is(counted.fixing.rate);
    }
}

/// A percentage to five decimals, a half up.
fn to_five_decimals(percent: Decimal) -> Decimal {
    percent.round_dp_with_strategy(5, rust_decimal::RoundingStrategy::MidpointAwayFromZero)
}

#[test]
fn golden_10_compounds_day_by_day() {
    whole_period("10_rfr_compound_plain");
}

#[test]
fn golden_11_a_lookback_moves_the_rates_and_leaves_the_weights() {
    whole_period("11_rfr_lookback5");
}

#[test]
fn golden_12_an_observation_shift_moves_rates_and_weights() {
    whole_period("12_rfr_obs_shift5");
}

#[test]
fn golden_13_a_lockout_reuses_the_rate_before_it() {
    whole_period("13_rfr_lockout3");
}

#[test]
fn golden_14_a_shift_and_a_lockout_go_together() {
    whole_period("14_rfr_lookback5_shift_lockout2");
}

#[test]
fn golden_15_a_spread_outside_is_added_after_compounding() {
    whole_period("15_rfr_spread_outside");
}

#[test]
fn golden_16_a_spread_inside_is_compounded() {
    whole_period("16_rfr_spread_inside");
}

#[test]
fn golden_17_an_average_is_weighted_by_days() {
    whole_period("17_rfr_simple_average");
}

#[test]
fn golden_18_a_period_may_start_and_end_on_a_holiday() {
    whole_period("18_rfr_holiday_start");
}

#[test]
fn golden_19_daily_bookings_sum_to_the_amount_of_the_period() {
    let case = Case::load("19_rfr_daily_accrual_path");
    let (inputs, expected) = (case.inputs(), case.expected());
    let leg = Leg::new(rates_of(&inputs), terms(&inputs));
    let period = period(inputs.at("accrual_start"), inputs.at("accrual_end"));
    let part = Financed { quantity: Decimal::NEGATIVE_ONE, price: Price::of(inputs.at("notional").decimal()), period };
    let bookings = daily_bookings(period, usd(), |to| Ok(leg.amount(period, part, to).unrounded));
    let bookings = bookings.expect("nothing is missing");

    let path = expected.at("path").items();
    assert_eq!(bookings.len(), path.len());
    let mut sum = Decimal::ZERO;
    for (booking, expected) in bookings.iter().zip(path) {
        expected.at("accrual_to").is_date(booking.to);
        expected.at("accrued_unrounded").is_near(booking.cumulative, case.tolerance("accrued_unrounded"));
        expected.at("daily_booked").is(booking.booked.to_decimal());
        sum += booking.booked.to_decimal();
        expected.at("accrued").is(sum);
    }
    expected.at("sum_daily").is(sum);
    expected.at("period_amount").is(leg.amount(period, part, period.end).money.to_decimal());
}

#[test]
fn golden_20_a_corrected_fixing_restates_from_the_first_day_that_depends_on_it() {
    let case = Case::load("20_rfr_fixing_correction");
    let (inputs, expected) = (case.inputs(), case.expected());
    let mut leg = Leg::new(rates_of(&inputs), terms(&inputs));
    let period = period(inputs.at("accrual_start"), inputs.at("accrual_end"));
    let notional = inputs.at("notional").decimal();
    let path = |leg: &Leg| -> Vec<Decimal> {
        let part = Financed { quantity: Decimal::NEGATIVE_ONE, price: Price::of(notional), period };
        let dates = period.start.iter_days().take_while(|to| *to <= period.end);
        dates.map(|to| leg.amount(period, part, to).unrounded).collect()
    };

    let before = leg.received(period, notional).money;
    let path_before = path(&leg);
    expected.at("rate_before").is_near(leg.rate(period), case.tolerance("rate"));
    expected.at("amount_before").is(before.to_decimal());

    let correction = inputs.at("correction");
    let (date, rate) = (correction.at("date").date(), correction.at("new").decimal());
    let index = leg.rates.indices.get_mut(&index_name()).expect("the index of the case");
    index.publish(date, Fixing { rate, version: 2 }).expect("a business day");
    let first = index.first_dependent(date, 2).expect("the calendar reaches it");
    expected.at("first_affected_interest_date").is_date(first);

    let after = leg.received(period, notional).money;
    expected.at("rate_after").is_near(leg.rate(period), case.tolerance("rate"));
    expected.at("amount_after").is(after.to_decimal());
    expected.at("delta").is(after.checked_sub(before).expect("one currency").to_decimal());
    let unchanged = path(&leg).iter().zip(&path_before).take_while(|(after, before)| after == before).count();
    assert_eq!(
        unchanged as i64,
        (first - period.start).num_days() + 1,
        "the first night that changes starts on {first}"
    );
}

#[test]
fn golden_38_a_term_rate_is_set_before_the_period() {
    let case = Case::load("38_term_rate_set_in_advance");
    let (inputs, expected) = (case.inputs(), case.expected());
    let offset: i64 = inputs.at("fixing_offset_business_days").whole();
    let offset = usize::try_from(-offset).expect("it is set in advance");
    let rate = RateTerms::Term { index: index_name(), offset };
    let terms = FinancingTerms::plain(rate, inputs.at("spread").decimal(), DayCount::Act360);
    let leg = Leg::new(rates(inputs.at("fixing"), inputs.find("fixing_calendar_holidays")), terms);
    let period = period(inputs.at("accrual_start"), inputs.at("accrual_end"));

    let days = &leg.rates.indices[&index_name()].fixings().days;
    let start = days.on_or_before(period.start).expect("the calendar is known");
    expected.at("fixing_date").is_date(days.date(start - offset));
    expected.at("rate").is(leg.rate(period));
    let amount = leg.received(period, inputs.at("notional").decimal());
    expected.at("amount_unrounded").is_near(amount.unrounded, Decimal::new(1, 10));
    expected.at("amount").is(amount.money.to_decimal());
}

#[test]
fn golden_39_negative_rates_pay_the_long_unless_they_are_floored() {
    let case = Case::load("39_rfr_negative_rates_floors");
    let (inputs, expected) = (case.inputs(), case.expected());
    let period = period(inputs.at("accrual_start"), inputs.at("accrual_end"));
    let leg = |daily_floor, period_floor| {
        let mut terms = terms(&inputs);
        let mut overnight = overnight(&inputs);
        overnight.daily_floor = daily_floor;
        terms.rate = RateTerms::Overnight(overnight);
        terms.period_floor = period_floor;
        Leg::new(rates_of(&inputs), terms)
    };
    let zero = Some(Decimal::ZERO);
    for (name, leg) in
        [("no_floor", leg(None, None)), ("daily_floor_0", leg(zero, None)), ("period_floor_0", leg(None, zero))]
    {
        expected.at(name).at("rate").is_near(leg.rate(period), case.tolerance("rate"));
        let amount = leg.received(period, inputs.at("notional").decimal()).money;
        expected.at(name).at("amount").is(amount.to_decimal());
    }
}

#[test]
fn golden_41_a_shifted_rate_has_the_days_of_either_period() {
    let case = Case::load("41_obs_shift_amount_days");
    let (inputs, expected) = (case.inputs(), case.expected());
    let period = period(inputs.at("accrual_start"), inputs.at("accrual_end"));
    let leg = |amount_days| {
        let mut terms = terms(&inputs);
        let mut overnight = overnight(&inputs);
        overnight.observation = Observation::Shift { days: overnight.observation.days(), amount_days };
        terms.rate = RateTerms::Overnight(overnight);
        Leg::new(rates_of(&inputs), terms)
    };
    let (calculation, observation) = (leg(AmountDays::CalculationPeriod), leg(AmountDays::ObservationPeriod));
    expected.at("rate").is_near(calculation.rate(period), case.tolerance("rate"));
    expected.at("calculation_days").is((period.end - period.start).num_days());
    let overnight = overnight(&inputs);
    let days = &calculation.rates.indices[&index_name()].fixings().days;
    let schedule = Schedule::new(days, period, &overnight).expect("the calendar is known");
    expected.at("observation_days").is(schedule.observed_days(schedule.first, schedule.last));

    let notional = inputs.at("notional").decimal();
    let amounts = [calculation, observation].map(|leg| leg.received(period, notional).money.to_decimal());
    expected.at("amount_shift_days_basis_CALCULATION_PERIOD").is(amounts[0]);
    expected.at("amount_shift_days_basis_OBSERVATION_PERIOD").is(amounts[1]);
    expected.at("difference").is(amounts[1] - amounts[0]);
}
