//! Euro payments, the United Kingdom, Switzerland, Frankfurt, Paris.

use chrono::Weekday::Mon;

use super::rules::{EASTER_MONDAY, GOOD_FRIDAY, Rules, WHIT_MONDAY, easter, nth, on, up_to};

/// TARGET closing days: the ECB's long-term calendar of 14 December 2000, and 31 December 2001 for the changeover to cash.
pub(super) static TARGET: Rules = Rules {
    beside: &[],
    first_year: 2000,
    last_year: 2030,
    yearly: &[on(1, 1), GOOD_FRIDAY, EASTER_MONDAY, on(5, 1), on(12, 25), on(12, 26)],
    closed: &["2001 12-31"],
    open: &[],
};

/// Euronext Paris: TARGET's days; before them the French holidays.
pub(super) static PARIS: Rules = Rules {
    beside: &[&TARGET],
    first_year: 2000,
    last_year: 2030,
    yearly: &[],
    closed: &["2000 06-12 07-14", "2001 06-04"],
    open: &[],
};

/// Bank holidays of England and Wales, which the London Stock Exchange keeps: the Banking and Financial Dealings Act 1971, and the
/// proclamations of jubilees, weddings, a funeral and a coronation, for some of which another holiday was moved.
pub(super) static LONDON: Rules = Rules {
    beside: &[],
    first_year: 2000,
    last_year: 2030,
    yearly: &[
        on(1, 1).to_monday(),
        GOOD_FRIDAY,
        EASTER_MONDAY,
        nth(1, Mon, 5),
        up_to(Mon, 5, 31),
        up_to(Mon, 8, 31),
        on(12, 25).two_days_on(),
        on(12, 26).two_days_on(),
    ],
    closed: &[
        "2002 06-03 06-04",
        "2011 04-29",
        "2012 06-04 06-05",
        "2020 05-08",
        "2022 06-02 06-03 09-19",
        "2023 05-08",
    ],
    open: &["2002 05-27", "2012 05-28", "2020 05-04", "2022 05-30"],
};

/// Xetra: trading days of the Frankfurt exchange, by its yearly notices. Whit Monday and the Day of German Unity came and went.
pub(super) static FRANKFURT: Rules = Rules {
    beside: &[],
    first_year: 2000,
    last_year: 2030,
    yearly: &[
        on(1, 1),
        GOOD_FRIDAY,
        EASTER_MONDAY,
        on(5, 1),
        WHIT_MONDAY.from(2015).until(2021),
        on(10, 3).from(2014).until(2021),
        on(12, 24),
        on(12, 25),
        on(12, 26),
        on(12, 31),
    ],
    closed: &["2007 05-28", "2017 10-31"],
    open: &[],
};

/// Swiss franc payments (SIC) of Zurich.
pub(super) static ZURICH: Rules = Rules {
    beside: &[],
    first_year: 2000,
    last_year: 2030,
    yearly: &[
        on(1, 1),
        on(1, 2), // Berchtold
        GOOD_FRIDAY,
        EASTER_MONDAY,
        on(5, 1),
        easter(39), // Ascension
        WHIT_MONDAY,
        on(8, 1),
        on(12, 25),
        on(12, 26),
    ],
    closed: &[],
    open: &[],
};

/// SIX Swiss Exchange: the days of Zurich, and the last ones before Christmas and New Year.
pub(super) static SIX: Rules = Rules {
    beside: &[&ZURICH],
    first_year: 2000,
    last_year: 2030,
    yearly: &[on(12, 24), on(12, 31)],
    closed: &[],
    open: &[],
};
