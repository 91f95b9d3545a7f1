//! Whose shares count for a dividend: the day and the kind of position that decide.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::declared::Declared;
use super::terms::Entitlement;
use crate::domain::blocked::Blocked;
use crate::domain::lots::slice::{Edge, Slice};

/// The close by which shares must be held, which includes shorts: a short held then pays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CutOff {
    /// Bought by this day and not sold by it, by trade date.
    Traded(NaiveDate),
    /// The same by settlement date.
    Settled(NaiveDate),
}

/// The dates between which a slice is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tenure {
    pub opened: Dates,
    pub closed: Option<Dates>,
}

/// When a trade was done, and when it settles.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dates {
    pub trade: NaiveDate,
    pub settle: NaiveDate,
}

impl<Id> From<&Slice<Id>> for Tenure {
    fn from(slice: &Slice<Id>) -> Tenure {
        let dates = |edge: &Edge| Dates { trade: edge.date, settle: edge.settle_date };
        Tenure { opened: dates(&slice.start), closed: slice.end.as_ref().map(|end| dates(&end.edge)) }
    }
}

impl Entitlement {
    /// The cut-off of a dividend. `day_before` gives the exchange business day before a date: trades on the ex date itself are without
    /// the dividend.
    pub fn cut_off(
        self,
        declared: &Declared,
        day_before: impl FnOnce(NaiveDate) -> Result<NaiveDate, Blocked>,
    ) -> Result<CutOff, Blocked> {
        match self {
            Entitlement::ExDate => day_before(declared.ex_date).map(CutOff::Traded),
            Entitlement::RecordDate => Ok(CutOff::Settled(declared.record_date)),
        }
    }
}

impl CutOff {
    /// The last day that counts, by trade or by settlement date.
    #[inline]
    pub fn day(self) -> NaiveDate {
        match self {
            CutOff::Traded(day) | CutOff::Settled(day) => day,
        }
    }

    /// What a slice adds to the position at the cut-off, of its signed quantity: all of it while it is held, none before and after. What
    /// settles its close before its opening is owed in between, and counts against the position.
    #[inline]
    pub fn entitled(self, quantity: Decimal, tenure: Tenure) -> Option<Decimal> {
        let day = self.day();
        let date = |dates: Dates| match self {
            CutOff::Traded(_) => dates.trade,
            CutOff::Settled(_) => dates.settle,
        };
        let opened = date(tenure.opened) <= day;
        let closed = tenure.closed.is_some_and(|closed| date(closed) <= day);
        match (opened, closed) {
            (true, false) => Some(quantity),
            (false, true) => Some(-quantity),
            _ => None,
        }
    }
}
