//! Random calendars, fixings and terms: every combination that a contract may name.

use bookflow::domain::daycount::DayCount;
use bookflow::domain::financing::coupon::Rates;
use bookflow::domain::financing::terms::{CompoundingBase, FinancingTerms, NegativeRates, SpreadMode};
use bookflow::domain::names::IndexName;
use bookflow::domain::rates::business_days::BusinessDays;
use bookflow::domain::rates::fixings::{Fixing, Fixings};
use bookflow::domain::rates::index::Index;
use bookflow::domain::rates::schedule::Period;
use bookflow::domain::rates::terms::{AmountDays, Method, Observation, OvernightTerms, RateTerms, Unpublished};
use chrono::{Datelike, Days, NaiveDate, Weekday};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use rust_decimal::Decimal;

/// The days of a world, from its first one.
const DAYS: u64 = 120;
/// Where periods start: behind every lookback and lockout.
const FIRST_START: u64 = 50;

/// A calendar and a rate for each of its business days.
#[derive(Clone, Debug)]
pub struct World {
    /// Weekends are business days, too.
    pub every_day: bool,
    pub holidays: Vec<NaiveDate>,
    /// By calendar day from the first one; those of holidays are not used.
    pub rates: Vec<Decimal>,
}

pub fn day(number: u64) -> NaiveDate {
    NaiveDate::from_ymd_opt(2025, 1, 1).expect("a date") + Days::new(number)
}

pub fn index_name() -> IndexName {
    IndexName::new("INDEX").expect("a name")
}

pub fn basis_points(points: i64) -> Decimal {
    Decimal::new(points, 4)
}

pub fn world() -> impl Strategy<Value = World> {
    (vec(0..DAYS, 0..12), vec(-200_i64..800, DAYS as usize)).prop_map(|(holidays, rates)| World {
        every_day: false,
        holidays: holidays.into_iter().map(day).collect(),
        rates: rates.into_iter().map(basis_points).collect(),
    })
}

impl World {
    /// One rate for every day, and every day is a business day.
    pub fn flat(rate: Decimal) -> World {
        World { every_day: true, holidays: Vec::new(), rates: vec![rate; DAYS as usize] }
    }

    pub fn open(&self, date: NaiveDate) -> bool {
        (self.every_day || !matches!(date.weekday(), Weekday::Sat | Weekday::Sun)) && !self.holidays.contains(&date)
    }

    pub fn rate(&self, date: NaiveDate) -> Decimal {
        self.rates[(date - day(0)).num_days() as usize]
    }

    pub fn published(&self) -> impl Iterator<Item = (NaiveDate, Fixing)> {
        let open = (0..DAYS).map(day).filter(|date| self.open(*date));
        open.map(|date| (date, Fixing { rate: self.rate(date), version: 1 }))
    }

    pub fn without_fixings(&self) -> Fixings {
        let days = BusinessDays::new("WORLD", day(0), day(DAYS - 1), |date| self.open(date));
        Fixings::new(index_name(), 360, days)
    }

    pub fn fixings(&self) -> Fixings {
        let mut fixings = self.without_fixings();
        for (date, fixing) in self.published() {
            fixings.publish(date, fixing).expect("a business day");
        }
        fixings
    }

    /// The index with the table of a leg.
    pub fn rates(&self, terms: &FinancingTerms) -> Rates {
        let mut rates = Rates::default();
        rates.indices.insert(index_name(), Index::new(self.fixings()));
        rates.prepare(terms);
        rates
    }
}

/// A period that the world's calendar reaches, holidays at either end included.
pub fn period() -> impl Strategy<Value = Period> {
    (FIRST_START..FIRST_START + 20, 1_u64..40)
        .prop_map(|(start, length)| Period { start: day(start), end: day(start + length) })
}

pub fn overnight() -> impl Strategy<Value = OvernightTerms> {
    let method = prop_oneof![Just(Method::Compound), Just(Method::Average)];
    let amount_days = prop_oneof![Just(AmountDays::CalculationPeriod), Just(AmountDays::ObservationPeriod)];
    let observation = prop_oneof![
        (0_usize..6).prop_map(Observation::Lookback),
        (0_usize..6, amount_days).prop_map(|(days, amount_days)| Observation::Shift { days, amount_days }),
    ];
    let bound = || of((-100_i64..700).prop_map(basis_points));
    (method, observation, 0_usize..5, bound(), bound()).prop_map(
        |(method, observation, lockout, daily_floor, daily_cap)| OvernightTerms {
            index: index_name(),
            method,
            observation,
            lockout,
            daily_floor,
            daily_cap,
        },
    )
}

pub fn terms() -> impl Strategy<Value = FinancingTerms> {
    let mode = prop_oneof![Just(SpreadMode::Outside), Just(SpreadMode::Inside)];
    let negative =
        prop_oneof![Just(NegativeRates::Allow), Just(NegativeRates::Zero), Just(NegativeRates::ZeroExcludingSpread)];
    let bound = || of((-100_i64..700).prop_map(basis_points));
    let rate_decimals = prop_oneof![3 => Just(None), 1 => Just(Some(7))];
    (overnight(), -200_i64..200, mode, bound(), bound(), negative, rate_decimals).prop_map(
        |(overnight, spread, spread_mode, period_floor, period_cap, negative, rate_decimals)| FinancingTerms {
            spread_mode,
            period_floor,
            period_cap,
            negative,
            rate_decimals,
            unpublished: Unpublished::Blocks,
            ..FinancingTerms::plain(RateTerms::Overnight(overnight), basis_points(spread), DayCount::Act360)
        },
    )
}

/// Terms without anything that looks at a period as a whole.
pub fn plain(method: Method, spread: Decimal) -> FinancingTerms {
    let overnight = OvernightTerms {
        index: index_name(),
        method,
        observation: Observation::Lookback(0),
        lockout: 0,
        daily_floor: None,
        daily_cap: None,
    };
    FinancingTerms::plain(RateTerms::Overnight(overnight), spread, DayCount::Act360)
}

pub fn from_period_start(terms: FinancingTerms) -> FinancingTerms {
    FinancingTerms { compounding: CompoundingBase::PeriodStart, ..terms }
}

pub fn compounded(terms: FinancingTerms) -> FinancingTerms {
    let RateTerms::Overnight(overnight) = terms.rate else { panic!("the terms are overnight") };
    FinancingTerms { rate: RateTerms::Overnight(OvernightTerms { method: Method::Compound, ..overnight }), ..terms }
}
