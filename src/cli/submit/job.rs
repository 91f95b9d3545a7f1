//! `submit job`: a calculation job, cut into chunks while it is read. The same one again is answered, not run again.

use std::fs::File;
use std::io::{self, Seek};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;

use compact_str::CompactString;
use indicatif::ProgressBar;
use xxhash_rust::xxh3::xxh3_128;

use super::document;
use super::recalculation::{self, Document};
use super::request;
use super::sender::{self, Sender};
use crate::cli::config::Config;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, chain};
use crate::cli::known_job::{self, Known, Waiting};
use crate::cli::parts;
use crate::cli::session::Session;
use crate::cli::tail::partitions as partitions_of;
use crate::domain::jobs::job::{Job, JobId, Lane, Started};
use crate::domain::jobs::notice::Notice;
use crate::domain::jobs::recalculation::Recalculation;
use crate::domain::jobs::share::RESULTS;
use crate::domain::jobs::split::{Cut, Plan};
use crate::domain::jobs::totals::Counts;
use crate::domain::key::Timestamp;
use crate::engine::broker::{Broker, TopicPartition};
use crate::engine::clock::{Clock, SystemClock};
use crate::engine::priority::{give_way, rest_if_due, session_gives_way};
use crate::messages::any_chunk::AnyChunk;
use crate::messages::calculation_request::{Asked, CalculationRequest, RequestWord};
use crate::messages::document::stream::has_its_shape;
use crate::messages::job_control::{ControlWord, JobControl};
use crate::messages::key::key_within;
use crate::messages::request::{RequestError, Stopped};
use crate::messages::schemas::Schemas;
use crate::pipeline::topics::{
    CALCULATION_CHUNKS_BATCH, CALCULATION_CHUNKS_REALTIME, CALCULATION_REQUESTS, JOB_CONTROL,
};

/// Sends a calculation job, with its contracts or by reference to positions; answers with the job's name, or with --wait with its outcome
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// File with the request or the document (docs/calculate.md), or - for standard input
    pub(super) file: String,
    /// Name of the job instead of the request's own requestId; a document has none, and without this it is named after its bytes
    #[arg(long, value_name = "NAME")]
    pub(super) idempotency_key: Option<String>,
    #[command(flatten)]
    pub(super) waiting: Waiting,
}

pub fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let name = arguments.idempotency_key.as_deref().map(named).transpose()?;
    let mut file = open(&arguments.file)?;
    let document =
        recalculation::document(&mut file, name.as_ref()).map_err(|failure| failure.during(&arguments.file))?;
    if let Some(document) = document {
        return by_reference(&document, arguments, session);
    }
    let document = has_its_shape(&file).map_err(|error| unreadable(&error, arguments))?;
    file.rewind()?;
    if document { document::run(file, name, arguments, session) } else { request::run(file, name, arguments, session) }
}

pub(super) fn unreadable(error: &RequestError, arguments: &Arguments) -> Failure {
    Failure::new(Exit::Partial, format!("{}: {}", arguments.file, chain(error))).next(
        "docs/submitting.md says what a job is: a request (docs/calculation-requests.md), a document (docs/calculate.md) or a selection (docs/jobs.md)",
    )
}

/// The name that the command line gives a job.
fn named(key: &str) -> Result<JobId, Failure> {
    JobId::new(key).map_err(|error| {
        Failure::usage(format!("--idempotency-key: {error}")).next("give it 1 to 100 characters, or leave it out")
    })
}

/// Sends a job that brings its contracts along, unless it is known, and answers. What `prepare` gives hands the chunks over.
pub(super) fn send<C: Chunks>(
    job: &Job,
    contracts: u64,
    arguments: &Arguments,
    session: &Session,
    prepare: impl FnOnce(&Known, &Config) -> Result<C, Failure>,
) -> Result<Exit, Failure> {
    let config = session.config()?;
    if contracts > config.jobs.realtime_positions as u64 {
        // To workers and brokers on this machine, that a large job must not slow down.
        session_gives_way(config.jobs.spare_processors);
        give_way();
    }
    let (broker, schemas) = (parts::broker(&config)?, parts::schemas(&config)?);
    let known = known_job::known(broker.as_ref(), &schemas, &job.id)?;
    same_request(&job.id, job.request, &known)?;
    // A submission that was cut off before its plan was written is taken up again: its chunks are the same.
    if known.outcome.is_none() && known.planned.is_none() && !known.stopped {
        let mut submission = Submission::open(broker.as_ref(), schemas.clone(), &job.id)?;
        // Whoever has begun in the meantime is fenced now: what they have said by now is all that they will say.
        let known = known_job::announced(broker.as_ref(), &schemas, &job.id)?;
        same_request(&job.id, job.request, &known)?;
        if known.planned.is_none() && !known.stopped {
            submission.take_up(&known);
            let Plan { chunks, lane, .. } = submission.run(job.request, &config, prepare(&known, &config)?)?;
            session.output.note(format!("{}: {chunks} chunks in the {} lane", job.id, lane_name(lane)));
        }
    }
    known_job::answer(&arguments.waiting, known.outcome, &job.id, broker.as_ref(), &schemas, &session.output)
}

