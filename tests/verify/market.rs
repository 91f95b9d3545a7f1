//! Contracts for some of a load's positions, and a market that does not know everything.

use bookflow::domain::key::ContractId;
use bookflow::domain::trade::captured::Place;
use bookflow::engine::broker::{Broker, Outgoing, TopicPartition};
use bookflow::messages::contract::ContractVersion;
use bookflow::messages::data_point::{DataKind, DataPoint, Value};
use bookflow::messages::message::Message;
use bookflow::messages::schemas::Schemas;
use bookflow::pipeline::topics::{CONTRACTS, MARKET_DATA, REFERENCE_DATA};
use chrono::NaiveDate;
use rust_decimal::Decimal;

/// The first security is known, of the second nobody knows where it is traded, and the third has no price.
pub fn send(broker: &dyn Broker, schemas: &Schemas) {
    for id in ["C000001", "C000002", "C000011"] {
        contract(broker, schemas, id);
    }
    point(broker, schemas, DataKind::Security, "SEC0001", None, 1, Value::Terms(r#"{"market": "XNYS"}"#.into()));
    point(broker, schemas, DataKind::Security, "SEC0003", None, 1, Value::Terms(r#"{"market": "XNYS"}"#.into()));
    point(broker, schemas, DataKind::BusinessDate, "", Some(day()), 0, Value::Terms("{}".into()));
    for security in ["SEC0001", "SEC0002"] {
        price(broker, schemas, security, 1, 1_050);
    }
}

/// The price of the first security once more, and a late split of the third.
pub fn correct(broker: &dyn Broker, schemas: &Schemas) {
    price(broker, schemas, "SEC0001", 2, 1_075);
    let split = r#"{"actionId": "S1", "kind": "SPLIT", "exDate": "2024-01-04", "newUnits": 2, "oldUnits": 1}"#;
    let value = Value::Terms(split.into());
    let action = DataKind::CorporateAction;
    let point = DataPoint { kind: action, name: "SEC0003".into(), detail: "S1".into(), date: None, version: 1, value };
    put(broker, schemas, REFERENCE_DATA, &point.key(), &point);
}

fn day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2024, 1, 5).expect("a Friday")
}

fn contract(broker: &dyn Broker, schemas: &Schemas, id: &str) {
    let terms = format!(
        r#"{{"contractId": "{id}", "product": "EQUITY_SWAP", "priceCurrency": "USD", "effectiveDate": "2023-12-01",
            "terminationDate": "2025-06-30", "calendars": {{"exchange": "XNYS", "payment": "USNY"}},
            "financing": {{"long": {{"rate": {{"kind": "FIXED", "rate": "0.05"}}, "dayCount": "ACT/360"}}}}}}"#
    );
    let id = ContractId::new(id).expect("a name");
    let contract = ContractVersion { id, version: 1, terms: Some(terms.into()) };
    put(broker, schemas, CONTRACTS, &contract.key(), &contract);
}

fn price(broker: &dyn Broker, schemas: &Schemas, security: &str, version: u32, cents: i64) {
    let value = Value::Number(Decimal::new(cents, 2));
    point(broker, schemas, DataKind::Price, security, Some(day()), version, value);
}

fn point(
    broker: &dyn Broker,
    schemas: &Schemas,
    kind: DataKind,
    name: &str,
    date: Option<NaiveDate>,
    version: u32,
    value: Value,
) {
    let point = DataPoint { kind, name: name.into(), detail: "".into(), date, version, value };
    put(broker, schemas, if kind.is_market() { MARKET_DATA } else { REFERENCE_DATA }, &point.key(), &point);
}

fn put<M: Message<Cause = Option<Place>>>(
    broker: &dyn Broker,
    schemas: &Schemas,
    topic: &'static str,
    key: &str,
    message: &M,
) {
    let mut value = Vec::new();
    schemas.encode(message, None, &mut value).expect("numbers fit");
    let mut producer = broker.producer("market").expect("a producer");
    producer.begin().expect("nothing is open");
    let to = TopicPartition { topic, partition: 0 };
    producer.send(Outgoing { to, key: Some(key.as_bytes()), value: Some(&value), headers: &[] }).expect("room");
    producer.drain().expect("delivered");
    producer.commit().expect("committed");
}
