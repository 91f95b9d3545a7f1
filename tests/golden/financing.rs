//! Goldens 23, 24, 31 (the rebate) and 40: financing of lots on their settled notional.

use bookflow::domain::daycount::DayCount;
use bookflow::domain::financing::booking::daily_bookings;
use bookflow::domain::financing::notional::{Financed, Mark, Marks, Price};
use bookflow::domain::financing::terms::{CompoundingBase, FinancingTerms};
use bookflow::domain::market::carry::NegativePrices;
use bookflow::domain::names::Symbol;
use bookflow::domain::rates::schedule::{Period, Schedule};
use bookflow::domain::rates::terms::{Method, RateTerms};
use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::case::{Case, Node};
use crate::fees::borrow_fee;
use crate::leg::{Leg, index_name, overnight, period, rates_of, terms, usd};

fn averaged(inputs: &Node) -> FinancingTerms {
    let mut terms = terms(inputs);
    let mut overnight = overnight(inputs);
    overnight.method = Method::Average;
    terms.rate = RateTerms::Overnight(overnight);
    terms
}

/// The parts of the three lots by what is relieved first in, first out: what the close took, then what stays.
fn parts(inputs: &Node, end: NaiveDate) -> Vec<Financed> {
    let close = inputs.at("close");
    let mut to_close = close.at("qty").decimal();
    let mut parts = Vec::new();
    for lot in inputs.at("lots").items() {
        let (quantity, settled) = (lot.at("qty").decimal(), lot.at("settle_date").date());
        let closed = quantity.min(to_close);
        to_close -= closed;
        for (quantity, end) in [(closed, close.at("settle_date").date()), (quantity - closed, end)] {
            if quantity.is_zero() {
                continue;
            }
            let price = Price::of(lot.at("price").decimal());
            parts.push(Financed { quantity, price, period: Period { start: settled, end } });
        }
    }
    parts
}

/// The four parts of goldens 23 and 24, as a long pays them.
fn three_lots(case: &Case, leg: &Leg) {
    let (inputs, expected) = (case.inputs(), case.expected());
    let interest_period = period(inputs.at("period").item(0), inputs.at("period").item(1));
    let parts = parts(&inputs, interest_period.end);
    let slices = expected.at("slices").items();
    assert_eq!(parts.len(), slices.len());
    let (mut unrounded, mut rounded) = (Decimal::ZERO, Decimal::ZERO);
    for (part, slice) in parts.iter().zip(slices) {
        slice.at("qty").is(part.quantity);
        slice.at("notional").is(part.quantity * part.price.price);
        slice.at("accrual_start").is_date(part.period.start);
        slice.at("accrual_end").is_date(part.period.end);
        slice.at("days").is((part.period.end - part.period.start).num_days());
        slice.at("all_in_rate").is_near(leg.rate(part.period), Decimal::new(1, 15));
        let amount = leg.amount(interest_period, *part, interest_period.end);
        slice.at("interest_unrounded").is_near(-amount.unrounded, case.tolerance("interest_unrounded"));
        slice.at("interest").is(-amount.money.to_decimal());
        unrounded -= amount.unrounded;
        rounded -= amount.money.to_decimal();
    }
    expected.at("total_unrounded").is_near(unrounded, case.tolerance("interest_unrounded"));
    expected.at("sum_of_rounded_slices").is(rounded);
    let total = bookflow::domain::money::Money::round(unrounded, usd()).expect("it fits");
    expected.at("rounded_total").is(total.to_decimal());
}

#[test]
fn golden_23_lots_are_financed_from_their_settlement_to_that_of_their_close() {
    let case = Case::load("23_financing_three_lots_simple");
    let (inputs, expected) = (case.inputs(), case.expected());
    let leg = Leg::new(rates_of(&inputs), averaged(&inputs));
    three_lots(&case, &leg);

    let interest_period = period(inputs.at("period").item(0), inputs.at("period").item(1));
    let parts = parts(&inputs, interest_period.end);
    let bookings = daily_bookings(interest_period, usd(), |to| {
        Ok(parts.iter().map(|part| -leg.amount(interest_period, *part, to).unrounded).sum())
    });
    let nights = expected.at("daily_position_accrual").items();
    let bookings = bookings.expect("nothing is missing");
    assert_eq!(bookings.len(), nights.len());
    let mut before = Decimal::ZERO;
    for (booking, expected) in bookings.iter().zip(nights) {
        let date = booking.to.pred_opt().expect("a day before");
        expected.at("date").is_date(date);
        let night = Period { start: date, end: booking.to };
        let settled = parts.iter().filter(|part| (part.period.start..part.period.end).contains(&date));
        expected.at("settled_notional").is(settled.map(|part| part.quantity * part.price.price).sum::<Decimal>());
        expected.at("fixing_date").is_date(fixing_date(&leg, night));
        expected.at("rate").is(leg.rate(night));
        let tolerance = case.tolerance("interest_unrounded");
        expected.at("interest_unrounded").is_near(booking.cumulative - before, tolerance);
        expected.at("cumulative_unrounded").is_near(booking.cumulative, tolerance);
        expected.at("booked").is(booking.booked.to_decimal());
        before = booking.cumulative;
    }
}

