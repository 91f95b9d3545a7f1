//! What one unit of notional bears between two dates, by the terms of a leg.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::interest::OnOne;
use super::terms::{FinancingTerms, NegativeRates};
use crate::domain::blocked::{Blocked, out_of_range};
use crate::domain::daycount::{Fraction, Interval, NoFraction};
use crate::domain::explain::Fact;
use crate::domain::explain::pad::Pad;
use crate::domain::names::IndexName;
use crate::domain::rates::accrual::{Accrued, Days, over};
use crate::domain::rates::fixings::Fixings;
use crate::domain::rates::index::Index;
use crate::domain::rates::overnight::Overnight;
use crate::domain::rates::schedule::Period;
use crate::domain::rates::table::Path;
use crate::domain::rates::terms::RateTerms;

/// The indices that legs name, with the tables these legs need.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Rates {
    pub indices: BTreeMap<IndexName, Index>,
}

/// Terms that have found their index: resolved once, calculated with many times.
#[derive(Clone, Copy, Debug)]
pub struct Coupon<'a> {
    pub terms: &'a FinancingTerms,
    source: Source<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Source<'a> {
    Fixed(Decimal),
    Term { fixings: &'a Fixings, offset: usize },
    Overnight(Overnight<'a>),
}

/// Interest on one unit of notional as a quotient: `rate_days / year_days`. Whoever multiplies it divides last.
#[derive(Clone, Copy, Debug)]
pub struct UnitInterest<N> {
    pub rate_days: N,
    pub year_days: i64,
    pub provisional: bool,
}

impl Rates {
    /// Builds the table a leg looks up. An index that is not known stays missing until the leg is calculated.
    pub fn prepare(&mut self, terms: &FinancingTerms) {
        if let (RateTerms::Overnight(overnight), Some(table)) = (&terms.rate, terms.table())
            && let Some(index) = self.indices.get_mut(&overnight.index)
        {
            index.prepare(table);
        }
    }

    /// Terms with what answers for them. An index that is not known is missing from the first date that is needed on.
    ///
    /// # Panics
    /// When the terms of an overnight leg were not prepared.
    pub fn coupon<'a>(&'a self, terms: &'a FinancingTerms, needed_from: NaiveDate) -> Result<Coupon<'a>, Blocked> {
        let find = |index: &IndexName| {
            let missing = || Blocked::MissingFixing { index: index.clone(), date: needed_from };
            self.indices.get(index).ok_or_else(missing)
        };
        let source = match (&terms.rate, terms.table()) {
            (RateTerms::Fixed(rate), _) => Source::Fixed(*rate),
            (RateTerms::Term { index, offset }, _) => Source::Term { fixings: find(index)?.fixings(), offset: *offset },
            (RateTerms::Overnight(overnight), table) => {
                let index = find(&overnight.index)?;
                let prepared = table.and_then(|table| Overnight::new(overnight, index, &table));
                Source::Overnight(prepared.expect("a leg's table is prepared before the leg is calculated"))
            }
        };
        Ok(Coupon { terms, source })
    }
}

impl OnOne for Coupon<'_> {
    fn unit<P: Pad>(
        &self,
        pad: &mut P,
        interest_period: Period,
        slice: Period,
        to: NaiveDate,
    ) -> Result<UnitInterest<P::Number>, Blocked> {
        if !self.terms.compounds_from_period_start() {
            return self.cumulative(pad, &mut Path::new(), interest_period, slice, to);
        }
        let path = &mut Path::new();
        let until_start = self.cumulative(pad, path, interest_period, interest_period, slice.start)?;
        let until_end = self.cumulative(pad, path, interest_period, interest_period, to)?;
        until_end.minus(pad, until_start)
    }
}

