//! What comes in: generated trades with everything that happens to them and what their cash flows depend on, or calculation jobs cut into
//! small chunks.

use std::convert::Infallible;
use std::io::Cursor;

use bookflow::cli::generate::load::{Load, Mix, Share};
use bookflow::cli::generate::record::Wire;
use bookflow::cli::generate::request::RequestShape;
use bookflow::domain::jobs::job::{Lane, Started};
use bookflow::domain::jobs::split::{Cut, SplitLimits, Splitter};
use bookflow::domain::key::{ContractId, Timestamp};
use bookflow::domain::trade::captured::Place;
use bookflow::engine::broker::{Outgoing, TopicPartition};
use bookflow::messages::contract::ContractVersion;
use bookflow::messages::data_point::{DataKind, DataPoint, Value};
use bookflow::messages::job_control::{ControlWord, JobControl};
use bookflow::messages::key::{chunk_key, partition};
use bookflow::messages::message::Message;
use bookflow::messages::request::{read_contracts, read_request};
use bookflow::messages::schemas::Schemas;
use bookflow::pipeline::topics::{
    CALCULATION_CHUNKS_BATCH, CALCULATION_CHUNKS_REALTIME, CONTRACTS, JOB_CONTROL, MARKET_DATA, REFERENCE_DATA, TRADES,
};
use chrono::NaiveDate;
use compact_str::CompactString;
use rand::RngExt;
use rand::rngs::SmallRng;
use rust_decimal::Decimal;

/// One record as it is appended.
pub struct Item {
    pub to: TopicPartition,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
}

impl Item {
    pub fn outgoing(&self) -> Outgoing<'_> {
        Outgoing { to: self.to, key: self.key.as_deref(), value: self.value.as_deref(), headers: &[] }
    }
}

/// Few keys, so that they meet often, and far more trouble than life has.
pub fn trades(seed: u64, records: u64, partitions: i32, schemas: &Schemas) -> Vec<Item> {
    let mix = Mix {
        amends: Share(1_500),
        cancels: Share(600),
        rebooks: Share(400),
        late: Share(800),
        duplicates: Share(600),
        conflicts: Share(200),
        gaps: Share(400),
        poison: Share(500),
    };
    let load = Load { keys: 4, day_records: 10, gap_records: 10, mix, ..Load::new(seed, records) };
    let mut wire = Wire::default();
    let items = load.trades().expect("the shares fit").map(|generated| {
        wire.fill(&generated, schemas);
        let to = TopicPartition { topic: TRADES, partition: wire.partition(partitions) };
        Item { to, key: wire.key().map(Vec::from), value: wire.value().map(Vec::from) }
    });
    items.collect()
}

