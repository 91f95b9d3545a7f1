//! Records of other writers, whose schemas the registry knows, does not know, or cannot be asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bookflow::messages::framing::HEADER_BYTES;
use bookflow::messages::schemas::{EmbeddedIds, RegistryUnavailable, SchemaIds, SchemaName, Schemas};
use bookflow::pipeline::topics::TRADES;
use bookflow::pipeline::topology::BOOK;

use crate::damage::Raw;
use crate::house::*;
use crate::samples::*;
use crate::turns::{idle, turns};

const KEY: &str = "FUND_EQ_AAPL";
const SAME: u32 = 900;
const OTHER_SCALE: u32 = 901;
const NO_AVRO: u32 = 902;
const UNKNOWN: u32 = 903;

struct Ids {
    down: Arc<AtomicBool>,
}

impl SchemaIds for Ids {
    fn id(&self, subject: &str, schema: &str) -> Result<u32, RegistryUnavailable> {
        EmbeddedIds.id(subject, schema)
    }

    fn schema(&self, id: u32) -> Result<Option<String>, RegistryUnavailable> {
        if self.down.load(Ordering::Relaxed) {
            return Err(RegistryUnavailable("it is down".into()));
        }
        Ok(match id {
            SAME => Some(SchemaName::Trade.current().to_owned()),
            OTHER_SCALE => Some(other_scale()),
            NO_AVRO => Some("{}".to_owned()),
            _ => None,
        })
    }
}

/// Trades whose quantities have 9 decimal places: the same bytes would be another number.
fn other_scale() -> String {
    let current = SchemaName::Trade.current();
    let other = current.replace("\"scale\": 10", "\"scale\": 9").replace("\"scale\":10", "\"scale\":9");
    assert_ne!(other, current, "the test is out of date");
    other
}

fn house() -> (House, Arc<AtomicBool>) {
    let down = Arc::new(AtomicBool::new(false));
    let schemas = Schemas::connect(Box::new(Ids { down: down.clone() }), &[]).expect("it is up");
    (House::with(schemas, |topology| topology), down)
}

fn written_with(house: &House, id: u32, trade_id: &str) -> Raw {
    let mut raw = house.raw(&buy(KEY, trade_id, 5), KEY);
    raw.value.as_mut().expect("it has one")[1..HEADER_BYTES].copy_from_slice(&id.to_be_bytes());
    raw
}

#[test]
fn a_schema_that_is_unknown_or_cannot_be_read_as_ours_is_a_dead_letter_and_one_that_can_is_read() {
    let (house, _) = house();
    let mut wanted = Vec::new();
    for (id, reason) in [(OTHER_SCALE, "schema"), (NO_AVRO, "unknown_schema"), (UNKNOWN, "unknown_schema")] {
        let raw = written_with(&house, id, "BAD");
        wanted.push((house.place(TRADES, &raw), "other schema", reason, raw));
    }
    house.put(TRADES, &written_with(&house, SAME, "T1"));
    house.work(BOOK);
    expect(&house.letters(), BOOK, wanted);
    assert_eq!(house.quantity(KEY), 5);
    house.audit();
}

#[test]
fn a_registry_that_is_down_holds_the_partition_and_makes_no_dead_letter() {
    let (house, down) = house();
    down.store(true, Ordering::Relaxed);
    let others = ["FUND_EQ_A", "FUND_EQ_B", "FUND_EQ_C", "FUND_EQ_D", "FUND_EQ_E"];
    let home = |text: &str| bookflow::messages::key::partition(text.as_bytes(), PARTITIONS);
    let elsewhere = others.into_iter().find(|other| home(other) != home(KEY)).expect("one of them");
    house.put_trade(&buy(KEY, "T1", 1));
    house.put(TRADES, &written_with(&house, SAME, "T2"));
    house.put(TRADES, &written_with(&house, UNKNOWN, "BAD"));
    house.put_trade(&buy(KEY, "T3", 2));
    house.put_trade(&buy(elsewhere, "T4", 7));
    let mut worker = house.worker(BOOK);
    for _ in 0..20 {
        turns(&mut worker, 20);
        house.stand.pass(std::time::Duration::from_secs(20));
    }
    assert_eq!((house.quantity(elsewhere), house.accepted(KEY).len(), house.letters().len()), (7, 0, 0));
    down.store(false, Ordering::Relaxed);
    house.stand.pass(std::time::Duration::from_secs(30));
    idle(&mut worker);
    assert_eq!((house.quantity(KEY), house.accepted(KEY).len()), (8, 3));
    assert_eq!(
        house.letters().iter().map(|(_, letter)| letter.reason.as_str()).collect::<Vec<_>>(),
        ["unknown_schema"]
    );
    house.audit();
}
