//! Day counts: how many days, and what fraction of a year they are.
//!
//! The first example of ISDA's paper "The Actual/Actual Day Count Fraction" (1999):
//!
//! ```
//! use bookflow::domain::daycount::{DayCount, Fraction, Interval};
//! use chrono::NaiveDate;
//!
//! let date = |year, month, day| NaiveDate::from_ymd_opt(year, month, day).expect("a date");
//! let half_year = Interval::new(date(2003, 11, 1), date(2004, 5, 1));
//! let fraction = DayCount::ActActIsda.fraction(half_year).expect("it needs nothing but the dates");
//! assert_eq!(fraction.to_decimal().round_dp(10).to_string(), "0.4977243806"); // 61/365 + 121/366
//! assert_eq!(DayCount::Act360.fraction(half_year), Ok(Fraction { numerator: 182, denominator: 360 }));
//! ```

mod fraction; // an exact fraction of a year
mod interval; // two dates, and what some day counts must know beyond them
mod actual; // years of different lengths
mod thirty; // months of 30 days

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, NaiveDate};

pub use fraction::Fraction;
pub use interval::{Coupons, Interval};

use crate::domain::calendar::OutsideCalendar;
use crate::domain::money::Currency;

/// A day count fraction, by FpML's dayCountFractionScheme and two that FpML has no name for. Each formula is exact.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DayCount {
    /// ACT/360: actual days / 360. ISDA 2021 section 4.6.1(v), ISDA 2006 section 4.16(e).
    Act360,
    /// ACT/365.FIXED: actual days / 365. ISDA 2021 section 4.6.1(iv), ISDA 2006 section 4.16(d).
    Act365Fixed,
    /// ACT/364: actual days / 364.
    Act364,
    /// ACT/365L: actual days / 366 if the calculation period ends in a leap year, else / 365. ISDA 2021 section 4.6.1(ix).
    Act365L,
    /// ACT/365L of the ICMA for yearly coupons: / 366 if 29 February lies in the period. Not the same as ISDA's; agree which one.
    Act365LIcma,
    /// NL/365: actual days without 29 February / 365.
    Nl365,
    /// ACT/ACT.ISDA: days in leap years / 366 + days in other years / 365. ISDA 2021 section 4.6.1(ii), ISDA 2006 section 4.16(b).
    ActActIsda,
    /// ACT/ACT.ICMA: days / (days of the coupon period x coupons a year). ISDA 2021 section 4.6.1(iii), ISDA 2006 section 4.16(c), Rule 251.
    ActActIcma,
    /// ACT/ACT.AFB: whole years back from the end + days / 366 if they have 29 February, else / 365.
    ActActAfb,
    /// 30/360, bond basis. ISDA 2021 section 4.6.1(vi), ISDA 2006 section 4.16(f).
    Thirty360,
    /// 30E/360, Eurobond basis. ISDA 2021 section 4.6.1(vii), ISDA 2006 section 4.16(g).
    ThirtyE360,
    /// 30E/360.ISDA, which knows the termination date. ISDA 2006 section 4.16(h).
    ThirtyE360Isda,
    /// 30U/360, US with end of month.
    ThirtyU360,
    /// BUS/252 (CALC/252): business days / 252. ISDA 2021 section 4.6.1(x). The CDM divides calendar days.
    Bus252,
    /// 1/1: always 1. ISDA 2021 section 4.6.1(i), ISDA 2006 section 4.16(a).
    One,
}

/// Why an interval has no fraction by a day count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoFraction {
    #[error("ACT/ACT.ICMA needs the regular coupon dates")]
    NoCoupons,
    #[error("BUS/252 needs a calendar")]
    NoCalendar,
    #[error(transparent)]
    Outside(#[from] OutsideCalendar),
}