impl Coupon<'_> {
    /// Interest from the start of `compounded` to `to`, along the path that ends with `compounded`. On a pad that keeps lines a later `to` goes on
    /// where an earlier one has led.
    pub(super) fn cumulative<P: Pad>(
        &self,
        pad: &mut P,
        path: &mut Path<P>,
        interest_period: Period,
        compounded: Period,
        to: NaiveDate,
    ) -> Result<UnitInterest<P::Number>, Blocked> {
        let to = to.min(compounded.end);
        let calculation = fraction(self.terms, interest_period, compounded.start, to)?;
        let accrued = match self.source {
            Source::Fixed(rate) => {
                let rate = pad.given(|| Fact::Term("rate"), rate);
                for_days(pad, rate, calculation.numerator, false)?
            }
            Source::Term { fixings, offset } => {
                let day = fixings.days.on_or_before(interest_period.start)?;
                let day = fixings.days.back(day, offset)?;
                let counted = fixings.counted(day, self.terms.unpublished)?;
                let rate = fixings.write(pad, counted);
                for_days(pad, rate, calculation.numerator, counted.provisional)?
            }
            Source::Overnight(overnight) => {
                let accrued = overnight.accrued(pad, path, compounded, to)?;
                self.rounded(pad, accrued).ok_or_else(too_large)?
            }
        };
        let rate_days = self.all_in(pad, accrued).ok_or_else(too_large)?;
        let interest = UnitInterest { rate_days, year_days: calculation.denominator, provisional: accrued.provisional };
        self.on_calculation_days(pad, interest, accrued.days, calculation.numerator).ok_or_else(too_large)
    }

    fn rounded<P: Pad>(&self, pad: &mut P, accrued: Accrued<P::Number>) -> Option<Accrued<P::Number>> {
        let Some(decimals) = self.terms.rate_decimals else { return Some(accrued) };
        let rate = accrued.rate(pad)?;
        let rate = pad.round("rounded rate", rate, decimals);
        Some(Accrued { rate_days: over(pad, "rounded rate x days", rate, accrued.days)?, ..accrued })
    }

    /// Floor, cap, spread and the treatment of negative rates, all times the days.
    fn all_in<P: Pad>(&self, pad: &mut P, accrued: Accrued<P::Number>) -> Option<P::Number> {
        let Accrued { mut rate_days, days, .. } = accrued;
        if let Some(floor) = self.terms.period_floor {
            let floor = pad.given(|| Fact::Term("period floor"), floor);
            let floor = over(pad, "floor x days", floor, days)?;
            rate_days = pad.at_least("floored rate x days", rate_days, floor)?;
        }
        if let Some(cap) = self.terms.period_cap {
            let cap = pad.given(|| Fact::Term("period cap"), cap);
            let cap = over(pad, "cap x days", cap, days)?;
            rate_days = pad.at_most("capped rate x days", rate_days, cap)?;
        }
        let outside = !self.terms.spread_inside();
        if outside && self.terms.negative == NegativeRates::ZeroExcludingSpread {
            rate_days = at_least_zero(pad, rate_days)?;
        }
        if outside && !self.terms.spread.is_zero() {
            let spread = pad.given(|| Fact::Term("spread"), self.terms.spread);
            let spread = over(pad, "spread x days", spread, days)?;
            rate_days = pad.add("rate x days with spread", rate_days, spread)?;
        }
        if self.terms.negative == NegativeRates::Zero {
            rate_days = at_least_zero(pad, rate_days)?;
        }
        Some(rate_days)
    }

    /// A rate over the observed days becomes an amount over those of the calculation period, unless the terms say otherwise.
    fn on_calculation_days<P: Pad>(
        &self,
        pad: &mut P,
        interest: UnitInterest<P::Number>,
        observed: Days,
        calculation: i64,
    ) -> Option<UnitInterest<P::Number>> {
        if observed == Days::whole(calculation) || observed.numerator == 0 {
            return Some(interest);
        }
        if self.terms.observed_days_count() {
            return Some(interest);
        }
        let days = pad.given(|| Fact::Count("days of the calculation period"), Decimal::from(calculation));
        let observed_days = pad.given(|| Fact::Count("days of the rate"), Decimal::from(observed.numerator));
        let mut rate_days = pad.multiply("rate x days", interest.rate_days, days)?;
        if observed.denominator != 1 {
            let parts = pad.given(|| Fact::Count("parts of a day"), Decimal::from(observed.denominator));
            rate_days = pad.multiply("rate x days", rate_days, parts)?;
        }
        let rate_days = pad.divide("rate x days of the calculation period", rate_days, observed_days)?;
        Some(UnitInterest { rate_days, ..interest })
    }
}

