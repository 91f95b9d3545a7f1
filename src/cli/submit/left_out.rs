//! What a row leaves out and reference data know: the business date of a trade, its currency.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;

use chrono::NaiveDate;
use compact_str::CompactString;

use super::fields::RowError;
use super::known::{Reference, each};
use crate::cli::failure::Failure;
use crate::cli::parts;
use crate::cli::session::Session;
use crate::domain::calendar::Convention;
use crate::domain::key::{PositionKey, Timestamp};
use crate::domain::money::Currency;
use crate::messages::data_point::{DataKind, DataPoint, Value};
use crate::messages::document::accounts::Account;
use crate::messages::document::securities::Security;
use crate::messages::document::standing::{read_account, read_security};
use crate::pipeline::topics::REFERENCE_DATA;

/// Reads the topic once, for the first row that leaves something out: a file is filled in by one state of it.
#[derive(Default)]
pub struct LeftOut<'s> {
    /// None: nothing is known.
    session: Option<&'s Session>,
    known: OnceCell<RefCell<Known>>,
    failure: RefCell<Option<Failure>>,
}

#[derive(Default)]
struct Known {
    accounts: HashMap<CompactString, Counting<Account>>,
    securities: HashMap<CompactString, Counting<Security>>,
    reference: Reference,
}

/// The highest version; nothing of it where it cannot be read.
struct Counting<T> {
    version: u32,
    value: Option<T>,
}

impl<'s> LeftOut<'s> {
    pub fn new(session: &'s Session) -> LeftOut<'s> {
        LeftOut { session: Some(session), ..LeftOut::default() }
    }

    /// The business day of the account on which a trade was executed: its own day, forward to one on which the security's market is open.
    pub fn trade_date(&self, key: &PositionKey, executed: Timestamp) -> Result<NaiveDate, RowError> {
        let missing =
            |why: String| RowError(format!("trade_date: missing, and {why}; state it, or submit reference data"));
        let (account, security) = (key.account(), key.security());
        let known = &mut *self.known().borrow_mut();
        let day_of = known.accounts.get(account.as_ref()).and_then(|account| account.value);
        let day_of = day_of.ok_or_else(|| missing(format!("zone and cut-off of account {account} are not known")))?;
        let day = day_of.day(executed).ok_or_else(|| missing("no calendar has the day of exec_time".to_owned()))?;
        let listed = known.securities.get(security.as_ref()).and_then(|security| security.value.as_ref());
        let listed = listed.ok_or_else(|| missing(format!("the market of security {security} is not known")))?;
        let market = listed.market(&mut known.reference.calendars).map_err(&missing)?;
        market.adjust(day, Convention::Following).map_err(|outside| missing(outside.to_string()))
    }

    /// The currency that the security is traded in.
    pub fn currency(&self, key: &PositionKey) -> Result<Currency, RowError> {
        let security = key.security();
        let known = self.known().borrow();
        let listed = known.securities.get(security.as_ref()).and_then(|security| security.value.as_ref());
        listed.and_then(|security| security.currency).ok_or_else(|| {
            RowError(format!(
                "currency: missing, and that of security {security} is not known; state it, or submit reference data"
            ))
        })
    }

    /// Why nothing is known: rows that were refused for that may be right.
    pub fn check(&self) -> Result<(), Failure> {
        self.failure.take().map_or(Ok(()), Err)
    }

    fn known(&self) -> &RefCell<Known> {
        self.known.get_or_init(|| {
            let known = self.session.map_or_else(|| Ok(Known::default()), Known::read);
            RefCell::new(known.unwrap_or_else(|failure| {
                self.failure.replace(Some(failure));
                Known::default()
            }))
        })
    }
}

impl Known {
    fn read(session: &Session) -> Result<Known, Failure> {
        let config = session.config()?;
        let (broker, schemas) = (parts::broker(&config)?, parts::schemas(&config)?);
        let mut known = Known::default();
        each::<DataPoint>(broker.as_ref(), &schemas, REFERENCE_DATA, |point| known.take(&point))?;
        Ok(known)
    }

