//! A trade in the JSON of the replaced trade capture service -> trades. The reading is described in `docs/submitting.md`.

use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::fields::{RowError, members};
use super::row::{date, instant, source_seq, wrong};
use crate::domain::key::{PositionKey, Timestamp, TradeId};
use crate::domain::money::Currency;
use crate::domain::trade::{Side, Terms, Trade, TradeEvent};
use crate::messages::request::scalar::parse_decimal;

/// One object would otherwise become any number of trades.
const TRADES_MAX: usize = 1_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OldTrade<'a> {
    trade_id: String,
    account_id: String,
    book_id: String,
    security_id: String,
    source: String,
    #[serde(borrow)]
    trade_lots: Vec<OldLot<'a>>,
    trade_date: String,
    trade_timestamp: Option<String>,
    booking_timestamp: Option<String>,
    sequence_number: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OldLot<'a> {
    #[serde(borrow)]
    price_quantity: Vec<OldPriceQuantity<'a>>,
}

#[derive(Deserialize)]
struct OldPriceQuantity<'a> {
    #[serde(borrow)]
    quantity: Vec<Measure<'a>>,
    #[serde(borrow)]
    price: Vec<Measure<'a>>,
}

#[derive(Deserialize)]
struct Measure<'a> {
    #[serde(borrow)]
    value: &'a RawValue,
    unit: Option<Unit>,
}

/// `"USD"`, `"Shares"`, `{"currency": "USD"}` or `{"financialUnit": "Shares"}`; the absent half may be the text "null".
#[derive(Deserialize)]
#[serde(untagged)]
enum Unit {
    Word(String),
    #[serde(rename_all = "camelCase")]
    Halves {
        currency: Option<String>,
    },
}

/// Whether a line is of the old form.
pub fn old(line: &str) -> bool {
    // The look for the word spares every other line a second reading.
    line.contains("\"tradeLots\"")
        && members(line).is_ok_and(|members| members.iter().any(|(name, _)| name == "tradeLots"))
}

/// The trades of one old trade: one for each quantity and price, because a trade opens one lot.
pub fn trades(line: &str) -> Result<Vec<Trade>, RowError> {
    let old: OldTrade<'_> = serde_json::from_str(line).map_err(|error| RowError(error.to_string()))?;
    let key = PositionKey::new(&old.account_id, &old.book_id, &old.security_id);
    let key = key.map_err(|error| RowError(error.to_string()))?;
    if !["AUTOMATED", "MANUAL"].contains(&old.source.as_str()) {
        return Err(wrong("source", &old.source, "AUTOMATED, MANUAL"));
    }
    let trade_date = date("tradeDate", &old.trade_date)?;
    let exec_time = match (&old.trade_timestamp, &old.booking_timestamp) {
        (Some(text), _) => instant("tradeTimestamp", text)?,
        (None, Some(text)) => instant("bookingTimestamp", text)?,
        (None, None) => Timestamp(i64::from(trade_date.to_epoch_days()) * 86_400_000_000),
    };
    let source_seq = old.sequence_number.map_or(Ok(0), |number| source_seq(&number.to_string()))?;
    let places = || {
        let lots = old.trade_lots.iter().enumerate();
        lots.flat_map(|(lot, old)| old.price_quantity.iter().enumerate().map(move |(at, measures)| (lot, at, measures)))
    };
    let count = places().count();
    if count == 0 || count > TRADES_MAX {
        return Err(RowError(format!("tradeLots: {count} quantities with a price; allowed: 1 to {TRADES_MAX}")));
    }
    let mut trades = Vec::with_capacity(count);
    for (number, (lot, at, measures)) in places().enumerate() {
        let path = format!("tradeLots[{lot}].priceQuantity[{at}]");
        let trade_id = if count == 1 { old.trade_id.clone() } else { format!("{}.{}", old.trade_id, number + 1) };
        let id = TradeId::new(&old.source, &trade_id).map_err(|error| RowError(error.to_string()))?;
        let (quantity, price, currency) = measures.read(&path)?;
        let terms = Terms {
            contract: None,
            side: if quantity.is_sign_negative() { Side::Sell } else { Side::Buy },
            quantity: quantity.abs(),
            price,
            currency,
            trade_date,
            exec_time,
            source_seq,
            settle_date: None,
            relief: None,
        };
        let terms = terms.checked().map_err(|error| RowError(format!("{path}: {error}")))?;
        trades.push(Trade { key: key.clone(), id, version: 1, event: TradeEvent::New(terms) });
    }
    Ok(trades)
}

