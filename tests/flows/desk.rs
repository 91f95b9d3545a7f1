//! A desk with one contract on ACME: its trades, its terms, its market, and what is told of its flows.

use std::time::Duration;

use bookflow::domain::flows::row::{BlockedContract, FlowRow};
use bookflow::domain::key::{ContractId, PositionKey, Timestamp, TradeId};
use bookflow::domain::lots::position::Position;
use bookflow::domain::money::Currency;
use bookflow::domain::trade::captured::Place;
use bookflow::domain::trade::{Side, Terms, Trade, TradeEvent};
use bookflow::engine::worker::Worker;
use bookflow::messages::contract::ContractVersion;
use bookflow::messages::data_point::{DataKind, DataPoint, Value};
use bookflow::messages::position_flows::PositionFlows;
use bookflow::pipeline::topics::{CASH_FLOWS, CONTRACTS, MARKET_DATA, POSITIONS, REFERENCE_DATA};
use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::house::House;
use crate::turns::idle;

pub struct Desk {
    pub house: House,
    pub worker: Option<Worker>,
}

/// 3 to 31 March 2025.
pub fn march(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2025, 3, day).expect("a day of March")
}

pub fn number(text: &str) -> Decimal {
    text.parse().expect("a number")
}

/// 5 % fixed, ACT/360, from settlement.
pub const TERMS: &str = r#"{
    "contractId": "SWAP-1", "product": "EQUITY_SWAP", "priceCurrency": "USD",
    "effectiveDate": "2025-03-03", "terminationDate": "2025-06-30",
    "calendars": {"exchange": "XNYS", "payment": "USNY"},
    "financing": {"long": {"rate": {"kind": "FIXED", "rate": "0.05"}, "dayCount": "ACT/360"}},
    "dividends": {"payoutRatioLong": "0.85"}
}"#;

impl Desk {
    pub fn new() -> Desk {
        Desk { house: House::new(), worker: None }
    }

    /// Lets `book` do all there is to do, long enough for a tick.
    pub fn settle(&mut self) {
        let worker = self.worker.get_or_insert_with(|| self.house.worker("book"));
        for _ in 0..4 {
            idle(worker);
            self.house.stand.pass(Duration::from_millis(100));
        }
    }

    /// The process dies; another takes over.
    pub fn crash(&mut self) {
        drop(self.worker.take());
        self.house.stand.pass(Duration::from_secs(46));
    }

    pub fn trade(&self, id: &str, side: Side, quantity: &str, price: &str, day: u32) -> Place {
        self.version(id, 1, TradeEvent::New(terms(side, quantity, price, day)))
    }

    pub fn version(&self, id: &str, version: u32, event: TradeEvent) -> Place {
        let id = TradeId::new("OMS", id).expect("two names");
        self.house.put_trade(&Trade { key: key(), id, version, event })
    }

    pub fn contract(&self, version: u32, terms: &str) -> Place {
        let id = ContractId::new("SWAP-1").expect("a name");
        let contract = ContractVersion { id, version, terms: Some(terms.into()) };
        self.house.place(CONTRACTS, &self.house.raw(&contract, &contract.key()))
    }

    pub fn withdraw(&self, version: u32) -> Place {
        let id = ContractId::new("SWAP-1").expect("a name");
        let contract = ContractVersion { id, version, terms: None };
        self.house.place(CONTRACTS, &self.house.raw(&contract, &contract.key()))
    }

    pub fn point(&self, kind: DataKind, name: &str, date: Option<NaiveDate>, version: u32, value: Value) -> Place {
        let detail = match &value {
            Value::Terms(json) if matches!(kind, DataKind::Dividend | DataKind::CorporateAction) => {
                let json: serde_json::Value = serde_json::from_str(json).expect("JSON");
                let id = ["dividendId", "actionId"].into_iter().find_map(|id| json[id].as_str());
                id.expect("an id").into()
            }
            _ => "".into(),
        };
        let point = DataPoint { kind, name: name.into(), detail, date, version, value };
        let topic = if kind.is_market() { MARKET_DATA } else { REFERENCE_DATA };
        self.house.place(topic, &self.house.raw(&point, &point.key()))
    }

    pub fn price(&self, day: u32, version: u32, price: &str) -> Place {
        self.point(DataKind::Price, "ACME", Some(march(day)), version, Value::Number(number(price)))
    }

    pub fn business_date(&self, day: u32) -> Place {
        self.point(DataKind::BusinessDate, "", Some(march(day)), 0, Value::Terms("{}".into()))
    }

    pub fn security(&self) -> Place {
        self.point(DataKind::Security, "ACME", None, 1, Value::Terms(r#"{"market": "XNYS"}"#.into()))
    }

    pub fn revision(&self) -> u64 {
        self.house.read::<Position>(POSITIONS).pop().expect("a position").1.revision
    }

    /// Everything that was ever told, with its cause.
    pub fn told(&self) -> Vec<(Place, PositionFlows)> {
        self.house.read(CASH_FLOWS)
    }

    /// What counts now.
    pub fn now(&self) -> (Vec<BlockedContract>, Vec<FlowRow>) {
        self.told().pop().expect("something was told").1.rows.read().expect("rows")
    }

    /// `EQUITY_PERFORMANCE OMS|T1 = 100.00`, sorted.
    pub fn amounts(&self) -> Vec<String> {
        let (blocked, flows) = self.now();
        assert!(blocked.is_empty(), "{blocked:?}");
        let mut amounts: Vec<_> = flows.iter().map(shown).collect();
        amounts.sort();
        amounts
    }
}

fn shown(flow: &FlowRow) -> String {
    let amount = match &flow.result {
        Ok(amount) => format!("{}.{:02}", amount.minor / 100, amount.minor.abs() % 100),
        Err(obstacle) => obstacle.reason.to_string(),
    };
    format!("{} {} = {amount}", flow.kind.name(), flow.of)
}

pub fn key() -> PositionKey {
    PositionKey::new("ACC", "BOOK", "ACME").expect("three names")
}

pub fn terms(side: Side, quantity: &str, price: &str, day: u32) -> Terms {
    Terms {
        contract: Some(ContractId::new("SWAP-1").expect("a name")),
        side,
        quantity: number(quantity),
        price: number(price),
        currency: Currency::new("USD").expect("dollars"),
        trade_date: march(day),
        exec_time: Timestamp(0),
        source_seq: 0,
        settle_date: None,
        relief: None,
    }
}
