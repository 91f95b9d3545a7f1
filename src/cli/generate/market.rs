//! What stands behind the trades of a load: the contracts that they name, a calendar, an overnight index, closes and dividends of the
//! securities. A document that `submit` takes in three parts.

use serde_json::{Map, Value, json};

use super::load::Load;
use super::terms::{Business, close, security_name};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::submit::changes;
use crate::cli::submit::sender::Sender;
use crate::domain::trade::captured::Place;
use crate::engine::broker::Broker;
use crate::messages::message::Message;
use crate::messages::schemas::Schemas;
use crate::pipeline::topics::{CONTRACTS, MARKET_DATA, REFERENCE_DATA};

const CALENDAR: &str = "WEEKDAYS";
const INDEX: &str = "OVERNIGHT";

/// The document of a load. Contracts with even numbers are financed at a fixed rate, those with odd ones at the index; results stand at
/// the end of the day after the last trades have settled.
pub fn document(load: &Load) -> Value {
    let business = Business::new(load);
    let days: Vec<_> = business.days().map(|day| day.to_string()).collect();
    let today = days.last().expect("a load has a day");
    let (mut prices, mut dividends, mut securities) = (Map::new(), Map::new(), Map::new());
    for security in 0..business.securities() {
        let name = security_name(security).into_string();
        let closes: Map<_, _> =
            days.iter().zip(0..).map(|(day, n)| (day.clone(), json!(close(security, n).to_string()))).collect();
        prices.insert(name.clone(), closes.into());
        securities.insert(name.clone(), json!({ "market": "XNYS" }));
        let dividend = json!({
            "dividendId": format!("{name}-1"), "gross": "0.10", "currency": business.currency(security).code(),
            "exDate": days[days.len() / 2], "payDate": today,
        });
        dividends.insert(name, json!([dividend]));
    }
    let fixings: Map<_, _> =
        days.iter().zip(0..).map(|(day, n)| (day.clone(), json!(format!("0.04{:02}", n * 37 % 100)))).collect();
    json!({
        "businessDate": today,
        "calendars": { CALENDAR: { "from": "2023-12-01", "to": "2034-12-31", "holidays": [] } },
        "securities": securities,
        "contracts": business.contracts().map(|(id, currency)| contract(&id, currency.code())).collect::<Vec<_>>(),
        "marketData": {
            "prices": prices, "dividends": dividends,
            "indices": { INDEX: { "calendar": CALENDAR, "yearDays": 360, "fixings": fixings } },
        },
    })
}

fn contract(id: &str, currency: &str) -> Value {
    let fixed = id.as_bytes().last().is_some_and(|digit| digit % 2 == 0);
    let rate = match fixed {
        true => json!({ "kind": "FIXED", "rate": "0.05" }),
        false => json!({ "kind": "RFR_AVERAGE", "index": INDEX }),
    };
    json!({
        "contractId": id, "product": "EQUITY_SWAP", "priceCurrency": currency, "effectiveDate": "2024-01-01",
        "terminationDate": "2033-12-30", "calendars": { "exchange": CALENDAR, "payment": CALENDAR },
        "valuationDates": { "every": "3M" },
        "financing": {
            "long": { "rate": rate, "spread": "0.005", "dayCount": "ACT/360" },
            "short": { "rate": rate, "spread": "-0.01", "dayCount": "ACT/360" },
        },
        "dividends": { "payoutRatioLong": "0.85" },
    })
}

/// Sends the three parts of a document to their topics.
pub fn publish(document: &Value, broker: &dyn Broker, schemas: &Schemas) -> Result<(), Failure> {
    let (contracts, points) = changes::read(document.to_string().as_bytes(), broker, schemas)?;
    let mut sender = Sender::open(broker)?;
    for contract in contracts {
        send(&mut sender, CONTRACTS, &contract.key(), &contract, schemas)?;
    }
    for point in points {
        let topic = if point.kind.is_market() { MARKET_DATA } else { REFERENCE_DATA };
        send(&mut sender, topic, &point.key(), &point, schemas)?;
    }
    sender.finish()
}

fn send<M: Message<Cause = Option<Place>>>(
    sender: &mut Sender,
    topic: &'static str,
    key: &str,
    message: &M,
    schemas: &Schemas,
) -> Result<(), Failure> {
    let mut value = Vec::new();
    let encoded = schemas.encode(message, None, &mut value);
    encoded.map_err(|error| Failure::new(Exit::Failed, format!("{topic}: {error}")))?;
    sender.send(topic, 1, key.as_bytes(), &value).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::generate::trades::Generated;
    use crate::domain::trade::TradeEvent;

    #[test]
    fn a_trade_is_in_the_currency_of_its_contract_and_of_a_security_with_prices() {
        let load = Load { keys: 1_000, ..Load::new(1, 5_000) };
        let document = document(&load);
        let contracts = document["contracts"].as_array().expect("a list").iter();
        let currencies: Map<_, _> = contracts
            .map(|contract| {
                (contract["contractId"].as_str().expect("a name").to_owned(), contract["priceCurrency"].clone())
            })
            .collect();
        let mut seen = 0;
        for generated in load.trades().expect("a load") {
            let Generated::Trade(trade) = generated else { continue };
            let TradeEvent::New(terms) = &trade.event else { continue };
            let Some(contract) = &terms.contract else { continue };
            assert_eq!(currencies.get(contract.as_str()), Some(&terms.currency.code().into()), "{trade:?}");
            let days = &document["marketData"]["prices"][&*trade.key.security()];
            assert!(days[terms.settle_date.unwrap_or(terms.trade_date).to_string()].is_string(), "{trade:?}");
            seen += 1;
        }
        assert!(seen > 3_000, "{seen}");
    }
}
