//! What a contract says about its rate: fixed, set in advance, or observed overnight.

use rust_decimal::Decimal;

use crate::domain::names::IndexName;

/// Where the rate of a financing leg comes from. Rates are fractions of a year: 0.05 is 5 %.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RateTerms {
    Fixed(Decimal),
    Overnight(OvernightTerms),
    /// Set in advance: the fixing of the business day `offset` business days before the interest period starts counts for all of it, and for
    /// every lot that is financed within it.
    Term {
        index: IndexName,
        offset: usize,
    },
}

/// How daily rates of an index become the rate of a period: ISDA 2021 Interest Rate Derivatives Definitions, section 7.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OvernightTerms {
    pub index: IndexName,
    pub method: Method,
    pub observation: Observation,
    /// The last `lockout` observations of a period reuse the rate of the business day before them (ISDA's, QuantLib's and ORE's count;
    /// Strata's `rateCutOffDays` counts the day whose rate is reused, too, so it is one more). 0 is none.
    pub lockout: usize,
    /// Of each day's rate before it is weighted and before any spread: section 7.2.3.
    pub daily_floor: Option<Decimal>,
    /// As the floor: section 7.2.4.
    pub daily_cap: Option<Decimal>,
}

/// How the rates of a period are put together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// Interest on interest, day by day: section 7.3.
    Compound,
    /// The mean of the daily rates, weighted by days: section 7.4.
    Average,
}

/// Which business day's fixing counts for a day of the period, and whose days weigh it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Observation {
    /// The fixing of so many business days before; it is weighted by the days of the period itself. 0 is no lookback.
    Lookback(usize),
    /// As a lookback, but the fixing keeps the weight of its own days ("observation period shift").
    Shift { days: usize, amount_days: AmountDays },
}

/// Whose days turn the rate of a shifted observation period into an amount. The two periods may differ by days.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AmountDays {
    /// Notional x rate x day count fraction of the calculation period: ISDA's reading, and QuantLib's.
    CalculationPeriod,
    /// The days that were observed: many notes and loans, and ORE's reading.
    ObservationPeriod,
}

/// What counts where a fixing was due and none was published.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Unpublished {
    /// Nothing: the amount is blocked until it comes.
    Blocks,
    /// The last published one, if it is not older than this; the amount is provisional.
    LastPublished { age_days_max: i64 },
}

impl Observation {
    /// Business days between a day of the period and the fixing that counts for it.
    pub fn days(self) -> usize {
        match self {
            Observation::Lookback(days) | Observation::Shift { days, .. } => days,
        }
    }

    /// Whether fixings keep the weight of their own days. A shift by no days is none, also where a period starts or ends on a holiday.
    pub fn shifted(self) -> bool {
        matches!(self, Observation::Shift { days: 1.., .. })
    }
}
