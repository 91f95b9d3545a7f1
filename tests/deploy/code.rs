//! What the code says: stages and their topics, how settings are read, which commands there are, which paths answer.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bookflow::cli::config::Config;
use bookflow::cli::config::layers::Layers;
use bookflow::engine::clock::SystemClock;
use bookflow::engine::health::Health;
use bookflow::engine::topology::StageSpec;
use bookflow::gateway::admin::{AdminPort, Told};
use bookflow::gateway::watch::{EVERY, Watch};
use bookflow::kafka::settings::TimeLimits;
use bookflow::messages::schemas::Schemas;
use bookflow::pipeline::{topic_files, topology};
use metrics_exporter_prometheus::PrometheusBuilder;

pub const IMAGE: &str = concat!("bookflow:", env!("CARGO_PKG_VERSION"));

pub fn stages() -> Vec<StageSpec> {
    topology::topology(Arc::new(Schemas::embedded())).stages
}

/// A stage's name where dots are not allowed.
pub fn plain(stage: &StageSpec) -> String {
    stage.name.replace('.', "-")
}

pub fn inputs(stage: &StageSpec) -> Vec<&'static str> {
    stage.inputs(0).into_iter().map(|input| input.topic).collect()
}

pub fn partitions(stage: &StageSpec) -> u64 {
    let lead = topic_files::embedded().into_iter().find(|topic| topic.name == stage.lead).expect("each has a file");
    lead.partitions.try_into().expect("partitions are a positive number")
}

/// After this the group has given a silent worker's partitions away.
pub fn session() -> Duration {
    TimeLimits::default().session
}

/// The settings of a worker with this file and environment, or why it would not start.
pub fn settings(file: &str, environment: Vec<(String, String)>) -> Result<Config, String> {
    let path = tempfile::NamedTempFile::new().expect("a file can be made");
    fs::write(path.path(), file).expect("a file can be written");
    let read = Layers::read(Some(path.path()), environment.into_iter(), &[]).and_then(|layers| Config::read(&layers));
    read.map_err(|failure| failure.message)
}

/// The port of the defaults, which the image tells to whoever asks.
pub fn admin_port() -> u16 {
    let config = settings("", Vec::new()).expect("the defaults are valid");
    config.admin.bind.expect("metrics are on by default").port()
}

/// Whether the binary takes these arguments, and if not, what it says.
pub fn understands(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(env!("CARGO_BIN_EXE_bookflow"))
        .args(arguments)
        .arg("--help")
        .output()
        .expect("the binary is built with the tests");
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}

/// Whether the admin port knows this path.
pub fn answers(path: &str) -> bool {
    static PORT: LazyLock<AdminPort> = LazyLock::new(|| {
        let clock = Arc::new(SystemClock::start());
        let told = Told {
            health: Health::default(),
            clock: clock.clone(),
            draining: Arc::default(),
            kafka: Arc::new(Watch::start("test", || Ok(()), clock, EVERY).expect("a thread")),
            redis: None,
            metrics: PrometheusBuilder::new().build_recorder().handle(),
        };
        AdminPort::open(SocketAddr::from(([127, 0, 0, 1], 0)), told).expect("a free port")
    });
    let mut stream = TcpStream::connect(PORT.address).expect("the port is open");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("can be asked");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answers");
    !answer.starts_with("HTTP/1.1 404")
}

#[test]
fn only_what_exists_is_understood_and_answered() {
    understands(&["worker", "--stages", "book"]).expect("is a command");
    understands(&["worker", "--stagse", "book"]).expect_err("is no option");
    assert!(answers("/livez") && answers("/healthz") && !answers("/health"));
}
