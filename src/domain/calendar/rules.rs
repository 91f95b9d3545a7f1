//! How the holidays of a place are written down: yearly rules, what becomes of them at weekends, and single days.

use chrono::{Datelike, Days, NaiveDate, Weekday};

use super::{Calendar, Weekend};

/// The holidays of one place over the years that they are known for. All of them have Saturday and Sunday off.
pub(super) struct Rules {
    /// Rules whose holidays count here, too.
    pub beside: &'static [&'static Rules],
    pub first_year: i32,
    pub last_year: i32,
    pub yearly: &'static [Yearly],
    /// Days off that no rule gives: `2012 10-29 10-30`, a year and days of it.
    pub closed: &'static [&'static str],
    /// Business days that a rule gives as days off, because the holiday was moved or not kept.
    pub open: &'static [&'static str],
}

/// A holiday of every year from one to another.
#[derive(Clone, Copy)]
pub(super) struct Yearly {
    day: Day,
    moves: Moves,
    from: i32,
    until: i32,
}

/// The day of a holiday.
#[derive(Clone, Copy)]
enum Day {
    On {
        month: u32,
        day: u32,
    },
    Nth {
        nth: u8,
        weekday: Weekday,
        month: u32,
    },
    /// The last such weekday on or before a day.
    UpTo {
        weekday: Weekday,
        month: u32,
        day: u32,
    },
    /// So many days after Easter Sunday.
    Easter {
        days: i64,
    },
    /// Japan keeps both equinoxes.
    SpringEquinox,
    AutumnEquinox,
}

/// What becomes of a holiday on a weekend; without a rule it is lost.
#[derive(Clone, Copy)]
enum Moves {
    Stays,
    SundayToMonday,
    ToMonday,
    /// A Saturday to Friday, a Sunday to Monday.
    ToNearest,
    /// Two days on, for two holidays in a row: 25 and 26 December.
    TwoDaysOn,
}

pub(super) const fn on(month: u32, day: u32) -> Yearly {
    every(Day::On { month, day })
}

pub(super) const fn nth(nth: u8, weekday: Weekday, month: u32) -> Yearly {
    every(Day::Nth { nth, weekday, month })
}

pub(super) const fn up_to(weekday: Weekday, month: u32, day: u32) -> Yearly {
    every(Day::UpTo { weekday, month, day })
}

pub(super) const fn easter(days: i64) -> Yearly {
    every(Day::Easter { days })
}

pub(super) const GOOD_FRIDAY: Yearly = easter(-2);
pub(super) const EASTER_MONDAY: Yearly = easter(1);
pub(super) const WHIT_MONDAY: Yearly = easter(50);
pub(super) const SPRING_EQUINOX: Yearly = every(Day::SpringEquinox);
pub(super) const AUTUMN_EQUINOX: Yearly = every(Day::AutumnEquinox);

const fn every(day: Day) -> Yearly {
    Yearly { day, moves: Moves::Stays, from: i32::MIN, until: i32::MAX }
}

impl Yearly {
    pub(super) const fn sunday_to_monday(mut self) -> Yearly {
        self.moves = Moves::SundayToMonday;
        self
    }

    pub(super) const fn to_monday(mut self) -> Yearly {
        self.moves = Moves::ToMonday;
        self
    }

    pub(super) const fn to_nearest(mut self) -> Yearly {
        self.moves = Moves::ToNearest;
        self
    }

    pub(super) const fn two_days_on(mut self) -> Yearly {
        self.moves = Moves::TwoDaysOn;
        self
    }

    pub(super) const fn from(mut self, year: i32) -> Yearly {
        self.from = year;
        self
    }

    /// That year is the last one.
    pub(super) const fn until(mut self, year: i32) -> Yearly {
        self.until = year;
        self
    }

    /// The day off in a year, moved where it falls on a weekend.
    fn in_year(&self, year: i32) -> Option<NaiveDate> {
        if !(self.from..=self.until).contains(&year) {
            return None;
        }
        let date = self.day.in_year(year)?;
        let days_on = match (self.moves, date.weekday()) {
            (Moves::SundayToMonday | Moves::ToNearest | Moves::ToMonday, Weekday::Sun) => 1,
            (Moves::ToMonday, Weekday::Sat) => 2,
            (Moves::ToNearest, Weekday::Sat) => -1,
            (Moves::TwoDaysOn, Weekday::Sat | Weekday::Sun) => 2,
            _ => 0,
        };
        Some(date + chrono::TimeDelta::days(days_on))
    }
}

