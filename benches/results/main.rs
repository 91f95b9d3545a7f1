//! What kept results save, a chunk of 500 positions with 2,500 lots at a time: `cargo bench --bench results`. With BOOKFLOW_REDIS_URL also from Redis.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bookflow::cache::redis::{self, Redis};
use bookflow::cache::results::Results;
use bookflow::cache::tiers::{self, Cache};
use bookflow::cli::generate::request::RequestShape;
use bookflow::domain::jobs::calculate::calculate;
use bookflow::domain::jobs::chunk::Chunk;
use bookflow::domain::jobs::split::{Cut, SplitLimits, Splitter};
use bookflow::domain::trade::captured::Place;
use bookflow::messages::came_to::CameTo;
use bookflow::messages::cash_flows::JobCashFlows;
use bookflow::messages::content::Content;
use bookflow::messages::request::{read_contracts, read_request};
use bookflow::messages::schemas::Schemas;

const CONTRACTS: u32 = 2_500;
const PLACE: Place = Place { topic: 1, partition: 2, offset: 3 };

fn main() {
    let schemas = Schemas::embedded();
    let records = records(&schemas);
    let megabytes = records.iter().map(Vec::len).sum::<usize>() as f64 / 1e6;
    println!("{} chunks of 500 positions, {megabytes:.1} MB; per chunk, best of 5 rounds:", records.len());
    let show = |name, prepare: &dyn Fn() -> Option<Arc<Results>>| show(name, &schemas, &records, prepare);
    let here = results(None);
    show("without", &|| None);
    show("calculated and kept", &|| Some(results(None)));
    for record in &records {
        with(&schemas, &here, record);
    }
    show("found in process", &|| Some(here.clone()));
    let Ok(url) = std::env::var("BOOKFLOW_REDIS_URL") else { return };
    let settings = redis::Settings {
        url,
        username: None,
        password: None,
        timeout: Duration::from_millis(50),
        connections: 1,
        pause: Duration::from_secs(30),
    };
    let redis = Arc::new(Redis::new(settings).expect("an address"));
    show("calculated and kept in Redis", &|| {
        redis.clear("bench:").expect("it is up");
        Some(results(Some(redis.clone())))
    });
    show("found in Redis", &|| Some(results(Some(redis.clone()))));
    redis.clear("bench:").expect("it is up");
}

fn show(name: &str, schemas: &Schemas, records: &[Vec<u8>], prepare: &dyn Fn() -> Option<Arc<Results>>) {
    let round = |_| {
        let results = prepare();
        let began = Instant::now();
        let bytes = records.iter().map(|record| match &results {
            Some(results) => with(schemas, results, record),
            None => without(schemas, record),
        });
        let bytes: usize = bytes.sum();
        (began.elapsed(), bytes)
    };
    let (best, bytes) = (0..5).map(round).min().expect("five rounds");
    let count = records.len() as u32;
    println!("{name:<30} {:>8.0} us, {} KB out", (best / count).as_secs_f64() * 1e6, bytes / records.len() / 1_000);
}

/// As the stage does it without a cache: the bytes that go out.
fn without(schemas: &Schemas, record: &[u8]) -> usize {
    let (_, chunk) = schemas.decode::<Chunk>(record).expect("our own record");
    let calculated = calculate(&chunk);
    let mut out = Vec::new();
    for flows in calculated.flows {
        let message = JobCashFlows { job: chunk.job.id.clone(), flows };
        schemas.encode(&message, PLACE, &mut out).expect("it fits");
    }
    schemas.encode(&calculated.result, PLACE, &mut out).expect("it fits");
    out.len()
}

/// As the stage does it with one.
fn with(schemas: &Schemas, results: &Results, record: &[u8]) -> usize {
    let content = Content::of(schemas, record).expect("our own record");
    let hash = content.hash(results.program());
    let bytes = results.get_or(&hash, || {
        let (_, chunk) = schemas.decode::<Chunk>(record).expect("our own record");
        Some(CameTo::write(&calculate(&chunk)).expect("it fits"))
    });
    let bytes = bytes.expect("all of it may be kept");
    let came_to = CameTo::read(&bytes).expect("just written");
    let mut out = Vec::new();
    for flows in &came_to.flows {
        flows.encode(schemas, &content.job, PLACE, &mut out).expect("it fits");
    }
    came_to.encode_result(schemas, &content.job, content.number, PLACE, &mut out).expect("it fits");
    out.len()
}

fn results(redis: Option<Arc<Redis>>) -> Arc<Results> {
    let settings = tiers::Settings {
        name: "bench",
        prefix: "bench:".into(),
        life: Duration::from_secs(600),
        absent_life: Duration::from_secs(600),
        bytes: 1 << 30,
    };
    Arc::new(Results::new(Cache::new(settings, redis), [0; 32]))
}

fn records(schemas: &Schemas) -> Vec<Vec<u8>> {
    let mut json = Vec::new();
    RequestShape::new("BENCH", CONTRACTS, 4, 5).write(&mut json).expect("a request");
    let request = read_request(&json[..]).expect("a request");
    let mut splitter = Splitter::new(request.job.clone(), &request.market, SplitLimits::default());
    let mut chunks = Vec::new();
    let read = read_contracts(&json[..], |contract| -> Result<(), String> {
        chunks.extend(splitter.contract(contract.map_err(|notice| notice.message)?));
        Ok(())
    });
    read.expect("a request");
    chunks.extend(splitter.finish().0);
    let record = |(_, chunk): &(_, Chunk)| {
        let mut record = Vec::new();
        schemas.encode(chunk, None, &mut record).expect("it fits");
        record
    };
    chunks.iter().map(record).collect()
}