fn fixing_date(leg: &Leg, night: Period) -> NaiveDate {
    let RateTerms::Overnight(overnight) = &leg.terms.rate else { panic!("the case is overnight") };
    let days = &leg.rates.indices[&index_name()].fixings().days;
    let schedule = Schedule::new(days, night, overnight).expect("the calendar is known");
    schedule.observations().next().expect("a night has a fixing").fixing_date
}

#[test]
fn golden_24_each_slice_is_compounded_on_its_own() {
    let case = Case::load("24_financing_three_lots_compounded");
    let leg = Leg::new(rates_of(&case.inputs()), terms(&case.inputs()));
    three_lots(&case, &leg);
}

#[test]
fn golden_31_a_short_receives_its_rebate() {
    let case = Case::load("31_short_rebate_and_borrow_fee");
    let (inputs, expected) = (case.inputs(), case.expected());
    let mut terms = averaged(&inputs);
    terms.spread = inputs.at("rebate_spread").decimal();
    let leg = Leg::new(rates_of(&inputs), terms);
    let settled = period(inputs.at("settle_date"), inputs.at("close_settle_date"));
    let part = Financed {
        quantity: inputs.at("qty").decimal(),
        price: Price::of(inputs.at("short_price").decimal()),
        period: settled,
    };
    // The fee for the borrowed shares is a fixed rate on what they are worth each night; whoever is short pays it.
    let fee = RateTerms::Fixed(inputs.at("borrow_fee").decimal());
    let fee = Leg::new(rates_of(&inputs), FinancingTerms::plain(fee, Decimal::ZERO, DayCount::Act360));
    let closes: Vec<Mark> = inputs.at("prices").entries().iter().map(|(date, price)| close(date, price)).collect();
    let symbol = Symbol::new("SHORTED").expect("a name");
    let marks = Marks { of: &symbol, closes: &closes, age_days_max: 2, negative: NegativePrices::Blocked };
    let paid = |end| fee.marked(settled, (part.quantity.abs(), Period { end, ..settled }), &marks);

    let (mut rebate, mut borrowed) = (Decimal::ZERO, Decimal::ZERO);
    for (date, expected) in settled.start.iter_days().zip(expected.at("daily").items()) {
        let night = Period { start: date, end: date.succ_opt().expect("a day after") };
        expected.at("date").is_date(date);
        expected.at("fixing_date").is_date(fixing_date(&leg, night));
        expected.at("rebate_rate").is(leg.rate(night));
        let cumulative = leg.amount(settled, part, night.end).unrounded;
        expected.at("rebate_unrounded").is_near(cumulative - rebate, Decimal::new(1, 10));
        rebate = cumulative;
        let mark = closes.iter().rfind(|close| close.date <= date).expect("it was priced");
        expected.at("mark").is(mark.price.price);
        let cumulative = -paid(night.end).expect("nothing is missing").unrounded;
        expected.at("borrow_unrounded").is_near(cumulative - borrowed, Decimal::new(1, 10));
        borrowed = cumulative;
    }
    let received = leg.amount(settled, part, settled.end).money.to_decimal();
    let paid = paid(settled.end).expect("nothing is missing").money.to_decimal();
    expected.at("rebate_total").is(received);
    expected.at("borrow_total").is(paid);
    expected.at("net").is(received + paid);
    assert_eq!(borrow_fee(&case), paid, "a fee with a rate for each night comes to the same");
}

fn close(date: &str, price: &Node) -> Mark {
    Mark { date: date.parse().expect("prices stand under their dates"), version: 1, price: Price::of(price.decimal()) }
}

#[test]
fn golden_40_interest_on_interest_from_the_slice_or_from_the_period() {
    let case = Case::load("40_compounding_base_slice_vs_nccr");
    let inputs = case.inputs();
    let leg = |compounding| Leg::new(rates_of(&inputs), FinancingTerms { compounding, ..terms(&inputs) });
    let legs = [leg(CompoundingBase::SliceStart), leg(CompoundingBase::PeriodStart)];
    let interest_period = period(inputs.at("period").item(0), inputs.at("period").item(1));
    for slice in case.expected().items() {
        let period = period(slice.at("start"), slice.at("end"));
        let part = Financed { quantity: Decimal::ONE, price: Price::of(slice.at("notional").decimal()), period };
        slice.at("start").is_date(part.period.start);
        slice.at("end").is_date(part.period.end);
        slice.at("notional").is(part.price.price);
        let [own, of_period] = legs.each_ref().map(|leg| -leg.amount(interest_period, part, period.end).unrounded);
        let tolerance = case.tolerance("unrounded");
        slice.at("slice_start_compounding").is_near(own, tolerance);
        slice.at("period_start_nccr").is_near(of_period, tolerance);
        slice.at("difference").is_near(of_period - own, tolerance);
    }
}
