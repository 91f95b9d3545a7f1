//! Calculation requests of the replaced service's shape, of any size, written as they are made up.

use std::fmt;
use std::io::{self, Write};

use chrono::{Datelike, Days, NaiveDate, Weekday};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rust_decimal::Decimal;

/// How large a request is: 65,000 contracts of 4 positions of 5 lots are the size that users speak of.
#[derive(Clone, Debug)]
pub struct RequestShape {
    pub id: String,
    pub seed: u64,
    pub contracts: u32,
    pub positions: u32,
    pub lots: u32,
    pub valuation_date: NaiveDate,
}

const UNDERLYINGS: [&str; 10] = ["IBM", "AAPL", "MSFT", "GOOGL", "AMZN", "TSLA", "META", "NVDA", "NFLX", "ORCL"];
const INDEX: &str = "SOFR";
/// Legs take turns over the positions of a contract.
const LEGS: [&str; 4] = ["EQUITY_LEG", "INTEREST_LEG", "DIVIDEND_LEG", "EQUITY_LEG"];
/// Days of prices and rates before the valuation date: lots are younger.
const HISTORY_DAYS: u64 = 90;
/// One lot in so many closes what was opened before it.
const CLOSING_EVERY: u32 = 10;

impl RequestShape {
    pub fn new(id: &str, contracts: u32, positions: u32, lots: u32) -> RequestShape {
        let valuation_date = NaiveDate::from_ymd_opt(2024, 6, 28).expect("a day of the calendar");
        RequestShape { id: id.to_owned(), seed: 1, contracts, positions, lots, valuation_date }
    }

    /// Writes the request as JSON, one contract after another.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(self.seed);
        let valuation = self.valuation_date;
        write!(
            out,
            "{{\"requestId\":{},\"calculationDate\":\"{valuation}\",\"calculationType\":\"REAL_TIME_PROCESSING\",\
             \"marketDataStrategy\":{{\"mode\":\"SELF_CONTAINED\"}},\"contractPositions\":",
            serde_json::Value::from(self.id.as_str())
        )?;
        list(out, 0..self.contracts, |out, contract| self.contract(out, contract, &mut random))?;
        write!(out, ",\"marketData\":{{\"version\":\"1\",\"asOfDate\":\"{valuation}\",\"data\":")?;
        self.market(out, &mut random)?;
        out.write_all(b"}}\n")
    }

    fn contract(&self, out: &mut impl Write, contract: u32, random: &mut Xoshiro256PlusPlus) -> io::Result<()> {
        let underlying = UNDERLYINGS[contract as usize % UNDERLYINGS.len()];
        let number = contract + 1;
        write!(
            out,
            "\n{{\"contractId\":\"C{number:06}\",\"underlying\":\"{underlying}\",\"index\":\"{INDEX}\",\
             \"type\":\"EQUITY_SWAP\",\"currency\":\"USD\",\"startDate\":\"{}\",\"endDate\":\"{}\",\"positions\":",
            self.valuation_date - Days::new(HISTORY_DAYS),
            self.valuation_date + Days::new(365)
        )?;
        list(out, 0..self.positions, |out, position| {
            let leg = LEGS[position as usize % LEGS.len()];
            let name = Named { contract: number, position: position + 1 };
            write!(
                out,
                "{{\"positionId\":\"{name}\",\"product\":\"{leg}\",\"type\":\"{leg}\",\
                 \"underlying\":\"{underlying}\",\"currency\":\"USD\",\"lots\":"
            )?;
            list(out, 0..self.lots, |out, lot| self.lot(out, &name, underlying, lot, random))?;
            out.write_all(b"}")
        })?;
        out.write_all(b"}")
    }

    fn lot(
        &self,
        out: &mut impl Write,
        name: &Named,
        underlying: &str,
        lot: u32,
        random: &mut Xoshiro256PlusPlus,
    ) -> io::Result<()> {
        let closing = lot > 0 && (name.contract + lot).is_multiple_of(CLOSING_EVERY);
        let quantity = match closing {
            true => -50, // less than any lot opens
            false => random.random_range(1..=20) * 100,
        };
        let price = Decimal::new(random.random_range(9_000..15_000), 2);
        let age = u64::from(self.lots - lot) * 7 % (HISTORY_DAYS - 20) + random.random_range(0..7);
        let cost_date = weekday(self.valuation_date - Days::new(age));
        let days = if matches!(cost_date.weekday(), Weekday::Thu | Weekday::Fri) { 4 } else { 2 };
        let settlement_date = cost_date + Days::new(days);
        let kind = if closing { "CLOSING_LOT" } else { "NEW_LOT" };
        write!(
            out,
            "{{\"lotId\":\"L{}\",\"contractId\":\"C{:06}\",\"positionId\":\"{name}\",\"underlying\":\"{underlying}\",\
             \"quantity\":{quantity},\"costPrice\":{price},\"costDate\":\"{cost_date}\",\
             \"settlementDate\":\"{settlement_date}\",\"lotType\":\"{kind}\",\"status\":\"ACTIVE\",\
             \"unwindingMethod\":\"FIFO\"}}",
            lot + 1,
            name.contract,
        )
    }

    fn market(&self, out: &mut impl Write, random: &mut Xoshiro256PlusPlus) -> io::Result<()> {
        let base = self.valuation_date - Days::new(HISTORY_DAYS);
        let days = || (1..=HISTORY_DAYS).map(move |day| base + Days::new(day)).filter(|day| weekday(*day) == *day);
        out.write_all(b"{\"securities\":")?;
        list(out, UNDERLYINGS.into_iter().zip(0_i64..), |out, (symbol, rank)| {
            let level = 10_000 + 1_000 * rank;
            let price = Decimal::new(level, 2);
            write!(out, "{{\"symbol\":\"{symbol}\",\"basePrice\":{price},\"baseDate\":\"{base}\",\"changes\":")?;
            list(out, days(), |out, day| {
                let price = Decimal::new(level + random.random_range(-500..=500), 2);
                write!(out, "{{\"date\":\"{day}\",\"price\":{price}}}")
            })?;
            out.write_all(b"}")
        })?;
        write!(out, ",\"rates\":[{{\"index\":\"{INDEX}\",\"baseRate\":0.0531,\"baseDate\":\"{base}\",\"changes\":")?;
        list(out, days(), |out, day| {
            // As overnight rates of secured money are: within 3 basis points, and up when books are closed at the end of a month.
            let closing = if (day + Days::new(3)).month() == day.month() { 0 } else { 4 };
            let rate = Decimal::new(random.random_range(531..=534) + closing, 4);
            write!(out, "{{\"date\":\"{day}\",\"rate\":{rate}}}")
        })?;
        out.write_all(b"}],\"dividends\":")?;
        let ex_date = weekday(self.valuation_date - Days::new(20));
        list(out, UNDERLYINGS.into_iter().zip(0_i64..), |out, (symbol, rank)| {
            let amount = Decimal::new(100 + 10 * rank, 2);
            write!(
                out,
                "{{\"symbol\":\"{symbol}\",\"dividends\":[{{\"exDate\":\"{ex_date}\",\"amount\":{amount},\
                 \"currency\":\"USD\"}}]}}"
            )
        })?;
        out.write_all(b"}")
    }
}

