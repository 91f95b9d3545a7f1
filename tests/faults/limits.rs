//! F29-F31: too little memory, too little CPU, clocks that jump.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::cluster::{unique, until};
use crate::deaths::busy;
use crate::program::argument;
use crate::scene::{Scene, WORKERS, Wishes};

/// A control group (version 1) of its own for each worker.
struct Limit {
    folder: PathBuf,
    file: &'static str,
    under: Vec<String>,
}

impl Limit {
    fn new(controller: &str, file: &'static str, value: i64) -> Limit {
        let folder = Path::new("/sys/fs/cgroup").join(controller).join(unique("bookflow"));
        fs::create_dir(&folder).expect("this row needs the right to make control groups of version 1");
        let enter = format!(
            "group={}/$$; mkdir $group && echo {value} > $group/{file} && echo $$ > $group/cgroup.procs && exec \"$@\"",
            folder.display()
        );
        let under = ["/bin/sh", "-c", &enter, "worker"].map(str::to_owned).to_vec();
        Limit { folder, file, under }
    }

    fn groups(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.folder).expect("the group").filter_map(Result::ok);
        entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
    }

    /// The same for all from now on.
    fn set(&self, value: i64) {
        for group in self.groups() {
            fs::write(group.join(self.file), value.to_string()).expect("the limit can be set");
        }
    }

    /// A number of each group.
    fn numbers(&self, file: &str, name: &str) -> Vec<u64> {
        let read = |group: PathBuf| {
            let text = fs::read_to_string(group.join(file)).expect("the group's number");
            text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok()).expect("a number")
        };
        self.groups().into_iter().map(read).collect()
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        for group in self.groups().into_iter().chain([self.folder.clone()]) {
            let _ = fs::remove_dir(group); // one that is not empty stays
        }
    }
}

#[test]
#[ignore = "makes control groups: run tests/chaos f29"]
fn f29_workers_have_little_memory() {
    const LIMIT_MB: u64 = 256;
    let limit = Limit::new("memory", "memory.limit_in_bytes", (LIMIT_MB << 20) as i64);
    let wishes = Wishes { under: limit.under.clone(), all_stages: true, ..Wishes::default() };
    let mut scene = Scene::with("F29", "256 MB a worker, with a job of 5,000 contracts in flight", wishes);
    let request = scene.installation.folder.path().join("large.json");
    scene.installation.ok(&["generate", "job", "--contracts", "5000", "--id", "LARGE", "--out", argument(&request)]);
    scene.installation.ok(&["submit", "job", argument(&request)]);
    scene.hit();
    let mut peak = 0.0_f64;
    until("the job's outcome", || {
        thread::sleep(Duration::from_millis(200));
        peak = scene.workers.values().map(|worker| worker.memory_mb()).fold(peak, f64::max);
        scene.installation.run(&["jobs", "describe", "LARGE", "--json"]).out.contains("\"COMPLETED\"").then_some(())
    });
    let killed: u64 = limit.numbers("memory.oom_control", "oom_kill ").iter().sum();
    assert_eq!((limit.groups().len(), killed), (WORKERS.len(), 0));
    scene.note(&format!("{peak:.0} MB at the most"));
    scene.end();
}

#[test]
#[ignore = "makes control groups: run tests/chaos f30"]
fn f30_workers_get_two_hundredths_of_a_core() {
    let limit = Limit::new("cpu", "cpu.cfs_quota_us", -1);
    let wishes = Wishes { under: limit.under.clone(), ..Wishes::default() };
    let mut scene = Scene::with("F30", "2 % of a core for each worker, for 20 s", wishes);
    let before = scene.said("\"kind\":\"lost\"");
    limit.set(2_000); // of 100,000 us: with three hundredths two of three workers hardly felt it
    scene.hit();
    thread::sleep(Duration::from_secs(20));
    let throttled = limit.numbers("cpu.stat", "nr_throttled ");
    limit.set(-1);
    scene.healed();
    assert!(throttled.iter().all(|&periods| periods > 50), "the limit was not felt: {throttled:?}");
    assert_eq!(scene.said("\"kind\":\"lost\""), before, "a session was lost for want of CPU");
    scene.end();
}

#[test]
#[ignore = "long: run tests/chaos f31"]
fn f31_clocks_jump() {
    let folder = tempfile::tempdir().expect("a folder");
    let [library, clock] = ["clock.so", "clock"].map(|name| folder.path().join(name));
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/clock.c");
    let compiled =
        Command::new("cc").args(["-shared", "-fPIC", "-O2", source, "-o"]).arg(&library).status().expect("cc");
    assert!(compiled.success(), "{source} does not compile");
    // Never shorter than a number: every worker reads it all the time.
    let clock_file = File::create_new(&clock).expect("a file");
    let jump = |seconds: i64| clock_file.write_all_at(&seconds.to_ne_bytes(), 0).expect("the clock can be set");
    jump(0);
    let set = |name: &str, path: &Path| format!("{name}={}", path.display());
    let under = vec!["/usr/bin/env".to_owned(), set("CLOCK", &clock), set("LD_PRELOAD", &library)];
    let wishes = Wishes { under, clocks_lie: true, ..Wishes::default() };
    let fault = "workers' clocks jump: 50 min ahead, 2 h ahead (brokers refuse their records), 1 h behind, right";
    let mut scene = Scene::with("F31", fault, wishes);
    for seconds in [3_000, 7_200, -3_600, 0] {
        jump(seconds);
        scene.hit();
        thread::sleep(Duration::from_secs(4));
        // A broker takes no record from more than an hour ahead: they wait, and lose nothing.
        match seconds {
            7_200 => assert!(scene.said("INVALID_TIMESTAMP") > 0, "brokers took what is two hours ahead"),
            _ => WORKERS.into_iter().for_each(|name| busy(&mut scene, name)),
        }
    }
    scene.end();
}
