//! Settlement: how many business days after a trade cash and shares change hands, by market and trade date.

use chrono::NaiveDate;

use crate::domain::calendar::{Calendar, Convention, OutsideCalendar};

/// A market does not say when a trade of that date settles.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSettlement {
    #[error("no settlement cycle of market `{0}` is known; state the settlement date")]
    UnknownMarket(String),
    #[error("the settlement cycle of {market} is not known for {trade_date}; state the settlement date")]
    BeforeTable { market: String, trade_date: NaiveDate },
    #[error(transparent)]
    Outside(#[from] OutsideCalendar),
}

/// The settlement date: trade date + the market's cycle, in business days of the settlement calendar.
pub fn settlement_date(market: &str, trade_date: NaiveDate, calendar: &Calendar) -> Result<NaiveDate, NoSettlement> {
    Ok(calendar.add_business_days(trade_date, cycle_days(market, trade_date)?)?)
}

/// The settlement date of what settles so many business days after the trade date, whatever its market's cycle. What settles at once does so on
/// the next business day where the trade date is none.
pub fn after(days: u32, trade_date: NaiveDate, calendar: &Calendar) -> Result<NaiveDate, OutsideCalendar> {
    match days {
        0 => calendar.adjust(trade_date, Convention::Following),
        days => calendar.add_business_days(trade_date, days.into()),
    }
}

/// Whether the settlement cycle of a market is known, by its MIC.
pub fn has_cycle(market: &str) -> bool {
    cycles(market).is_some()
}

/// The `n` of T + n for a trade date, by the MIC of the market.
pub fn cycle_days(market: &str, trade_date: NaiveDate) -> Result<i64, NoSettlement> {
    let cycles = cycles(market).ok_or_else(|| NoSettlement::UnknownMarket(market.chars().take(20).collect()))?;
    let in_force = cycles.iter().rev().find(|cycle| cycle.from() <= Some(trade_date));
    in_force.map(|cycle| cycle.days).ok_or_else(|| NoSettlement::BeforeTable { market: market.to_owned(), trade_date })
}

fn cycles(market: &str) -> Option<&'static [Cycle]> {
    CYCLES.iter().find(|(markets, _)| markets.contains(&market)).map(|(_, cycles)| *cycles)
}

/// A cycle and the first trade date it holds for.
struct Cycle {
    days: i64,
    from: (i32, u32, u32),
}

impl Cycle {
    fn from(&self) -> Option<NaiveDate> {
        let (year, month, day) = self.from;
        NaiveDate::from_ymd_opt(year, month, day)
    }
}

const fn t_plus(days: i64, year: i32, month: u32, day: u32) -> Cycle {
    Cycle { days, from: (year, month, day) }
}

/// Markets that change together, and their cycles, oldest first. The trade dates around a change settle on one day: a trade of 2024-05-24 in
/// New York (T+2) and one of 2024-05-28 (T+1) both on 2024-05-29.
static CYCLES: [(&[&str], &[Cycle]); 9] = [
    // SEC Rule 15c6-1 as amended in 1993, 2017 and 2023.
    (&["XNYS", "XNAS"], &[t_plus(3, 1995, 6, 7), t_plus(2, 2017, 9, 5), t_plus(1, 2024, 5, 28)]),
    // National Instrument 24-101 as amended in 2017 and 2023.
    (&["XTSE"], &[t_plus(3, 1995, 6, 7), t_plus(2, 2017, 9, 5), t_plus(1, 2024, 5, 27)]),
    // Indeval, with the markets of the United States and Canada.
    (&["XMEX"], &[t_plus(2, 2017, 9, 5), t_plus(1, 2024, 5, 27)]),
    // CSD Regulation, article 5(2), as amended in 2025 for T+1 from 11 October 2027.
    (
        &["XPAR", "XAMS", "XBRU", "XLIS", "XMIL"],
        &[t_plus(3, 2001, 1, 1), t_plus(2, 2014, 10, 6), t_plus(1, 2027, 10, 11)],
    ),
    (&["XETR", "XFRA"], &[t_plus(2, 2000, 1, 1), t_plus(1, 2027, 10, 11)]),
    // The same dates in the United Kingdom and in Switzerland.
    (&["XLON", "XSWX"], &[t_plus(3, 2001, 2, 5), t_plus(2, 2014, 10, 6), t_plus(1, 2027, 10, 11)]),
    (&["XTKS"], &[t_plus(3, 2000, 1, 1), t_plus(2, 2019, 7, 16)]),
    (&["XHKG"], &[t_plus(2, 2000, 1, 1)]),
    (&["XASX"], &[t_plus(3, 1999, 2, 1), t_plus(2, 2016, 3, 7)]),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().expect("the test writes a date")
    }

    #[test]
    fn a_cycle_holds_from_its_first_trade_date() {
        for (market, trade_date, days) in [
            ("XNYS", "2017-09-01", 3),
            ("XNYS", "2017-09-05", 2),
            ("XNAS", "2024-05-27", 2),
            ("XNAS", "2024-05-28", 1),
            ("XTSE", "2024-05-24", 2),
            ("XTSE", "2024-05-27", 1),
            ("XMEX", "2024-05-27", 1),
            ("XLON", "2014-10-03", 3),
            ("XLON", "2027-10-08", 2),
            ("XLON", "2027-10-11", 1),
            ("XPAR", "2027-10-08", 2),
            ("XETR", "2027-10-11", 1),
            ("XSWX", "2027-10-11", 1),
            ("XTKS", "2019-07-12", 3),
            ("XTKS", "2019-07-16", 2),
            ("XASX", "2016-03-07", 2),
            ("XHKG", "2026-11-25", 2),
        ] {
            assert_eq!(cycle_days(market, date(trade_date)), Ok(days), "{market} {trade_date}");
        }
    }

    #[test]
    fn cycles_stand_in_the_order_of_their_dates() {
        for (markets, cycles) in &CYCLES {
            assert!(cycles.iter().all(|cycle| cycle.from().is_some()), "{markets:?}");
            assert!(cycles.is_sorted_by_key(|cycle| cycle.from()), "{markets:?}");
        }
    }

    #[test]
    fn a_security_may_settle_sooner_or_later_than_its_market() {
        let new_york = Calendar::named("XNYS").expect("it is known");
        let settled = |days, trade_date| after(days, date(trade_date), &new_york).map(|date| date.to_string());
        assert_eq!(settled(0, "2025-03-07"), Ok("2025-03-07".to_owned()));
        assert_eq!(settled(0, "2025-03-08"), Ok("2025-03-10".to_owned()), "a Saturday");
        assert_eq!(settled(1, "2025-03-08"), Ok("2025-03-10".to_owned()));
        assert_eq!(settled(3, "2025-04-16"), Ok("2025-04-22".to_owned()), "over Good Friday");
    }

    #[test]
    fn where_no_cycle_is_known_none_is_made_up() {
        assert!(has_cycle("XNYS") && !has_cycle("USNY") && !has_cycle(""));
        assert_eq!(
            cycle_days("XNYS", date("1995-06-06")).map_err(|error| error.to_string()),
            Err("the settlement cycle of XNYS is not known for 1995-06-06; state the settlement date".to_owned())
        );
        assert_eq!(cycle_days("XXXX", date("2026-01-02")), Err(NoSettlement::UnknownMarket("XXXX".to_owned())));
        let new_york = Calendar::named("XNYS").expect("it is known");
        assert!(matches!(settlement_date("XNYS", date("2031-01-02"), &new_york), Err(NoSettlement::Outside(_))));
    }
}
