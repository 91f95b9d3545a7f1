//! A judge who shares no code with us: a reader in Java works positions and lots out from the trades alone and compares bytes.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bookflow::cli::generate::load::{Load, Mix, Share};
use bookflow::cli::generate::record::Wire;
use bookflow::cli::generate::trades::Generated;
use bookflow::cli::verify::cursor::Cursor;
use bookflow::domain::key::{ContractId, TradeId};
use bookflow::domain::lots::method::{Instruction, ReliefMethod};
use bookflow::domain::trade::{Terms, Trade, TradeEvent};
use bookflow::engine::broker::{Broker, Outgoing, TopicPartition};
use bookflow::kafka::registry::Registry;
use bookflow::messages::contract::ContractVersion;
use bookflow::messages::schemas::{SchemaName, Schemas};
use bookflow::pipeline::topics::{CAPTURED_TRADES, CONTRACTS, LOTS, POSITIONS, TRADES};

#[path = "../cluster/mod.rs"]
#[allow(dead_code)] // the judge talks to the broker itself
mod cluster; // the broker that dev/up has started
#[path = "../processes/program.rs"]
#[allow(dead_code)] // one worker at a time
mod program; // commands and workers of one installation
mod judge; // the judge as a process

use judge::judge;
use program::{Installation, Running};

const PARTITIONS: i32 = 4;

#[test]
fn the_judge_agrees_to_the_byte() {
    let installation = worked("judged", 5_000);
    let said = judge::agrees(&installation);
    for topic in [POSITIONS, LOTS, CAPTURED_TRADES] {
        assert!(said.contains(&format!("\n{topic}: ")) || said.starts_with(topic), "{said}");
    }
    println!("{said}");
}

#[test]
fn the_judge_agrees_when_the_worker_has_been_killed_again_and_again() {
    let mut installation = Installation::new("killed", PARTITIONS as u32);
    installation.set("worker.static_membership", "true"); // back at once
    installation.ok(&["generate", "trades", "--records", "5000", "--keys", "400", "--poison", "1", "--rebooks", "2"]);
    for _ in 0..3 {
        let mut worker = start(&installation);
        cluster::until("turns", || (worker.processed("book") >= 600).then_some(()));
        worker.kill();
    }
    work_off(&installation);
    judge::agrees(&installation);
}

#[test]
fn the_judge_agrees_on_methods_that_contracts_agree_and_on_orders_for_single_closes() {
    let installation = Installation::new("methods", PARTITIONS as u32);
    let (trades, contracts) =
        (format!("{}.trades", installation.namespace), format!("{}.contracts", installation.namespace));
    let registry = Registry::new(&cluster::variable("BOOKFLOW_REGISTRY_URL")).expect("an address");
    let subjects = [(trades.as_str(), SchemaName::Trade), (contracts.as_str(), SchemaName::Contract)];
    let schemas = Schemas::connect(Box::new(registry), &subjects).expect("the registry");
    let broker = installation.broker();
    let mut producer = broker.producer(cluster::unique("load")).expect("a producer");
    producer.begin().expect("begin");
    // Two keys share a contract, so that every method has positions.
    for (number, relief) in (1..=100).zip(RELIEFS.iter().cycle()) {
        let id = ContractId::new(&format!("C{number:06}")).expect("letters and digits");
        let terms = (!relief.is_empty()).then(|| format!("{{\"relief\":{relief}}}").into_boxed_str());
        let version = ContractVersion { id, version: 1, terms };
        let mut value = Vec::new();
        schemas.encode(&version, None, &mut value).expect("it can be written");
        let to = TopicPartition { topic: CONTRACTS, partition: 0 };
        let key = version.key();
        let record = Outgoing { to, key: Some(key.as_bytes()), value: Some(&value), headers: &[] };
        producer.send(record).expect("send");
    }
    let mix = Mix { late: Share(500), rebooks: Share(200), ..Mix::default() };
    let load = Load { keys: 200, mix, ..Load::new(3, 5_000) };
    let (mut wire, mut orders) = (Wire::default(), Orders::default());
    for mut generated in load.trades().expect("a load") {
        if let Generated::Trade(trade) = &mut generated {
            orders.give(trade);
        }
        wire.fill(&generated, &schemas);
        let to = TopicPartition { topic: TRADES, partition: wire.partition(PARTITIONS) };
        producer.send(Outgoing { to, key: wire.key(), value: wire.value(), headers: &[] }).expect("send");
    }
    producer.drain().expect("drain");
    producer.commit().expect("commit");
    work_off(&installation);

    let judged = judge(&installation);
    assert_eq!(judged.differences, Vec::<String>::new(), "{}", judged.said);
    let found = installation.ok(&["watch", CAPTURED_TRADES, "--json"]);
    for chosen in ["FIFO", "LIFO", "HIFO", "LOFO", "AVERAGE", "MAX_LOSS", "MIN_GAIN", "MAX_GAIN", "SPECIFIC"] {
        assert!(found.contains(&format!("\"chosen\":\"{chosen}\"")), "{chosen} was never used");
    }
    for problem in ["QUANTITY", "NOT_OPEN", "SUM"] {
        assert!(found.contains(&format!("\"problem\":\"{problem}\"")), "{problem} never came");
    }
    assert!(found.contains("\"shared\":{"), "no average was given up");
}

