//! Calendars by name: places, exchanges by their MIC, and the business centers of FpML.

use super::rules::Rules;
use super::{Calendar, america, europe, pacific};

/// Raised whenever a day of a calendar changes, so that a result can say which days it was calculated with.
///
/// The rules are our own text, under the licence of this program, written from the public sources that each of them names (acts,
/// proclamations, the notices of exchanges and central banks); no list of anybody's was taken over. They were
/// compared day by day with QuantLib 1.44 and exchange_calendars; a test below lists where we differ and why. Early closes are business days.
pub const EDITION: u32 = 1;

static NAMES: [(&str, &Rules); 33] = [
    ("AU", &pacific::SYDNEY),
    ("CA-SETTLEMENT", &america::CANADA),
    ("CH", &europe::ZURICH),
    ("DE-XETRA", &europe::FRANKFURT),
    ("HK", &pacific::HONG_KONG),
    ("JP", &pacific::JAPAN),
    ("TARGET", &europe::TARGET),
    ("UK-EXCHANGE", &europe::LONDON),
    ("UK-SETTLEMENT", &europe::LONDON),
    ("US-FEDERALRESERVE", &america::FEDERAL_RESERVE),
    ("US-GOVBOND", &america::GOVERNMENT_BONDS),
    ("US-NYSE", &america::NEW_YORK_STOCK_EXCHANGE),
    ("US-SOFR", &america::SOFR),
    ("XASX", &pacific::SYDNEY_EXCHANGE),
    ("XCME", &america::CHICAGO),
    ("CMES", &america::CHICAGO),
    ("XETR", &europe::FRANKFURT),
    ("XHKG", &pacific::HONG_KONG_EXCHANGE),
    ("XLON", &europe::LONDON),
    ("XNYS", &america::NEW_YORK_STOCK_EXCHANGE),
    ("XPAR", &europe::PARIS),
    ("XSWX", &europe::SIX),
    ("XTKS", &pacific::TOKYO),
    ("XTSE", &america::TORONTO),
    ("AUSY", &pacific::SYDNEY),
    ("CATO", &america::CANADA),
    ("CHZU", &europe::ZURICH),
    ("EUTA", &europe::TARGET),
    ("GBLO", &europe::LONDON),
    ("HKHK", &pacific::HONG_KONG),
    ("JPTO", &pacific::JAPAN),
    ("USGS", &america::GOVERNMENT_BONDS),
    ("USNY", &america::FEDERAL_RESERVE),
];

/// The name is not one of those that are known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no calendar `{0}`; one of {names}, or several joined by +", names = NAMES.map(|(name, _)| name).join(", "))]
pub struct UnknownCalendar(pub String);

impl Calendar {
    /// A calendar by its name, or the joint one of several: `US-NYSE+UK-EXCHANGE`. It is built anew each time; keep it.
    pub fn named(name: &str) -> Result<Calendar, UnknownCalendar> {
        let mut parts = name.split('+').map(single);
        let first = parts.next().unwrap_or_else(|| single(name))?;
        parts.try_fold(first, |joint, next| Ok(joint.joined(&next?)))
    }
}

fn single(name: &str) -> Result<Calendar, UnknownCalendar> {
    let known = NAMES.iter().find(|(known, _)| *known == name);
    let (name, rules) = known.ok_or_else(|| UnknownCalendar(name.chars().take(40).collect()))?;
    Ok(rules.calendar(name))
}

#[cfg(test)]
mod tests {
    use chrono::{Datelike, NaiveDate, Weekday};
    use xxhash_rust::xxh3::xxh3_64;

    use super::*;

    fn named(name: &str) -> Calendar {
        Calendar::named(name).expect("the test names a calendar")
    }

    /// On days like `2012 10-29 10-30`, a year and days of it.
    fn assert_days(name: &str, open: bool, years: &[&str]) {
        let calendar = named(name);
        for line in years {
            let (year, days) = line.split_once(' ').expect("a year and days");
            for day in days.split(' ') {
                let date = format!("{year}-{day}").parse().expect("a date");
                assert_eq!(calendar.business_day(date), Ok(open), "{name} {date}");
            }
        }
    }

    fn holidays(calendar: &Calendar) -> Vec<NaiveDate> {
        let (first, last) = calendar.known();
        let weekday = |date: &NaiveDate| !matches!(date.weekday(), Weekday::Sat | Weekday::Sun);
        let days = first.iter_days().take_while(|date| *date <= last).filter(weekday);
        days.filter(|date| calendar.business_day(*date) == Ok(false)).collect()
    }

    /// Whoever changes a day raises `EDITION` and says here how many holidays there are now, and the hash of their list.
    #[test]
    fn a_calendar_changes_only_with_its_edition() {
        let pin = |(name, _): &(&'static str, &Rules)| {
            let holidays = holidays(&named(name));
            let list: Vec<_> = holidays.iter().map(NaiveDate::to_string).collect();
            (*name, list.len(), xxh3_64(list.join(" ").as_bytes()))
        };
        let got: Vec<_> = NAMES.iter().take(PINNED.len()).map(pin).collect();
        assert_eq!((EDITION, got), (1, PINNED.to_vec()));
    }