impl Day {
    fn in_year(self, year: i32) -> Option<NaiveDate> {
        match self {
            Day::On { month, day } => NaiveDate::from_ymd_opt(year, month, day),
            Day::Nth { nth, weekday, month } => NaiveDate::from_weekday_of_month_opt(year, month, weekday, nth),
            Day::UpTo { weekday, month, day } => {
                let limit = NaiveDate::from_ymd_opt(year, month, day)?;
                let back = limit.weekday().days_since(weekday);
                Some(limit - Days::new(back.into()))
            }
            Day::Easter { days } => Some(easter_sunday(year)? + chrono::TimeDelta::days(days)),
            Day::SpringEquinox => NaiveDate::from_ymd_opt(year, 3, equinox(year, 20_843_100)),
            Day::AutumnEquinox => NaiveDate::from_ymd_opt(year, 9, equinox(year, 23_248_800)),
        }
    }
}

/// Easter Sunday of the Gregorian calendar: the anonymous computus of 1876 (Meeus, Astronomical Algorithms, chapter 8).
fn easter_sunday(year: i32) -> Option<NaiveDate> {
    let golden = year % 19;
    let (century, of_century) = (year / 100, year % 100);
    let corrected = century - (century + 8) / 25;
    let epact = (19 * golden + century - century / 4 - (corrected + 1) / 3 + 15) % 30;
    let to_sunday = (32 + 2 * (century % 4) + 2 * (of_century / 4) - epact - of_century % 4) % 7;
    let late = (golden + 11 * epact + 22 * to_sunday) / 451;
    let days = epact + to_sunday - 7 * late + 114;
    NaiveDate::from_ymd_opt(year, (days / 31) as u32, (days % 31 + 1) as u32)
}

/// The day of the month of an equinox in Japan between 1980 and 2099, as it is usually reckoned: in millionths of a day it moves on by
/// 242,194 a year, and a leap year takes a whole day back.
fn equinox(year: i32, in_1980: i32) -> u32 {
    let years = year - 1980;
    ((in_1980 + 242_194 * years) / 1_000_000 - years / 4) as u32
}

impl Rules {
    pub(super) fn calendar(&self, name: &str) -> Calendar {
        let bound =
            |year, month, day| NaiveDate::from_ymd_opt(year, month, day).expect("1 January and 31 December are dates");
        let (first, last) = (bound(self.first_year, 1, 1), bound(self.last_year, 12, 31));
        Calendar::new(name, Weekend::SATURDAY_SUNDAY, self.holidays(), first, last)
    }

    fn holidays(&self) -> Vec<NaiveDate> {
        let years = self.first_year..=self.last_year;
        let yearly = years.flat_map(|year| self.yearly.iter().filter_map(move |holiday| holiday.in_year(year)));
        let beside = self.beside.iter().flat_map(|rules| rules.holidays());
        let open: Vec<_> = listed(self.open).collect();
        yearly.chain(beside).filter(|date| !open.contains(date)).chain(listed(self.closed)).collect()
    }
}

fn listed(years: &'static [&'static str]) -> impl Iterator<Item = NaiveDate> {
    years.iter().flat_map(|line| {
        let (year, days) = line.split_once(' ').expect("a year stands before its days");
        days.split(' ').map(move |day| format!("{year}-{day}").parse().expect("month and day of that year"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn easter_is_where_it_is() {
        for (year, month, day) in
            [(1961, 4, 2), (2000, 4, 23), (2008, 3, 23), (2011, 4, 24), (2025, 4, 20), (2038, 4, 25)]
        {
            assert_eq!(easter_sunday(year), NaiveDate::from_ymd_opt(year, month, day));
        }
    }

    #[test]
    fn an_equinox_moves_between_two_days() {
        let days = |in_1980| (2000..=2030).map(|year| equinox(year, in_1980)).collect::<Vec<_>>();
        let spring: Vec<_> = (2000..=2030)
            .map(|year| if matches!(year % 4, 0 | 1) || year == 2026 || year == 2030 { 20 } else { 21 })
            .collect();
        assert_eq!(days(20_843_100), spring);
        let autumn: Vec<_> = (2000..=2030).map(|year| if year >= 2012 && year % 4 == 0 { 22 } else { 23 }).collect();
        assert_eq!(days(23_248_800), autumn);
    }
}