/// One position begins with a lot that no trade opened; the others are judged as ever.
#[test]
fn the_judge_sets_aside_what_trades_do_not_tell_and_says_of_how_many_positions() {
    let installation = worked("aside", 1_000);
    let (position, _) = latest(&installation.broker(), POSITIONS).pop_first().expect("there is one");
    let position = String::from_utf8(position).expect("a key is text");
    let [account, book, security]: [&str; 3] = position.split('_').collect::<Vec<_>>().try_into().expect("three parts");
    let lot = format!(
        "account,book,security,lot_id,quantity,price,currency,trade_date,from\n\
         {account},{book},{security},L1,100,10,USD,2023-12-01,2024-01-01\n"
    );
    std::fs::write(installation.folder.path().join("lots.csv"), lot).expect("can be written");
    installation.ok(&["submit", "lots", "lots.csv"]);
    work_off(&installation);
    let judged = judge(&installation);
    assert_eq!(judged.differences, Vec::<String>::new(), "{}", judged.said);
    assert!(judged.said.contains(" 1 positions set aside"), "{}", judged.said);
}

/// What contracts say, in turns; nothing: the contract is withdrawn.
const RELIEFS: [&str; 10] = [
    "\"LIFO\"",
    "\"HIFO\"",
    "\"LOFO\"",
    "\"AVERAGE\"",
    "\"MAX_LOSS\"",
    "\"MIN_GAIN\"",
    "\"MAX_GAIN\"",
    r#"[{"since": "2024-01-03", "method": "AVERAGE"}, {"since": "2024-01-02", "method": "LIFO"}]"#,
    "",
    "\"FIFO\"",
];

/// Orders for some of the trades of a load; a version that comes again orders the same.
#[derive(Default)]
struct Orders {
    given: HashMap<u64, Option<Box<Instruction>>>,
    /// By position the trades so far that a list may name.
    earlier: HashMap<String, Vec<(TradeId, Terms)>>,
}

impl Orders {
    fn give(&mut self, trade: &mut Trade) {
        let (TradeEvent::New(terms) | TradeEvent::Amend(terms) | TradeEvent::Rebook { terms, .. }) = &mut trade.event
        else {
            return;
        };
        let earlier = self.earlier.entry(trade.key.as_str().to_owned()).or_default();
        let order = || Self::order(terms, earlier);
        terms.relief = self.given.entry(terms.source_seq).or_insert_with(order).clone();
        earlier.push((trade.id.clone(), terms.clone()));
    }

    fn order(terms: &Terms, earlier: &[(TradeId, Terms)]) -> Option<Box<Instruction>> {
        let other_side = || earlier.iter().rev().filter(|(_, before)| before.side != terms.side);
        let instruction = match terms.source_seq % 8 {
            0 => Instruction::Method(ReliefMethod::Hifo),
            1 => Instruction::Method(ReliefMethod::Average),
            // One that may be open and large enough; all units of it; the same one twice.
            2 | 3 => {
                let (lot, _) = other_side().find(|(_, before)| before.quantity >= terms.quantity)?;
                Instruction::Lots(vec![(lot.clone(), terms.quantity)])
            }
            4 => {
                let (lot, before) = other_side().next()?;
                Instruction::Lots(vec![(lot.clone(), before.quantity)])
            }
            5 => {
                let (lot, _) = other_side().next()?;
                Instruction::Lots(vec![(lot.clone(), 1.into()), (lot.clone(), 1.into())])
            }
            _ => return None,
        };
        Some(Box::new(instruction))
    }
}