impl<N: Copy> UnitInterest<N> {
    /// Interest up to a date less that up to an earlier one of the same path, so that whatever is provisional in the earlier is in both.
    pub(super) fn minus<P: Pad<Number = N>>(
        self,
        pad: &mut P,
        earlier: UnitInterest<N>,
    ) -> Result<UnitInterest<N>, Blocked> {
        let difference = if self.year_days == earlier.year_days {
            let rate_days = pad.subtract("rate x days since the start", self.rate_days, earlier.rate_days);
            rate_days.map(|rate_days| UnitInterest { rate_days, ..self })
        } else {
            self.less_of_other_year(pad, earlier)
        };
        difference.ok_or_else(too_large)
    }

    fn less_of_other_year<P: Pad<Number = N>>(self, pad: &mut P, earlier: UnitInterest<N>) -> Option<UnitInterest<N>> {
        let later = self.quotient(pad)?;
        let earlier = earlier.quotient(pad)?;
        let rate_days = pad.subtract("interest on one since the start", later, earlier)?;
        Some(UnitInterest { rate_days, year_days: 1, ..self })
    }

    fn quotient<P: Pad<Number = N>>(self, pad: &mut P) -> Option<N> {
        let year = pad.given(|| Fact::Count("days of a year"), Decimal::from(self.year_days));
        pad.divide("interest on one", self.rate_days, year)
    }
}

/// As it stands, so that the days of a money market's year appear in the explanation.
fn fraction(
    terms: &FinancingTerms,
    interest_period: Period,
    start: NaiveDate,
    to: NaiveDate,
) -> Result<Fraction, Blocked> {
    let interval = Interval {
        period_end: Some(interest_period.end),
        termination: terms.termination,
        coupons: terms.coupons,
        calendar: terms.counted_days.as_deref(),
        ..Interval::new(start, to)
    };
    terms.day_count.fraction(interval).map_err(|missing| match missing {
        NoFraction::NoCoupons => Blocked::MissingTerm {
            term: "the regular coupon dates of the day count (coupons, or interestPeriods as a rule)",
        },
        NoFraction::NoCalendar => Blocked::MissingTerm { term: "the calendar of the day count" },
        NoFraction::Outside(outside) => Blocked::MissingCalendar { name: outside.calendar.into(), date: outside.date },
    })
}

fn for_days<P: Pad>(pad: &mut P, rate: P::Number, days: i64, provisional: bool) -> Result<Accrued<P::Number>, Blocked> {
    let days = Days::whole(days);
    let rate_days = over(pad, "rate x days", rate, days).ok_or_else(too_large)?;
    Ok(Accrued { rate_days, days, provisional })
}

fn at_least_zero<P: Pad>(pad: &mut P, number: P::Number) -> Option<P::Number> {
    let zero = pad.given(|| Fact::Term("negative rates count as"), Decimal::ZERO);
    pad.at_least("rate x days, not negative", number, zero)
}

