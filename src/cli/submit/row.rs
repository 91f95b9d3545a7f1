//! A row's fields -> a trade. Names and meaning of the fields are those of `schemas/trade.avsc`.

use chrono::DateTime;
use rust_decimal::Decimal;

use super::fields::{Fields, RowError};
use super::left_out::LeftOut;
use super::relief;
use crate::domain::key::{ContractId, PositionKey, Timestamp, TradeId};
use crate::domain::money::Currency;
use crate::domain::trade::{Side, Terms, Trade, TradeEvent};
use crate::messages::request::scalar::{parse_date, parse_decimal, shortened};
use crate::messages::wire::{COUNT_MAX, NUMBER_MAX};

const TERMS: [&str; 11] = [
    "contract_id",
    "side",
    "quantity",
    "price",
    "currency",
    "trade_date",
    "exec_time",
    "source_seq",
    "settle_date",
    "relief_method",
    "relief_lots",
];

/// The trade that a row says; every field is either understood or refused by name, and what is left out follows from the position.
pub fn trade(mut fields: Fields, left_out: &LeftOut<'_>) -> Result<Trade, RowError> {
    if fields.optional("cause").is_some() {
        return Err(RowError("cause: only bookflow's own records have one".into()));
    }
    let key = position(&mut fields, "")?;
    let (source, trade_id) = (fields.required("source")?, fields.required("trade_id")?);
    let id = TradeId::new(&source, &trade_id).map_err(|error| RowError(error.to_string()))?;
    let version = version(&fields.required("version")?)?;
    let event = fields.required("event")?;
    let event = match event.as_str() {
        "NEW" => TradeEvent::New(terms(&mut fields, &key, left_out)?),
        "AMEND" => TradeEvent::Amend(terms(&mut fields, &key, left_out)?),
        "CANCEL" => TradeEvent::Cancel,
        "REBOOK" => {
            let to = position(&mut fields, "rebook_")?;
            let terms = terms(&mut fields, &to, left_out)?;
            TradeEvent::Rebook { to, terms }
        }
        "FORCE" => TradeEvent::Force,
        _ => return Err(wrong("event", &event, "NEW, AMEND, CANCEL, REBOOK, FORCE")),
    };
    if matches!(event, TradeEvent::Cancel | TradeEvent::Force) && fields.any(&TERMS) {
        return Err(RowError("a CANCEL or FORCE has no terms: leave them empty".into()));
    }
    fields.finish()?;
    Ok(Trade { key, id, version, event })
}

pub fn position(fields: &mut Fields, prefix: &str) -> Result<PositionKey, RowError> {
    let mut part = |name: &str| fields.required(&format!("{prefix}{name}"));
    let (account, book, security) = (part("account")?, part("book")?, part("security")?);
    PositionKey::new(&account, &book, &security).map_err(|error| RowError(format!("{prefix}{error}")))
}

fn terms(fields: &mut Fields, key: &PositionKey, left_out: &LeftOut<'_>) -> Result<Terms, RowError> {
    let contract = fields.optional("contract_id").map(|id| ContractId::new(&id)).transpose();
    let side = fields.required("side")?;
    let side = match side.as_str() {
        "BUY" => Side::Buy,
        "SELL" => Side::Sell,
        _ => return Err(wrong("side", &side, "BUY, SELL")),
    };
    let exec_time = instant("exec_time", &fields.required("exec_time")?)?;
    let currency = match fields.optional("currency") {
        Some(code) => Currency::new(&code).map_err(|error| RowError(format!("currency: {error}")))?,
        None => left_out.currency(key)?,
    };
    let trade_date = match fields.optional("trade_date") {
        Some(text) => date("trade_date", &text)?,
        None => left_out.trade_date(key, exec_time)?,
    };
    let terms = Terms {
        contract: contract.map_err(|error| RowError(error.to_string()))?,
        side,
        quantity: decimal(fields, "quantity")?,
        price: decimal(fields, "price")?,
        currency,
        trade_date,
        exec_time,
        source_seq: source_seq(&fields.required("source_seq")?)?,
        settle_date: fields.optional("settle_date").map(|text| date("settle_date", &text)).transpose()?,
        relief: relief::ordered(fields)?.map(Box::new),
    };
    terms.checked().map_err(|error| RowError(error.to_string()))
}

pub fn version(text: &str) -> Result<u32, RowError> {
    let version = text.parse().ok().filter(|version| (1..=NUMBER_MAX).contains(version));
    version.ok_or_else(|| wrong("version", text, &format!("1 to {NUMBER_MAX}")))
}

pub fn source_seq(text: &str) -> Result<u64, RowError> {
    let number = text.parse().ok().filter(|number| *number <= COUNT_MAX);
    number.ok_or_else(|| wrong("source_seq", text, &format!("0 to {COUNT_MAX}")))
}

