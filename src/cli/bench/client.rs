//! Somebody who asks for jobs again and again over one connection, and sees each outcome as a read_committed reader.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::cli::config::Config;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, chain};
use crate::cli::parts;
use crate::cli::submit::sender::Sender;
use crate::cli::tail::{From, Tail, partitions};
use crate::domain::jobs::chunk::Chunk;
use crate::domain::jobs::job::{JobId, Lane, Outcome, Started};
use crate::domain::jobs::split::{Cut, SplitLimits, Splitter};
use crate::domain::key::Timestamp;
use crate::engine::broker::Broker;
use crate::engine::clock::{Clock, SystemClock};
use crate::messages::job_control::{ControlWord, JobControl};
use crate::messages::key::chunk_key;
use crate::messages::message::Message;
use crate::messages::request::{Stopped, read_contracts, read_request};
use crate::messages::schemas::Schemas;
use crate::pipeline::topics::{
    CALCULATION_CHUNKS_BATCH, CALCULATION_CHUNKS_REALTIME, CALCULATION_OUTCOMES, JOB_CONTROL,
};

pub struct Client {
    schemas: Arc<Schemas>,
    sender: Sender,
    limits: SplitLimits,
    partitions: i32,
    outcomes: Tail,
}

/// How long partitions may be without a leader.
const LEADERS_COME: Duration = Duration::from_secs(10);
/// How long an outcome may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// A job's deadline: after the patience of whoever measures it.
const DEADLINE: Duration = Duration::from_secs(3_600);

impl Client {
    pub fn open(config: &Config) -> Result<Client, Failure> {
        let (broker, schemas): (Arc<dyn Broker>, _) = (parts::broker(config)?, parts::schemas(config)?);
        let began = Instant::now();
        let outcomes = loop {
            match Tail::open(broker.as_ref(), CALCULATION_OUTCOMES, From::End) {
                // The topics have just been made.
                Err(failure) if failure.exit == Exit::Unreachable && began.elapsed() < LEADERS_COME => {
                    thread::sleep(Duration::from_millis(100));
                }
                opened => break opened?,
            }
        };
        let partitions = partitions(broker.as_ref(), JOB_CONTROL)?;
        let sender = Sender::open(broker.as_ref())?;
        Ok(Client { schemas, sender, limits: parts::split_limits(config), partitions, outcomes })
    }

    /// Sends a request and waits for its outcome.
    pub fn ask(&mut self, json: &[u8]) -> Result<Outcome, Failure> {
        let request = read_request(json).map_err(|error| Failure::new(Exit::Failed, chain(&error)))?;
        let job = request.job.id.clone();
        let deadline = Timestamp(SystemClock::start().now_us() + DEADLINE.as_micros() as i64);
        self.control(
            &job,
            ControlWord::Started(Started { request: request.job.request, deadline, predecessor: None }),
        )?;
        let mut splitter = Splitter::new(request.job.clone(), &request.market, self.limits);
        let read = read_contracts(json, |contract| self.chunks(splitter.take(contract)));
        read.map_err(|stopped| match stopped {
            Stopped::Taker(failure) => failure,
            Stopped::Request(error) => Failure::new(Exit::Failed, chain(&error)),
        })?;
        let (last, plan) = splitter.finish();
        self.chunks(last)?;
        self.control(&job, ControlWord::Planned { chunks: plan.chunks, counts: Some(plan.counts) })?;
        self.sender.commit()?;
        self.outcome(&job)
    }

    /// Waits until a job's outcome is committed.
    pub fn outcome(&mut self, job: &JobId) -> Result<Outcome, Failure> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(outcome) = self.look(job)? {
                return Ok(outcome);
            }
        }
        Err(Failure::new(Exit::Failed, format!("no outcome of {job} after {PATIENCE:?}")))
    }

    /// The outcome, if it is among those that have come since the last look.
    pub fn look(&mut self, job: &JobId) -> Result<Option<Outcome>, Failure> {
        let (schemas, mut seen) = (&self.schemas, None);
        self.outcomes.round(|record| {
            if let Some(value) = record.value.filter(|_| record.key == Some(job.as_str().as_bytes())) {
                let decoded = schemas.decode::<Outcome>(value);
                seen = Some(decoded.map_err(|error| Failure::new(Exit::Failed, chain(&error)))?.1);
            }
            Ok(())
        })?;
        Ok(seen)
    }

    fn chunks(&mut self, chunks: Vec<(Lane, Chunk)>) -> Result<(), Failure> {
        chunks.iter().try_for_each(|(lane, chunk)| {
            let topic = match lane {
                Lane::Realtime => CALCULATION_CHUNKS_REALTIME,
                Lane::Batch => CALCULATION_CHUNKS_BATCH,
            };
            self.send(topic, chunk_key(chunk).as_bytes(), chunk, None)
        })
    }

    fn control(&mut self, job: &JobId, word: ControlWord) -> Result<(), Failure> {
        let control = JobControl { job: job.clone(), word };
        self.send(JOB_CONTROL, job.as_str().as_bytes(), &control, None)
    }

    fn send<M: Message>(
        &mut self,
        topic: &'static str,
        key: &[u8],
        message: &M,
        cause: M::Cause,
    ) -> Result<(), Failure> {
        let mut value = Vec::new();
        self.schemas
            .encode(message, cause, &mut value)
            .map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
        self.sender.send(topic, self.partitions, key, &value).map(drop)
    }
}