#[test]
fn the_judge_sees_one_wrong_byte_a_lost_lot_one_too_many_and_trades_without_effect() {
    let installation = worked("damaged", 1_000);
    let broker = installation.broker();
    let mut expected = Vec::new();
    for topic in [POSITIONS, LOTS, CAPTURED_TRADES] {
        let (key, (partition, mut value)) = latest(&broker, topic).pop_first().expect("there is one");
        value[PARTITION_OF_CAUSE] ^= 2;
        write(&broker, TopicPartition { topic, partition }, &key, Some(&value));
        expected.push(format!("{topic} {}: found", String::from_utf8_lossy(&key)));
    }
    let (key, (partition, value)) = latest(&broker, LOTS).pop_last().expect("there is one");
    let lots = TopicPartition { topic: LOTS, partition };
    write(&broker, lots, &key, None);
    expected.push(format!("lots {}: no record", String::from_utf8_lossy(&key)));
    write(&broker, lots, b"A_B_C_S|1", Some(&value));
    expected.push("lots A_B_C_S|1: a record that no trade accounts for".to_owned());

    let judged = judge(&installation);
    for expected in &expected {
        assert!(judged.differences.iter().any(|line| line.starts_with(expected)), "{expected} in {}", judged.said);
    }
    assert_eq!(judged.differences.len(), expected.len(), "{}", judged.said);

    installation.trades(10, 2);
    assert!(judge(&installation).differences.len() > expected.len(), "trades that nobody has taken");
}

/// The byte of a record of ours that says of which partition its cause is: behind magic byte, schema id and topic.
const PARTITION_OF_CAUSE: usize = 6;

/// A worker has worked off so many records with everything in them, in many turns.
fn worked(word: &str, records: u64) -> Installation {
    let installation = Installation::new(word, PARTITIONS as u32);
    let records = records.to_string();
    installation.ok(&["generate", "trades", "--records", &records, "--keys", "400", "--poison", "1", "--rebooks", "2"]);
    work_off(&installation);
    installation
}

/// A worker of many small turns.
fn start(installation: &Installation) -> Running {
    let small = ["--set", "worker.turn_records=300", "--set", "worker.poll_records=100"];
    installation.worker("one", &[&["--stages", "book", "--first-start"], &small[..]].concat())
}

fn work_off(installation: &Installation) {
    let mut worker = start(installation);
    installation.consumed(Duration::from_secs(60));
    worker.drain();
}

/// The last record of each key with its partition; of keys that were deleted none.
fn latest(broker: &dyn Broker, topic: &'static str) -> BTreeMap<Vec<u8>, (i32, Vec<u8>)> {
    let mut reader = broker.reader().expect("a reader");
    let mut latest = BTreeMap::new();
    for partition in 0..PARTITIONS {
        let from = TopicPartition { topic, partition };
        let bounds = reader.bounds(from).expect("it exists");
        let mut cursor = Cursor::open(broker, from, bounds.start, bounds.end).expect("it can be read");
        while let Some(record) = cursor.peek().expect("a record") {
            let key = record.key.expect("state has keys").to_vec();
            match record.value {
                Some(value) => drop(latest.insert(key, (partition, value.to_vec()))),
                None => drop(latest.remove(&key)),
            }
            cursor.step();
        }
    }
    latest
}

fn write(broker: &dyn Broker, to: TopicPartition, key: &[u8], value: Option<&[u8]>) {
    let mut producer = broker.producer(cluster::unique("vandal")).expect("a producer");
    producer.begin().expect("begin");
    producer.send(Outgoing { to, key: Some(key), value, headers: &[] }).expect("send");
    producer.drain().expect("drain");
    producer.commit().expect("commit");
}
