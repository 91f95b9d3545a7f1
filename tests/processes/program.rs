//! Commands and workers of one installation: a namespace, topics and settings of a test's own.

use std::fs::{self, File};
use std::io::{Read, Seek, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use bookflow::cli::exit::Exit;
use bookflow::cli::verify::snapshot::Snapshot;
use bookflow::engine::broker::Broker;
use bookflow::engine::namespace::Namespaced;
use bookflow::kafka::KafkaBroker;
use bookflow::pipeline::topics;
use serde_json::Value;
use tempfile::TempDir;

use crate::cluster;

/// What a command ends with when broker or registry do not answer in time.
const UNREACHABLE: i32 = 6;
/// No command of a test of the usual size takes nearly as long.
const LIMIT: Duration = Duration::from_secs(300);

pub struct Installation {
    pub namespace: &'static str,
    settings: Vec<(String, String)>,
    /// What workers are started by, with its arguments: a program that becomes the worker, such as `env` or `prlimit`.
    pub under: Vec<String>,
    /// After which a command is taken to hang.
    pub limit: Duration,
    /// Where workers write their logs; tests keep what they need there too.
    pub folder: TempDir,
}

impl Installation {
    /// Has all topics and schemas.
    pub fn new(word: &str, partitions: u32) -> Installation {
        let installation = Installation::bare(word);
        installation.found(partitions);
        installation
    }

    /// Has nothing yet on the cluster.
    pub fn bare(word: &str) -> Installation {
        let settings = [
            ("KAFKA__BOOTSTRAP", cluster::variable("BOOKFLOW_KAFKA_BOOTSTRAP")),
            ("KAFKA__TIME_LIMITS", "short".to_owned()),
            ("REGISTRY__URL", cluster::variable("BOOKFLOW_REGISTRY_URL")),
            ("ADMIN__BIND", "127.0.0.1:0".to_owned()),
        ];
        let settings = settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let folder = tempfile::tempdir().expect("a folder for the test");
        Installation { namespace: cluster::unique(word), settings, under: Vec::new(), limit: LIMIT, folder }
    }

    pub fn found(&self, partitions: u32) {
        let brokers = cluster::variable("BOOKFLOW_KAFKA_BOOTSTRAP").split(',').count().to_string();
        self.insist(&["topics", "apply", "--replication", &brokers, "--partitions", &partitions.to_string()]);
        self.insist(&["schemas", "register"]);
    }

    /// Sets `section.key` for all commands that follow.
    pub fn set(&mut self, key: &str, value: &str) {
        self.settings.push((key.replacen('.', "__", 1).to_uppercase(), value.to_owned()));
    }

    fn command(&self, under: &[String], arguments: &[&str]) -> Command {
        let words = under.iter().map(String::as_str).chain([env!("CARGO_BIN_EXE_bookflow")]);
        let mut words = words.chain(arguments.iter().copied());
        let mut command = Command::new(words.next().expect("the program itself at least"));
        command.args(words).current_dir(self.folder.path()).env_clear();
        command.env("BOOKFLOW_KAFKA__NAMESPACE", self.namespace);
        command.envs(self.settings.iter().map(|(name, value)| (format!("BOOKFLOW_{name}"), value)));
        command
    }

    /// Runs a command to its end, which must come.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        let file = || tempfile::tempfile_in(&self.folder).expect("a file for what the program says");
        let (mut out, mut err) = (file(), file());
        let handle = |file: &File| file.try_clone().expect("a second handle");
        let mut command = self.command(&[], arguments);
        command.stdin(Stdio::null()).stdout(handle(&out)).stderr(handle(&err));
        let mut child = command.spawn().expect("the program can be started");
        let deadline = Instant::now() + self.limit;
        let status = loop {
            match child.try_wait().expect("it can be asked") {
                Some(status) => break Some(status),
                None if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)),
                None => break None,
            }
        };
        if status.is_none() {
            child.kill().and_then(|()| child.wait()).expect("it can be killed");
        }
        let (out, err) = (text(&mut out), text(&mut err));
        let status = status.unwrap_or_else(|| panic!("{arguments:?} goes on after {:?}: {out}{err}", self.limit));
        Ended { status, out, err }
    }

    /// Runs a command that must succeed and answers with its standard output.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments);
        assert!(ended.status.success(), "{arguments:?}: {ended:?}");
        ended.out
    }

    /// Runs a command that must succeed, again while it is told that somebody has not answered in time: a registry that has just started is slow.
    pub fn insist(&self, arguments: &[&str]) -> String {
        let mut runs = (0..5).map(|_| self.run(arguments));
        let ended = runs.find(|ended| ended.status.code() != Some(UNREACHABLE)).expect("somebody answers in time");
        assert!(ended.status.success(), "{arguments:?}: {ended:?}");
        ended.out
    }

    pub fn start(&self, name: &str, arguments: &[&str]) -> Running {
        self.start_under(&[], name, arguments)
    }

    fn start_under(&self, under: &[String], name: &str, arguments: &[&str]) -> Running {
        let log = self.folder.path().join(format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log).expect("a log file");
        let from = file.metadata().expect("its length").len();
        let child = self.command(under, arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(file).spawn();
        Running { child: child.expect("the program can be started"), log, from }
    }

    pub fn worker(&self, instance: &str, more: &[&str]) -> Running {
        self.start_under(&self.under, instance, &[&["worker", "--log", "json", "--instance", instance], more].concat())
    }

    /// The topics and groups of this installation, seen without the program.
    pub fn broker(&self) -> Namespaced<KafkaBroker> {
        Namespaced::new(cluster::broker(), self.namespace)
    }

    /// Records that `generate` makes up of this seed.
    pub fn trades(&self, records: u64, seed: u64) {
        self.ok(&["generate", "trades", "--records", &records.to_string(), "--seed", &seed.to_string()]);
    }

    /// Waits until no stage has anything left to read.
    pub fn consumed(&self, patience: Duration) {
        let (broker, deadline) = (self.broker(), Instant::now() + patience);
        let caught_up = || match Snapshot::take(&broker).and_then(|snapshot| snapshot.caught_up(&broker)) {
            // Leaders move where brokers are killed.
            Err(failure) if failure.exit == Exit::Unreachable => false,
            told => told.expect("a snapshot and offsets"),
        };
        while !caught_up() {
            assert!(Instant::now() < deadline, "left to read after {patience:?}: {}", unread(&broker));
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// The auditor's answer, which must be that nothing is wrong and nothing stays unproved.
    pub fn verified(&self) -> Value {
        let ended = self.run(&["verify", "--json"]);
        let report: Value = serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("verify: {ended:?}"));
        assert!(ended.status.success(), "{report:#}");
        for damage in ["lost", "doubled", "misordered", "torn", "wrong", "zombies"] {
            assert_eq!(report[damage], 0, "{report:#}");
        }
        assert_eq!(report["unproved"], Value::Array(Vec::new()), "{report:#}");
        report
    }

    pub fn file(&self, name: &str, content: &Value) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content.to_string()).expect("a file can be written");
        path
    }
}

