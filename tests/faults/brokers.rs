//! Brokers as processes that `dev/up` has started: killed, stopped and started again; and who of them leads what.

use std::fs;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use serde_json::{Value, json};
use tempfile::{NamedTempFile, TempDir};

use crate::cluster::{until, variable};
use crate::mend::{self, Mend};

/// As `dev/up` sets them for the coordinators' topics.
const COORDINATOR_PARTITIONS: i32 = 5;
const CALL: Duration = Duration::from_secs(20);

/// What `tests/chaos` starts.
pub fn all() -> [i32; 3] {
    let count = variable("BOOKFLOW_KAFKA_BOOTSTRAP").split(',').count();
    assert_eq!(count, 3, "this row needs three brokers: run tests/chaos");
    [1, 2, 3]
}

fn signal(broker: i32, name: &str) {
    assert!(mend::signal(&process(&folder(broker)), name), "broker {broker} has no process");
}

/// It stands still until the answer is dropped.
pub fn stop(broker: i32) -> Mend<impl FnMut()> {
    mend::stop(process(&folder(broker)))
}

/// All at the same moment.
pub fn kill_all() {
    all().into_iter().for_each(|broker| signal(broker, "KILL"));
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
    let started = up();
    assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
}

/// Says nothing when that fails, too: there is a failure already.
pub fn start_after_a_failure() {
    if thread::panicking() {
        up();
    }
}

fn up() -> Output {
    Command::new("dev/up").current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("dev/up")
}

/// The process of a part that `dev/up` has started, by its folder.
pub fn process(folder: &str) -> String {
    let path = format!("{}/{folder}/pid", variable("BOOKFLOW_DEV_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}")).trim().to_owned()
}

fn folder(broker: i32) -> String {
    format!("broker-{broker}")
}

fn await_end(broker: i32) {
    let status = format!("/proc/{}/status", process(&folder(broker)));
    until("the broker's end", || {
        thread::sleep(Duration::from_millis(20));
        let status = fs::read_to_string(&status).unwrap_or_default();
        (status.is_empty() || status.contains("State:\tZ")).then_some(())
    });
}

/// The broker that leads a partition.
pub fn leader(topic: &str, partition: i32) -> i32 {
    let client = client();
    until("a leader", || {
        let metadata = client.fetch_metadata(Some(topic), CALL).ok()?;
        let partitions = metadata.topics().first()?.partitions();
        partitions.iter().find(|one| one.id() == partition).map(|one| one.leader()).filter(|leader| *leader > 0)
    })
}

/// On how many partitions a record is acknowledged within ten seconds, by all copies that it must have.
pub fn takes(topic: &str, partitions: i32) -> usize {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", variable("BOOKFLOW_KAFKA_BOOTSTRAP")).set("acks", "all");
    client.set("message.timeout.ms", "10000");
    let producer: BaseProducer<Taken> = client.create_with_context(Taken::default()).expect("a producer");
    for partition in 0..partitions {
        let record: BaseRecord<(), [u8]> = BaseRecord::to(topic).partition(partition).payload(b"probe");
        assert!(producer.send(record).is_ok(), "it is queued");
    }
    producer.flush(CALL).expect("it is told in time");
    producer.context().0.load(Ordering::Relaxed)
}

/// Counts what was acknowledged.
#[derive(Default)]
struct Taken(AtomicUsize);

impl ClientContext for Taken {}

impl ProducerContext for Taken {
    type DeliveryOpaque = ();

    fn delivery(&self, told: &DeliveryResult, (): ()) {
        self.0.fetch_add(usize::from(told.is_ok()), Ordering::Relaxed);
    }
}

