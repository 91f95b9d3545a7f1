//! What chunks came to before is sent again byte for byte, whoever asks and whatever is in the way.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use bookflow::cache::results::Results;
use bookflow::cli::embedded;
use bookflow::cli::generate::request::RequestShape;
use bookflow::domain::jobs::chunk::Chunk;
use bookflow::domain::jobs::job::{Calculation, Job, JobId};
use bookflow::domain::jobs::split::{Cut, SplitLimits, Splitter};
use bookflow::engine::batch::{Batch, Room};
use bookflow::engine::broker::{Broker, Outgoing, TopicPartition};
use bookflow::engine::settings::Settings;
use bookflow::memory::interference::Undisturbed;
use bookflow::memory::settings::Settings as BrokerSettings;
use bookflow::messages::any_chunk::{AnyChunk, DocumentChunk};
use bookflow::messages::content::Content;
use bookflow::messages::document::split::Splitter as DocumentSplitter;
use bookflow::messages::document::stream::{read_head, stream_contracts};
use bookflow::messages::key::partition;
use bookflow::messages::request::{read_contracts, read_request};
use bookflow::messages::schemas::Schemas;
use bookflow::pipeline::topics::{CALCULATION_CHUNKS_REALTIME, CHUNK_RESULTS_REALTIME, DEAD_LETTERS, JOB_CASH_FLOWS};
use bookflow::pipeline::topology::{CALCULATE_REALTIME, Settings as Kept, topology_with};

use serde_json::{Value, json};

use crate::server::{PAUSE, Server, cache};

const PARTITIONS: i32 = 2;
const PROGRAM: [u8; 32] = [7; 32];

/// The chunks of a generated job, 40 contracts, 160 positions, 800 lots, and of a document.
fn chunks(job: &str) -> Vec<AnyChunk> {
    let of_request = of_request(&request(job)).into_iter().map(AnyChunk::from);
    of_request.chain(of_document(job).into_iter().map(AnyChunk::from)).collect()
}

fn request(job: &str) -> Value {
    let mut json = Vec::new();
    RequestShape::new(job, 40, 4, 5).write(&mut json).expect("a request");
    serde_json::from_slice(&json).expect("it is JSON")
}