impl DayCount {
    /// The interval as a fraction of a year; zero (for 1/1: one) for an interval without days.
    pub fn fraction(self, interval: Interval<'_>) -> Result<Fraction, NoFraction> {
        let (start, end) = (interval.start, interval.end.max(interval.start));
        Ok(match self {
            DayCount::Act360 => Fraction::new(days(start, end), 360),
            DayCount::Act365Fixed => Fraction::new(days(start, end), 365),
            DayCount::Act364 => Fraction::new(days(start, end), 364),
            DayCount::Act365L => actual::act_365l(interval),
            DayCount::Act365LIcma => actual::act_365l_icma(interval),
            DayCount::Nl365 => actual::nl_365(start, end),
            DayCount::ActActIsda => actual::act_act_isda(start, end),
            DayCount::ActActIcma => {
                let coupons = interval.coupons.filter(|coupons| coupons.months > 0).ok_or(NoFraction::NoCoupons)?;
                actual::act_act_icma(start, end, coupons).ok_or(NoFraction::NoCoupons)?
            }
            DayCount::ActActAfb => actual::act_act_afb(start, end),
            DayCount::Thirty360 => thirty::thirty_360(start, end),
            DayCount::ThirtyE360 => thirty::thirty_e_360(start, end),
            DayCount::ThirtyE360Isda => thirty::thirty_e_360_isda(start, end, interval.termination),
            DayCount::ThirtyU360 => thirty::thirty_u_360(start, end),
            DayCount::Bus252 => {
                let calendar = interval.calendar.ok_or(NoFraction::NoCalendar)?;
                Fraction::new(calendar.business_days(start, end)?, 252)
            }
            DayCount::One => Fraction::ONE,
        })
    }

    /// The days a year counts, of a day count that is actual days over a year of one length: those of the money markets.
    pub fn basis(self) -> Option<i64> {
        match self {
            DayCount::Act360 => Some(360),
            DayCount::Act365Fixed => Some(365),
            DayCount::Act364 => Some(364),
            _ => None,
        }
    }

    /// The money market's convention of a currency, for a request that names none.
    pub fn of_money_market(currency: Currency) -> DayCount {
        match currency.code() {
            "GBP" | "CAD" | "AUD" | "NZD" | "HKD" | "SGD" | "ZAR" => DayCount::Act365Fixed,
            _ => DayCount::Act360,
        }
    }
}

/// Days from `start` (counted) to `end` (not counted); nothing for an interval that ends before it starts.
pub fn days(start: NaiveDate, end: NaiveDate) -> i64 {
    (end.num_days_from_ce() - start.num_days_from_ce()).max(0).into()
}

/// The one place where a day count has a name: FpML's where there is one.
const NAMES: [(DayCount, &str); 15] = [
    (DayCount::Act360, "ACT/360"),
    (DayCount::Act365Fixed, "ACT/365.FIXED"),
    (DayCount::Act364, "ACT/364"),
    (DayCount::Act365L, "ACT/365L"),
    (DayCount::Act365LIcma, "ACT/365L.ICMA"),
    (DayCount::Nl365, "NL/365"),
    (DayCount::ActActIsda, "ACT/ACT.ISDA"),
    (DayCount::ActActIcma, "ACT/ACT.ICMA"),
    (DayCount::ActActAfb, "ACT/ACT.AFB"),
    (DayCount::Thirty360, "30/360"),
    (DayCount::ThirtyE360, "30E/360"),
    (DayCount::ThirtyE360Isda, "30E/360.ISDA"),
    (DayCount::ThirtyU360, "30U/360"),
    (DayCount::Bus252, "BUS/252"),
    (DayCount::One, "1/1"),
];

/// Other names for the same: FpML's former one, and that of the ISDA 2021 Definitions.
const ALIASES: [(&str, DayCount); 2] = [("ACT/ACT.ISMA", DayCount::ActActIcma), ("CALC/252", DayCount::Bus252)];

/// The text names no day count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a day count; one of {names}", names = NAMES.map(|(_, name)| name).join(", "))]
pub struct UnknownDayCount(pub String);

impl fmt::Display for DayCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(day_count, _)| day_count == self).map_or("", |(_, name)| name);
        f.write_str(name)
    }
}

