//! The United States and Canada.

use chrono::Weekday::{Mon, Thu};

use super::rules::{GOOD_FRIDAY, Rules, nth, on, up_to};

/// The Federal Reserve Banks: the federal holidays; one on a Saturday is not kept on another day.
pub(super) static FEDERAL_RESERVE: Rules = Rules {
    beside: &[],
    first_year: 2000,
    last_year: 2030,
    yearly: &[
        on(1, 1).sunday_to_monday(),
        nth(3, Mon, 1),                          // Martin Luther King
        nth(3, Mon, 2),                          // Washington
        up_to(Mon, 5, 31),                       // Memorial Day
        on(6, 19).sunday_to_monday().from(2022), // Juneteenth
        on(7, 4).sunday_to_monday(),
        nth(1, Mon, 9),                // Labor Day
        nth(2, Mon, 10),               // Columbus
        on(11, 11).sunday_to_monday(), // Veterans Day
        nth(4, Thu, 11),               // Thanksgiving
        on(12, 25).sunday_to_monday(),
    ],
    closed: &[],
    open: &[],
};

/// NYSE Rule 7.2 (before: 51), and the days the exchange was closed for: 11 September, Presidents Reagan, Ford, G. H. W. Bush and Carter, Sandy.
pub(super) static NEW_YORK_STOCK_EXCHANGE: Rules = Rules {
    beside: &[],
    first_year: 2000,
    last_year: 2030,
    yearly: &[
        on(1, 1).sunday_to_monday(),
        nth(3, Mon, 1),
        nth(3, Mon, 2),
        GOOD_FRIDAY,
        up_to(Mon, 5, 31),
        on(6, 19).to_nearest().from(2022),
        on(7, 4).to_nearest(),
        nth(1, Mon, 9),
        nth(4, Thu, 11),
        on(12, 25).to_nearest(),
    ],
    closed: &[
        "2001 09-11 09-12 09-13 09-14",
        "2004 06-11",
        "2007 01-02",
        "2012 10-29 10-30",
        "2018 12-05",
        "2025 01-09",
    ],
    open: &[],
};

/// The holidays that SIFMA (before: the BMA) recommends for US government securities. On a Good Friday with a labour market report the market
/// closes early: a business day here, but none for SOFR.
pub(super) static GOVERNMENT_BONDS: Rules = Rules {
    beside: &[],
    first_year: 2000,
    last_year: 2030,
    yearly: &[
        on(1, 1).sunday_to_monday(),
        nth(3, Mon, 1),
        nth(3, Mon, 2),
        GOOD_FRIDAY,
        up_to(Mon, 5, 31),
        on(6, 19).to_nearest().from(2022),
        on(7, 4).to_nearest(),
        nth(1, Mon, 9),
        nth(2, Mon, 10),
        on(11, 11).sunday_to_monday(),
        nth(4, Thu, 11),
        on(12, 25).to_nearest(),
    ],
    closed: &["2004 06-11", "2012 10-30", "2018 12-05"],
    open: &["2007 04-06", "2010 04-02", "2012 04-06", "2015 04-03", "2021 04-02", "2023 04-07", "2026 04-03"],
};

/// Days for which the New York Fed publishes SOFR: no Good Friday, whatever the market does.
pub(super) static SOFR: Rules = Rules {
    beside: &[&GOVERNMENT_BONDS],
    first_year: 2000,
    last_year: 2030,
    yearly: &[GOOD_FRIDAY],
    closed: &[],
    open: &[],
};

/// Equity futures of the CME, which trade through most of the exchange holidays of New York.
pub(super) static CHICAGO: Rules = Rules {
    beside: &[],
    first_year: 2000,
    last_year: 2030,
    yearly: &[on(1, 1).sunday_to_monday(), GOOD_FRIDAY, on(12, 25).to_nearest()],
    closed: &["2004 06-11", "2007 01-02", "2018 12-05", "2025 01-09"],
    open: &[],
};

/// The Toronto Stock Exchange; it was closed after 11 September.
pub(super) static TORONTO: Rules = Rules {
    beside: &[],
    first_year: 2000,
    last_year: 2030,
    yearly: &[
        on(1, 1).to_monday(),
        nth(3, Mon, 2).from(2008), // Family Day
        GOOD_FRIDAY,
        up_to(Mon, 5, 24), // Victoria Day
        on(7, 1).to_monday(),
        nth(1, Mon, 8), // Civic Holiday
        nth(1, Mon, 9),
        nth(2, Mon, 10), // Thanksgiving
        on(12, 25).two_days_on(),
        on(12, 26).two_days_on(),
    ],
    closed: &["2001 09-11 09-12"],
    open: &[],
};

/// Canadian payments: the days of Toronto (not those after 11 September), and two on which only banks rest.
pub(super) static CANADA: Rules = Rules {
    beside: &[&TORONTO],
    first_year: 2000,
    last_year: 2030,
    yearly: &[
        on(9, 30).to_monday().from(2021), // Truth and Reconciliation
        on(11, 11).to_monday(),           // Remembrance Day
    ],
    closed: &[],
    open: &["2001 09-11 09-12"],
};
