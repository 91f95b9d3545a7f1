//! An oracle: interest on one for a stretch of a period, observation by observation, in exact fractions and without tables.

use bookflow::domain::financing::terms::{FinancingTerms, NegativeRates, SpreadMode};
use bookflow::domain::rates::schedule::Period;
use bookflow::domain::rates::terms::{AmountDays, Method, Observation, OvernightTerms, RateTerms};
use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::fraction::Fraction;
use crate::world::World;

/// Interest on one from the start of a period to a date in it.
pub fn interest_on_one(world: &World, terms: &FinancingTerms, period: Period, to: NaiveDate) -> Fraction {
    let RateTerms::Overnight(overnight) = &terms.rate else { panic!("the oracle knows overnight rates") };
    let observed = observe(world, terms, overnight, period, to);
    let calendar_days = Fraction::whole((to - period.start).num_days());
    if observed.days.is_near(Decimal::ZERO, 20) {
        return Fraction::whole(0);
    }

    let mut rate = observed.rate_days.over(&observed.days);
    if let Some(decimals) = terms.rate_decimals {
        rate = rate.rounded(decimals);
    }
    rate = terms.period_floor.map_or(rate.clone(), |floor| rate.at_least(Fraction::of(floor)));
    rate = terms.period_cap.map_or(rate.clone(), |cap| rate.at_most(Fraction::of(cap)));
    if terms.spread_mode == SpreadMode::Outside {
        if terms.negative == NegativeRates::ZeroExcludingSpread {
            rate = rate.at_least(Fraction::whole(0));
        }
        rate = rate + Fraction::of(terms.spread);
    }
    if terms.negative == NegativeRates::Zero {
        rate = rate.at_least(Fraction::whole(0));
    }
    let days = match overnight.observation {
        Observation::Shift { amount_days: AmountDays::ObservationPeriod, .. } => observed.days,
        _ => calendar_days,
    };
    (rate * days).per(360)
}

struct Observed {
    rate_days: Fraction,
    days: Fraction,
}

fn observe(
    world: &World,
    terms: &FinancingTerms,
    overnight: &OvernightTerms,
    period: Period,
    to: NaiveDate,
) -> Observed {
    let values = value_dates(world, period);
    let (lookback, shift) = match overnight.observation {
        Observation::Lookback(days) => (days, false),
        Observation::Shift { days, .. } => (days, days > 0),
    };
    let last = values.len() - 1;
    let (mut product, mut sum, mut days) = (Fraction::whole(1), Fraction::whole(0), Fraction::whole(0));
    for place in 0..last {
        let from = if place == 0 { period.start } else { values[place] };
        let until = if place + 1 == last { period.end } else { values[place + 1] };
        let (elapsed, length) = ((to.min(until) - from).num_days(), (until - from).num_days());
        if elapsed <= 0 {
            break;
        }
        let observed = back(world, values[place], lookback);
        let whole = if shift { (back(world, values[place + 1], lookback) - observed).num_days() } else { length };
        let weight = Fraction::whole(whole * elapsed).per(length);
        // The last days before the end look at the day before them.
        let locked = (place + overnight.lockout + 1).saturating_sub(last);
        let fixing = back(world, values[place], locked + lookback);
        let rate = rate_of_day(Fraction::of(world.rate(fixing)), terms, overnight);
        product = product * (Fraction::whole(1) + (rate.clone() * weight.clone()).per(360));
        sum = sum + rate * weight.clone();
        days = days + weight;
    }
    let rate_days = match overnight.method {
        Method::Compound => (product - Fraction::whole(1)) * Fraction::whole(360),
        Method::Average => sum,
    };
    Observed { rate_days, days }
}

fn rate_of_day(fixing: Fraction, terms: &FinancingTerms, overnight: &OvernightTerms) -> Fraction {
    let inside = terms.spread_mode == SpreadMode::Inside;
    let mut rate = fixing;
    let floors_at_zero = inside && terms.negative == NegativeRates::ZeroExcludingSpread;
    for floor in overnight.daily_floor.into_iter().chain(floors_at_zero.then_some(Decimal::ZERO)) {
        rate = rate.at_least(Fraction::of(floor));
    }
    if let Some(cap) = overnight.daily_cap {
        rate = rate.at_most(Fraction::of(cap));
    }
    if inside { rate + Fraction::of(terms.spread) } else { rate }
}

/// The business days around a period.
fn value_dates(world: &World, period: Period) -> Vec<NaiveDate> {
    let mut first = period.start;
    while !world.open(first) {
        first = first.pred_opt().expect("a day before");
    }
    let mut dates = vec![first];
    let mut date = first;
    while date < period.end || !world.open(date) {
        date = date.succ_opt().expect("a day after");
        if world.open(date) {
            dates.push(date);
        }
    }
    dates
}

fn back(world: &World, mut date: NaiveDate, count: usize) -> NaiveDate {
    for _ in 0..count {
        date = date.pred_opt().expect("a day before");
        while !world.open(date) {
            date = date.pred_opt().expect("a day before");
        }
    }
    date
}