pub fn decimal(fields: &mut Fields, name: &str) -> Result<Decimal, RowError> {
    let text = fields.required(name)?;
    parse_decimal(&text).ok_or_else(|| wrong(name, &text, "an exact decimal number such as 155.25"))
}

pub fn date(name: &str, text: &str) -> Result<chrono::NaiveDate, RowError> {
    parse_date(text).ok_or_else(|| wrong(name, text, "a date such as 2024-01-31"))
}

/// With its offset from UTC; what Java appends about the zone says nothing more.
pub fn instant(name: &str, text: &str) -> Result<Timestamp, RowError> {
    let plain = text.split_once('[').map_or(text, |(instant, _)| instant);
    let instant = DateTime::parse_from_rfc3339(plain);
    instant
        .map(|instant| Timestamp(instant.timestamp_micros()))
        .map_err(|_| wrong(name, text, "an instant such as 2024-01-31T09:30:00.000001Z"))
}

pub fn wrong(name: &str, text: &str, allowed: &str) -> RowError {
    RowError(format!("{name}: {} is not allowed; allowed: {allowed}", shortened(text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::generate::load::{Load, Mix};
    use crate::cli::generate::record::line;
    use crate::cli::generate::trades::Generated;
    use crate::messages::schemas::Schemas;

    const NEW: &str = r#"{"account":"A","book":"B","security":"S","source":"OMS","trade_id":"T1","version":1,"event":"NEW",
        "terms":{"side":"BUY","quantity":100,"price":"155.25","currency":"USD","trade_date":"2024-01-31",
        "exec_time":"2024-01-31T09:30:00.000001Z","source_seq":7}}"#;

    fn read(json: &str) -> Result<Trade, RowError> {
        trade(Fields::of_json(json)?, &LeftOut::default())
    }

    fn refusal(from: &str, to: &str) -> String {
        assert!(NEW.contains(from), "the test is out of date: {from}");
        read(&NEW.replace(from, to)).expect_err(to).0
    }

    #[test]
    fn whatever_is_shown_of_a_trade_can_be_submitted_again() {
        let schemas = Schemas::embedded();
        let load = Load { mix: Mix::PLAIN, ..Load::new(5, 500) };
        for generated in load.trades().expect("a load") {
            let Generated::Trade(trade) = &generated else { continue };
            assert_eq!(&read(&line(&generated, &schemas)).expect("is whole"), trade);
        }
    }

    #[test]
    fn columns_and_members_mean_the_same() {
        let columns = [
            ("account", "A"),
            ("book", "B"),
            ("security", "S"),
            ("source", "OMS"),
            ("trade_id", "T1"),
            ("version", "1"),
            ("event", "NEW"),
            ("contract_id", ""),
            ("side", "BUY"),
            ("quantity", "100"),
            ("price", "155.25"),
            ("currency", "USD"),
            ("trade_date", "2024-01-31"),
            ("exec_time", "2024-01-31T10:30:00.000001+01:00"),
            ("source_seq", "7"),
        ];
        let fields = Fields::of_columns(columns.into_iter()).expect("no column twice");
        let of_columns = trade(fields, &LeftOut::default()).expect("is whole");
        assert_eq!(of_columns, read(NEW).expect("is whole"));
    }

    #[test]
    fn a_refusal_names_the_field() {
        assert!(refusal("\"quantity\":100", "\"quantity\":-100").contains("quantity is not above zero"));
        assert!(refusal("\"quantity\":100", "\"quantity\":\"1e999\"").starts_with("quantity: "));
        assert!(refusal("\"quantity\":100,", "").starts_with("quantity: missing"));
        assert!(refusal("\"trade_date\":\"2024-01-31\",", "").starts_with("trade_date: missing, and "));
        assert!(refusal("\"currency\":\"USD\",", "").starts_with("currency: missing, and "));
        assert!(refusal("\"quantity\":100", "\"quantity\":[100]").starts_with("quantity: "));
        assert!(refusal("\"quantity\"", "\"quantitty\"").starts_with("quantity: missing"));
        assert!(refusal("\"source_seq\":7", "\"source_seq\":7,\"size\":1").starts_with("size: no such field"));
        assert!(refusal("\"book\":\"B\"", "\"book\":\"B\",\"book\":\"C\"").starts_with("book: comes twice"));
        assert!(refusal("2024-01-31\"", "2024-02-30\"").starts_with("trade_date: "));
        assert!(refusal("09:30:00.000001Z", "09:30").starts_with("exec_time: "));
        assert!(refusal("\"NEW\"", "\"REBOOK_IN\"").starts_with("event: "));
        assert!(refusal("\"NEW\"", "\"CANCEL\"").contains("has no terms"));
        for version in ["0", "-1", "2147483648"] {
            assert!(refusal("\"version\":1", &format!("\"version\":{version}")).starts_with("version: "), "{version}");
        }
        assert!(refusal("\"USD\"", "\"XQZ9\"").starts_with("currency: "));
        assert!(read("[1]").is_err() && read("").is_err() && read("{} {}").is_err());
    }
}