impl FromStr for DayCount {
    type Err = UnknownDayCount;

    fn from_str(text: &str) -> Result<DayCount, UnknownDayCount> {
        let named = NAMES.iter().find(|(_, name)| *name == text).map(|(day_count, _)| *day_count);
        let alias = || ALIASES.iter().find(|(name, _)| *name == text).map(|(_, day_count)| *day_count);
        named.or_else(alias).ok_or_else(|| UnknownDayCount(text.chars().take(30).collect()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::calendar::{Calendar, Weekend};
    use crate::domain::schedule::Roll;

    fn date(text: &str) -> NaiveDate {
        text.parse().expect("the test writes a date")
    }

    fn fraction(day_count: DayCount, start: &str, end: &str) -> String {
        let fraction = day_count.fraction(Interval::new(date(start), date(end)));
        fraction.map_or_else(|missing| missing.to_string(), |fraction| fraction.to_string())
    }

    #[test]
    fn a_day_count_is_written_as_it_is_read() {
        for (day_count, name) in NAMES {
            assert_eq!((day_count.to_string().as_str(), name.parse()), (name, Ok(day_count)));
        }
        assert_eq!("CALC/252".parse(), Ok(DayCount::Bus252));
        let error = "ACT/366".parse::<DayCount>().expect_err("no such day count").to_string();
        assert!(error.starts_with("`ACT/366` is not a day count; one of ACT/360, ACT/365.FIXED, "), "{error}");
    }

    #[test]
    fn errors_of_the_cdm_are_not_repeated() {
        // 85 days, where the start's day taken from the end would make it 90.
        assert_eq!(fraction(DayCount::ThirtyE360Isda, "2025-01-15", "2025-04-10"), "85/360");
        let at_termination =
            Interval { termination: Some(date("2025-02-28")), ..Interval::new(date("2025-01-15"), date("2025-02-28")) };
        assert_eq!(
            DayCount::ThirtyE360Isda.fraction(at_termination).map(|f| f.numerator * 360 / f.denominator),
            Ok(43)
        );
        assert_eq!(fraction(DayCount::ThirtyE360Isda, "2025-01-15", "2025-02-28"), "45/360");
    }

    #[test]
    fn only_february_s_last_day_is_special_at_termination() {
        let until = |end| {
            let interval = Interval { termination: Some(date(end)), ..Interval::new(date("2025-01-30"), date(end)) };
            DayCount::ThirtyE360Isda.fraction(interval).map(|fraction| fraction.numerator)
        };
        assert_eq!((until("2025-03-31"), until("2024-02-29")), (Ok(60), Ok(0)));
        assert_eq!((until("2025-02-28"), until("2028-02-29")), (Ok(28), Ok(3 * 360 + 29)));
    }

    #[test]
    fn a_fraction_of_one_year_keeps_its_days() {
        assert_eq!(fraction(DayCount::ActActIsda, "2025-01-01", "2025-03-01"), "59/365");
        assert_eq!(fraction(DayCount::ActActIsda, "2024-01-01", "2024-03-01"), "60/366");
    }

    #[test]
    fn an_interval_that_ends_before_it_starts_has_no_days() {
        let (early, late) = (date("2025-01-15"), date("2028-04-10"));
        let coupons = Coupons { anchor: early, months: 6, roll: Roll::Day(15) };
        let calendar = Calendar::new("YEARS", Weekend::SATURDAY_SUNDAY, [], early, late);
        let backwards =
            Interval { start: late, coupons: Some(coupons), calendar: Some(&calendar), ..Interval::new(early, early) };
        for (day_count, name) in NAMES.into_iter().filter(|(day_count, _)| *day_count != DayCount::One) {
            assert_eq!(day_count.fraction(backwards), Ok(Fraction::ZERO), "{name}");
        }
    }

    #[test]
    fn what_a_day_count_needs_is_asked_for() {
        assert_eq!(
            fraction(DayCount::ActActIcma, "2025-01-15", "2025-04-10"),
            "ACT/ACT.ICMA needs the regular coupon dates"
        );
        assert_eq!(fraction(DayCount::Bus252, "2025-01-15", "2025-04-10"), "BUS/252 needs a calendar");
        let (first, last) = (date("2025-01-01"), date("2025-03-31"));
        let calendar = Calendar::new("SHORT", Weekend::SATURDAY_SUNDAY, [], first, last);
        let interval = Interval { calendar: Some(&calendar), ..Interval::new(first, date("2025-04-10")) };
        assert!(matches!(DayCount::Bus252.fraction(interval), Err(NoFraction::Outside(_))));
    }

    #[test]
    fn an_afb_year_back_from_28_february_ends_on_28_february() {
        // The other reading goes back to 29 February 2008, a whole year, where there is none from 28 February 2008.
        assert_eq!(fraction(DayCount::ActActAfb, "2008-02-29", "2009-02-28"), "365/366");
        assert_eq!(fraction(DayCount::ActActAfb, "2004-02-28", "2008-02-29"), "1461/365");
        assert_eq!(fraction(DayCount::ActActAfb, "2004-02-29", "2012-02-29"), "8/1");
    }

    fn a_date() -> impl Strategy<Value = NaiveDate> {
        (1998_i32..2060, 1_u32..=366)
            .prop_map(|(year, day)| NaiveDate::from_yo_opt(year, day.min(365)).expect("a day of the year"))
    }

    fn coupons() -> impl Strategy<Value = Coupons> {
        (a_date(), prop::sample::select(vec![1, 2, 3, 4, 6, 12]), any::<bool>())
            .prop_map(|(anchor, months, eom)| Coupons { anchor, months, roll: Roll::through(anchor, eom) })
    }

    fn sum(day_count: DayCount, a: NaiveDate, b: NaiveDate, c: NaiveDate, coupons: Coupons) -> [Fraction; 2] {
        let fraction = |start, end| {
            let interval = Interval { coupons: Some(coupons), ..Interval::new(start, end) };
            day_count.fraction(interval).expect("it has its coupons")
        };
        [fraction(a, b).plus(fraction(b, c)), fraction(a, c)]
    }

    proptest! {
        #[test]
        fn a_cut_changes_nothing(mut dates in [a_date(), a_date(), a_date()], coupons in coupons()) {
            dates.sort();
            let [a, b, c] = dates;
            for day_count in [
                DayCount::Act360, DayCount::Act365Fixed, DayCount::Act364, DayCount::Nl365, DayCount::ActActIsda, DayCount::ActActIcma,
            ] {
                let [cut, whole] = sum(day_count, a, b, c, coupons);
                prop_assert_eq!(cut, whole, "{}", day_count);
            }
        }

        #[test]
        fn whole_coupon_periods_are_whole_numbers_of_months(coupons in coupons(), from in -100_i32..100, periods in 0_i32..100) {
            let date = |periods| coupons.date(periods).expect("a date of this century");
            let interval = Interval { coupons: Some(coupons), ..Interval::new(date(from), date(from + periods)) };
            let expected = Fraction::new(i64::from(periods) * i64::from(coupons.months), 12);
            prop_assert_eq!(DayCount::ActActIcma.fraction(interval), Ok(expected));
        }

        #[test]
        fn every_day_count_is_near_the_others(start in a_date(), length in 0_u64..1000) {
            let end = start + chrono::Days::new(length);
            let year = |day_count: DayCount| day_count.fraction(Interval::new(start, end)).map(Fraction::to_decimal);
            let isda = year(DayCount::ActActIsda).expect("it needs nothing");
            for day_count in [
                DayCount::Act365L, DayCount::Act365LIcma, DayCount::ActActAfb, DayCount::Thirty360, DayCount::ThirtyE360,
                DayCount::ThirtyE360Isda, DayCount::ThirtyU360,
            ] {
                let off = year(day_count).expect("it needs nothing") - isda;
                prop_assert!(off.abs() <= rust_decimal::Decimal::new(2, 2), "{}: {}", day_count, off);
            }
        }
    }
}
