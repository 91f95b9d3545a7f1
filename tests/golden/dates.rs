//! Goldens 05-07: business day conventions, settlement dates, schedules.

use bookflow::domain::calendar::{Calendar, Weekend};
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
