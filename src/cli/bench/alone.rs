//! What a job's steps cost without Kafka: one step after another, each with the functions that `submit` and the stages call.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::time::Duration;

use super::usage::{cpu_time, thread_cpu_time};
use crate::cli::config::Config;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, chain};
use crate::cli::parts;
use crate::domain::jobs::calculate::calculate;
use crate::domain::jobs::chunk::Chunk;
use crate::domain::jobs::job::Lane;
use crate::domain::jobs::split::{Cut, Splitter};
use crate::domain::trade::captured::Place;
use crate::messages::cash_flows::JobCashFlows;
use crate::messages::request::{Stopped, read_contracts, read_request};
use crate::messages::schemas::Schemas;

/// Steps with their CPU time, and what came of them.
#[derive(Default)]
pub struct Alone {
    /// To know the request and its hash before the first chunk is sent.
    first_reading: Duration,
    /// To contracts, relieved and cut into chunks.
    parse: Duration,
    encode_chunks: Duration,
    decode_chunks: Duration,
    compute: Duration,
    encode_flows: Duration,
    pub chunk_bytes: u64,
    pub flow_bytes: u64,
    pub flows: u64,
}

pub fn measure(path: &Path, config: &Config) -> Result<Alone, Failure> {
    let unreadable = |error| Failure::new(Exit::Failed, chain(&error));
    let mut alone = Alone::default();
    let began = thread_cpu_time();
    let request = read_request(BufReader::new(File::open(path)?)).map_err(unreadable)?;
    alone.first_reading = thread_cpu_time().saturating_sub(began);
    let began = cpu_time(); // of all threads: contracts are read on several
    let mut beyond_parsing = Duration::ZERO;
    let schemas = Schemas::embedded();
    let mut splitter = Splitter::new(request.job.clone(), &request.market, parts::split_limits(config));
    let mut take = |chunks: Vec<(Lane, Chunk)>| {
        if chunks.is_empty() {
            return Ok(());
        }
        let began = thread_cpu_time();
        let taken = chunks.into_iter().try_for_each(|(_, chunk)| alone.chunk(&chunk, &schemas));
        beyond_parsing += thread_cpu_time().saturating_sub(began);
        taken
    };
    let read = read_contracts(File::open(path)?, |contract| take(splitter.take(contract)));
    read.map_err(|stopped| match stopped {
        Stopped::Taker(failure) => failure,
        Stopped::Request(error) => unreadable(error),
    })?;
    take(splitter.finish().0)?;
    alone.parse = cpu_time().saturating_sub(began).saturating_sub(beyond_parsing);
    Ok(alone)
}

impl Alone {
    fn chunk(&mut self, chunk: &Chunk, schemas: &Schemas) -> Result<(), Failure> {
        let failed = |error: &dyn std::error::Error| Failure::new(Exit::Failed, error.to_string());
        let mut bytes = Vec::new();
        let began = thread_cpu_time();
        schemas.encode(chunk, None, &mut bytes).map_err(|error| failed(&error))?;
        self.encode_chunks += thread_cpu_time().saturating_sub(began);
        self.chunk_bytes += bytes.len() as u64;
        let began = thread_cpu_time();
        let (_, chunk) = schemas.decode::<Chunk>(&bytes).map_err(|error| failed(&error))?;
        self.decode_chunks += thread_cpu_time().saturating_sub(began);
        let began = thread_cpu_time();
        let calculated = calculate(&chunk);
        self.compute += thread_cpu_time().saturating_sub(began);
        let cause = Place { topic: 0, partition: 0, offset: 0 };
        let began = thread_cpu_time();
        for flows in calculated.flows {
            bytes.clear();
            self.flows += flows.flows.len() as u64;
            let message = JobCashFlows { job: chunk.job.id.clone(), flows };
            schemas.encode(&message, cause, &mut bytes).map_err(|error| failed(&error))?;
            self.flow_bytes += bytes.len() as u64;
        }
        self.encode_flows += thread_cpu_time().saturating_sub(began);
        Ok(())
    }

    pub fn seconds(&self) -> BTreeMap<&'static str, f64> {
        let steps = [
            ("first_reading", self.first_reading),
            ("parse", self.parse),
            ("encode_chunks", self.encode_chunks),
            ("decode_chunks", self.decode_chunks),
            ("compute", self.compute),
            ("encode_flows", self.encode_flows),
        ];
        BTreeMap::from(steps.map(|(step, time)| (step, time.as_secs_f64())))
    }
}
