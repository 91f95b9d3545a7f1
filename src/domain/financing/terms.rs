//! The terms of a financing leg: a rate, what it stands on, and how the two become an amount.

use std::sync::Arc;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::domain::calendar::Calendar;
use crate::domain::daycount::{Coupons, DayCount};
use crate::domain::rates::table::TableTerms;
use crate::domain::rates::terms::{AmountDays, Method, Observation, RateTerms, Unpublished};

/// Longs pay, shorts receive ("rebate"), each on terms of their own; FpML knows them as the long and short spread schedule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Financing {
    pub long: FinancingTerms,
    pub short: FinancingTerms,
}

/// One side's terms. Rates, spreads, floors and caps are fractions of a year: 0.05 is 5 %.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FinancingTerms {
    pub rate: RateTerms,
    pub spread: Decimal,
    pub spread_mode: SpreadMode,
    /// Of the rate of the period before a spread that is added outside: ISDA 2021 section 6.5.8.
    pub period_floor: Option<Decimal>,
    /// As the floor: section 6.5.9.
    pub period_cap: Option<Decimal>,
    pub negative: NegativeRates,
    pub day_count: DayCount,
    /// The regular coupon dates, which ACT/ACT.ICMA needs.
    pub coupons: Option<Coupons>,
    /// The business days that BUS/252 counts.
    pub counted_days: Option<Arc<Calendar>>,
    /// The termination date of the contract, which 30E/360.ISDA knows; none for a contract without an end.
    pub termination: Option<NaiveDate>,
    /// Decimals of the rate of the period (7 is five decimals of a percent), a half away from zero: ISDA 2021 section 4.8.1, 2006 section 8.1.
    /// None: the rate is not rounded. Only calculated rates are; a fixed one and a published one stand as they are.
    pub rate_decimals: Option<u32>,
    pub notional: NotionalBasis,
    pub switch: NotionalSwitch,
    pub compounding: CompoundingBase,
    pub on_unwind: InterestOnUnwind,
    pub unpublished: Unpublished,
}

/// Where the spread is added.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SpreadMode {
    /// To the rate of the period (FpML: SpreadExclusive).
    #[default]
    Outside,
    /// To each day's rate, so that it is compounded, too (FpML: Straight).
    Inside,
}

/// What becomes of a rate below zero: ISDA 2021 section 6.8.6.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum NegativeRates {
    /// The long receives and the short pays.
    #[default]
    Allow,
    /// The rate with its spread is at least zero.
    Zero,
    /// The rate without its spread is at least zero; of each day where the spread is added to each day.
    ZeroExcludingSpread,
}

/// What is financed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum NotionalBasis {
    /// Quantity x open price until the first reset, then x the price of the last reset.
    #[default]
    LotRefPrice,
    /// Quantity x the last close of each night.
    DailyMtm,
    /// Quantity x open price, whatever is reset.
    Fixed,
}

/// When a reset changes the notional.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum NotionalSwitch {
    /// When its amount is paid: a reset is a close and a new opening that settle then.
    #[default]
    PaymentDate,
    ValuationDate,
}

/// From where interest is borne on interest when notionals change within a period.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CompoundingBase {
    /// Each slice from its own start: `N x (P(a,b) - 1)`. What starts a slice starts compounding anew: a valuation that switches the notional, a
    /// spin-off, and that the lot goes to another position, whose contract owes nothing for the days before. A split starts none.
    #[default]
    SliceStart,
    /// Non-cumulative compounded daily rates from the start of the interest period: `N x (P(S,b) - P(S,a))`. The interest of slices that follow
    /// one another is that of the whole, whoever holds them.
    PeriodStart,
}

/// When the interest of a closed part is paid.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum InterestOnUnwind {
    /// When the closing settles.
    #[default]
    WithUnwind,
    /// With the rest of the interest period.
    NextPayment,
}

impl Financing {
    /// The terms of a signed quantity.
    pub fn of(&self, quantity: Decimal) -> &FinancingTerms {
        if quantity.is_sign_negative() { &self.short } else { &self.long }
    }
}

