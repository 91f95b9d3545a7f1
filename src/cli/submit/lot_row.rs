//! A row's fields -> a lot that was there before.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::fields::{Fields, RowError};
use super::row::{date, decimal, instant, position, source_seq, version, wrong};
use crate::domain::key::{ContractId, PositionKey, Timestamp, TradeId};
use crate::domain::lots::happening::{Arrival, Happening, OPENING, Sent, What};
use crate::domain::lots::lot::Lot;
use crate::domain::money::Currency;
use crate::domain::trade::{Side, Terms};
use crate::messages::trade::Moved;

/// The lot that a row says; every field is either understood or refused by name.
pub fn lot(mut fields: Fields) -> Result<Moved, RowError> {
    let key = position(&mut fields, "")?;
    let lot_id = fields.required("lot_id")?;
    let id = TradeId::new(OPENING, &lot_id).map_err(|error| RowError(format!("lot_id: {error}")))?;
    let version = fields.optional("version").map_or(Ok(1), |text| version(&text))?;
    let event = fields.optional("event").unwrap_or_else(|| "OPEN".into());
    let what = match event.as_str() {
        "OPEN" => What::Arrival(Box::new(arrival(&mut fields, &key, &id)?)),
        "WITHDRAW" => What::Withdrawn,
        _ => return Err(wrong("event", &event, "OPEN, WITHDRAW")),
    };
    fields.finish()?;
    Ok(Moved { from: None, sent: Sent { to: key, happening: Happening { id, version, what } } })
}

fn arrival(fields: &mut Fields, key: &PositionKey, id: &TradeId) -> Result<Arrival, RowError> {
    let quantity = decimal(fields, "quantity")?;
    let terms = terms(fields, quantity)?.checked().map_err(|error| RowError(error.to_string()))?;
    let from = date("from", &fields.required("from")?)?;
    if from < terms.trade_date {
        return Err(wrong("from", &from.to_string(), &format!("{}, the trade_date, and later", terms.trade_date)));
    }
    terms.currency.money_on(from).map_err(|ended| RowError(format!("from: {ended}")))?;
    let quantity = terms.signed_quantity();
    Ok(Arrival::opening(Lot::of_trade(key, id, &terms, quantity, quantity, 0), from))
}

/// What the trade that opened it would have said.
fn terms(fields: &mut Fields, quantity: Decimal) -> Result<Terms, RowError> {
    let contract = fields.optional("contract_id").map(|id| ContractId::new(&id)).transpose();
    let currency = fields.required("currency")?;
    let optional_date = |fields: &mut Fields, name: &str| -> Result<Option<NaiveDate>, RowError> {
        fields.optional(name).map(|text| date(name, &text)).transpose()
    };
    let exec_time = fields.optional("exec_time").map(|text| instant("exec_time", &text)).transpose()?;
    Ok(Terms {
        contract: contract.map_err(|error| RowError(error.to_string()))?,
        side: if quantity.is_sign_negative() { Side::Sell } else { Side::Buy },
        quantity: quantity.abs(),
        price: decimal(fields, "price")?,
        currency: Currency::new(&currency).map_err(|error| RowError(format!("currency: {error}")))?,
        trade_date: date("trade_date", &fields.required("trade_date")?)?,
        exec_time: exec_time.unwrap_or(Timestamp(0)),
        source_seq: fields.optional("source_seq").map_or(Ok(0), |text| source_seq(&text))?,
        settle_date: optional_date(fields, "settle_date")?,
        relief: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOT: &str = r#"{"account":"A","book":"B","security":"S","lot_id":"L1","quantity":"-100","price":"155.25","currency":"USD",
        "trade_date":"2024-01-31","settle_date":"2024-02-02","from":"2025-01-02","contract_id":"C"}"#;

    fn read(json: &str) -> Result<Moved, RowError> {
        lot(Fields::of_json(json)?)
    }

    fn refusal(from: &str, to: &str) -> String {
        assert!(LOT.contains(from), "the test is out of date: {from}");
        read(&LOT.replace(from, to)).expect_err(to).0
    }

    #[test]
    fn a_lot_keeps_its_age_and_its_cost_and_counts_from_its_day_on() {
        let Sent { to, happening } = read(LOT).expect("is whole").sent;
        let arrival = happening.arrival().expect("it opens");
        assert_eq!((to.as_str(), happening.id.as_str(), happening.version), ("A_B_S", "opening|L1", 1));
        assert_eq!((arrival.lot.remaining, arrival.lot.price), (Decimal::from(-100), Decimal::new(15_525, 2)));
        assert_eq!(
            (arrival.lot.trade_date.to_string(), arrival.date.to_string()),
            ("2024-01-31".into(), "2025-01-02".into())
        );
    }

    #[test]
    fn a_refusal_names_the_field() {
        assert!(refusal("\"-100\"", "\"0\"").contains("quantity is not above zero"));
        assert!(refusal("\"-100\"", "\"1e999\"").starts_with("quantity: "));
        assert!(refusal("2025-01-02", "2024-01-30").starts_with("from: "));
        assert!(refusal("\"from\"", "\"since\"").starts_with("from: missing"));
        assert!(refusal("\"lot_id\":\"L1\",", "").starts_with("lot_id: missing"));
        assert!(refusal("\"lot_id\":\"L1\"", "\"lot_id\":\"L1\",\"version\":0").starts_with("version: "));
        assert!(refusal("\"lot_id\":\"L1\"", "\"lot_id\":\"L1\",\"event\":\"NEW\"").starts_with("event: "));
        assert!(refusal("\"lot_id\":\"L1\"", "\"lot_id\":\"L1\",\"event\":\"WITHDRAW\"").contains("no such field"));
        assert!(refusal("\"USD\"", "\"XQZ9\"").starts_with("currency: "));
        assert!(refusal("\"USD\"", "\"HRK\"").contains("HRK was money up to 2022-12-31"));
        let levs = LOT.replace("USD", "BGN").replace("2025-01-02", "2026-01-02");
        assert!(read(&levs).is_err_and(|refusal| refusal.0 == "from: BGN was money up to 2025-12-31"));
        assert!(refusal("\"2024-02-02\"", "\"2024-01-02\"").contains("settle"));
    }

    #[test]
    fn a_lot_is_withdrawn_by_name_alone() {
        let row = r#"{"account":"A","book":"B","security":"S","lot_id":"L1","version":2,"event":"WITHDRAW"}"#;
        assert_eq!(read(row).expect("is whole").sent.happening.what, What::Withdrawn);
    }
}
