//! What is on record of a security: its market, its currency, when its trades settle.

use chrono::NaiveDate;

use super::calendars::Calendars;
use super::object::Item;
use crate::domain::calendar::Calendar;
use crate::domain::calendar::settlement::{self, settlement_date};
use crate::domain::money::Currency;
use crate::messages::request::InvalidValue;

/// Longer is a mistake: no market has ever settled as late.
const SETTLEMENT_DAYS_MAX: u32 = 60;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Security {
    /// A calendar by name; of a market that settles by its own cycle the MIC.
    market: String,
    /// That it is traded in.
    pub currency: Option<Currency>,
    /// None: by the cycle of the market, which changed on some dates.
    settlement_days: Option<u32>,
}

impl Security {
    /// Whether the days of its market stand on a calendar.
    pub fn stands_on(&self, calendar: &str) -> bool {
        self.market.split('+').any(|part| part == calendar)
    }

    /// The business days of its market.
    pub fn market<'c>(&self, calendars: &'c mut Calendars) -> Result<&'c Calendar, String> {
        calendars.named(&self.market)
    }

    /// When a trade settles that does not say it itself.
    pub fn settle_date(&self, trade_date: NaiveDate, calendars: &mut Calendars) -> Result<NaiveDate, String> {
        let market = self.market(calendars)?;
        let date = match self.settlement_days {
            Some(days) => settlement::after(days, trade_date, market).map_err(Into::into),
            None => settlement_date(&self.market, trade_date, market),
        };
        date.map_err(|unknown| unknown.to_string())
    }
}

/// `{"market": "XNYS", "currency": "USD", "settlementDays": 1}`; the last two may be left out.
pub(super) fn security(item: Item<'_>) -> Result<Security, InvalidValue> {
    let object = item.object()?;
    let market = object.member("market")?.text()?.into_owned();
    let currency = object.optional("currency").map(|item| item.named(Currency::new)).transpose()?;
    let settlement_days = object.count("settlementDays")?;
    if let Some(days) = settlement_days.filter(|days| *days > SETTLEMENT_DAYS_MAX) {
        let problem = format!("{days} is too late; allowed: 0 to {SETTLEMENT_DAYS_MAX}");
        return Err(object.path.field("settlementDays").invalid(problem));
    }
    object.end()?;
    Ok(Security { market, currency, settlement_days })
}

/// A security whose market is known, and when its trades settle.
pub(super) fn settling(item: Item<'_>, calendars: &mut Calendars) -> Result<Security, InvalidValue> {
    let path = item.path.field("market");
    let security = security(item)?;
    security.market(calendars).map_err(|problem| path.clone().invalid(problem))?;
    if security.settlement_days.is_none() && !settlement::has_cycle(&security.market) {
        let problem = format!("no settlement cycle of {} is known; state settlementDays as well", security.market);
        return Err(path.invalid(problem));
    }
    Ok(security)
}