    fn take(&mut self, point: &DataPoint) {
        self.reference.take(point);
        let Value::Terms(json) = &point.value else { return };
        match point.kind {
            DataKind::Account => count(&mut self.accounts, point, || read_account(json).ok()),
            DataKind::Security => count(&mut self.securities, point, || read_security(json).ok()),
            _ => {}
        }
    }
}

fn count<T>(known: &mut HashMap<CompactString, Counting<T>>, point: &DataPoint, read: impl FnOnce() -> Option<T>) {
    if known.get(&point.name).is_none_or(|known| known.version <= point.version) {
        known.insert(point.name.clone(), Counting { version: point.version, value: read() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::submit::fields::Fields;
    use crate::cli::submit::row;
    use crate::domain::trade::TradeEvent;

    const ROW: &str = r#"{"account": "A", "book": "B", "security": "S", "source": "OMS", "trade_id": "T", "version": 1, "event": "NEW",
        "side": "BUY", "quantity": 1, "price": 2, "exec_time": "2025-03-07T22:30:00Z", "source_seq": 0}"#;
    const SECURITY: (DataKind, &str, u32, &str) =
        (DataKind::Security, "S", 1, r#"{"market": "XNYS", "currency": "USD"}"#);

    fn account(version: u32, zone: &str, cut_off: &str) -> (DataKind, &'static str, u32, String) {
        (DataKind::Account, "A", version, format!(r#"{{"zone": "{zone}", "cutOff": "{cut_off}"}}"#))
    }

    fn read<T: AsRef<str>>(row: &str, points: &[(DataKind, &str, u32, T)]) -> Result<(String, String), String> {
        let mut known = Known::default();
        for (kind, name, version, json) in points {
            let value = Value::Terms(json.as_ref().into());
            known.take(&DataPoint {
                kind: *kind,
                name: (*name).into(),
                detail: "".into(),
                date: None,
                version: *version,
                value,
            });
        }
        let left_out = LeftOut { known: OnceCell::from(RefCell::new(known)), ..LeftOut::default() };
        let trade = row::trade(Fields::of_json(row).map_err(|error| error.0)?, &left_out).map_err(|error| error.0)?;
        let (TradeEvent::New(terms) | TradeEvent::Rebook { terms, .. }) = trade.event else { panic!("it has terms") };
        Ok((terms.trade_date.to_string(), terms.currency.code().to_owned()))
    }

    fn on(date: &str) -> Result<(String, String), String> {
        Ok((date.to_owned(), "USD".to_owned()))
    }

    #[test]
    fn a_row_gets_the_business_date_of_its_account_and_the_currency_of_its_security() {
        let security = (DataKind::Security, "S", 1, SECURITY.3.to_owned());
        let (late, early) = (account(1, "America/New_York", "18:00"), account(2, "America/New_York", "17:00"));
        assert_eq!(read(ROW, &[security.clone(), late.clone()]), on("2025-03-07"), "17:30 there");
        assert_eq!(
            read(ROW, &[security.clone(), account(1, "Asia/Tokyo", "18:00")]),
            on("2025-03-10"),
            "a Saturday there"
        );
        let corrected = [security.clone(), early.clone(), late.clone()];
        assert_eq!(read(ROW, &corrected), on("2025-03-10"), "the highest version counts, and Monday follows");
        let calendar = r#"{"from": "2025-01-01", "to": "2025-12-31", "holidays": ["2025-03-10"]}"#.to_owned();
        let closed = [security, early, (DataKind::Calendar, "XNYS", 1, calendar)];
        assert_eq!(read(ROW, &closed), on("2025-03-11"), "the market is closed on Monday");
        let stated = ROW.replace(r#""source_seq""#, r#""trade_date": "2025-03-06", "currency": "USD", "source_seq""#);
        assert_eq!(read::<&str>(&stated, &[]), on("2025-03-06"), "what a row says needs nothing");
    }

    #[test]
    fn a_rebook_gets_the_date_of_the_account_that_it_goes_to() {
        let rebook =
            ROW.replace(r#""NEW""#, r#""REBOOK", "rebook_account": "A", "rebook_book": "B2", "rebook_security": "S""#);
        let rebook = rebook.replace(r#"{"account": "A""#, r#"{"account": "OTHER""#);
        let security = (DataKind::Security, "S", 1, SECURITY.3.to_owned());
        assert_eq!(read(&rebook, &[security, account(1, "America/New_York", "18:00")]), on("2025-03-07"));
    }

    #[test]
    fn what_is_not_known_is_not_made_up() {
        let refusal = |points: &[(DataKind, &str, u32, &str)]| read(ROW, points).expect_err("something is missing");
        let known = (DataKind::Account, "A", 1, r#"{"zone": "Europe/London", "cutOff": "17:00"}"#);
        assert!(refusal(&[known]).starts_with("currency: missing, and that of security S"));
        assert!(
            refusal(&[SECURITY, (DataKind::Account, "B", 1, known.3)]).starts_with("trade_date: missing, and zone")
        );
        let unreadable = (DataKind::Account, "A", 2, r#"{"zone": "Europe/London"}"#);
        assert!(refusal(&[SECURITY, known, unreadable]).contains("account A are not known"), "nor the version before");
        let unknown_market =
            (DataKind::Security, "S", 2, r#"{"market": "XOUR", "currency": "USD", "settlementDays": 2}"#);
        assert!(refusal(&[SECURITY, known, unknown_market]).contains("no calendar `XOUR`"));
        let years = ROW.replace("2025-03-07T", "2125-03-07T");
        assert!(read(&years, &[SECURITY, known]).is_err_and(|refusal| refusal.contains("is outside")));
    }
}
