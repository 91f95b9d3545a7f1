//! Japan, Hong Kong, Australia.

use chrono::Weekday::Mon;

use super::rules::{AUTUMN_EQUINOX, EASTER_MONDAY, GOOD_FRIDAY, Rules, SPRING_EQUINOX, nth, on};

/// Bank holidays of Japan: the Act on National Holidays of 1948 as amended, and 31 December to 3 January.
pub(super) static JAPAN: Rules = Rules {
    beside: &[],
    first_year: 2000,
    last_year: 2030,
    yearly: &[
        on(1, 1),
        on(1, 2),
        on(1, 3),
        nth(2, Mon, 1),                          // Coming of Age
        on(2, 11).sunday_to_monday(),            // Foundation
        on(2, 23).sunday_to_monday().from(2020), // the Emperor's birthday
        SPRING_EQUINOX.sunday_to_monday(),
        on(4, 29).sunday_to_monday(),             // Showa
        on(5, 3).sunday_to_monday(),              // Constitution
        on(5, 4),                                 // Greenery
        on(5, 5).sunday_to_monday(),              // Children
        on(7, 20).sunday_to_monday().until(2002), // the Sea
        nth(3, Mon, 7).from(2003).until(2019),
        nth(3, Mon, 7).from(2022),
        on(8, 11).sunday_to_monday().from(2016).until(2019), // the Mountains
        on(8, 11).sunday_to_monday().from(2022),
        on(9, 15).sunday_to_monday().until(2002), // the Aged
        nth(3, Mon, 9).from(2003),
        AUTUMN_EQUINOX.sunday_to_monday(),
        nth(2, Mon, 10).until(2019), // Sports
        nth(2, Mon, 10).from(2022),
        on(11, 3).sunday_to_monday(),              // Culture
        on(11, 23).sunday_to_monday(),             // Labour
        on(12, 23).sunday_to_monday().until(2018), // the Emperor's birthday
        on(12, 31),
    ],
    closed: &[
        // Since 2007 also a 3rd or 4th of May on a Sunday moves: to the 6th, past the holidays that follow it.
        "2008 05-06",
        "2009 05-06",
        "2014 05-06",
        "2015 05-06",
        "2020 05-06",
        "2025 05-06",
        "2026 05-06",
        // A day between two holidays is one, too.
        "2009 09-22",
        "2015 09-22",
        "2026 09-22",
        // The change of emperors.
        "2019 04-30 05-01 05-02 10-22",
        // The Sea, Sports and the Mountains in the years of the Olympic Games.
        "2020 07-23 07-24 08-10",
        "2021 07-22 07-23 08-09",
    ],
    open: &[],
};

/// The Tokyo Stock Exchange; on 1 October 2020 its systems failed all day.
pub(super) static TOKYO: Rules =
    Rules { beside: &[&JAPAN], first_year: 2000, last_year: 2030, yearly: &[], closed: &["2020 10-01"], open: &[] };

