//! Financing legs of golden files: the inputs of a case become terms and fixings, and amounts are asked twice, silently and explained.

use bookflow::domain::daycount::DayCount;
use bookflow::domain::explain::pad::{Kept, Pad, Silent};
use bookflow::domain::financing::coupon::{Coupon, Rates};
use bookflow::domain::financing::interest::{Interest, OnOne, interest, marked_interest};
use bookflow::domain::financing::notional::{Financed, Marks, Price};
use bookflow::domain::financing::terms::{FinancingTerms, SpreadMode};
use bookflow::domain::lots::units::Units;
use bookflow::domain::money::{Currency, Money};
use bookflow::domain::names::IndexName;
use bookflow::domain::rates::business_days::BusinessDays;
use bookflow::domain::rates::fixings::{Fixing, Fixings};
use bookflow::domain::rates::index::Index;
use bookflow::domain::rates::schedule::Period;
use bookflow::domain::rates::terms::{AmountDays, Method, Observation, OvernightTerms, RateTerms};
use bookflow::domain::{blocked::Blocked, explain::Value};
use chrono::{Datelike, NaiveDate, Weekday};
use rust_decimal::Decimal;

use crate::case::Node;

pub fn index_name() -> IndexName {
    IndexName::new("TEST-ON").expect("a name")
}

pub fn usd() -> Currency {
    Currency::new("USD").expect("a currency")
}

/// The index of a case; its calendar is known for the years 2024 to 2026.
pub fn rates(fixings: Node, holidays: Option<Node>) -> Rates {
    let holidays: Vec<NaiveDate> =
        holidays.map_or_else(Vec::new, |holidays| holidays.items().iter().map(Node::date).collect());
    let new_year = |year| NaiveDate::from_ymd_opt(year, 1, 1).expect("a date");
    let business =
        |date: NaiveDate| !matches!(date.weekday(), Weekday::Sat | Weekday::Sun) && !holidays.contains(&date);
    let days = BusinessDays::new("TEST", new_year(2024), new_year(2027), business);
    let mut published = Fixings::new(index_name(), 360, days);
    for (date, rate) in fixings.entries() {
        let date = date.parse().expect("fixings stand under their dates");
        published.publish(date, Fixing { rate: rate.decimal(), version: 1 }).expect("a fixing on a business day");
    }
    let mut rates = Rates::default();
    rates.indices.insert(index_name(), Index::new(published));
    rates
}

pub fn rates_of(inputs: &Node) -> Rates {
    rates(inputs.at("fixings"), inputs.find("fixing_calendar_holidays"))
}

pub fn period(start: Node, end: Node) -> Period {
    Period { start: start.date(), end: end.date() }
}

/// Overnight terms of a case: what it does not name is plain compounding.
pub fn overnight(inputs: &Node) -> OvernightTerms {
    let whole = |name| inputs.find(name).map_or(0, |number| number.whole());
    let days = whole("lookback");
    let shift = inputs.find("shift").is_some_and(|shift| shift.flag());
    OvernightTerms {
        index: index_name(),
        method: match inputs.find("method").map_or("compound", |method| method.text()) {
            "compound" => Method::Compound,
            "average" | "simple" => Method::Average,
            other => panic!("method {other}"),
        },
        observation: if shift {
            Observation::Shift { days, amount_days: AmountDays::CalculationPeriod }
        } else {
            Observation::Lookback(days)
        },
        lockout: whole("lockout"),
        daily_floor: None,
        daily_cap: None,
    }
}

pub fn terms(inputs: &Node) -> FinancingTerms {
    let spread = inputs.find("spread").map_or(Decimal::ZERO, |spread| spread.decimal());
    let mut terms = FinancingTerms::plain(RateTerms::Overnight(overnight(inputs)), spread, DayCount::Act360);
    if inputs.find("spread_mode").is_some_and(|mode| mode.text() == "inside") {
        terms.spread_mode = SpreadMode::Inside;
    }
    terms
}

/// An amount of a leg.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Amount {
    pub unrounded: Decimal,
    pub money: Money,
    pub provisional: bool,
}

/// A leg of a case that can be asked.
pub struct Leg {
    pub rates: Rates,
    pub terms: FinancingTerms,
}

impl Leg {
    pub fn new(mut rates: Rates, terms: FinancingTerms) -> Leg {
        rates.prepare(&terms);
        Leg { rates, terms }
    }

    pub fn coupon(&self) -> Coupon<'_> {
        self.rates.coupon(&self.terms, NaiveDate::MIN).expect("the index is known")
    }

    /// Interest of a part that is financed over `slice`, from its start to `to`.
    pub fn amount(&self, interest_period: Period, part: Financed, to: NaiveDate) -> Amount {
        self.try_amount(interest_period, part, to).expect("nothing is missing")
    }

    pub fn try_amount(&self, interest_period: Period, part: Financed, to: NaiveDate) -> Result<Amount, Blocked> {
        let coupon = self.coupon();
        twice(
            |pad| interest(pad, &coupon, interest_period, &part, to),
            |pad| interest(pad, &coupon, interest_period, &part, to),
        )
    }

    /// Interest of a part whose notional is marked each night.
    pub fn marked(
        &self,
        interest_period: Period,
        (quantity, settled): (Decimal, Period),
        marks: &Marks,
    ) -> Result<Amount, Blocked> {
        let (coupon, units) = (self.coupon(), Units::constant(quantity));
        let to = settled.end;
        twice(
            |pad| marked_interest(pad, &coupon, interest_period, &units, settled, marks, to),
            |pad| marked_interest(pad, &coupon, interest_period, &units, settled, marks, to),
        )
    }

    /// What a short of `notional` receives over a whole period: what a long pays, with the other sign.
    pub fn received(&self, period: Period, notional: Decimal) -> Amount {
        let part = Financed { quantity: Decimal::NEGATIVE_ONE, price: Price::of(notional), period };
        self.amount(period, part, period.end)
    }

    /// The rate of a whole period, spread and all.
    pub fn rate(&self, period: Period) -> Decimal {
        let unit = self.coupon().unit(&mut Silent, period, period, period.end).expect("nothing is missing");
        unit.rate_days / Decimal::from((period.end - period.start).num_days())
    }
}

/// The same amount from a pad that keeps nothing, from one that keeps every line, and from the lines alone.
fn twice(
    silent: impl Fn(&mut Silent) -> Result<Interest<<Silent as Pad>::Number>, Blocked>,
    kept: impl Fn(&mut Kept) -> Result<Interest<<Kept as Pad>::Number>, Blocked>,
) -> Result<Amount, Blocked> {
    let (mut pad, mut paper) = (Silent, Kept::default());
    let (calculated, explained) = match (silent(&mut pad), kept(&mut paper)) {
        (Ok(calculated), Ok(explained)) => (calculated, explained),
        (calculated, explained) => {
            assert_eq!(calculated.as_ref().err(), explained.as_ref().err());
            return Err(calculated.expect_err("one of them is blocked"));
        }
    };
    let (amount, on_paper) = (calculated.amount(&mut pad, usd())?, explained.amount(&mut paper, usd())?);
    let (unrounded, money) = (amount.unrounded, amount.money);
    assert_eq!((unrounded.to_string(), money), (on_paper.unrounded.to_string(), on_paper.money));
    assert_eq!(paper.explanation().recompute(), Ok(Some(Value::Money(money))));
    assert_eq!(calculated.provisional, explained.provisional);
    Ok(Amount { unrounded, money, provisional: calculated.provisional })
}
