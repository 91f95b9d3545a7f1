//! Our own commands as processes of their own, and what each has used: memory at its peak, CPU time by thread.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use super::copying::Output;
use crate::cli::config::Config;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::pipeline::topology::{BOOK, CALCULATE_BATCH, CALCULATE_REALTIME, COLLECT};

/// A process that ends with the value; what it has used is kept when it has ended.
pub struct Process {
    child: Child,
    peak_rss_mb: f64,
    cpu_seconds: f64,
}

/// Seconds of CPU time by the name of the thread.
pub type CpuByThread = BTreeMap<String, f64>;

impl Process {
    /// A worker of the stages of jobs.
    pub fn jobs(config: &Config, session: &Session, number: usize, threads: u8) -> Result<Process, Failure> {
        let stages = [CALCULATE_REALTIME, CALCULATE_BATCH, COLLECT].join(",");
        Process::start(config, session, &arguments(&stages, number, threads))
    }

    /// A worker for each stage of jobs, as they are deployed.
    pub fn of_each_stage(config: &Config, session: &Session, threads: u8) -> Result<Vec<Process>, Failure> {
        let worker = |stage| Process::apart(config, session, &arguments(stage, 1, threads));
        [CALCULATE_REALTIME, CALCULATE_BATCH, COLLECT].into_iter().map(worker).collect()
    }

    /// A worker of stage `book`.
    pub fn book(config: &Config, session: &Session, number: usize, threads: u8) -> Result<Process, Failure> {
        Process::start(config, session, &arguments(BOOK, number, threads))
    }

    /// Copying loops, which end when they have copied so many records together.
    pub fn copying(
        loops: usize,
        records: u64,
        outputs: &[Output],
        config: &Config,
        session: &Session,
    ) -> Result<Process, Failure> {
        let (loops, records) = (loops.to_string(), records.to_string());
        let outputs = serde_json::to_string(outputs).map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
        let arguments = ["bench", "copying-loops", "--loops", &loops, "--records", &records, "--outputs", &outputs];
        Process::start(config, session, &arguments)
    }

    pub fn start(config: &Config, session: &Session, arguments: &[impl AsRef<OsStr>]) -> Result<Process, Failure> {
        Process::spawn(Command::new(std::env::current_exe()?), config, session, arguments)
    }

    /// In a session of its own, as services and containers have one; no ^C reaches it there, so it ends with us.
    pub fn apart(config: &Config, session: &Session, arguments: &[impl AsRef<OsStr>]) -> Result<Process, Failure> {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "setsid"]).arg(std::env::current_exe()?);
        Process::spawn(command, config, session, arguments)
    }

    fn spawn(
        mut command: Command,
        config: &Config,
        session: &Session,
        arguments: &[impl AsRef<OsStr>],
    ) -> Result<Process, Failure> {
        command.args(arguments).args(session.settings()).args(["--set", "admin.bind=", "--quiet"]);
        command.args(["--set", &format!("kafka.namespace={}", config.kafka.namespace)]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let child = child.map_err(|error| Failure::from(error).during(command.get_program().to_string_lossy()))?;
        Ok(Process { child, peak_rss_mb: 0.0, cpu_seconds: 0.0 })
    }

    /// Waits for its end, which must be a success.
    pub fn wait(&mut self) -> Result<(), Failure> {
        loop {
            self.peak_rss_mb();
            self.cpu_seconds();
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(Failure::new(Exit::Failed, format!("a process of ours ended: {status}"))),
                None => thread::sleep(Duration::from_millis(10)),
            }
        }
    }

    /// The most memory it has had so far.
    pub fn peak_rss_mb(&mut self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok());
        self.peak_rss_mb = peak.map_or(self.peak_rss_mb, |kb: f64| kb / 1024.0);
        self.peak_rss_mb
    }

    /// Of all its threads, those that have ended too.
    pub fn cpu_seconds(&mut self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        if let Some((_, seconds)) = cpu_seconds(&stat) {
            self.cpu_seconds = self.cpu_seconds.max(seconds);
        }
        self.cpu_seconds
    }

    pub fn cpu_by_thread(&self) -> Result<CpuByThread, Failure> {
        let mut used = CpuByThread::new();
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            // A thread may end between the listing and the look.
            let Ok(stat) = fs::read_to_string(task?.path().join("stat")) else { continue };
            let Some((name, seconds)) = cpu_seconds(&stat) else { continue };
            *used.entry(name.to_owned()).or_default() += seconds;
        }
        Ok(used)
    }
}

/// Of a worker.
fn arguments(stages: &str, number: usize, threads: u8) -> Vec<String> {
    let (instance, threads) = (format!("bench-{number}"), threads.to_string());
    ["worker", "--first-start", "--stages", stages, "--instance", &instance, "--threads", &threads]
        .map(String::from)
        .into()
}

/// The name of a process or thread, and its user and system time.
fn cpu_seconds(stat: &str) -> Option<(&str, f64)> {
    let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
    let ticks = rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    Some((name, ticks.sum::<f64>() / TICKS_PER_SECOND))
}

/// Linux tells CPU time to programs in hundredths of a second, whatever its own clock does.
const TICKS_PER_SECOND: f64 = 100.0;

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already, and there is nothing to be done about one that does not.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