fn too_large() -> Blocked {
    out_of_range("the interest on one unit")()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::calendar::{Calendar, Weekend};
    use crate::domain::daycount::{Coupons, DayCount};
    use crate::domain::explain::pad::Silent;
    use crate::domain::rates::business_days::BusinessDays;
    use crate::domain::rates::fixings::Fixing;
    use crate::domain::rates::terms::{Method, Observation, OvernightTerms, Unpublished};
    use crate::domain::schedule::Roll;

    fn june(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2025, 6, day).expect("a day of June")
    }

    fn basis_points(points: i64) -> Decimal {
        Decimal::new(points, 4)
    }

    /// The rate of ten days by fixed terms, in basis points.
    fn rate(fixed: i64, spread: i64, change: impl FnOnce(&mut FinancingTerms)) -> Decimal {
        let rate = RateTerms::Fixed(basis_points(fixed));
        let mut terms = FinancingTerms::plain(rate, basis_points(spread), DayCount::Act360);
        change(&mut terms);
        let rates = Rates::default();
        let coupon = rates.coupon(&terms, june(2)).expect("a fixed rate needs no index");
        let period = Period { start: june(2), end: june(12) };
        let unit = coupon.unit(&mut Silent, period, period, period.end).expect("nothing is missing");
        unit.rate_days / Decimal::TEN * Decimal::from(10_000)
    }

    #[test]
    fn a_negative_rate_is_treated_with_its_spread_or_without() {
        use NegativeRates::{Allow, Zero, ZeroExcludingSpread};
        for (negative, fixed, spread, expected) in [
            (Allow, -10, 4, -6),
            (Zero, -10, 4, 0),
            (Zero, -10, 14, 4),
            (ZeroExcludingSpread, -10, 4, 4),
            (ZeroExcludingSpread, -10, 0, 0), // found by a property: without a spread it was not treated
            (ZeroExcludingSpread, -10, -4, -4),
            (ZeroExcludingSpread, 10, -14, -4),
        ] {
            let rate = rate(fixed, spread, |terms| terms.negative = negative);
            assert_eq!(rate, Decimal::from(expected), "{negative:?} {fixed} {spread}");
        }
    }

    #[test]
    fn after_its_end_a_slice_bears_nothing() {
        let terms = FinancingTerms::plain(RateTerms::Fixed(basis_points(100)), Decimal::ZERO, DayCount::Act360);
        let rates = Rates::default();
        let coupon = rates.coupon(&terms, june(2)).expect("a fixed rate needs no index");
        let slice = Period { start: june(2), end: june(12) };
        let interest_period = Period { start: june(1), end: june(30) };
        for (to, days) in [(june(1), 0), (june(2), 0), (june(5), 3), (june(12), 10), (june(20), 10)] {
            let unit = coupon.unit(&mut Silent, interest_period, slice, to).expect("nothing is missing");
            assert_eq!(unit.rate_days, basis_points(100) * Decimal::from(days), "{to}");
        }
    }

    #[test]
    fn floor_and_cap_are_of_the_rate_before_its_spread() {
        assert_eq!(rate(10, 4, |terms| terms.period_floor = Some(basis_points(12))), Decimal::from(16));
        assert_eq!(rate(10, 4, |terms| terms.period_cap = Some(basis_points(7))), Decimal::from(11));
    }

    /// A compounded leg on an index of which every day of June is a business day, and these days have 4.2 %.
    fn leg(listed: &[u32], lockout: usize) -> (Rates, FinancingTerms) {
        let days = BusinessDays::new("EVERY_DAY", june(1), june(30), |_| true);
        let name = IndexName::new("X").expect("a name");
        let mut fixings = Fixings::new(name.clone(), 360, days);
        for day in listed {
            let fixing = Fixing { rate: Decimal::new(42, 3), version: 1 };
            fixings.publish(june(*day), fixing).expect("a business day");
        }
        let mut rates = Rates::default();
        rates.indices.insert(name.clone(), Index::new(fixings));
        let overnight = OvernightTerms {
            index: name,
            method: Method::Compound,
            observation: Observation::Lookback(0),
            lockout,
            daily_floor: None,
            daily_cap: None,
        };
        let rate = RateTerms::Overnight(overnight);
        let plain = FinancingTerms::plain(rate, Decimal::ZERO, DayCount::Act360);
        let unpublished = Unpublished::LastPublished { age_days_max: 1 };
        (rates, FinancingTerms { unpublished, rate_decimals: Some(7), ..plain })
    }

    fn unit(listed: &[u32], lockout: usize, start: u32, end: u32) -> Result<UnitInterest<Decimal>, Blocked> {
        let (mut rates, terms) = leg(listed, lockout);
        rates.prepare(&terms);
        let coupon = rates.coupon(&terms, june(2))?;
        let period = Period { start: june(start), end: june(end) };
        coupon.unit(&mut Silent, period, period, period.end)
    }

    #[test]
    fn a_compounded_rate_that_ends_in_a_half_is_rounded_up() {
        let unit = unit(&[2, 3], 0, 2, 4).expect("nothing is missing");
        // [(1 + 0.042/360)^2 - 1] x 360 / 2 is 0.04200245 exactly.
        assert_eq!(unit.rate_days / Decimal::TWO, Decimal::new(420_025, 7));
    }

    #[test]
    fn an_amount_is_provisional_where_an_unpublished_fixing_counts_and_nowhere_else() {
        let provisional =
            |lockout, start, end| unit(&[2, 3, 4, 6, 7], lockout, start, end).map(|unit| unit.provisional);
        assert_eq!(provisional(0, 2, 5), Ok(false));
        assert_eq!(provisional(0, 2, 6), Ok(true));
        assert_eq!(provisional(0, 6, 8), Ok(false));
        assert_eq!(provisional(1, 6, 7), Ok(true), "the locked day looks at the 5th");
        let index = IndexName::new("X").expect("a name");
        assert_eq!(provisional(0, 6, 10), Err(Blocked::MissingFixing { index, date: june(9) }));
    }

    #[test]
    fn what_a_day_count_must_know_comes_from_the_terms() {
        let january = |day| NaiveDate::from_ymd_opt(2025, 1, day).expect("a day of January");
        let february_28 = NaiveDate::from_ymd_opt(2025, 2, 28).expect("a day of February");
        let plain = |day_count| FinancingTerms::plain(RateTerms::Fixed(Decimal::ONE), Decimal::ZERO, day_count);
        let fraction = |terms: &FinancingTerms| {
            let period = Period { start: january(15), end: february_28 };
            fraction(terms, period, period.start, period.end).map(|fraction| fraction.to_decimal())
        };
        let mut thirty = plain(DayCount::ThirtyE360Isda);
        assert_eq!(fraction(&thirty), Ok(Decimal::from(45) / Decimal::from(360)));
        thirty.termination = Some(february_28);
        assert_eq!(fraction(&thirty), Ok(Decimal::from(43) / Decimal::from(360)));

        let mut coupons = plain(DayCount::ActActIcma);
        assert!(matches!(fraction(&coupons), Err(Blocked::MissingTerm { .. })));
        coupons.coupons = Some(Coupons { anchor: january(15), months: 12, roll: Roll::through(january(15), false) });
        assert_eq!(fraction(&coupons), Ok(Decimal::from(44) / Decimal::from(365)));

        let mut business = plain(DayCount::Bus252);
        assert!(matches!(fraction(&business), Err(Blocked::MissingTerm { .. })));
        let known = |last| Some(Arc::new(Calendar::new("HOME", Weekend::SATURDAY_SUNDAY, [], january(1), last)));
        business.counted_days = known(february_28);
        assert_eq!(fraction(&business), Ok(Decimal::from(32) / Decimal::from(252)));
        business.counted_days = known(january(31));
        let missing = Blocked::MissingCalendar { name: "HOME".into(), date: february_28 };
        assert_eq!(fraction(&business), Err(missing));

        // Part of an interest period that ends in a leap year.
        let leap = Period { start: january(15), end: NaiveDate::from_ymd_opt(2028, 1, 15).expect("a date") };
        let part = super::fraction(&plain(DayCount::Act365L), leap, january(15), february_28);
        assert_eq!(part.map(|fraction| fraction.to_decimal()), Ok(Decimal::from(44) / Decimal::from(366)));
    }

    #[test]
    fn interest_over_years_of_different_length_is_subtracted_as_interest() {
        let unit = |rate_days: i64, year_days| UnitInterest {
            rate_days: Decimal::from(rate_days),
            year_days,
            provisional: false,
        };
        let difference = unit(360, 360).minus(&mut Silent, unit(73, 365)).expect("it fits");
        assert_eq!((difference.rate_days, difference.year_days), (Decimal::new(8, 1), 1));
    }

    #[test]
    fn an_unknown_index_is_missing_from_the_first_date_that_is_needed() {
        let index = IndexName::new("UNKNOWN").expect("a name");
        let rate = RateTerms::Term { index: index.clone(), offset: 2 };
        let terms = FinancingTerms::plain(rate, Decimal::ZERO, DayCount::Act360);
        let missing = Rates::default().coupon(&terms, june(2)).err();
        assert_eq!(missing, Some(Blocked::MissingFixing { index, date: june(2) }));
    }
}
