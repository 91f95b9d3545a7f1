//! Goldens 01-04: day count fractions.

use bookflow::domain::calendar::{Calendar, Weekend};
use bookflow::domain::daycount::{Coupons, DayCount, Interval};
use bookflow::domain::schedule::Roll;

use crate::case::{Case, Node};

/// A list of the exact fraction and its decimals.
fn assert_fraction(expected: &Node<'_>, case: &Case, day_count: &str, interval: Interval<'_>) {
    let day_count: DayCount = day_count.parse().expect("a day count");
    let fraction = day_count.fraction(interval).expect("the interval has what the day count needs");
    expected.item(0).is_fraction(fraction.numerator, fraction.denominator);
    expected.item(1).is_near(fraction.to_decimal(), case.tolerance("decimal"));
}

fn interval<'a>(row: &Node<'_>) -> Interval<'a> {
    Interval::new(row.at("start").given().date(), row.at("end").given().date())
}

#[test]
fn golden_01_actual_actual_as_the_isda_memo_has_it() {
    let case = Case::load("01_dcf_actact_isda_memo");
    for (input, expected) in case.inputs().at("cases").items().iter().zip(case.expected().items()) {
        let anchor = input.at("icma_reference_period").item(0).date();
        let coupons = Coupons {
            anchor,
            months: 12 / input.at("frequency").whole::<u32>(),
            roll: Roll::through(anchor, input.at("eom").flag()),
        };
        let interval = Interval { coupons: Some(coupons), ..interval(input) };
        for day_count in ["ACT/ACT.ISDA", "ACT/ACT.ICMA", "ACT/ACT.AFB"] {
            assert_fraction(&expected.at(day_count), &case, day_count, interval);
        }
    }
}

#[test]
fn golden_02_months_of_30_days() {
    let case = Case::load("02_dcf_30_360_family");
    for row in case.expected().items() {
        let termination = row.find("termination").map(|date| date.given().date());
        let interval = Interval { termination, ..interval(&row) };
        for (name, day_count) in [
            ("30/360", DayCount::Thirty360),
            ("30E/360", DayCount::ThirtyE360),
            ("30E/360.ISDA", DayCount::ThirtyE360Isda),
            ("30U/360(EOM)", DayCount::ThirtyU360),
        ] {
            let fraction = day_count.fraction(interval).expect("it needs nothing more");
            row.at(name).item(0).is(fraction.numerator * 360 / fraction.denominator);
            row.at(name).item(1).is_fraction(fraction.numerator, fraction.denominator);
        }
    }
}

#[test]
fn golden_03_actual_days() {
    let case = Case::load("03_dcf_actual_family");
    for row in case.expected().items() {
        for day_count in ["ACT/360", "ACT/365.FIXED", "ACT/364", "ACT/ACT.ISDA", "NL/365", "1/1"] {
            assert_fraction(&row.at(day_count), &case, day_count, interval(&row));
        }
        assert_fraction(&row.at("ACT/365L(ISDA)"), &case, "ACT/365L", interval(&row));
        assert_fraction(&row.at("ACT/365L(ICMA annual)"), &case, "ACT/365L.ICMA", interval(&row));
    }
}

#[test]
fn golden_04_business_days_over_252() {
    let case = Case::load("04_dcf_bus252_brazil");
    let holidays = case.inputs().at("holidays").items().into_iter().map(|day| day.date());
    let date = |text: &str| text.parse().expect("a date");
    let brazil = Calendar::new("BR", Weekend::SATURDAY_SUNDAY, holidays, date("2024-01-01"), date("2025-12-31"));
    for row in case.expected().items() {
        let interval = Interval { calendar: Some(&brazil), ..interval(&row) };
        row.at("business_days").is(brazil.business_days(interval.start, interval.end).expect("both years are listed"));
        assert_fraction(&row.at("BUS/252"), &case, "BUS/252", interval);
    }
}
