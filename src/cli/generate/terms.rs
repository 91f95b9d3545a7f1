//! The business behind a load: who trades what, at which price and when.

use chrono::{Days, NaiveDate, NaiveTime};
use compact_str::{CompactString, format_compact};
use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;
use rust_decimal::Decimal;

use super::load::Load;
use crate::domain::key::{ContractId, PositionKey, Timestamp};
use crate::domain::money::Currency;
use crate::domain::trade::{Side, Terms};

/// Names and numbers of a load; one security has one currency in every book.
pub(super) struct Business {
    keys: u32,
    securities: u32,
    records: u64,
    day_records: u64,
    currencies: Vec<Currency>,
}

const SECURITIES_MAX: u32 = 500;
const BOOKS: u32 = 4;
/// A Monday; weekends are left out from here on.
const FIRST_DAY: NaiveDate = NaiveDate::from_ymd_opt(2024, 1, 1).expect("a day of the calendar");
const OPENING: NaiveTime = NaiveTime::from_hms_opt(9, 0, 0).expect("a time of the day");
/// Business days from a trade to its settlement.
const SETTLEMENT: u64 = 2;
const TRADING_DAY_US: u64 = 8 * 3600 * 1_000_000;

impl Business {
    pub fn new(load: &Load) -> Business {
        // Half as many securities as keys at the most, so that a rebook finds another book.
        let securities = (load.keys / 2).clamp(1, SECURITIES_MAX);
        let currency = |code| Currency::new(code).expect("a currency in use");
        let currencies = ["USD", "USD", "USD", "EUR", "GBP", "JPY", "CHF"].map(currency).to_vec();
        let Load { keys, records, .. } = *load;
        Business { keys, securities, records, day_records: load.day_records.max(1), currencies }
    }

    /// The days on which trades are executed, and those until the last of them have settled.
    pub fn days(&self) -> impl Iterator<Item = NaiveDate> {
        (0..=self.records / self.day_records + SETTLEMENT + 1).map(business_day)
    }

    pub fn securities(&self) -> u32 {
        self.securities
    }

    /// Neighbours are held under one contract, so two by two they have one currency.
    pub fn currency(&self, security: u32) -> Currency {
        self.currencies[security as usize / 2 % self.currencies.len()]
    }

    /// Every contract that a trade may name, and the currency of what is held under it.
    pub fn contracts(&self) -> impl Iterator<Item = (CompactString, Currency)> {
        (0..self.keys).step_by(2).map(|rank| (contract(rank), self.currency(rank % self.securities)))
    }

    /// The key of a rank: the same security comes again in the next book or account.
    pub fn key(&self, rank: u32) -> PositionKey {
        let place = rank / self.securities;
        let account = format_compact!("ACC{:04}", place / BOOKS + 1);
        let book = format_compact!("BOOK{}", place % BOOKS + 1);
        let security = security_name(rank % self.securities);
        PositionKey::new(&account, &book, &security).expect("made of letters and digits")
    }

    /// Another key of the same security, if there is one.
    pub fn other_book(&self, key: &PositionKey) -> Option<PositionKey> {
        let number = |text: &str, prefix: &str| text.strip_prefix(prefix)?.parse::<u32>().ok()?.checked_sub(1);
        let account = number(&key.account(), "ACC")?;
        let book = number(&key.book(), "BOOK")?;
        let rank = (account * BOOKS + book) * self.securities + number(&key.security(), "SEC")?;
        let other = if rank + self.securities < self.keys { rank + self.securities } else { rank % self.securities };
        (other != rank).then(|| self.key(other))
    }

    /// Terms of a trade that arrives as record `index` and was executed `days_late` business days before.
    pub fn terms(&self, rank: u32, index: u64, days_late: u64, random: &mut Xoshiro256PlusPlus) -> Terms {
        let security = rank % self.securities;
        let day = (index / self.day_records).saturating_sub(days_late);
        let trade_date = business_day(day);
        let time = OPENING.signed_duration_since(NaiveTime::MIN).num_microseconds().expect("less than a day");
        let since_opening = index % self.day_records * TRADING_DAY_US / self.day_records;
        let midnight = trade_date.and_time(NaiveTime::MIN).and_utc().timestamp_micros();
        Terms {
            contract: random.random_ratio(4, 5).then(|| ContractId::new(&contract(rank)).expect("a letter and digits")),
            side: if random.random_ratio(1, 2) { Side::Buy } else { Side::Sell },
            quantity: quantity(random),
            price: price(security, random),
            currency: self.currency(security),
            trade_date,
            exec_time: Timestamp(midnight + time + since_opening as i64),
            source_seq: index,
            settle_date: random.random_ratio(9, 10).then(|| business_day(day + SETTLEMENT)),
            relief: None,
        }
    }

    /// The same trade with another quantity, another price or the other side.
    pub fn amended(&self, terms: &Terms, random: &mut Xoshiro256PlusPlus) -> Terms {
        let mut amended = terms.clone();
        match random.random_range(0..10) {
            0 => amended.side = if terms.side == Side::Buy { Side::Sell } else { Side::Buy },
            1..5 => amended.price += Decimal::new(random.random_range(1..=200), 2),
            _ => amended.quantity += Decimal::from(random.random_range(1..=50)),
        }
        amended
    }
}

fn contract(rank: u32) -> CompactString {
    format_compact!("C{:06}", rank / 2 + 1)
}

pub(super) fn security_name(security: u32) -> CompactString {
    format_compact!("SEC{:04}", security + 1)
}

/// A close on the n-th day: up and down around the security's own level.
pub(super) fn close(security: u32, n: i64) -> Decimal {
    let level = level(security);
    Decimal::new(level - level / 50 + (i64::from(security) + n) * 37 % (level / 25).max(1), 2)
}

/// In hundredths.
fn level(security: u32) -> i64 {
    1_000 + i64::from(security) * 7_919 % 49_000
}

/// The n-th business day of the load.
fn business_day(n: u64) -> NaiveDate {
    FIRST_DAY + Days::new(n / 5 * 7 + n % 5)
}

/// Mostly round lots, now and then a fraction.
fn quantity(random: &mut Xoshiro256PlusPlus) -> Decimal {
    match random.random_ratio(1, 20) {
        true => Decimal::new(random.random_range(1..=5_000_000), 3),
        false => Decimal::from(random.random_range(1..=50) * 100),
    }
}

/// Around the security's own level; a tenth of them with four decimals.
fn price(security: u32, random: &mut Xoshiro256PlusPlus) -> Decimal {
    let level = level(security);
    let cents = level + random.random_range(-level / 50..=level / 50);
    match random.random_ratio(1, 10) {
        true => Decimal::new(cents * 100 + random.random_range(0..100), 4),
        false => Decimal::new(cents, 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_book_has_the_same_security_and_is_a_key_of_the_load() {
        let business = Business::new(&Load { keys: 1_000, ..Load::new(1, 1) });
        let keys: Vec<_> = (0..1_000).map(|rank| business.key(rank)).collect();
        for key in &keys {
            let other = business.other_book(key).expect("twice as many keys as securities");
            assert_eq!(other.security(), key.security());
            assert!(&other != key && keys.contains(&other));
        }
        let lone = Business::new(&Load { keys: 1, ..Load::new(1, 1) });
        assert_eq!(lone.other_book(&lone.key(0)), None);
    }

    #[test]
    fn no_business_day_is_at_a_weekend() {
        use chrono::{Datelike, Weekday};
        let weekend = |day: NaiveDate| matches!(day.weekday(), Weekday::Sat | Weekday::Sun);
        assert!(!(0..1_000).map(business_day).any(weekend));
    }
}
