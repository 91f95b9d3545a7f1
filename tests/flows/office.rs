//! An office with many positions under several contracts, and jobs by reference that are asked of it.

use std::time::Duration;

use bookflow::cli::submit::{job, recalculation};
use bookflow::domain::jobs::job::{Ending, JobId, Outcome};
use bookflow::domain::key::{ContractId, PositionKey, Timestamp, TradeId};
use bookflow::domain::money::Currency;
use bookflow::domain::trade::{Side, Terms, Trade, TradeEvent};
use bookflow::engine::broker::Broker;
use bookflow::messages::contract::ContractVersion;
use bookflow::messages::data_point::{DataKind, DataPoint, Value};
use bookflow::messages::position_flows::PositionFlows;
use bookflow::pipeline::topics::{CALCULATION_OUTCOMES, CASH_FLOWS, CONTRACTS, MARKET_DATA};
use serde_json::json;

use crate::cluster::at;
use crate::desk::{Desk, march, number};
use crate::house::PARTITIONS;
use crate::turns::idle;

pub struct Office {
    pub desk: Desk,
}

/// What everything is financed at: 5 % fixed, or 5 % of an index.
const FIXED: &str = r#"{"kind": "FIXED", "rate": "0.05"}"#;
const FLOATING: &str = r#"{"kind": "RFR_AVERAGE", "index": "OWN"}"#;

pub fn terms(id: &str, product: &str, rate: &str) -> String {
    let life = match product {
        "CFD" => r#""interestPeriods": [{"start": "2025-03-03", "end": "2025-06-30", "payment": "2025-06-30"}]"#,
        _ => r#""terminationDate": "2025-06-30""#,
    };
    format!(
        r#"{{"contractId": "{id}", "product": "{product}", "priceCurrency": "USD", "effectiveDate": "2025-03-03", {life},
            "calendars": {{"exchange": "XNYS", "payment": "USNY"}},
            "financing": {{"long": {{"rate": {rate}, "dayCount": "ACT/360"}}}}}}"#
    )
}

impl Office {
    pub fn empty() -> Office {
        Office { desk: Desk::new() }
    }

    /// Lets `book` do all there is to do, until a few ticks have nothing to tell any more.
    pub fn quiet(&mut self) {
        let mut ticks = 0;
        while ticks < 3 {
            let before = self.end(CASH_FLOWS);
            self.tick();
            ticks = if self.end(CASH_FLOWS) == before { ticks + 1 } else { 0 };
        }
    }