/// General holidays of Hong Kong. Those of the lunar calendar stand by date, as the government gazettes them each year; hence the last year.
pub(super) static HONG_KONG: Rules = Rules {
    beside: &[],
    first_year: 2000,
    last_year: 2027,
    yearly: &[
        on(1, 1).sunday_to_monday(),
        GOOD_FRIDAY,
        EASTER_MONDAY,
        on(5, 1).sunday_to_monday(),
        on(7, 1).sunday_to_monday(),
        on(10, 1).sunday_to_monday(),
        on(12, 25).sunday_to_monday(),
        on(12, 26).sunday_to_monday(),
    ],
    // Lunar New Year, Ching Ming, the Buddha's birthday, Tuen Ng, the day after Mid-Autumn, Chung Yeung; 27 December after a Sunday.
    closed: &[
        "2000 02-04 02-07 04-04 05-11 06-06 09-13 10-06",
        "2001 01-24 01-25 01-26 04-05 04-30 06-25 10-02 10-25",
        "2002 02-12 02-13 02-14 04-05 05-20 10-14",
        "2003 01-31 02-03 05-08 06-04 09-12",
        "2004 01-22 01-23 04-05 05-26 06-22 09-29 10-22",
        "2005 02-09 02-10 02-11 04-05 05-16 09-19 10-11 12-27",
        "2006 01-30 01-31 04-05 05-05 05-31 10-30",
        "2007 02-19 02-20 04-05 05-24 06-19 09-26 10-19",
        "2008 02-07 02-08 04-04 05-12 06-09 09-15 10-07",
        "2009 01-26 01-27 01-28 05-28 10-26",
        "2010 02-15 02-16 04-06 05-21 06-16 09-23",
        "2011 02-03 02-04 04-05 05-10 06-06 09-13 10-05 12-27",
        "2012 01-23 01-24 01-25 04-04 10-02 10-23",
        "2013 02-11 02-12 02-13 04-04 05-17 06-12 09-20 10-14",
        "2014 01-31 02-03 05-06 06-02 09-09 10-02",
        "2015 02-19 02-20 04-07 05-25 09-03 09-28 10-21",
        "2016 02-08 02-09 02-10 04-04 06-09 09-16 10-10 12-27",
        "2017 01-30 01-31 04-04 05-03 05-30 10-05",
        "2018 02-16 02-19 04-05 05-22 06-18 09-25 10-17",
        "2019 02-05 02-06 02-07 04-05 05-13 06-07 10-07",
        "2020 01-27 01-28 04-30 06-25 10-02 10-26",
        "2021 02-12 02-15 04-06 05-19 06-14 09-22 10-14",
        "2022 02-01 02-02 02-03 04-05 05-09 06-03 09-12 10-04 12-27",
        "2023 01-23 01-24 01-25 04-05 05-26 06-22 10-23",
        "2024 02-12 02-13 04-04 05-15 06-10 09-18 10-11",
        "2025 01-29 01-30 01-31 04-04 05-05 10-07 10-29",
        "2026 02-17 02-18 02-19 04-07 05-25 06-19 10-19",
        "2027 02-08 02-09 04-05 05-13 06-09 09-16 10-08",
    ],
    open: &[],
};

/// The Hong Kong exchange, and the days it lost to storms before it began to trade through them in September 2024.
pub(super) static HONG_KONG_EXCHANGE: Rules = Rules {
    beside: &[&HONG_KONG],
    first_year: 2000,
    last_year: 2027,
    yearly: &[],
    closed: &[
        "2001 07-06 07-25",
        "2008 08-06 08-22",
        "2011 09-29",
        "2013 08-14",
        "2016 08-02 10-21",
        "2017 08-23",
        "2020 10-13",
        "2021 10-13",
        "2023 07-17 09-01 09-08",
        "2024 09-06",
    ],
    open: &[],
};

/// The Australian Securities Exchange. Anzac Day stays on its weekend but for 2010; in 2011 it met Easter Monday.
pub(super) static SYDNEY_EXCHANGE: Rules = Rules {
    beside: &[],
    first_year: 2000,
    last_year: 2030,
    yearly: &[
        on(1, 1).to_monday(),
        on(1, 26).to_monday(), // Australia Day
        GOOD_FRIDAY,
        EASTER_MONDAY,
        on(4, 25),
        nth(2, Mon, 6), // the sovereign's birthday
        on(12, 25).two_days_on(),
        on(12, 26).two_days_on(),
    ],
    closed: &["2010 04-26", "2011 04-26", "2022 09-22"],
    open: &[],
};

/// Banks of New South Wales: the days of the exchange, Bank Holiday and Labour Day.
pub(super) static SYDNEY: Rules = Rules {
    beside: &[&SYDNEY_EXCHANGE],
    first_year: 2000,
    last_year: 2030,
    yearly: &[nth(1, Mon, 8), nth(1, Mon, 10)],
    closed: &[],
    open: &[],
};
