//! What chunks came to before is sent again byte for byte, whoever asks and whatever is in the way.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use bookflow::cache::results::Results;
use bookflow::cli::embedded;
use bookflow::cli::generate::request::RequestShape;
use bookflow::domain::jobs::chunk::Chunk;
use bookflow::domain::jobs::split::{Cut, SplitLimits, Splitter};
use bookflow::engine::batch::{Batch, Room};
use bookflow::engine::broker::{Broker, Outgoing, TopicPartition};
use bookflow::engine::settings::Settings;
use bookflow::memory::interference::Undisturbed;
use bookflow::memory::settings::Settings as BrokerSettings;
use bookflow::messages::content::Content;
use bookflow::messages::key::{chunk_key, partition};
use bookflow::messages::request::{read_contracts, read_request};
use bookflow::messages::schemas::Schemas;
use bookflow::pipeline::topics::{CALCULATION_CHUNKS_REALTIME, CHUNK_RESULTS_REALTIME, DEAD_LETTERS, JOB_CASH_FLOWS};
use bookflow::pipeline::topology::{CALCULATE_REALTIME, Settings as Kept, topology_with};

use crate::server::{PAUSE, Server, cache};

const PARTITIONS: i32 = 2;
const PROGRAM: [u8; 32] = [7; 32];

/// The chunks of a generated job: 40 contracts, 160 positions, 800 lots.
fn chunks(job: &str) -> Vec<Chunk> {
    let mut json = Vec::new();
    RequestShape::new(job, 40, 4, 5).write(&mut json).expect("a request");
    let request = read_request(&json[..]).expect("a request");
    let limits = SplitLimits { chunk_positions: 20, ..SplitLimits::default() };
    let mut splitter = Splitter::new(request.job.clone(), &request.market, limits);
    let mut chunks = Vec::new();
    let read = read_contracts(&json[..], |contract| -> Result<(), String> {
        chunks.extend(splitter.contract(contract.map_err(|notice| notice.message)?));
        Ok(())
    });
    read.expect("a request");
    chunks.extend(splitter.finish().0);
    chunks.into_iter().map(|(_, chunk)| chunk).collect()
}

/// Keys and values that a worker writes of these chunks, by topic.
fn outputs(chunks: &[Chunk], results: Option<Arc<Results>>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let schemas = Arc::new(Schemas::embedded());
    let memory = embedded::broker(BrokerSettings::default(), Arc::new(Undisturbed), PARTITIONS).expect("a broker");
    let topology = Arc::new(topology_with(schemas.clone(), Kept { results, ..Kept::default() }));
    embedded::start_all(&topology, &memory).expect("first start");
    for chunk in chunks {
        let (key, mut value) = (chunk_key(chunk), Vec::new());
        schemas.encode(chunk, None, &mut value).expect("it fits");
        put(&memory, key.as_bytes(), &value);
    }
    let broker: Arc<dyn Broker> = Arc::new(memory.clone());
    let process = embedded::process(&topology, &broker, [CALCULATE_REALTIME].into_iter(), Settings::default());
    thread::scope(|scope| {
        scope.spawn(|| process.run().expect("it ends in order"));
        let began = Instant::now();
        while read(&memory, CHUNK_RESULTS_REALTIME).len() + read(&memory, DEAD_LETTERS).len() < chunks.len() {
            assert!(began.elapsed() < Duration::from_secs(60), "the worker does not come to the end");
            thread::sleep(Duration::from_millis(10));
        }
        process.stopping.store(true, Ordering::Relaxed);
    });
    assert!(read(&memory, DEAD_LETTERS).is_empty());
    [read(&memory, JOB_CASH_FLOWS), read(&memory, CHUNK_RESULTS_REALTIME)].concat()
}

fn put(memory: &bookflow::memory::MemoryBroker, key: &[u8], value: &[u8]) {
    let to = TopicPartition { topic: CALCULATION_CHUNKS_REALTIME, partition: partition(key, PARTITIONS) };
    memory.append(Outgoing { to, key: Some(key), value: Some(value), headers: &[] }).expect("append");
}

/// All that can be seen of a topic.
fn read(memory: &bookflow::memory::MemoryBroker, topic: &'static str) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut seen = Vec::new();
    for partition in 0..PARTITIONS {
        let at = TopicPartition { topic, partition };
        let mut reader = memory.reader().expect("a reader");
        let end = reader.bounds(at).expect("bounds").end;
        reader.assign(&[(at, 0)]).expect("assign");
        let mut batch = Batch::default();
        while reader.position(at) < Some(end) {
            let room = Room { records: usize::MAX, bytes: usize::MAX };
            reader.poll(Duration::ZERO, room, &mut batch).expect("poll");
        }
        let bytes = |bytes: Option<&[u8]>| bytes.unwrap_or_default().to_vec();
        seen.extend(batch.iter().map(|record| (bytes(record.key), bytes(record.value))));
    }
    seen
}

fn results(redis: Option<&Server>) -> Arc<Results> {
    Arc::new(Results::new(cache(redis.map(Server::redis)), PROGRAM))
}