    /// Four accounts with three securities each, A0 and A1 under FIX, A2 and A3 under FLOAT; bought on the 3rd and 5th, some sold on the 6th,
    /// and everything that is needed up to the 10th.
    pub fn new() -> Office {
        let office = Office::empty();
        let days = r#"{"from": "2025-01-01", "to": "2025-12-31", "holidays": []}"#;
        let send = |kind, name, json: &str| office.desk.point(kind, name, None, 1, Value::Terms(json.into()));
        send(DataKind::Calendar, "OURS", days);
        send(DataKind::Index, "OWN", r#"{"calendar": "OURS"}"#);
        for security in ["ACME", "BOLT", "CORE"] {
            send(DataKind::Security, security, r#"{"market": "XNYS"}"#);
        }
        for day in [3, 4, 5, 6, 7, 10] {
            office.fixing(day, 1, "0.05");
            for (security, price) in [("ACME", 50), ("BOLT", 20), ("CORE", 10)] {
                office.price(security, day, 1, &(price + i64::from(day)).to_string());
            }
        }
        office.contract(1, &terms("FIX", "EQUITY_SWAP", FIXED), "FIX");
        office.contract(1, &terms("FLOAT", "EQUITY_SWAP", FLOATING), "FLOAT");
        office.desk.business_date(10);
        for account in 0..4 {
            for security in ["ACME", "BOLT", "CORE"] {
                let contract = if account < 2 { "FIX" } else { "FLOAT" };
                let key = key(account, security);
                office.trade(&key, "T1", contract, Side::Buy, 100, 3);
                office.trade(&key, "T2", contract, Side::Buy, 50, 5);
                if security == "BOLT" {
                    office.trade(&key, "T3", contract, Side::Sell, 120, 6);
                }
            }
        }
        let mut office = office;
        office.desk.settle();
        office
    }

    pub fn price(&self, security: &str, day: u32, version: u32, price: &str) {
        self.desk.point(DataKind::Price, security, Some(march(day)), version, Value::Number(number(price)));
    }

    pub fn fixing(&self, day: u32, version: u32, rate: &str) {
        self.desk.point(DataKind::Fixing, "OWN", Some(march(day)), version, Value::Number(number(rate)));
    }

    pub fn fx(&self, pair: &str, day: u32, version: u32, rate: &str) {
        let (name, date, value) = (pair.into(), Some(march(day)), Value::Number(number(rate)));
        let point = DataPoint { kind: DataKind::Fx, name, detail: "WM".into(), date, version, value };
        self.desk.house.place(MARKET_DATA, &self.desk.house.raw(&point, &point.key()));
    }

    pub fn contract(&self, version: u32, terms: &str, id: &str) {
        let id = ContractId::new(id).expect("a name");
        let contract = ContractVersion { id, version, terms: Some(terms.into()) };
        self.desk.house.place(CONTRACTS, &self.desk.house.raw(&contract, &contract.key()));
    }

    pub fn trade(&self, key: &PositionKey, id: &str, contract: &str, side: Side, quantity: i64, day: u32) {
        let terms = Terms {
            contract: Some(ContractId::new(contract).expect("a name")),
            side,
            quantity: quantity.into(),
            price: 40.into(),
            currency: Currency::new("USD").expect("dollars"),
            trade_date: march(day),
            exec_time: Timestamp(0),
            source_seq: 0,
            settle_date: None,
            relief: None,
        };
        let id = TradeId::new("OMS", id).expect("two names");
        self.desk.house.put_trade(&Trade { key: key.clone(), id, version: 1, event: TradeEvent::New(terms) });
    }

    /// How far a topic goes, all partitions together.
    fn end(&self, topic: &'static str) -> i64 {
        let mut reader = self.desk.house.stand.broker.reader().expect("reader");
        (0..PARTITIONS).map(|partition| reader.bounds(at(topic, partition)).expect("bounds").end).sum()
    }

    pub fn told(&self) -> Vec<PositionFlows> {
        self.of(CASH_FLOWS)
    }

    pub fn of(&self, topic: &'static str) -> Vec<PositionFlows> {
        self.desk.house.read::<PositionFlows>(topic).into_iter().map(|(_, flows)| flows).collect()
    }

    /// Asks for a job by reference.
    pub fn ask(&self, job: &str, kind: &str, more: serde_json::Value) {
        let mut document = json!({ "requestId": job, "type": kind, "selection": "ALL" });
        let more = more.as_object().expect("members").clone();
        document.as_object_mut().expect("an object").extend(more);
        let document = recalculation::read(document.to_string().as_bytes(), None).expect("a document");
        let (house, year) = (&self.desk.house, Duration::from_secs(31_536_000));
        job::submit(&document, &house.stand.broker, &house.schemas, year).expect("submitted");
    }

    /// One tick of `book`, and all there is to do beside it.
    pub fn tick(&mut self) {
        let house = &self.desk.house;
        let worker = self.desk.worker.get_or_insert_with(|| house.worker("book"));
        house.stand.pass(Duration::from_millis(60));
        idle(worker);
    }

    pub fn outcome(&mut self, job: &str) -> Option<Outcome> {
        self.desk.house.work("collect");
        let outcomes = self.desk.house.read::<Outcome>(CALCULATION_OUTCOMES).into_iter().map(|(_, outcome)| outcome);
        let mut outcomes: Vec<_> = outcomes.filter(|outcome| outcome.job == JobId::new(job).expect("a name")).collect();
        assert!(outcomes.len() < 2, "a job ends once");
        outcomes.pop()
    }

    /// Asks for a job and lets it come to its end.
    pub fn run(&mut self, job: &str, kind: &str, more: serde_json::Value) -> Outcome {
        self.ask(job, kind, more);
        let outcome = self.finish(job);
        assert_eq!(outcome.ending, Ending::Completed, "{:?}", outcome.rows);
        outcome
    }

    pub fn finish(&mut self, job: &str) -> Outcome {
        for _ in 0..10_000 {
            (0..4).for_each(|_| self.tick());
            if let Some(outcome) = self.outcome(job) {
                return outcome;
            }
        }
        panic!("{job} does not end");
    }
}

pub fn key(account: u32, security: &str) -> PositionKey {
    PositionKey::new(&format!("A{account}"), "BOOK", security).expect("three names")
}
