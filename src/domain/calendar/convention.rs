//! Business day conventions: where a date goes that is no business day.

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, NaiveDate, Weekday};

use super::{Calendar, OutsideCalendar};

/// FpML's businessDayConvention: ISDA 2021 section 2.3.1, ISDA 2006 section 4.12.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Convention {
    /// The next business day.
    Following,
    /// The next business day, unless it falls in another month: then the one before.
    ModifiedFollowing,
    /// The business day before.
    Preceding,
    /// The business day before, unless it falls in another month: then the next.
    ModifiedPreceding,
    /// A Sunday or a Monday goes to the next business day, any other day to the one before. It does not measure a distance.
    Nearest,
    /// Stays where it is.
    None,
    /// Stays where it is, because what it is asked for has no such dates.
    NotApplicable,
}

/// The text names no business day convention.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a business day convention; one of FOLLOWING, MODFOLLOWING, PRECEDING, MODPRECEDING, NEAREST, NONE, NotApplicable"
)]
pub struct UnknownConvention(pub String);

const NAMES: [(Convention, &str); 7] = [
    (Convention::Following, "FOLLOWING"),
    (Convention::ModifiedFollowing, "MODFOLLOWING"),
    (Convention::Preceding, "PRECEDING"),
    (Convention::ModifiedPreceding, "MODPRECEDING"),
    (Convention::Nearest, "NEAREST"),
    (Convention::None, "NONE"),
    (Convention::NotApplicable, "NotApplicable"),
];

impl Calendar {
    /// The date itself when it is a business day, else where the convention sends it.
    pub fn adjust(&self, date: NaiveDate, convention: Convention) -> Result<NaiveDate, OutsideCalendar> {
        if matches!(convention, Convention::None | Convention::NotApplicable) || self.business_day(date)? {
            return Ok(date);
        }
        let next = || self.add_business_days(date, 1);
        let before = || self.add_business_days(date, -1);
        let in_month = |moved: &NaiveDate| moved.month() == date.month();
        match convention {
            Convention::Following => next(),
            Convention::Preceding => before(),
            Convention::ModifiedFollowing => Some(next()?).filter(in_month).map_or_else(before, Ok),
            Convention::ModifiedPreceding => Some(before()?).filter(in_month).map_or_else(next, Ok),
            Convention::Nearest if matches!(date.weekday(), Weekday::Sun | Weekday::Mon) => next(),
            Convention::Nearest => before(),
            Convention::None | Convention::NotApplicable => Ok(date),
        }
    }
}

/// As FpML writes it.
impl fmt::Display for Convention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(convention, _)| convention == self).map_or("", |(_, name)| name);
        f.write_str(name)
    }
}

impl FromStr for Convention {
    type Err = UnknownConvention;

    fn from_str(text: &str) -> Result<Convention, UnknownConvention> {
        let named = NAMES.iter().find(|(_, name)| *name == text).map(|(convention, _)| *convention);
        named.ok_or_else(|| UnknownConvention(text.chars().take(30).collect()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Weekend;
    use super::*;

    #[test]
    fn a_convention_is_written_as_it_is_read() {
        for (convention, name) in NAMES {
            assert_eq!((convention.to_string().as_str(), name.parse()), (name, Ok(convention)));
        }
        assert!("following".parse::<Convention>().is_err());
    }

    #[test]
    fn nearest_goes_by_the_day_of_the_week() {
        let day = |day| NaiveDate::from_ymd_opt(2025, 5, day).expect("a day of May");
        let calendar = Calendar::new("TEST", Weekend::SATURDAY_SUNDAY, [day(5), day(13)], day(1), day(31));
        for (from, to) in [(3, 2), (4, 6), (5, 6), (13, 12)] {
            assert_eq!(calendar.adjust(day(from), Convention::Nearest), Ok(day(to)));
        }
    }

    proptest! {
        #[test]
        fn an_adjusted_date_is_a_business_day_and_stays(closed in prop::collection::vec(20_u64..80, 0..20), number in 30_u64..70) {
            let first = NaiveDate::from_ymd_opt(2025, 5, 1).expect("a date");
            let day = |number| first + chrono::Days::new(number);
            let calendar = Calendar::new("TEST", Weekend::SATURDAY_SUNDAY, closed.into_iter().map(day), first, day(100));
            for (convention, _) in NAMES.into_iter().take(5) {
                let adjusted = calendar.adjust(day(number), convention).expect("100 days are enough");
                prop_assert_eq!(calendar.business_day(adjusted), Ok(true));
                prop_assert_eq!(calendar.adjust(adjusted, convention), Ok(adjusted));
            }
        }
    }
}