#[test]
fn with_and_without_kept_results_the_same_bytes_come_out() {
    let server = Server::start();
    let first = chunks("FIRST");
    let expected = outputs(&first, None);
    assert_eq!(expected.len(), 40 + 8, "a record for each contract and each chunk");
    let kept = results(Some(&server));
    assert_eq!(outputs(&first, Some(kept.clone())), expected, "while they are kept");
    assert_eq!(outputs(&first, Some(kept.clone())), expected, "from the tier in process");
    assert_eq!(outputs(&first, Some(results(Some(&server)))), expected, "from Redis");
    let second = chunks("SECOND");
    assert_eq!(outputs(&second, Some(results(Some(&server)))), outputs(&second, None), "for a job of another name");
    server.freeze();
    assert_eq!(outputs(&first, Some(results(Some(&server)))), expected, "when Redis does not answer");
    server.thaw();
}

#[test]
fn damaged_results_are_calculated_again() {
    let server = Server::start();
    let chunks = chunks("JOB");
    let expected = outputs(&chunks, Some(results(Some(&server))));
    let mut somebody = server.somebody();
    let keys: Vec<String> = redis::cmd("KEYS").arg("test:*").query(&mut somebody).expect("it is up");
    assert_eq!(keys.len(), chunks.len());
    for (index, key) in keys.iter().enumerate() {
        let mut bytes: Vec<u8> = redis::cmd("GET").arg(key).query(&mut somebody).expect("it is kept");
        match index % 3 {
            0 => bytes.truncate(bytes.len() / 2),
            1 => *bytes.last_mut().expect("it has bytes") ^= 1,
            // A whole answer, but about another chunk.
            _ => bytes = redis::cmd("GET").arg(&keys[0]).query(&mut somebody).expect("it is kept"),
        }
        redis::cmd("SET").arg(key).arg(bytes).arg("KEEPTTL").exec(&mut somebody).expect("it is up");
    }
    assert_eq!(outputs(&chunks, Some(results(Some(&server)))), expected);
    thread::sleep(PAUSE);
    assert_eq!(outputs(&chunks, Some(results(Some(&server)))), expected);
}

#[test]
fn content_is_everything_but_the_names_of_job_and_chunk() {
    let schemas = Schemas::embedded();
    let hash = |chunk: &Chunk, program: &[u8; 32]| {
        let mut value = Vec::new();
        schemas.encode(chunk, None, &mut value).expect("it fits");
        let content = Content::of(&schemas, &value).expect("our own record");
        assert_eq!(content.key, chunk_key(chunk));
        content.hash(program)
    };
    let chunk = chunks("JOB").swap_remove(0);
    let same = hash(&chunk, &PROGRAM);
    let changed = |change: &dyn Fn(&mut Chunk)| {
        let mut chunk = chunk.clone();
        change(&mut chunk);
        hash(&chunk, &PROGRAM)
    };
    assert_eq!(changed(&|chunk| chunk.number += 1), same);
    assert_eq!(changed(&|chunk| chunk.job.request += 1), same);
    assert_eq!(hash(&chunks("OTHER")[0], &PROGRAM), same);
    assert_ne!(hash(&chunk, &[8; 32]), same, "another program may calculate otherwise");
    assert_ne!(changed(&|chunk| chunk.job.valuation_date += chrono::TimeDelta::days(1)), same);
    assert_ne!(changed(&|chunk| drop(chunk.contracts.pop())), same);
    assert_ne!(changed(&|chunk| chunk.contracts[0].counts.lots += 1), same);
    assert_ne!(changed(&|chunk| chunk.contracts[0].start += chrono::TimeDelta::days(1)), same);
    assert_ne!(changed(&|chunk| drop(chunk.market.prices.pop_first())), same);
    assert_ne!(changed(&|chunk| drop(chunk.market.rates.pop_first())), same);
    assert_ne!(changed(&|chunk| drop(chunk.market.dividends.pop_first())), same);
}

#[test]
fn a_chunk_under_a_wrong_key_is_refused_even_when_its_result_is_known() {
    let chunks = chunks("JOB");
    let kept = results(None);
    outputs(&chunks, Some(kept.clone()));
    let schemas = Arc::new(Schemas::embedded());
    let memory = embedded::broker(BrokerSettings::default(), Arc::new(Undisturbed), PARTITIONS).expect("a broker");
    let topology = Arc::new(topology_with(schemas.clone(), Kept { results: Some(kept), ..Kept::default() }));
    embedded::start_all(&topology, &memory).expect("first start");
    let mut value = Vec::new();
    schemas.encode(&chunks[0], None, &mut value).expect("it fits");
    put(&memory, b"JOB/ELSEWHERE/0/1", &value);
    let broker: Arc<dyn Broker> = Arc::new(memory.clone());
    let process = embedded::process(&topology, &broker, [CALCULATE_REALTIME].into_iter(), Settings::default());
    thread::scope(|scope| {
        scope.spawn(|| process.run().expect("it ends in order"));
        let began = Instant::now();
        while read(&memory, DEAD_LETTERS).is_empty() {
            assert!(began.elapsed() < Duration::from_secs(60), "no dead letter");
            thread::sleep(Duration::from_millis(10));
        }
        process.stopping.store(true, Ordering::Relaxed);
    });
    assert!(read(&memory, JOB_CASH_FLOWS).is_empty());
}
