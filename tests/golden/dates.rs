//! Goldens 05-07: business day conventions, settlement dates, schedules.

use bookflow::domain::calendar::settlement::{cycle_days, settlement_date};
use bookflow::domain::calendar::{Calendar, Convention, Weekend};
use bookflow::domain::schedule::{Regular, Stub, adjusted, unadjusted};
use chrono::NaiveDate;

use crate::case::{Case, Node};

/// Over the years that the cases have holidays of.
fn calendar(name: &str, holidays: &Node<'_>) -> Calendar {
    let date = |text: &str| text.parse().expect("a date");
    let holidays: Vec<NaiveDate> = holidays.items().iter().map(Node::date).collect();
    Calendar::new(name, Weekend::SATURDAY_SUNDAY, holidays, date("2024-01-01"), date("2026-12-31"))
}

#[test]
fn golden_05_business_day_conventions() {
    let case = Case::load("05_business_day_conventions");
    let exchange = calendar("NYSE", &case.inputs().at("holidays"));
    for row in case.expected().items() {
        let date = row.at("date").given().date();
        row.at("weekday").is_text(&date.format("%a").to_string());
        for name in ["FOLLOWING", "MODFOLLOWING", "PRECEDING", "MODPRECEDING", "NEAREST", "NONE"] {
            let convention = name.parse().expect("a convention");
            row.at(name).is_date(exchange.adjust(date, convention).expect("three years are listed"));
        }
    }
}

#[test]
fn golden_06_settlement_dates() {
    let case = Case::load("06_settlement_dates");
    let listed = case.inputs().at("calendars");
    let (new_york, london) = (calendar("NYSE", &listed.at("NYSE")), calendar("LSE", &listed.at("LSE")));
    for row in case.expected().items() {
        let trade_date = row.at("trade_date").given().date();
        if row.at("settle_calendar").text() == "NYSE" {
            row.at("cycle").is_text(&format!("T+{}", cycle_days("XNYS", trade_date).expect("the table reaches it")));
            for calendar in [&new_york, &Calendar::named("XNYS").expect("it is known")] {
                row.at("settle_date")
                    .is_date(settlement_date("XNYS", trade_date, calendar).expect("the years are listed"));
            }
        } else {
            let days = row.at("cycle").text().trim_start_matches("T+").parse().expect("a number of days");
            for joint in [new_york.joined(&london), Calendar::named("XNYS+XLON").expect("both are known")] {
                row.at("settle_date").is_date(joint.add_business_days(trade_date, days).expect("the years are listed"));
            }
        }
    }
}

#[test]
fn golden_07_schedules_with_stubs_and_ends_of_months() {
    let case = Case::load("07_schedule_generation");
    let exchange = Calendar::named("XNYS").expect("it is known");
    for row in case.expected().items() {
        let input = row.at("case").given();
        let regular = Regular {
            months: input.at("months").whole(),
            stub: if input.at("roll").text() == "F" { Stub::ShortLast } else { Stub::ShortFirst },
            end_of_month: input.at("eom").flag(),
            first: None,
            last: None,
        };
        let dates = unadjusted(input.at("start").date(), input.at("end").date(), &regular).expect("in order");
        let convention = Convention::ModifiedFollowing;
        let dates = adjusted(&dates, &exchange, convention, convention).expect("the years are known");
        let expected = row.at("dates").items();
        assert_eq!(dates.len(), expected.len());
        expected.iter().zip(dates).for_each(|(expected, date)| expected.is_date(date));
    }
}