    const PINNED: [(&str, usize, u64); 24] = [
        ("AU", 304, 0x1f963b5778675c34),
        ("CA-SETTLEMENT", 343, 0xe6d2b04a45d01b71),
        ("CH", 259, 0x7d42991576d5d3b0),
        ("DE-XETRA", 211, 0x288c6762662b1f2f),
        ("HK", 388, 0x95ce428187db2a94),
        ("JP", 494, 0xc6e71aac04e836a2),
        ("TARGET", 154, 0x59e814c0a2707757),
        ("UK-EXCHANGE", 254, 0x68064486357f5c93),
        ("UK-SETTLEMENT", 254, 0x68064486357f5c93),
        ("US-FEDERALRESERVE", 300, 0x033b266212a67817),
        ("US-GOVBOND", 336, 0x67d88733cb99ab7f),
        ("US-NYSE", 293, 0x6c886530f6689d05),
        ("US-SOFR", 343, 0xbd887ef270625e8f),
        ("XASX", 242, 0x655cf93dc181e53f),
        ("XCME", 92, 0xb433a975f0dc3764),
        ("CMES", 92, 0xb433a975f0dc3764),
        ("XETR", 211, 0x288c6762662b1f2f),
        ("XHKG", 403, 0x12174592632c880d),
        ("XLON", 254, 0x68064486357f5c93),
        ("XNYS", 293, 0x6c886530f6689d05),
        ("XPAR", 157, 0x23826b4980af3ae4),
        ("XSWX", 303, 0x580e5be8fe35ac36),
        ("XTKS", 495, 0x0f6ac99a679b429a),
        ("XTSE", 304, 0xdf82c1e3372feaa1),
    ];

    #[test]
    fn holidays_are_where_they_were() {
        assert_days(
            "US-NYSE",
            false,
            &["2001 09-11 09-14", "2012 10-29 10-30", "2021 12-24", "2022 06-20", "2025 01-09", "2026 04-03 07-03"],
        );
        assert_days("US-NYSE", true, &["2021 12-31", "2021 06-18", "2025 10-13 11-11"]);
        assert_days("US-FEDERALRESERVE", true, &["2020 07-03", "2026 07-03", "2021 12-24", "2026 04-03"]);
        assert_days("US-GOVBOND", true, &["2023 04-07", "2026 04-03"]);
        assert_days("US-SOFR", false, &["2021 04-02", "2023 04-07", "2024 03-29", "2026 04-03"]);
        assert_days("TARGET", false, &["2000 04-21", "2001 12-31", "2026 04-03 04-06 05-01"]);
        assert_days("TARGET", true, &["2025 12-24 12-31", "2026 05-14 05-25"]);
        assert_days(
            "UK-SETTLEMENT",
            false,
            &["2011 04-29", "2012 06-04 06-05", "2022 06-02 06-03 09-19", "2023 05-08", "2021 12-27 12-28"],
        );
        assert_days("UK-SETTLEMENT", true, &["2012 05-28", "2020 05-04", "2022 05-30"]);
        assert_days("CH", false, &["2026 01-02 05-14 05-25", "2025 08-01"]);
        assert_days("XSWX", false, &["2025 12-24 12-31"]);
        assert_days(
            "JP",
            false,
            &["2019 04-30 05-01 05-02 05-06 10-22", "2021 07-22 07-23 08-09", "2026 09-22", "2009 09-22"],
        );
        assert_days("JP", true, &["2019 02-25", "2020 10-12", "2026 10-13"]);
        assert_days("HK", false, &["2026 02-17 02-18 02-19 04-07 10-19", "2012 10-02"]);
        assert_days("CA-SETTLEMENT", false, &["2022 09-30", "2023 10-02 11-13", "2026 05-18"]);
        assert_days("XTSE", true, &["2022 09-30", "2023 11-13"]);
        assert_days("AU", false, &["2022 09-22", "2026 01-26 08-03"]);
    }

    #[test]
    fn where_we_differ_from_the_libraries_we_compared_with() {
        // QuantLib's Xetra has no New Year's Eve, no Whit Monday and no Day of German Unity; the exchange's notices do.
        assert_days("DE-XETRA", false, &["2014 10-03", "2017 10-31", "2021 05-24", "2025 12-31"]);
        // QuantLib gives 2003 the rule of 2007, by which a Greenery Day on a Sunday moves.
        assert_days("JP", true, &["2003 05-06"]);
        // The Buddha's birthday of 2012 was on 28 April, a Saturday; QuantLib knows none of the lunar holidays before 2004 and after 2026.
        assert_days("HK", true, &["2012 05-10"]);
        // QuantLib misses Ching Ming after Easter Monday, the second weekday after a Christmas on Sunday, Mid-Autumn on National Day.
        assert_days("HK", false, &["2004 12-27", "2012 10-02", "2019 05-13", "2021 04-06", "2022 12-27"]);
        // Storm Saola and the black rain a week later closed the exchange for the day; exchange_calendars has it open.
        assert_days("XHKG", false, &["2023 09-01 09-08"]);
        // Anzac Day on Sunday, and on Easter Monday: the exchange and the banks of Sydney had the day after; QuantLib has not.
        assert_days("AU", false, &["2010 04-26", "2011 04-26"]);
    }

    #[test]
    fn calendars_join_by_their_names() {
        let joint = named("US-NYSE+UK-EXCHANGE+HK");
        assert_eq!(joint.name(), "US-NYSE+UK-EXCHANGE+HK");
        assert_eq!(joint.known().1, NaiveDate::from_ymd_opt(2027, 12, 31).expect("a date"));
        assert_days("US-NYSE+UK-EXCHANGE+HK", false, &["2025 07-01 07-04 08-25"]);
        assert_eq!(named("XLON").joined(&named("XNYS")).business_days_of_2025(), 246);
        for unknown in ["", "NYSE2", "US-NYSE+", "us-nyse"] {
            assert!(Calendar::named(unknown).is_err(), "{unknown}");
        }
    }

    impl Calendar {
        fn business_days_of_2025(&self) -> i64 {
            let first = |year| NaiveDate::from_ymd_opt(year, 1, 1).expect("a date");
            self.business_days(first(2025), first(2026)).expect("it is known")
        }
    }
}