/// Cuts what `read` reads, and hands the chunks over in order. Ends early when nobody takes them any more: whoever did knows why.
pub(super) fn cut<S: Cut<Chunk: Into<AnyChunk>>>(
    mut splitter: S,
    notices: Vec<Notice>,
    bar: &ProgressBar,
    hand_over: &HandOver,
    read: impl FnOnce(&mut Taking<'_, S::Contract>) -> Result<(), Stopped<Failure>>,
) -> Result<Plan, Failure> {
    let nobody = |_| Failure::new(Exit::Failed, "chunks are read that nobody sends");
    let pass_on = |chunks: Vec<(Lane, S::Chunk)>| {
        chunks.into_iter().try_for_each(|(lane, chunk)| hand_over.send((lane, chunk.into())).map_err(nobody))
    };
    notices.into_iter().try_for_each(|notice| pass_on(splitter.notice(notice)))?;
    let read = read(&mut |contract| {
        bar.inc(1);
        rest_if_due();
        pass_on(splitter.take(contract))
    });
    bar.finish_and_clear();
    read.map_err(|stopped| match stopped {
        Stopped::Taker(failure) => failure,
        Stopped::Request(error) => Failure::new(Exit::Partial, chain(&error)),
    })?;
    let (last, plan) = splitter.finish();
    pass_on(last)?;
    Ok(plan)
}

/// Hands the chunks of a job over, and answers with what they are in all.
pub trait Chunks: FnOnce(&HandOver) -> Result<Plan, Failure> + Send {}

impl<C: FnOnce(&HandOver) -> Result<Plan, Failure> + Send> Chunks for C {}

/// To whoever sends the chunks.
pub type HandOver = SyncSender<(Lane, AnyChunk)>;

/// Takes one contract after another, or the rows that stand for them.
pub(super) type Taking<'a, C> = dyn FnMut(Result<C, Box<Notice>>) -> Result<(), Failure> + 'a;

fn by_reference(document: &Document, arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let config = session.config()?;
    let (broker, schemas) = (parts::broker(&config)?, parts::schemas(&config)?);
    submit(document, broker.as_ref(), &schemas, config.jobs.timeout)?;
    let known = known_job::known(broker.as_ref(), &schemas, &document.job)?;
    known_job::answer(&arguments.waiting, known.outcome, &document.job, broker.as_ref(), &schemas, &session.output)
}

/// Submits a job by reference, unless it is known already.
pub fn submit(
    document: &Document,
    broker: &dyn Broker,
    schemas: &Arc<Schemas>,
    timeout: Duration,
) -> Result<(), Failure> {
    let (job, request) = (&document.job, document.request);
    let known = known_job::known(broker, schemas, job)?;
    same_request(job, request, &known)?;
    if known.request().is_some() {
        return Ok(());
    }
    let mut submission = Submission::open(broker, schemas.clone(), job)?;
    // Whoever has begun in the meantime is fenced now: what they have said by now is all that they will say.
    let known = known_job::announced(broker, schemas, job)?;
    same_request(job, request, &known)?;
    match known.request() {
        Some(_) => Ok(()),
        None => recalculation::submit(document, broker, schemas, &mut submission, timeout),
    }
}

fn same_request(job: &JobId, request: u128, known: &Known) -> Result<(), Failure> {
    match known.request().filter(|other| *other != request) {
        None => Ok(()),
        Some(other) => {
            let message = format!("job {job} is known with another request ({other:032x})");
            Err(Failure::new(Exit::Precondition, message)
                .next("give this request a name of its own: --idempotency-key, or another requestId"))
        }
    }
}

/// A file that can be read twice: market data may stand behind the contracts.
fn open(file: &str) -> Result<File, Failure> {
    if file != "-" {
        return File::open(file).map_err(|error| Failure::from(error).during(file));
    }
    let mut spool = tempfile::tempfile()?;
    io::copy(&mut io::stdin().lock(), &mut spool)?;
    spool.rewind()?;
    Ok(spool)
}

fn lane_name(lane: Lane) -> &'static str {
    match lane {
        Lane::Realtime => "real-time",
        Lane::Batch => "batch",
    }
}