/// The inputs that are not read to their end, where each stands, and what its mark says.
fn unread(broker: &dyn Broker) -> String {
    let snapshot = Snapshot::take(broker).expect("a snapshot");
    let mut lines = String::new();
    for input in topics::all().flat_map(|topic| snapshot.partitions(topic)) {
        let Some(stand) = snapshot.known(input) else { continue };
        let (bounds, offset) = (snapshot.bounds(input), stand.offset.unwrap_or_default());
        if offset < bounds.end || !stand.still {
            lines += &format!("\n  {input}: {offset} of {}, still {}, {}", bounds.end, stand.still, stand.mark);
        }
    }
    lines
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub out: String,
    pub err: String,
}

/// A process of ours that goes on until it is killed, at the latest with the test.
pub struct Running {
    child: Child,
    log: PathBuf,
    /// Where this process began in the log that it shares with its predecessors.
    from: u64,
}

impl Running {
    /// `kill -9`: no goodbye, no clean end of anything.
    pub fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it has ended");
    }

    /// SIGTERM.
    pub fn stop(&self) {
        self.signal("TERM");
    }

    pub fn signal(&self, name: &str) {
        let told =
            Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().expect("kill");
        assert!(told.success(), "the process has ended already: {}", self.said());
    }

    pub fn memory_mb(&self) -> f64 {
        self.status("VmRSS:") / 1024.0
    }

    pub fn threads(&self) -> f64 {
        self.status("Threads:")
    }

    pub fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("the process lives").count()
    }

    fn status(&self, name: &str) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the process lives");
        let number = status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok());
        number.unwrap_or(0.0)
    }

    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("it can be asked")
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        cluster::until("end of the process", || {
            thread::sleep(Duration::from_millis(10));
            self.ended()
        })
    }

    /// Tells it to stop; it must do so in order.
    pub fn drain(&mut self) {
        self.stop();
        let status = self.wait();
        assert!(status.success(), "{status}: {}", self.said());
    }

    /// All that it has logged.
    pub fn said(&self) -> String {
        let text = fs::read(&self.log).expect("its log can be read");
        String::from_utf8_lossy(&text[self.from as usize..]).into_owned()
    }

    /// The log lines with this message.
    pub fn lines(&self, message: &str) -> Vec<Value> {
        let said = self.said();
        let lines = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["message"].as_str().is_some_and(|text| text.contains(message))).collect()
    }

    pub fn wait_for_line(&mut self, message: &str) -> Value {
        cluster::until(message, || {
            thread::sleep(Duration::from_millis(10));
            assert_eq!(self.ended(), None, "{}", self.said());
            self.lines(message).pop()
        })
    }

    /// Records of committed turns, as its metrics say; 0 while it starts.
    pub fn processed(&mut self, stage: &str) -> u64 {
        self.counter(&format!("bookflow_records_processed_total{{stage=\"{stage}\"}}"))
    }

    /// A counter with all its labels, or the sum of those whose name and first labels these are; 0 while it starts.
    pub fn counter(&mut self, name: &str) -> u64 {
        assert_eq!(self.ended(), None, "{}", self.said());
        let Some(line) = self.lines("admin port open").pop() else { return 0 };
        let address = line["address"].as_str().expect("the port's address");
        let metrics = get(address, "/metrics").unwrap_or_default();
        let counters = metrics.lines().filter(|line| line.starts_with(name));
        counters.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended().is_none() {
            // The test is failing already: there is nothing left to do about a process that will not end.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if thread::panicking() {
            eprintln!("{}: {}", self.log.display(), self.said());
        }
    }
}

fn text(file: &mut File) -> String {
    let mut text = String::new();
    file.rewind().and_then(|()| file.read_to_string(&mut text)).expect("the program writes UTF-8");
    text
}

fn get(address: &str, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// A path as an argument.
pub fn argument(path: &Path) -> &str {
    path.to_str().expect("a path of the test is UTF-8")
}
