//! Our worker under measurement: stage `book` alone, from its first committed turn to its last.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use super::usage::{Measured, Sample};
use crate::cli::embedded;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::verify::cursor::Cursor;
use crate::engine::broker::{Broker, TopicPartition};
use crate::engine::run::{Lane, Process};
use crate::engine::settings::Settings;
use crate::engine::topology::Topology;
use crate::pipeline::topics::{BLOTTER, CAPTURED_TRADES, LOTS, POSITIONS};
use crate::pipeline::topology::BOOK;

/// What one output topic holds after a run.
#[derive(Clone, Copy, Debug)]
pub struct Volume {
    pub topic: &'static str,
    pub records: u64,
    pub key_bytes: u64,
    pub value_bytes: u64,
}

const OUTPUTS: [&str; 4] = [BLOTTER, CAPTURED_TRADES, POSITIONS, LOTS];
/// Nothing more comes when nothing came for this long after the load was through.
const QUIET: Duration = Duration::from_millis(700);
const PATIENCE: Duration = Duration::from_secs(120);

/// Lets one worker process work off what is on `trades`; `records` of it are known, and the first `warm_up` of them are not measured.
pub fn run(
    topology: &Arc<Topology>,
    broker: &Arc<dyn Broker>,
    settings: Settings,
    threads: usize,
    records: u64,
    warm_up: u64,
) -> Result<Measured, Failure> {
    let process = embedded::process(topology, broker, std::iter::empty(), settings);
    let process = Process { lanes: vec![Lane { stage: BOOK.to_owned(), threads }], ..process };
    thread::scope(|scope| {
        let worker = scope.spawn(|| process.run());
        let measured = watch(&process, broker.as_ref(), records, warm_up, || worker.is_finished());
        process.stopping.store(true, Ordering::Relaxed);
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        measured
    })
}

fn watch(
    process: &Process,
    broker: &dyn Broker,
    records: u64,
    warm_up: u64,
    ended: impl Fn() -> bool,
) -> Result<Measured, Failure> {
    let done = || process.health.reports().values().map(|report| report.records).sum::<u64>();
    let (mut first, mut last) = (None, Sample::now(0));
    let mut moved = Instant::now();
    loop {
        thread::sleep(Duration::from_millis(2));
        let now = done();
        if now > last.records {
            last = Sample::now(now);
            if now > warm_up {
                first.get_or_insert(last);
            }
            moved = Instant::now();
        }
        let quiet = first.is_some() && moved.elapsed() > QUIET;
        if quiet && (last.records >= records || embedded::caught_up(broker)?) {
            return Ok(last.since(&first.unwrap_or(last)));
        }
        if ended() || moved.elapsed() > PATIENCE {
            return Err(Failure::new(Exit::Failed, format!("the worker stopped after {now} of {records} records")));
        }
    }
}

/// What the run wrote, topic by topic.
pub fn volumes(broker: &dyn Broker, partitions: i32) -> Result<Vec<Volume>, Failure> {
    let mut reader = broker.reader()?;
    let mut volumes = Vec::new();
    for topic in OUTPUTS {
        let mut volume = Volume { topic, records: 0, key_bytes: 0, value_bytes: 0 };
        for partition in (0..partitions).map(|partition| TopicPartition { topic, partition }) {
            let bounds = reader.bounds(partition)?;
            let mut cursor = Cursor::open(broker, partition, bounds.start, bounds.end)?;
            while let Some(record) = cursor.peek()? {
                volume.records += 1;
                volume.key_bytes += record.key.map_or(0, <[u8]>::len) as u64;
                volume.value_bytes += record.value.map_or(0, <[u8]>::len) as u64;
                cursor.step();
            }
        }
        volumes.push(volume);
    }
    Ok(volumes)
}