/// A request on its way into chunks.
pub struct Submission {
    schemas: Arc<Schemas>,
    sender: Sender,
    job: JobId,
    /// When the job ends whatever is still to be sent.
    deadline: Option<Timestamp>,
    /// Chunks that may be calculated at the same time.
    parallel: Option<usize>,
    /// Of the topics that are written to: control, real-time chunks, batch chunks.
    partitions: [i32; 3],
    /// Of `calculation-requests`: each gets a job by reference.
    shares: i32,
    value: Vec<u8>,
}

impl Submission {
    /// One submission of a job at a time: whoever opens another one fences this one, so that their chunks never mix.
    pub fn open(broker: &dyn Broker, schemas: Arc<Schemas>, job: &JobId) -> Result<Submission, Failure> {
        let partitions = [
            partitions_of(broker, JOB_CONTROL)?,
            partitions_of(broker, CALCULATION_CHUNKS_REALTIME)?,
            partitions_of(broker, CALCULATION_CHUNKS_BATCH)?,
        ];
        let name = format!("bookflow.submit-job-{:032x}", xxh3_128(job.as_str().as_bytes()));
        let sender = Sender::open_as(broker, &name).map_err(|failure| cut_off(job, failure))?;
        let shares = partitions_of(broker, CALCULATION_REQUESTS)?;
        let (job, value) = (job.clone(), Vec::new());
        Ok(Submission { schemas, sender, job, deadline: None, parallel: None, partitions, shares, value })
    }

    /// A job that was announced before ends when it was said then.
    pub fn take_up(&mut self, known: &Known) {
        self.deadline = known.started.as_ref().map(|started| started.deadline);
    }

    /// First the announcement, so that a job that is cut off here still ends at its deadline; then the chunks; last the plan.
    pub fn run(&mut self, request: u128, config: &Config, read: impl Chunks) -> Result<Plan, Failure> {
        self.announce(request, None, config)?;
        // Read ahead of what is being sent, so that neither waits for the other.
        let plan = thread::scope(|scope| {
            let (hand_over, chunks) = mpsc::sync_channel(CHUNKS_AHEAD);
            let reading = scope.spawn(move || read(&hand_over));
            let sent = self.all(&chunks, config.jobs.max_chunks);
            drop(chunks); // whoever cuts must not go on for nobody
            let read = reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            sent.and(read)
        })?;
        self.plan(plan.chunks, Some(plan.counts))?;
        Ok(plan)
    }