impl FinancingTerms {
    /// A plain leg: spread outside, no floors or caps, each slice on its own at the lot's reference price.
    pub fn plain(rate: RateTerms, spread: Decimal, day_count: DayCount) -> FinancingTerms {
        FinancingTerms {
            rate,
            spread,
            spread_mode: SpreadMode::default(),
            period_floor: None,
            period_cap: None,
            negative: NegativeRates::default(),
            day_count,
            coupons: None,
            counted_days: None,
            termination: None,
            rate_decimals: None,
            notional: NotionalBasis::default(),
            switch: NotionalSwitch::default(),
            compounding: CompoundingBase::default(),
            on_unwind: InterestOnUnwind::default(),
            unpublished: Unpublished::Blocks,
        }
    }

    /// The prefix table that the leg looks up; none unless it is overnight.
    pub fn table(&self) -> Option<TableTerms> {
        let RateTerms::Overnight(overnight) = &self.rate else { return None };
        let inside = self.spread_inside();
        let mut table = overnight.table(inside.then_some(self.spread), self.unpublished);
        if inside && self.negative == NegativeRates::ZeroExcludingSpread {
            let floor = table.daily.floor.unwrap_or(Decimal::ZERO);
            table.daily.floor = Some(floor.max(Decimal::ZERO));
        }
        Some(table)
    }

    /// Whether the spread is part of each day's rate. A rate without days has it outside, whatever the mode.
    pub(super) fn spread_inside(&self) -> bool {
        self.spread_mode == SpreadMode::Inside && matches!(self.rate, RateTerms::Overnight(_))
    }

    /// Whether amounts of slices are differences along the whole interest period.
    pub(super) fn compounds_from_period_start(&self) -> bool {
        let compounds = matches!(&self.rate, RateTerms::Overnight(overnight) if overnight.method == Method::Compound);
        compounds && self.compounding == CompoundingBase::PeriodStart
    }

    /// Whether the amount has the days of a shifted observation period.
    pub(super) fn observed_days_count(&self) -> bool {
        let RateTerms::Overnight(overnight) = &self.rate else { return false };
        matches!(overnight.observation, Observation::Shift { amount_days: AmountDays::ObservationPeriod, .. })
    }

    /// The date on which a reset changes the notional.
    pub fn switch_date(&self, valuation: NaiveDate, payment: NaiveDate) -> NaiveDate {
        match self.switch {
            NotionalSwitch::PaymentDate => payment,
            NotionalSwitch::ValuationDate => valuation,
        }
    }

    /// Whether the interest of a closed part is paid when its closing settles.
    pub fn pays_with_unwind(&self) -> bool {
        self.on_unwind == InterestOnUnwind::WithUnwind
    }

    /// The date on which the interest of a part is paid whose closing settles on `closed`, within an interest period that is paid on
    /// `period_payment`.
    pub fn unwind_payment(&self, closed: NaiveDate, period_payment: NaiveDate) -> NaiveDate {
        match self.on_unwind {
            InterestOnUnwind::WithUnwind => closed,
            InterestOnUnwind::NextPayment => period_payment,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn april(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2025, 4, day).expect("a day of April")
    }

    fn fixed(rate: i64) -> FinancingTerms {
        FinancingTerms::plain(RateTerms::Fixed(Decimal::new(rate, 4)), Decimal::ZERO, DayCount::Act360)
    }

    #[test]
    fn a_short_has_terms_of_its_own() {
        let financing = Financing { long: fixed(500), short: fixed(400) };
        assert_eq!(financing.of(Decimal::ONE), &financing.long);
        assert_eq!(financing.of(Decimal::NEGATIVE_ONE), &financing.short);
    }

    #[test]
    fn dates_follow_the_terms() {
        let mut terms = fixed(500);
        assert_eq!(terms.switch_date(april(1), april(3)), april(3));
        assert_eq!(terms.unwind_payment(april(10), april(30)), april(10));
        terms.switch = NotionalSwitch::ValuationDate;
        terms.on_unwind = InterestOnUnwind::NextPayment;
        assert_eq!(terms.switch_date(april(1), april(3)), april(1));
        assert_eq!(terms.unwind_payment(april(10), april(30)), april(30));
    }
}