/// The id of a position.
struct Named {
    contract: u32,
    position: u32,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "C{:06}-P{}", self.contract, self.position)
    }
}

fn list<W: Write, T>(
    out: &mut W,
    items: impl Iterator<Item = T>,
    mut item: impl FnMut(&mut W, T) -> io::Result<()>,
) -> io::Result<()> {
    out.write_all(b"[")?;
    for (index, one) in items.enumerate() {
        if index > 0 {
            out.write_all(b",")?;
        }
        item(out, one)?;
    }
    out.write_all(b"]")
}

/// The day itself, or the Friday before it.
fn weekday(day: NaiveDate) -> NaiveDate {
    match day.weekday() {
        Weekday::Sat => day - Days::new(1),
        Weekday::Sun => day - Days::new(2),
        _ => day,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn written(shape: &RequestShape) -> Vec<u8> {
        let mut bytes = Vec::new();
        shape.write(&mut bytes).expect("memory takes everything");
        bytes
    }

    #[test]
    fn a_request_has_the_shape_that_was_asked_for() {
        let request: Value = serde_json::from_slice(&written(&RequestShape::new("J\"1", 25, 4, 5))).expect("JSON");
        assert_eq!(request["requestId"], "J\"1");
        let contracts = request["contractPositions"].as_array().expect("a list");
        assert_eq!(contracts.len(), 25);
        let mut closing = 0;
        for position in contracts.iter().flat_map(|contract| contract["positions"].as_array().expect("a list")) {
            let lots = position["lots"].as_array().expect("a list");
            assert_eq!(lots.len(), 5);
            closing += lots.iter().filter(|lot| lot["lotType"] == "CLOSING_LOT").count();
        }
        assert!(closing > 10, "{closing}");
        assert_eq!(request["marketData"]["data"]["securities"].as_array().map(Vec::len), Some(10));
    }

    #[test]
    fn the_same_shape_is_the_same_bytes() {
        let shape = RequestShape::new("J", 10, 2, 3);
        assert_eq!(written(&shape), written(&shape));
        assert_ne!(written(&shape), written(&RequestShape { seed: 2, ..shape }));
    }
}