    /// Sends what comes. Readers do not wait for whoever cuts, and the broker does not end a transaction that does.
    fn all(&mut self, chunks: &Receiver<(Lane, AnyChunk)>, most: Option<usize>) -> Result<(), Failure> {
        loop {
            match chunks.recv_timeout(sender::TIME) {
                Ok((lane, chunk)) => match too_many(chunk.number(), most) {
                    None => self.chunk(lane, &chunk)?,
                    Some(reason) => return self.reject(reason),
                },
                Err(RecvTimeoutError::Timeout) => self.commit()?,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    pub fn announce(&mut self, request: u128, predecessor: Option<JobId>, config: &Config) -> Result<(), Failure> {
        let timeout = i64::try_from(config.jobs.timeout.as_micros()).expect("bounded to days");
        let deadline = Timestamp(SystemClock::start().now_us() + timeout);
        self.deadline.get_or_insert(deadline);
        self.parallel = config.jobs.max_parallel_chunks;
        self.control(ControlWord::Started(Started { request, deadline, predecessor }))?;
        self.commit()
    }

    pub fn chunk(&mut self, lane: Lane, chunk: &AnyChunk) -> Result<(), Failure> {
        if self.deadline.is_some_and(|deadline| deadline.0 < SystemClock::start().now_us()) {
            return Err(past_deadline(&self.job));
        }
        let (topic, partitions) = match lane {
            Lane::Realtime => (CALCULATION_CHUNKS_REALTIME, self.partitions[1]),
            Lane::Batch => (CALCULATION_CHUNKS_BATCH, self.partitions[2]),
        };
        self.value.clear();
        self.schemas
            .encode(chunk, None, &mut self.value)
            .map_err(|error| Failure::new(Exit::Failed, format!("chunk {}: {error}", chunk.number())))?;
        let key = key_within(&self.job, chunk.key(), partitions, self.parallel);
        self.send(topic, partitions, key.as_bytes())
    }

    pub fn plan(&mut self, chunks: u32, counts: Option<Counts>) -> Result<(), Failure> {
        self.control(ControlWord::Planned { chunks, counts })?;
        self.finish()
    }

    /// Announces a job by reference, and hands it to every partition: all in one transaction, or nothing.
    pub fn recalculate(&mut self, asked: Asked) -> Result<(), Failure> {
        let Recalculation { request, deadline, .. } = asked.recalculation;
        let chunks = self.shares.unsigned_abs() * RESULTS;
        self.control(ControlWord::Started(Started { request, deadline, predecessor: None }))?;
        self.control(ControlWord::Planned { chunks, counts: None })?;
        self.ask_shares(RequestWord::Calculate(Box::new(asked)))?;
        self.finish()
    }

    /// Ends a job, and of one by reference the work on it.
    pub fn cancel(&mut self, reason: CompactString, by_reference: bool) -> Result<(), Failure> {
        self.control(ControlWord::Cancelled { reason })?;
        if by_reference {
            self.ask_shares(RequestWord::Cancel)?;
        }
        self.finish()
    }

    /// Ends a job whose chunks cannot all be sent: those that are there would be calculated and then wait for the others until its deadline.
    fn reject(&mut self, reason: String) -> Result<(), Failure> {
        self.control(ControlWord::Rejected { reason: CompactString::from(&reason) })?;
        self.finish()?;
        let next = "submit it under another name (--idempotency-key) in parts, with larger chunks (jobs.chunk_positions, jobs.chunk_lots) or a \
                    higher limit";
        Err(Failure::new(Exit::Partial, format!("job {} is rejected: {reason}", self.job)).next(next))
    }

    fn ask_shares(&mut self, word: RequestWord) -> Result<(), Failure> {
        let request = CalculationRequest { job: self.job.clone(), word };
        self.value.clear();
        self.schemas
            .encode(&request, None, &mut self.value)
            .map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
        for partition in 0..self.shares {
            let to = TopicPartition { topic: CALCULATION_REQUESTS, partition };
            let sent = self.sender.send_along(to, self.job.as_str().as_bytes(), &self.value);
            sent.map_err(|failure| cut_off(&self.job, failure))?;
        }
        Ok(())
    }

    fn control(&mut self, word: ControlWord) -> Result<(), Failure> {
        let control = JobControl { job: self.job.clone(), word };
        self.value.clear();
        self.schemas
            .encode(&control, None, &mut self.value)
            .map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
        let job = self.job.clone();
        self.send(JOB_CONTROL, self.partitions[0], job.as_str().as_bytes())
    }

    fn send(&mut self, topic: &'static str, partitions: i32, key: &[u8]) -> Result<(), Failure> {
        let sent = self.sender.send(topic, partitions, key, &self.value);
        sent.map(drop).map_err(|failure| cut_off(&self.job, failure))
    }

    fn commit(&mut self) -> Result<(), Failure> {
        self.sender.commit().map_err(|failure| cut_off(&self.job, failure))
    }

    fn finish(&mut self) -> Result<(), Failure> {
        self.sender.finish().map_err(|failure| cut_off(&self.job, failure))
    }
}

/// What is there of a submission that did not come to its end counts: the same one again has the same chunks.
fn cut_off(job: &JobId, failure: Failure) -> Failure {
    match failure.exit {
        Exit::Fenced => failure
            .during(format!(
                "job {job}: another submission or a cancellation of it has taken over, or the broker has ended a transaction that took too long"
            ))
            .next(format!("`bookflow watch {job}` shows how far it is; if nobody else has taken over, submit the same file again")),
        _ => failure
            .during(format!("job {job} was cut off while it was sent"))
            .next("once the broker answers in time, submit the same file again: it goes on, and nothing counts twice"),
    }
}

fn past_deadline(job: &JobId) -> Failure {
    Failure::new(Exit::Partial, format!("job {job} has reached its deadline while it was sent: it ends as TIMED_OUT"))
        .next("send it under another name and with more time: --idempotency-key NAME -X jobs.timeout=1h")
}

/// Why a job of this many chunks may not be, if it may not.
pub fn too_many(chunks: u32, most: Option<usize>) -> Option<String> {
    let most = most.filter(|most| chunks as usize > *most)?;
    Some(format!("it comes to more than {most} chunks (jobs.max_chunks)"))
}

/// About 400 KB each, and several times that in memory.
const CHUNKS_AHEAD: usize = 8;
