//! What comes in: generated trades with everything that happens to them, or calculation jobs cut into small chunks.

use std::convert::Infallible;
use std::io::Cursor;

use bookflow::cli::generate::load::{Load, Mix, Share};
use bookflow::cli::generate::record::Wire;
use bookflow::cli::generate::request::RequestShape;
use bookflow::domain::jobs::job::{Lane, Started};
use bookflow::domain::jobs::split::{SplitLimits, Splitter};
use bookflow::domain::key::Timestamp;
use bookflow::engine::broker::{Outgoing, TopicPartition};
use bookflow::messages::job_control::{ControlWord, JobControl};
use bookflow::messages::key::{chunk_key, partition};
use bookflow::messages::request::{read_contracts, read_request};
use bookflow::messages::schemas::Schemas;
use bookflow::pipeline::topics::{CALCULATION_CHUNKS_BATCH, CALCULATION_CHUNKS_REALTIME, JOB_CONTROL, TRADES};
use rand::RngExt;
use rand::rngs::SmallRng;

/// One record as it is appended.
pub struct Item {
    pub to: TopicPartition,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
}

impl Item {
    pub fn outgoing(&self) -> Outgoing<'_> {
        Outgoing { to: self.to, key: self.key.as_deref(), value: self.value.as_deref(), headers: &[] }
    }
}

/// Few keys, so that they meet often, and far more trouble than life has.
pub fn trades(seed: u64, records: u64, partitions: i32, schemas: &Schemas) -> Vec<Item> {
    let mix = Mix {
        amends: Share(1_500),
        cancels: Share(600),
        rebooks: Share(400),
        late: Share(800),
        duplicates: Share(600),
        conflicts: Share(200),
        gaps: Share(400),
        poison: Share(500),
    };
    let load = Load { keys: 4, day_records: 10, gap_records: 10, mix, ..Load::new(seed, records) };
    let mut wire = Wire::default();
    let items = load.trades().expect("the shares fit").map(|generated| {
        wire.fill(&generated, schemas);
        let to = TopicPartition { topic: TRADES, partition: wire.partition(partitions) };
        Item { to, key: wire.key().map(Vec::from), value: wire.value().map(Vec::from) }
    });
    items.collect()
}

/// One to three jobs whose records come in any order; some deadlines are too short.
pub fn jobs(dice: &mut SmallRng, now_us: i64, partitions: i32, schemas: &Schemas) -> Vec<Item> {
    let mut items = Vec::new();
    for number in 0..dice.random_range(1..=3) {
        let name = format!("JOB-{number}");
        let mut json = Vec::new();
        let contracts = dice.random_range(1..=12);
        RequestShape::new(&name, contracts, 2, 2).write(&mut json).expect("memory takes it");
        let request = read_request(Cursor::new(&json)).expect("a generated request is one");
        let wait = dice.random_range(1..=20) * dice.random_range(1..=20) * 1_000_000;
        let deadline = Timestamp(now_us + wait);
        let limits = SplitLimits { chunk_positions: 2, chunk_lots: 100, realtime_positions: 8, realtime_lots: 100 };
        let mut splitter = Splitter::new(request.job.clone(), &request.market, limits);
        let mut chunks = Vec::new();
        read_contracts(Cursor::new(&json), |contract| {
            chunks.extend(match contract {
                Ok((contract, notices)) => splitter.contract(contract, notices),
                Err(notice) => splitter.notice(*notice),
            });
            Ok::<(), Infallible>(())
        })
        .expect("a generated request is one");
        let (last, plan) = splitter.finish();
        chunks.extend(last);
        let mut send = |topic, key: &str, encode: &dyn Fn(&mut Vec<u8>)| {
            let mut value = Vec::new();
            encode(&mut value);
            let to = TopicPartition { topic, partition: partition(key.as_bytes(), partitions) };
            items.push(Item { to, key: Some(key.into()), value: Some(value) });
        };
        for (lane, chunk) in &chunks {
            let topic = match lane {
                Lane::Realtime => CALCULATION_CHUNKS_REALTIME,
                Lane::Batch => CALCULATION_CHUNKS_BATCH,
            };
            send(topic, &chunk_key(chunk), &|out| schemas.encode(chunk, None, out).expect("a chunk fits"));
        }
        for word in [
            ControlWord::Started(Started { request: request.job.request, deadline, predecessor: None }),
            ControlWord::Planned { chunks: plan.chunks, counts: plan.counts },
        ] {
            let control = JobControl { job: request.job.id.clone(), word };
            send(JOB_CONTROL, &name, &|out| schemas.encode(&control, None, out).expect("a word fits"));
        }
    }
    for last in (1..items.len()).rev() {
        items.swap(last, dice.random_range(0..=last));
    }
    items
}