impl OldPriceQuantity<'_> {
    /// The one quantity in units and the one price in a currency.
    fn read(&self, path: &str) -> Result<(Decimal, Decimal, Currency), RowError> {
        let one = |name: &str, measures: Vec<&Measure<'_>>| match measures[..] {
            [one] => one.number(&format!("{path}.{name}")),
            _ => Err(RowError(format!("{path}.{name}: {} that count; allowed: exactly one", measures.len()))),
        };
        // A notional in money may stand beside the units; it is their product and says nothing more.
        let units = self.quantity.iter().filter(|quantity| quantity.currency().is_none()).collect();
        let quantity = one("quantity", units)?;
        let prices: Vec<_> = self.price.iter().filter(|price| price.currency().is_some()).collect();
        let currency = prices.first().and_then(|price| price.currency()).unwrap_or_default();
        let price = one("price", prices)?;
        let currency = Currency::new(currency).map_err(|error| RowError(format!("{path}.price.unit: {error}")))?;
        Ok((quantity, price, currency))
    }
}

impl Measure<'_> {
    fn number(&self, path: &str) -> Result<Decimal, RowError> {
        let json = self.value.get();
        parse_decimal(json).ok_or_else(|| wrong(path, json, "an exact decimal number"))
    }

    /// Three capital letters are a currency, whatever else is a unit of something.
    fn currency(&self) -> Option<&str> {
        let word = match self.unit.as_ref()? {
            Unit::Word(word) => word,
            Unit::Halves { currency } => currency.as_ref()?,
        };
        (word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_uppercase())).then_some(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = r#"{"tradeId":"T-1","accountId":"ACC_1","bookId":"B","securityId":"US0378331005","source":"MANUAL",
        "tradeDate":"2024-01-31","tradeTimestamp":"2024-01-31T10:30:00+01:00[Europe/Zurich]","counterpartyIds":["C"],
        "tradeLots":[{"lotIdentifier":[{"identifier":"L1","identifierType":"LOT"}],"priceQuantity":[
          {"quantity":[{"value":1.0E3,"unit":{"currency":"null","financialUnit":"Shares"}}],
           "price":[{"value":155.25,"unit":{"currency":"USD","financialUnit":"null"}}]}]}]}"#;

    #[test]
    fn one_lot_is_one_trade_under_its_own_id() {
        assert!(old(OLD));
        let trades = trades(OLD).expect("is whole");
        let [Trade { key, id, version: 1, event: TradeEvent::New(terms) }] = &trades[..] else { panic!("{trades:?}") };
        assert_eq!((key.as_str(), id.as_str()), ("ACC%5F1_B_US0378331005", "MANUAL|T-1"));
        assert_eq!((terms.quantity, terms.price), (Decimal::from(1000), "155.25".parse().expect("a number")));
        assert_eq!((terms.side, terms.currency.code()), (Side::Buy, "USD"));
        assert_eq!(terms.exec_time, instant("", "2024-01-31T09:30:00Z").expect("an instant"));
    }

    #[test]
    fn several_lots_are_several_trades_and_a_quantity_below_zero_is_a_sale() {
        let lot = r#"{"priceQuantity":[{"quantity":[{"value":-5,"unit":"Shares"},{"value":50,"unit":"EUR"}],
            "price":[{"value":10,"unit":"EUR"}]}]}"#;
        let two = OLD.replace(r#""tradeLots":["#, &format!(r#""tradeLots":[{lot},"#));
        let trades = trades(&two).expect("is whole");
        let ids: Vec<_> = trades.iter().map(|trade| trade.id.trade_id()).collect();
        assert_eq!(ids, ["T-1.1", "T-1.2"]);
        let TradeEvent::New(terms) = &trades[0].event else { panic!("a new trade") };
        assert_eq!((terms.side, terms.quantity), (Side::Sell, Decimal::from(5)));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let refusal = |from: &str, to: &str| {
            assert!(OLD.contains(from), "the test is out of date: {from}");
            trades(&OLD.replace(from, to)).expect_err(to).0
        };
        assert!(refusal("1.0E3", "0").contains("tradeLots[0].priceQuantity[0]: quantity is not above zero"));
        assert!(refusal("1.0E3", "\"x\"").contains("priceQuantity[0].quantity: "));
        assert!(refusal(r#""currency":"USD""#, r#""currency":"null""#).contains("price: 0 that count"));
        assert!(refusal("MANUAL", "FAX").starts_with("source: "));
        assert!(refusal("tradeDate", "date").contains("tradeDate"));
    }
}
