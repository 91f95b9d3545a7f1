//! Which fixing counts for which days of a calculation period, and how much it weighs.

use chrono::NaiveDate;

use super::business_days::BusinessDays;
use super::terms::OvernightTerms;
use crate::domain::blocked::Blocked;

/// Days that bear interest: `start` is counted, `end` is not.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Period {
    pub start: NaiveDate,
    pub end: NaiveDate,
}

/// The observations of one calculation period.
///
/// With `S` and `E` the start and end of the period, the *value dates* are the business days `b_0 .. b_m` from the last one on or before `S` to
/// the first one on or after `E`. The *interest dates* `i_0 .. i_m` are the same but for the ends, which are `S` and `E` themselves. Observation
/// `j` bears interest from `i_j` to `i_(j+1)`; its fixing is that of `o_j`, `lookback` business days before `b_j`; its weight is the days from
/// `i_j` to `i_(j+1)`, or with an observation shift from `o_j` to `o_(j+1)`. A period may start or end on a holiday.
///
/// Observations go by the number of their value date.
#[derive(Clone, Copy, Debug)]
pub struct Schedule<'a> {
    pub days: &'a BusinessDays,
    pub period: Period,
    /// The number of `b_0`.
    pub first: usize,
    /// The number of `b_m`, which bears no interest any more.
    pub last: usize,
    lookback: usize,
    shift: bool,
    /// The last observation with a rate of its own; the locked ones after it reuse it.
    last_unlocked: usize,
}

/// One line of a schedule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ObservedDay {
    pub interest_date: NaiveDate,
    pub fixing_date: NaiveDate,
    pub weight_days: i64,
}

/// How far a period has come on a date: all observations before `running` count whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    pub running: usize,
    /// Days of the running observation's interest that have gone by; 0 on a business day.
    pub elapsed: i64,
    /// All days of the running observation's interest.
    pub length: i64,
}

impl<'a> Schedule<'a> {
    /// Of a period that has days.
    pub fn new(days: &'a BusinessDays, period: Period, terms: &OvernightTerms) -> Result<Schedule<'a>, Blocked> {
        let (first, last) = (days.on_or_before(period.start)?, days.on_or_after(period.end)?);
        let lookback = terms.observation.days();
        let last_unlocked = days.back(last, 1 + terms.lockout)?;
        days.back(first.min(last_unlocked), lookback)?;
        Ok(Schedule { days, period, first, last, lookback, shift: terms.observation.shifted(), last_unlocked })
    }

    /// The number of the business day whose fixing counts for an observation.
    pub fn fixing_day(&self, observation: usize) -> usize {
        observation.min(self.last_unlocked) - self.lookback
    }

    /// The first observation that reuses an earlier rate: the end of the period when there is none, and before its start when the lockout is
    /// longer than the period.
    pub fn locked_from(&self) -> usize {
        self.last_unlocked + 1
    }

    /// `i_j`: from when on an observation bears interest.
    pub fn interest_date(&self, observation: usize) -> NaiveDate {
        self.days.date(observation).clamp(self.period.start, self.period.end)
    }

    /// The days that a whole observation weighs.
    pub fn weight(&self, observation: usize) -> i64 {
        if self.shift {
            self.observed_days(observation, observation + 1)
        } else {
            (self.interest_date(observation + 1) - self.interest_date(observation)).num_days()
        }
    }

    /// Calendar days of the shifted observation period from one observation to another.
    pub fn observed_days(&self, from: usize, to: usize) -> i64 {
        (self.days.date(to - self.lookback) - self.days.date(from - self.lookback)).num_days()
    }

    /// Whether the first observation lacks days because the period starts on a holiday.
    pub fn starts_late(&self) -> bool {
        self.days.date(self.first) < self.period.start
    }

    /// Where the period stands on a date from its start to its end, both included.
    pub fn progress(&self, to: NaiveDate) -> Result<Progress, Blocked> {
        let running = self.days.on_or_before(to)?;
        let elapsed = (to - self.interest_date(running)).num_days();
        if elapsed == 0 {
            return Ok(Progress { running, elapsed, length: 1 });
        }
        let length = (self.interest_date(running + 1) - self.interest_date(running)).num_days();
        Ok(Progress { running, elapsed, length })
    }

    /// All observations in their order, as a table of the period would list them.
    pub fn observations(&self) -> impl Iterator<Item = ObservedDay> {
        (self.first..self.last).map(|observation| ObservedDay {
            interest_date: self.interest_date(observation),
            fixing_date: self.days.date(self.fixing_day(observation)),
            weight_days: self.weight(observation),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::names::IndexName;
    use crate::domain::rates::terms::{Method, Observation};

    fn june(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2025, 6, day).expect("a day of June")
    }

    /// Of a calendar that knows every day of June as a business day.
    fn fixing_days(start: u32, end: u32, lookback: usize, lockout: usize) -> Result<Vec<u32>, Blocked> {
        use chrono::Datelike;
        let days = BusinessDays::new("JUNE", june(1), june(30), |_| true);
        let terms = OvernightTerms {
            index: IndexName::new("X").expect("a name"),
            method: Method::Compound,
            observation: Observation::Lookback(lookback),
            lockout,
            daily_floor: None,
            daily_cap: None,
        };
        let period = Period { start: june(start), end: june(end) };
        let schedule = Schedule::new(&days, period, &terms)?;
        Ok(schedule.observations().map(|observed| observed.fixing_date.day()).collect())
    }

    #[test]
    fn a_lockout_longer_than_the_period_looks_before_it() {
        assert_eq!(fixing_days(10, 13, 0, 0), Ok(vec![10, 11, 12]));
        assert_eq!(fixing_days(10, 13, 0, 2), Ok(vec![10, 10, 10]));
        assert_eq!(fixing_days(10, 13, 0, 5), Ok(vec![7, 7, 7]));
        assert_eq!(fixing_days(10, 13, 2, 5), Ok(vec![5, 5, 5]));
    }

    #[test]
    fn an_observation_before_the_calendar_is_missing() {
        let may_31 = june(1).pred_opt().expect("a day before");
        let missing = Err(Blocked::MissingCalendar { name: "JUNE".into(), date: may_31 });
        assert_eq!(fixing_days(3, 6, 2, 0), Ok(vec![1, 2, 3]));
        assert_eq!(fixing_days(3, 6, 3, 0), missing);
        assert_eq!(fixing_days(3, 6, 1, 3), Ok(vec![1, 1, 1]));
        assert_eq!(fixing_days(3, 6, 2, 3), missing);
        assert_eq!(fixing_days(3, 6, 0, 5), missing);
    }
}
