//! Brokers as processes that `dev/up` has started: killed, stopped and started again; and who of them leads what.

use std::fs;
use std::process::{Command, Output};
use std::thread;
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::cluster::{until, variable};

/// As `dev/up` sets them for the coordinators' topics.
const COORDINATOR_PARTITIONS: i32 = 5;
const CALL: Duration = Duration::from_secs(20);

/// What `tests/chaos` starts.
pub fn all() -> [i32; 3] {
    let count = variable("BOOKFLOW_KAFKA_BOOTSTRAP").split(',').count();
    assert_eq!(count, 3, "this row needs three brokers: run tests/chaos");
    [1, 2, 3]
}

pub fn signal(broker: i32, name: &str) {
    let told = Command::new("kill").args([&format!("-{name}"), &process(broker)]).status().expect("kill");
    assert!(told.success(), "broker {broker} has no process");
}

/// `kill -9`, and it has ended.
pub fn kill(broker: i32) {
    signal(broker, "KILL");
    await_end(broker);
}

/// In order; a broker that is alone of three cannot do that.
pub fn end(broker: i32) {
    signal(broker, "TERM");
    await_end(broker);
}

/// Starts whatever is down and waits until all are ready.
pub fn start() {
    let started = Command::new("dev/up").current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("dev/up");
    assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
}

fn process(broker: i32) -> String {
    let path = format!("{}/broker-{broker}/pid", variable("BOOKFLOW_DEV_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}")).trim().to_owned()
}

fn await_end(broker: i32) {
    let status = format!("/proc/{}/status", process(broker));
    until("the broker's end", || {
        thread::sleep(Duration::from_millis(20));
        let status = fs::read_to_string(&status).unwrap_or_default();
        (status.is_empty() || status.contains("State:\tZ")).then_some(())
    });
}

/// The broker that leads a partition.
pub fn leader(topic: &str, partition: i32) -> i32 {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", variable("BOOKFLOW_KAFKA_BOOTSTRAP"));
    let client: BaseConsumer = client.create().expect("a client");
    until("a leader", || {
        let metadata = client.fetch_metadata(Some(topic), CALL).ok()?;
        let partitions = metadata.topics().first()?.partitions();
        partitions.iter().find(|one| one.id() == partition).map(|one| one.leader()).filter(|leader| *leader > 0)
    })
}

pub fn group_coordinator(group: &str) -> i32 {
    leader("__consumer_offsets", home(group))
}

pub fn transaction_coordinator(id: &str) -> i32 {
    leader("__transaction_state", home(id))
}

/// The partition of a coordinator's topic that a name belongs to: Java's hash of a text.
fn home(name: &str) -> i32 {
    let hash = name.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    (hash & i32::MAX) % COORDINATOR_PARTITIONS
}

/// The active controller of the quorum.
pub fn controller() -> i32 {
    let cache = std::env::var("XDG_CACHE_HOME").unwrap_or_else(|_| format!("{}/.cache", variable("HOME")));
    let kafka = fs::read_dir(format!("{cache}/bookflow")).expect("what dev/up has fetched").filter_map(Result::ok);
    let kafka = kafka.map(|folder| folder.path()).find(|path| path.to_string_lossy().contains("/kafka-"));
    let class_path = format!("{}/*", kafka.expect("Kafka is there").display());
    let mut java = Command::new("java");
    java.args(["-cp", &class_path, "org.apache.kafka.tools.MetadataQuorumCommand", "--bootstrap-server"]);
    java.args([&variable("BOOKFLOW_KAFKA_BOOTSTRAP"), "describe", "--status"]);
    let Output { stdout, stderr, .. } = java.output().expect("java can be started");
    let said = String::from_utf8_lossy(&stdout);
    let leader = said.lines().find_map(|line| line.strip_prefix("LeaderId:")?.trim().parse().ok());
    leader.unwrap_or_else(|| panic!("no leader in {said}{}", String::from_utf8_lossy(&stderr)))
}
