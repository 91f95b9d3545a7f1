//! When the business day of an account ends.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, TimeZone};
use chrono_tz::Tz;

use super::object::Item;
use crate::domain::key::Timestamp;
use crate::messages::request::InvalidValue;

/// Where an account keeps its books, and when its day ends by the clocks there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Account {
    zone: Tz,
    /// Since midnight.
    cut_off: TimeDelta,
}

impl Account {
    /// The day that an instant belongs to: that of the account's zone, from the cut-off on the next one. Clocks that are put back show the cut-off
    /// twice, and the first time counts: no instant belongs to an earlier day than one before it. `None` beyond all calendars.
    pub fn day(self, instant: Timestamp) -> Option<NaiveDate> {
        let instant = DateTime::from_timestamp_micros(instant.0)?.naive_utc();
        let there = self.zone.from_utc_datetime(&instant);
        let day = there.date_naive();
        let cut_off = day.and_time(NaiveTime::MIN).checked_add_signed(self.cut_off)?;
        let ended = match self.zone.from_local_datetime(&cut_off).earliest() {
            Some(cut_off) => there >= cut_off,
            None => there.naive_local() >= cut_off, // clocks are put forward over it
        };
        if ended { day.succ_opt() } else { Some(day) }
    }
}

/// `{"zone": "America/New_York", "cutOff": "17:00"}`; a day that ends at midnight has the cut-off `24:00`.
pub(super) fn account(item: Item<'_>) -> Result<Account, InvalidValue> {
    let object = item.object()?;
    let zone = object.member("zone")?.named(zone)?;
    let cut_off = object.member("cutOff")?.named(cut_off)?;
    object.end()?;
    Ok(Account { zone, cut_off })
}

fn zone(name: &str) -> Result<Tz, &'static str> {
    name.parse().map_err(|_| "is no time zone; allowed: names of the IANA database such as Europe/London")
}

fn cut_off(text: &str) -> Result<TimeDelta, &'static str> {
    let number = |digits: &str| match digits.as_bytes() {
        [b'0'..=b'9', b'0'..=b'9'] => digits.parse::<i64>().ok(),
        _ => None,
    };
    let time = text.split_once(':').and_then(|(hours, minutes)| Some((number(hours)?, number(minutes)?)));
    let minutes = time.filter(|(_, minutes)| *minutes < 60).map(|(hours, minutes)| hours * 60 + minutes);
    let within = minutes.filter(|minutes| (1..=24 * 60).contains(minutes));
    within.map(TimeDelta::minutes).ok_or("is no end of a day; allowed: 00:01 to 24:00")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(zone: &str, cut_off: &str, instant: &str) -> String {
        let account =
            Account { zone: super::zone(zone).expect("a zone"), cut_off: super::cut_off(cut_off).expect("a time") };
        let instant = DateTime::parse_from_rfc3339(instant).expect("an instant");
        account.day(Timestamp(instant.timestamp_micros())).expect("a day").to_string()
    }

    #[test]
    fn a_day_is_that_of_the_account_and_ends_at_its_cut_off() {
        assert_eq!(day("America/New_York", "17:00", "2025-03-06T21:59:59.999999Z"), "2025-03-06", "in winter");
        assert_eq!(day("America/New_York", "17:00", "2025-03-06T22:00:00Z"), "2025-03-07", "at the cut-off");
        assert_eq!(day("America/New_York", "17:00", "2025-03-12T21:00:00Z"), "2025-03-13", "in summer");
        assert_eq!(day("Asia/Tokyo", "18:00", "2025-03-05T22:00:00Z"), "2025-03-06", "the next morning there");
        assert_eq!(day("Asia/Kolkata", "24:00", "2025-03-05T18:29:59Z"), "2025-03-05", "a minute before midnight");
        assert_eq!(day("Asia/Kolkata", "24:00", "2025-03-05T18:30:00Z"), "2025-03-06");
    }

    #[test]
    fn a_cut_off_that_clocks_leap_over_or_show_twice() {
        // 02:00 becomes 03:00 on 9 March 2025, 02:00 becomes 01:00 on 2 November.
        assert_eq!(day("America/New_York", "02:30", "2025-03-09T06:59:59Z"), "2025-03-09");
        assert_eq!(day("America/New_York", "02:30", "2025-03-09T07:00:00Z"), "2025-03-10");
        assert_eq!(day("America/New_York", "01:30", "2025-11-02T05:29:00Z"), "2025-11-02", "01:29");
        assert_eq!(day("America/New_York", "01:30", "2025-11-02T05:31:00Z"), "2025-11-03", "01:31");
        assert_eq!(day("America/New_York", "01:30", "2025-11-02T06:01:00Z"), "2025-11-03", "01:01 for the second time");
        // A midnight that does not exist: 00:00 becomes 01:00.
        assert_eq!(day("America/Sao_Paulo", "24:00", "2018-11-04T02:59:59Z"), "2018-11-03");
        assert_eq!(day("America/Sao_Paulo", "24:00", "2018-11-04T03:00:00Z"), "2018-11-04");
        // A day that does not exist: 30 December 2011.
        assert_eq!(day("Pacific/Apia", "24:00", "2011-12-30T09:59:59Z"), "2011-12-29");
        assert_eq!(day("Pacific/Apia", "24:00", "2011-12-30T10:00:00Z"), "2011-12-31");
    }

    proptest! {
        #[test]
        fn a_later_instant_never_belongs_to_an_earlier_day(
            zone in prop::sample::select(&chrono_tz::TZ_VARIANTS[..]),
            minutes in 1_i64..=24 * 60,
            instant in -3_000_000_000_i64..4_000_000_000,
            later in 0_i64..200_000,
        ) {
            let account = Account { zone, cut_off: TimeDelta::minutes(minutes) };
            let day = |seconds: i64| account.day(Timestamp(seconds * 1_000_000)).expect("a day");
            prop_assert!(day(instant) <= day(instant + later));
            prop_assert!(day(instant + 3 * 86_400) > day(instant), "days go on");
        }
    }

    #[test]
    fn what_is_no_zone_or_no_end_of_a_day() {
        for name in ["", "Europe", "europe/london", "CET ", "UTC+25", "../../etc/passwd", "Europe/London\0"] {
            assert!(zone(name).is_err(), "{name:?}");
        }
        for text in
            ["", "24:01", "00:00", "25:00", "17", "17:60", "7:00", "+7:00", "17:0x", "17:00:00", "१७:००", "-1:30"]
        {
            assert!(cut_off(text).is_err(), "{text}");
        }
        assert_eq!(cut_off("00:01"), Ok(TimeDelta::minutes(1)));
    }

    #[test]
    fn an_instant_beyond_all_calendars_has_no_day() {
        let account = Account { zone: Tz::UTC, cut_off: TimeDelta::hours(24) };
        assert_eq!((account.day(Timestamp(i64::MAX)), account.day(Timestamp(i64::MIN))), (None, None));
    }
}
