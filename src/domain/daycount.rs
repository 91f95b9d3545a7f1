//! Day counts: how many days, and what fraction of a year they are.

use chrono::NaiveDate;

use super::money::Currency;

/// A day count fraction with a fixed year, so that it is days over a basis.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DayCount {
    /// ACT/360: ISDA 2021 section 4.6.1(v), ISDA 2006 section 4.16(e).
    Act360,
    /// ACT/365.FIXED: ISDA 2021 section 4.6.1(iv), ISDA 2006 section 4.16(d).
    Act365Fixed,
}

impl DayCount {
    /// The days a year counts.
    pub fn basis(self) -> i64 {
        match self {
            DayCount::Act360 => 360,
            DayCount::Act365Fixed => 365,
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
    (end - start).num_days().max(0)
}