fn client() -> BaseConsumer {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", variable("BOOKFLOW_KAFKA_BOOTSTRAP"));
    client.create().expect("a client")
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

/// The brokers that have all of a partition, by its leader's count.
pub fn in_sync(topic: &str, partition: i32) -> Vec<i32> {
    let metadata = client().fetch_metadata(Some(topic), CALL).expect("the topic's metadata");
    let partitions = metadata.topics().first().expect("the topic").partitions();
    partitions.iter().find(|one| one.id() == partition).expect("the partition").isr().to_vec()
}

/// The active controller of the quorum.
pub fn controller() -> i32 {
    let said = tool("org.apache.kafka.tools.MetadataQuorumCommand", &["describe", "--status"]);
    let leader = said.lines().find_map(|line| line.strip_prefix("LeaderId:")?.trim().parse().ok());
    leader.unwrap_or_else(|| panic!("no leader in {said}"))
}

/// Gives all partitions of a topic these replicas, and waits until nobody else has them.
pub fn place(topic: &str, partitions: i32, replicas: &[i32]) {
    let partition = |partition| json!({ "topic": topic, "partition": partition, "replicas": replicas });
    let file = json_file(&json!({ "version": 1, "partitions": (0..partitions).map(partition).collect::<Vec<_>>() }));
    let path = file.path().to_str().expect("a path of the test is UTF-8");
    let class = "org.apache.kafka.tools.reassign.ReassignPartitionsCommand";
    tool(class, &["--reassignment-json-file", path, "--execute"]);
    until("the replicas", || {
        let said = tool(class, &["--reassignment-json-file", path, "--verify"]);
        (!said.contains("still in progress")).then_some(())
    });
}

/// Settings of a topic, as `kafka-configs` takes them.
pub fn configure(topic: &str, settings: &str) {
    let about = ["--alter", "--entity-type", "topics", "--entity-name", topic, "--add-config", settings];
    tool("kafka.admin.ConfigCommand", &about);
}

/// Deletes all that stands on a partition now, as retention does.
pub fn delete_records(topic: &str, partitions: i32) {
    let partition = |partition| json!({ "topic": topic, "partition": partition, "offset": -1 });
    let file = json_file(&json!({ "version": 1, "partitions": (0..partitions).map(partition).collect::<Vec<_>>() }));
    let path = file.path().to_str().expect("a path of the test is UTF-8");
    tool("org.apache.kafka.tools.DeleteRecordsCommand", &["--offset-json-file", path]);
}

fn json_file(content: &Value) -> NamedTempFile {
    let file = NamedTempFile::new().expect("a file");
    fs::write(&file, content.to_string()).expect("it can be written");
    file
}

/// What passes between one broker and another, by the control groups of their processes; clients are in none of them.
pub struct Links {
    mount: TempDir,
}

/// Control groups of the brokers have numbers from here on.
const GROUPS: i32 = 0x10_0000;

impl Links {
    pub fn of(brokers: &[i32]) -> Links {
        let mount = tempfile::tempdir().expect("a folder");
        root(&[
            "mount",
            "-t",
            "cgroup",
            "-o",
            "net_cls",
            "none",
            mount.path().to_str().expect("a path of the test is UTF-8"),
        ]);
        for broker in brokers {
            let group = mount.path().join(format!("bookflow-{broker}"));
            fs::create_dir_all(&group).expect("a control group");
            fs::write(group.join("net_cls.classid"), (GROUPS + broker).to_string()).expect("it has a number");
            fs::write(group.join("cgroup.procs"), process(&folder(*broker))).expect("the broker enters it");
        }
        root(&["nft", "add table inet bookflow_faults"]);
        root(&["nft", "add chain inet bookflow_faults out { type filter hook output priority 0; }"]);
        Links { mount }
    }

    /// Nothing passes between these two until `mend`, on connections of either.
    pub fn cut(&self, one: i32, other: i32) {
        let first: i32 =
            variable("BOOKFLOW_KAFKA_BOOTSTRAP").split([':', ',']).nth(1).expect("a port").parse().expect("a port");
        for (from, to) in [(one, other), (other, one)] {
            let (clients, controller) = (first + to - 1, first + 10 + to - 1);
            let group = GROUPS + from;
            let rule = format!(
                "meta cgroup {group} tcp dport {{ {clients}, {controller} }} counter drop comment \"{one}-{other}\""
            );
            root(&["nft", &format!("add rule inet bookflow_faults out {rule}")]);
        }
    }

    pub fn mend(&self, one: i32, other: i32) {
        let rules = root(&["nft", "-a", "list chain inet bookflow_faults out"]);
        let cut = || rules.lines().filter(|rule| rule.contains(&format!("comment \"{one}-{other}\"")));
        assert!(cut().any(|rule| !rule.contains("packets 0 ")), "nothing wanted to pass between {one} and {other}");
        for rule in cut() {
            let handle = rule.rsplit(' ').next().expect("a handle");
            root(&["nft", &format!("delete rule inet bookflow_faults out handle {handle}")]);
        }
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        root(&["nft", "delete table inet bookflow_faults"]);
        root(&["umount", self.mount.path().to_str().expect("a path of the test is UTF-8")]);
    }
}

fn root(command: &[&str]) -> String {
    let Output { status, stdout, stderr } =
        Command::new(command[0]).args(&command[1..]).output().expect("mount and nft are there");
    assert!(status.success(), "{command:?}: this row needs root: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8_lossy(&stdout).into_owned()
}

/// One of Kafka's own commands; answers what it prints.
fn tool(class: &str, arguments: &[&str]) -> String {
    let cache = std::env::var("XDG_CACHE_HOME").unwrap_or_else(|_| format!("{}/.cache", variable("HOME")));
    let kafka = fs::read_dir(format!("{cache}/bookflow")).expect("what dev/up has fetched").filter_map(Result::ok);
    let kafka = kafka.map(|folder| folder.path()).find(|path| path.to_string_lossy().contains("/kafka-"));
    let class_path = format!("{}/*", kafka.expect("Kafka is there").display());
    let mut java = Command::new("java");
    java.args(["-cp", &class_path, class, "--bootstrap-server", &variable("BOOKFLOW_KAFKA_BOOTSTRAP")]).args(arguments);
    let Output { status, stdout, stderr } = java.output().expect("java can be started");
    let said = String::from_utf8_lossy(&stdout).into_owned();
    assert!(status.success(), "{class} {arguments:?}: {said}{}", String::from_utf8_lossy(&stderr));
    said
}
