//! A calculation job of six chunks, and one by reference, sent as `submit job` sends them.

use std::sync::Arc;
use std::time::Duration;

use bookflow::cli::generate::request::RequestShape;
use bookflow::cli::submit::{job, recalculation};
use bookflow::domain::jobs::job::Started;
use bookflow::domain::jobs::split::{Cut, SplitLimits, Splitter};
use bookflow::domain::key::Timestamp;
use bookflow::engine::broker::{Broker, Outgoing, Producer, TopicPartition};
use bookflow::messages::job_control::{ControlWord, JobControl};
use bookflow::messages::key::{chunk_key, partition};
use bookflow::messages::message::Message;
use bookflow::messages::request::{read_contracts, read_request};
use bookflow::messages::schemas::Schemas;
use bookflow::pipeline::topics::{CALCULATION_CHUNKS_REALTIME, JOB_CONTROL};

pub const CHUNKS: &str = "job";
const BY_REFERENCE: &[u8] = br#"{"requestId": "EOD", "type": "FULL", "selection": "ALL"}"#;

pub fn recalculate(broker: &dyn Broker, schemas: &Arc<Schemas>) {
    let document = recalculation::read(BY_REFERENCE, None).expect("a document");
    job::submit(&document, broker, schemas, Duration::from_secs(3_600)).expect("the broker takes it");
}

pub fn send(broker: &dyn Broker, schemas: &Schemas, partitions: i32) {
    let mut json = Vec::new();
    RequestShape::new(CHUNKS, 30, 4, 5).write(&mut json).expect("memory takes everything");
    let request = read_request(&json[..]).expect("a request");
    let limits = SplitLimits { chunk_positions: 20, ..SplitLimits::default() };
    let mut splitter = Splitter::new(request.job.clone(), &request.market, limits);
    let mut chunks = Vec::new();
    read_contracts(&json[..], |contract| {
        chunks.extend(splitter.contract(contract.expect("all are readable")));
        Ok::<(), ()>(())
    })
    .expect("nobody stops it");
    let (last, plan) = splitter.finish();
    chunks.extend(last);
    let mut producer = broker.producer("job").expect("a producer");
    let mut put = |topic: &'static str, key: &[u8], value: &[u8]| {
        let to = TopicPartition { topic, partition: partition(key, partitions) };
        producer.begin().expect("nothing is open");
        producer.send(Outgoing { to, key: Some(key), value: Some(value), headers: &[] }).expect("room");
        end(producer.as_mut());
    };
    let id = request.job.id.clone();
    let word = |word| encoded(schemas, None, &JobControl { job: id.clone(), word });
    let started = ControlWord::Started(Started {
        request: request.job.request,
        deadline: Timestamp(i64::MAX),
        predecessor: None,
    });
    put(JOB_CONTROL, id.as_str().as_bytes(), &word(started));
    for (_, chunk) in chunks {
        put(CALCULATION_CHUNKS_REALTIME, chunk_key(&chunk).as_bytes(), &encoded(schemas, None, &chunk));
    }
    let planned = ControlWord::Planned { chunks: plan.chunks, counts: Some(plan.counts) };
    put(JOB_CONTROL, id.as_str().as_bytes(), &word(planned));
}

fn end(producer: &mut dyn Producer) {
    producer.drain().expect("delivered");
    producer.commit().expect("committed");
}

fn encoded<M: Message>(schemas: &Schemas, cause: M::Cause, message: &M) -> Vec<u8> {
    let mut bytes = Vec::new();
    schemas.encode(message, cause, &mut bytes).expect("numbers fit");
    bytes
}
