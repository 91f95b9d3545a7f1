//! A judge who shares no code with us: a reader in Java works positions and lots out from the trades alone and compares bytes.

use std::collections::BTreeMap;
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::Duration;

use bookflow::cli::verify::cursor::Cursor;
use bookflow::engine::broker::{Broker, Outgoing, TopicPartition};
use bookflow::pipeline::topics::{CAPTURED_TRADES, LOTS, POSITIONS};

#[path = "../cluster/mod.rs"]
#[allow(dead_code)] // the judge talks to the broker itself
mod cluster; // the broker that dev/up has started
#[path = "../processes/program.rs"]
#[allow(dead_code)] // one worker, never killed
mod program; // commands and workers of one installation

use program::Installation;

const PARTITIONS: i32 = 4;

#[test]
fn the_judge_agrees_to_the_byte() {
    let installation = worked("judged", 5_000);
    let judged = judge(&installation);
    assert_eq!(judged.differences, Vec::<String>::new(), "{}", judged.said);
    for topic in [POSITIONS, LOTS, CAPTURED_TRADES] {
        assert!(judged.said.contains(&format!("\n{topic}: ")) || judged.said.starts_with(topic), "{}", judged.said);
    }
    println!("{}", judged.said);
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
    let mut installation = Installation::new(word, PARTITIONS as u32);
    installation.set("worker.turn_records", "300");
    installation.set("worker.poll_records", "100");
    let records = records.to_string();
    installation.ok(&["generate", "trades", "--records", &records, "--keys", "400", "--poison", "1", "--rebooks", "2"]);
    let mut worker = installation.worker("one", &["--stages", "book", "--first-start"]);
    installation.consumed(Duration::from_secs(60));
    worker.drain();
    installation
}

/// What the judge says, and the lines of it that name a difference.
struct Judged {
    said: String,
    differences: Vec<String>,
}

fn judge(installation: &Installation) -> Judged {
    let mut java = Command::new("java");
    java.args(["-Xmx512m", "-cp", class_path(), "Judge", &cluster::variable("BOOKFLOW_KAFKA_BOOTSTRAP")]);
    java.arg(cluster::variable("BOOKFLOW_REGISTRY_URL")).arg(format!("{}.", installation.namespace));
    let Output { status, stdout, stderr } = java.output().expect("java can be started");
    let (said, complained) = (String::from_utf8_lossy(&stdout).into_owned(), String::from_utf8_lossy(&stderr));
    let last = said.lines().last().unwrap_or_default();
    assert!(last.ends_with(" differences"), "{said}{complained}");
    let counts = |line: &&str| line.ends_with(" records") || line.ends_with(" differences");
    let differences: Vec<_> = said.lines().filter(|line| !counts(line)).map(str::to_owned).collect();
    assert_eq!(status.code(), Some(i32::from(!differences.is_empty())), "{said}");
    Judged { said, differences }
}

/// The judge is compiled once a run.
fn class_path() -> &'static str {
    static CLASS_PATH: OnceLock<String> = OnceLock::new();
    CLASS_PATH.get_or_init(|| {
        let compiled =
            Command::new("dev/java").arg("tests/peers/judge").current_dir(env!("CARGO_MANIFEST_DIR")).output();
        let Output { status, stdout, stderr } = compiled.expect("dev/java can be started");
        assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).expect("a class path").trim_end().to_owned()
    })
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