fn of_request(request: &Value) -> Vec<Chunk> {
    let json = request.to_string().into_bytes();
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

/// Numbered behind those of the request.
fn of_document(job: &str) -> Vec<DocumentChunk> {
    let path = format!("{}/docs/calculate/equity-swap.json", env!("CARGO_MANIFEST_DIR"));
    let json = std::fs::read(path).expect("it is there");
    let head = read_head(&json[..]).expect("a document");
    let job = Job {
        id: JobId::new(job).expect("a name"),
        request: head.request,
        valuation_date: head.valuation_date,
        calculation: Calculation::Valuation,
    };
    let mut splitter = DocumentSplitter::new(job, &head.frame, SplitLimits::default());
    let mut chunks = Vec::new();
    let read = stream_contracts(&json[..], |contract| -> Result<(), String> {
        chunks.extend(splitter.take(contract));
        Ok(())
    });
    read.expect("a document");
    chunks.extend(splitter.finish().0);
    chunks.into_iter().map(|(_, chunk)| DocumentChunk { number: chunk.number + 100, ..chunk }).collect()
}

/// Keys and values that a worker writes of these chunks, by topic.
fn outputs(chunks: &[AnyChunk], results: Option<Arc<Results>>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let schemas = Arc::new(Schemas::embedded());
    let memory = embedded::broker(BrokerSettings::default(), Arc::new(Undisturbed), PARTITIONS).expect("a broker");
    let topology = Arc::new(topology_with(schemas.clone(), Kept { results, ..Kept::default() }));
    embedded::start_all(&topology, &memory).expect("first start");
    for chunk in chunks {
        let (key, mut value) = (chunk.key(), Vec::new());
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
    assert_eq!(expected.len(), 40 + 8 + 1 + 1, "a record for each contract and each chunk");
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
    let chunk = of_request(&request("JOB")).swap_remove(0);
    let same = hash(chunk.clone(), &PROGRAM);
    let changed = |change: &dyn Fn(&mut Chunk)| {
        let mut chunk = chunk.clone();
        change(&mut chunk);
        hash(chunk, &PROGRAM)
    };
    assert_eq!(changed(&|chunk| chunk.number += 1), same);
    assert_eq!(changed(&|chunk| chunk.job.request += 1), same);
    assert_eq!(changed(&|chunk| chunk.job.id = JobId::new("OTHER").expect("a name")), same);
    assert_ne!(hash(chunk.clone(), &[8; 32]), same, "another program may calculate otherwise");
    assert_ne!(changed(&|chunk| chunk.job.valuation_date += chrono::TimeDelta::days(1)), same);
    assert_ne!(changed(&|chunk| drop(chunk.contracts.pop())), same);
    assert_ne!(changed(&|chunk| chunk.contracts[0].counts.lots += 1), same);
    assert_ne!(changed(&|chunk| chunk.contracts[0].start += chrono::TimeDelta::days(1)), same);
    assert_ne!(changed(&|chunk| drop(chunk.market.prices.pop_first())), same);
    assert_ne!(changed(&|chunk| drop(chunk.market.rates.pop_first())), same);
    assert_ne!(changed(&|chunk| drop(chunk.market.dividends.pop_first())), same);
}

#[test]
fn the_content_of_a_document_is_everything_but_the_names_of_job_and_chunk() {
    let chunk = of_document("JOB").swap_remove(0);
    let same = hash(chunk.clone(), &PROGRAM);
    let changed = |change: &dyn Fn(&mut DocumentChunk)| {
        let mut chunk = chunk.clone();
        change(&mut chunk);
        hash(chunk, &PROGRAM)
    };
    assert_eq!(changed(&|chunk| chunk.number += 1), same);
    assert_eq!(changed(&|chunk| chunk.job.id = JobId::new("OTHER").expect("a name")), same);
    assert_ne!(changed(&|chunk| chunk.job.valuation_date += chrono::TimeDelta::days(1)), same);
    assert_ne!(changed(&|chunk| chunk.counts.lots += 1), same);
    assert_ne!(changed(&|chunk| chunk.contracts[0].place += 1), same, "its rows name the place");
    assert_ne!(changed(&|chunk| chunk.around = chunk.around.replacen('1', "2", 1).into()), same);
    assert_ne!(changed(&|chunk| chunk.contracts[0].json = "{}".into()), same);
}

#[test]
fn of_market_data_only_what_is_used_is_content() {
    let sent = request("JOB");
    let hashes = |request: &Value| -> Vec<[u8; 32]> {
        of_request(request).into_iter().map(|chunk| hash(chunk, &PROGRAM)).collect()
    };
    let same = hashes(&sent);
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut request = sent.clone();
        change(&mut request["marketData"]["data"]);
        hashes(&request)
    };
    fn push(data: &mut Value, list: &str, of: &str, item: Value) {
        for one in data[list].as_array_mut().expect("a list") {
            one[of].as_array_mut().expect("a list").push(item.clone());
        }
    }
    let day = sent["calculationDate"].as_str().expect("a date");
    let price = |date: &str| json!({ "date": date, "price": "77.5" });
    let rate = |date: &str| json!({ "date": date, "rate": "0.0775" });
    let dividend = |date: &str| json!({ "exDate": date, "amount": "0.5", "currency": "USD" });
    for other in ["2000-01-03", "2099-01-05"] {
        assert_eq!(changed(&|data| push(data, "securities", "changes", price(other))), same, "{other}");
        assert_eq!(changed(&|data| push(data, "rates", "changes", rate(other))), same, "{other}");
        assert_eq!(changed(&|data| push(data, "dividends", "dividends", dividend(other))), same, "{other}");
    }
    // The days of all lots are covered by changes.
    assert_eq!(changed(&|data| data["securities"][0]["basePrice"] = "1".into()), same);
    assert_eq!(changed(&|data| data["rates"][0]["baseRate"] = "0.01".into()), same);
    let change = |data: &mut Value, list: &str, value: &str, back: usize| {
        let change = data[list][0]["changes"].as_array_mut().and_then(|changes| changes.iter_mut().nth_back(back));
        change.expect("there are changes")[value] = "0.0123".into();
    };
    assert_ne!(changed(&|data| change(data, "securities", "price", 0)), same);
    assert_eq!(changed(&|data| change(data, "securities", "price", 1)), same);
    assert_eq!(changed(&|data| change(data, "rates", "rate", 0)), same, "the last day bears no interest yet");
    assert_ne!(changed(&|data| change(data, "rates", "rate", 1)), same);
    assert_ne!(changed(&|data| push(data, "dividends", "dividends", dividend(day))), same);
}

/// Of a chunk as it travels.
fn hash(chunk: impl Into<AnyChunk>, program: &[u8; 32]) -> [u8; 32] {
    let (schemas, chunk, mut value) = (Schemas::embedded(), chunk.into(), Vec::new());
    schemas.encode(&chunk, None, &mut value).expect("it fits");
    let content = Content::of(&schemas, &value).expect("our own record");
    assert_eq!((&content.key, content.number), (&chunk.key(), chunk.number()));
    content.hash(program)
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