/// Two versions of the contracts that generated trades name, and the market of two weeks.
pub fn knowledge(schemas: &Schemas) -> Vec<Item> {
    let mut items = Vec::new();
    for (id, version) in [("C000001", 1), ("C000002", 1), ("C000001", 2)] {
        let message = contract(id, version);
        items.push(known(CONTRACTS, &message, message.key(), schemas));
    }
    for security in ["SEC0001", "SEC0002"] {
        let terms = Value::Terms(r#"{"market": "XNYS"}"#.into());
        items.push(point(DataKind::Security, security, "", None, 1, terms, schemas));
        for (date, version) in [(3, 1), (5, 1), (9, 1), (12, 1), (9, 2)] {
            items.push(price(security, date, version, version, schemas));
        }
    }
    items
}

/// The days of these two weeks on which it is asked what things come to.
pub fn business_dates(schemas: &Schemas) -> Vec<Item> {
    [3, 5, 9, 12].map(|date| business_date(date, schemas)).into()
}

/// What issuers do, corrected and called off; and what is corrected and corrected back, so that who looks late sees no difference.
pub fn happenings(schemas: &Schemas) -> Vec<Item> {
    let issued = |kind, security, id: &str, version, what: &str| {
        let named = if kind == DataKind::Dividend { "dividendId" } else { "actionId" };
        let terms = format!(r#"{{"{named}": "{id}", "version": {version}, {what}}}"#);
        point(kind, security, id, None, version, Value::Terms(terms.into()), schemas)
    };
    let dividend = |version, what| issued(DataKind::Dividend, "SEC0001", "D", version, what);
    let action = |security, id, version, what| issued(DataKind::CorporateAction, security, id, version, what);
    vec![
        dividend(1, r#""gross": "0.4", "currency": "USD", "exDate": "2024-01-04", "payDate": "2024-01-08""#),
        dividend(2, r#""gross": "0.5", "currency": "USD", "exDate": "2024-01-05", "payDate": "2024-01-08""#),
        action("SEC0001", "S", 1, r#""kind": "SPLIT", "newUnits": 3, "oldUnits": 2, "exDate": "2024-01-04""#),
        action("SEC0001", "S", 2, r#""kind": "SPLIT", "newUnits": 2, "oldUnits": 1, "exDate": "2024-01-05""#),
        action("SEC0002", "P", 1, r#""kind": "STOCK_DIVIDEND", "perUnit": "0.1", "exDate": "2024-01-03""#),
        action(
            "SEC0002",
            "P",
            2,
            r#""kind": "STOCK_DIVIDEND", "perUnit": "0.1", "exDate": "2024-01-03", "status": "CANCELLED""#,
        ),
        action(
            "SEC0002",
            "M",
            1,
            r#""kind": "MERGER_STOCK", "newSecurity": "SEC0001", "newUnits": 1, "oldUnits": 2, "exDate": "2024-01-08""#,
        ),
        price("SEC0001", 9, 3, 1, schemas),
        business_date(5, schemas),
        business_date(9, schemas),
    ]
}

/// What a WHAT_IF tries: another price, and under a contract another rate and the last lots first.
pub fn changes(day: NaiveDate) -> (Vec<ContractVersion>, Vec<DataPoint>) {
    let ContractVersion { id, version, terms } = contract("C000001", 9);
    let terms = terms.map(|terms| terms.replacen('{', r#"{"relief": "LIFO", "#, 1).into());
    let (name, value) = ("SEC0001".into(), Value::Number(Decimal::from(90)));
    let price = DataPoint { kind: DataKind::Price, name, detail: "".into(), date: Some(day), version: 9, value };
    (vec![ContractVersion { id, version, terms }], vec![price])
}

fn contract(id: &str, version: u32) -> ContractVersion {
    let terms = format!(
        r#"{{"contractId": "{id}", "product": "EQUITY_SWAP", "priceCurrency": "USD", "effectiveDate": "2024-01-01",
            "terminationDate": "2024-06-28", "calendars": {{"exchange": "XNYS", "payment": "USNY"}},
            "financing": {{"long": {{"rate": {{"kind": "FIXED", "rate": "0.0{version}"}}, "dayCount": "ACT/360"}}}},
            "dividends": {{"payoutRatioLong": "0.85"}}}}"#
    );
    ContractVersion { id: ContractId::new(id).expect("a name"), version, terms: Some(terms.into()) }
}

/// A version of a day's price, and which version first said the same.
fn price(security: &str, date: u32, version: u32, first: u32, schemas: &Schemas) -> Item {
    let value = Value::Number(Decimal::new(10_000 + i64::from(100 * date + first), 2));
    point(DataKind::Price, security, "", january(date), version, value, schemas)
}

fn business_date(date: u32, schemas: &Schemas) -> Item {
    point(DataKind::BusinessDate, "", "", january(date), 0, Value::Terms("{}".into()), schemas)
}

fn january(date: u32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(2024, 1, date)
}

fn point(
    kind: DataKind,
    name: &str,
    detail: &str,
    date: Option<NaiveDate>,
    version: u32,
    value: Value,
    schemas: &Schemas,
) -> Item {
    let message = DataPoint { kind, name: name.into(), detail: detail.into(), date, version, value };
    let topic = if kind.is_market() { MARKET_DATA } else { REFERENCE_DATA };
    known(topic, &message, message.key(), schemas)
}

fn known<T: Message<Cause = Option<Place>>>(topic: &'static str, message: &T, key: String, schemas: &Schemas) -> Item {
    let mut value = Vec::new();
    schemas.encode(message, None, &mut value).expect("it fits");
    Item { to: TopicPartition { topic, partition: 0 }, key: Some(key.into()), value: Some(value) }
}

/// One to three jobs whose records come in any order; some deadlines are too short, some jobs are cancelled
/// or rejected, and some plans are wrong.
pub fn jobs(dice: &mut SmallRng, now_us: i64, partitions: i32, schemas: &Schemas) -> Vec<Item> {
    let mut items = Vec::new();
    for number in 0..dice.random_range(1..=3) {
        let name = format!("JOB-{number}");
        let mut json = Vec::new();
        let contracts = dice.random_range(1..=12);
        RequestShape::new(&name, contracts, 2, 2).write(&mut json).expect("memory takes it");
        let request = read_request(Cursor::new(&json)).expect("a generated request is one");
        let wait = dice.random_range(1..=20) * dice.random_range(1..=20) * 1_000_000;
        let deadline = Timestamp(now_us + wait);
        let limits = SplitLimits { chunk_positions: 2, chunk_lots: 100, realtime_positions: 8, realtime_lots: 100 };
        let mut splitter = Splitter::new(request.job.clone(), &request.market, limits);
        let mut chunks = Vec::new();
        read_contracts(Cursor::new(&json), |contract| {
            chunks.extend(splitter.take(contract));
            Ok::<(), Infallible>(())
        })
        .expect("a generated request is one");
        let (last, plan) = splitter.finish();
        chunks.extend(last);
        let mut send = |topic, key: &str, encode: &dyn Fn(&mut Vec<u8>)| {
            let mut value = Vec::new();
            encode(&mut value);
            let to = TopicPartition { topic, partition: partition(key.as_bytes(), partitions) };
            items.push(Item { to, key: Some(key.into()), value: Some(value) });
        };
        for (lane, chunk) in &chunks {
            let topic = match lane {
                Lane::Realtime => CALCULATION_CHUNKS_REALTIME,
                Lane::Batch => CALCULATION_CHUNKS_BATCH,
            };
            send(topic, &chunk_key(chunk), &|out| schemas.encode(chunk, None, out).expect("a chunk fits"));
        }
        let reason = CompactString::const_new("no longer wanted");
        let end = match dice.random_range(0..8) {
            0 => Some(ControlWord::Cancelled { reason }),
            1 => Some(ControlWord::Rejected { reason }),
            _ => None,
        };
        let started = ControlWord::Started(Started { request: request.job.request, deadline, predecessor: None });
        let mut counts = plan.counts;
        counts.positions += u64::from(dice.random_ratio(1, 8)); // one that no chunk has
        let planned = ControlWord::Planned { chunks: plan.chunks, counts: Some(counts) };
        for word in [started, planned].into_iter().chain(end) {
            let control = JobControl { job: request.job.id.clone(), word };
            send(JOB_CONTROL, &name, &|out| schemas.encode(&control, None, out).expect("a word fits"));
        }
    }
    for last in (1..items.len()).rev() {
        items.swap(last, dice.random_range(0..=last));
    }
    items
}
