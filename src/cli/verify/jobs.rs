//! Jobs: each chunk has one result that adds up over its published flows, each job one outcome that adds up over its chunks.

use std::collections::{BTreeMap, BTreeSet};

use super::cursor::{Cursor, decode};
use super::letters::{Letter, Letters, at};
use super::progress::Progresses;
use super::report::{Damage, Report, Window};
use super::shares::Shares;
use super::snapshot::Snapshot;
use crate::cli::failure::Failure;
use crate::domain::jobs::chunk::ChunkResult;
use crate::domain::jobs::job::{Ending, JobId, Outcome};
use crate::domain::jobs::share;
use crate::domain::jobs::totals::{ControlTotals, Counts};
use crate::domain::key::Timestamp;
use crate::domain::trade::captured::Place;
use crate::engine::batch::Record;
use crate::engine::broker::{Broker, TopicPartition};
use crate::messages::any_chunk::AnyChunk;
use crate::messages::calculation_request::CalculationRequest;
use crate::messages::cash_flows::JobCashFlows;
use crate::messages::job_control::{ControlWord, JobControl};
use crate::messages::key::parse_chunk_key;
use crate::messages::message::Message;
use crate::messages::schemas::Schemas;
use crate::pipeline::refusals::WRONG_KEY;
use crate::pipeline::topics::{
    self, CALCULATION_CHUNKS_BATCH, CALCULATION_CHUNKS_REALTIME, CALCULATION_OUTCOMES, CALCULATION_REQUESTS,
    CHUNK_RESULTS_BATCH, CHUNK_RESULTS_REALTIME, JOB_CASH_FLOWS, JOB_CONTROL,
};

const LANES: [&str; 2] = [CALCULATION_CHUNKS_REALTIME, CALCULATION_CHUNKS_BATCH];
const RESULTS: [&str; 2] = [CHUNK_RESULTS_REALTIME, CHUNK_RESULTS_BATCH];

/// What the auditor knows of one job. Chunks are kept by number and totals, never with their contents.
#[derive(Default)]
pub struct Seen {
    /// Until when it was given time, by the first word that started it.
    pub deadline: Option<Timestamp>,
    pub planned: Option<(u32, Option<Counts>)>,
    /// Both end it whatever comes in.
    cancelled: bool,
    rejected: bool,
    /// The first result of each chunk, as far as `collect` has read it.
    pub results: BTreeMap<u32, ControlTotals>,
    /// Results and words that `collect` has not read yet.
    ahead: bool,
    /// Each with the time at which it was written.
    pub outcomes: Vec<(Outcome, Timestamp)>,
}

/// How far the clocks of two machines may be apart.
const CLOCKS_DIFFER_US: i64 = 60_000_000;

impl Seen {
    /// What would have had to come to pass for a job to end so, and has not.
    fn unfounded(&self, ending: &Ending, written: Timestamp) -> Option<&'static str> {
        let in_time = |deadline: Timestamp| written.0.saturating_add(CLOCKS_DIFFER_US) < deadline.0;
        let (founded, what) = match ending {
            Ending::Completed | Ending::CompletedWithErrors => (true, ""),
            Ending::Cancelled { .. } => (self.cancelled, "a word that cancels it"),
            Ending::Rejected { .. } => (self.rejected, "a word that rejects it"),
            Ending::TimedOut { .. } => (!self.deadline.is_none_or(in_time), "its deadline to have passed"),
        };
        (!founded && !self.ahead).then_some(what)
    }
}

struct Audit<'a> {
    broker: &'a dyn Broker,
    schemas: &'a Schemas,
    snapshot: &'a Snapshot,
    letters: &'a mut Letters,
    report: &'a mut Report,
    /// By the chunk that caused them.
    flows: BTreeMap<Place, ControlTotals>,
    results: BTreeMap<Place, Vec<ChunkResult>>,
    jobs: BTreeMap<JobId, Seen>,
}

pub fn audit(
    broker: &dyn Broker,
    schemas: &Schemas,
    snapshot: &Snapshot,
    letters: &mut Letters,
    report: &mut Report,
) -> Result<(), Failure> {
    let (flows, results, jobs) = Default::default();
    let mut audit = Audit { broker, schemas, snapshot, letters, report, flows, results, jobs };
    audit.read_outcomes()?;
    let progresses = Progresses::read(broker, schemas, snapshot, audit.report)?;
    progresses.endings(&audit.jobs, audit.report);
    let others = [CALCULATION_REQUESTS, JOB_CONTROL, JOB_CASH_FLOWS, CALCULATION_OUTCOMES];
    let mut partitions = LANES.into_iter().chain(RESULTS).chain(others).flat_map(|topic| snapshot.partitions(topic));
    if let Some(cut) = partitions.find(|partition| snapshot.bounds(*partition).start > 0) {
        let unproved = format!("jobs: {cut} has lost its oldest records, so chunks and outcomes cannot be matched");
        audit.report.unproved.push(unproved);
        return Ok(());
    }
    audit.read_flows()?;
    RESULTS.into_iter().try_for_each(|results| audit.read_results(results))?;
    LANES.into_iter().try_for_each(|lane| audit.chunks(lane))?;
    audit.requests()?;
    audit.causeless();
    audit.read_control()?;
    audit.outcomes(&progresses);
    Ok(())
}

impl Audit<'_> {
    fn read_flows(&mut self) -> Result<(), Failure> {
        self.each::<JobCashFlows>(JOB_CASH_FLOWS, |audit, _, cause, message| {
            let totals = audit.flows.entry(cause).or_default();
            totals.add_contract(&message.flows);
            audit.report.counts.flows += (message.flows.flows.len() + message.flows.rows.len()) as u64;
        })
    }

    fn read_results(&mut self, topic: &'static str) -> Result<(), Failure> {
        self.each::<ChunkResult>(topic, |audit, record, cause, result| {
            let read = audit.consumed(record);
            let letters = if read { audit.letters.take(topics::place(record.cause())).len() } else { 0 };
            audit.report.counts.dead_letters += letters as u64;
            let job = audit.jobs.entry(result.job.clone()).or_default();
            match read {
                true if letters > 0 => {}
                true => drop(job.results.entry(result.number).or_insert_with(|| result.totals.clone())),
                false => job.ahead = true,
            }
            audit.results.entry(cause).or_default().push(result);
        })
    }

    /// Each chunk below the committed offset against its result and its flows.
    fn chunks(&mut self, lane: &'static str) -> Result<(), Failure> {
        for input in self.snapshot.partitions(lane) {
            let to = self.snapshot.stand(input).offset.unwrap_or(0);
            let mut cursor = Cursor::open(self.broker, input, 0, to)?;
            while let Some(record) = cursor.peek()? {
                self.chunk(&record)?;
                cursor.step();
            }
            self.report.windows.push(Window { partition: input, from: 0, to });
        }
        Ok(())
    }

    fn chunk(&mut self, record: &Record<'_>) -> Result<(), Failure> {
        let place = topics::place(record.cause());
        let letters = self.letters.take(place);
        let results = self.results.remove(&place).unwrap_or_default();
        let flows = self.flows.remove(&place).unwrap_or_default();
        let chunk =
            decode::<AnyChunk>(self.schemas, record)?.ok().map(|(_, chunk)| (chunk.job().id.clone(), chunk.number()));
        let readable = chunk.is_some();
        let keyed = || parse_chunk_key(record.key?).map(|(job, _, number)| (job, number));
        let told = chunk.or_else(keyed);
        let key = told.as_ref().map_or_else(String::new, |(job, number)| format!("{job} chunk {number}"));
        self.report.counts.chunks += 1;
        self.report.counts.dead_letters += letters.len() as u64;
        let stopped = told.as_ref().is_some_and(|(job, _)| self.stopped(job));
        if stopped && letters.is_empty() && results.is_empty() && flows == ControlTotals::default() {
            return Ok(());
        }
        // A dead letter is answered, too, where the record tells which chunk it is.
        let expected = usize::from(letters.is_empty() || told.is_some());
        let found = format!("{} results, {} dead letters", results.len(), letters.len());
        if results.len() < expected || (letters.is_empty() && !readable) {
            self.report.differs(
                Damage::Lost,
                at(record),
                &key,
                "one result, or one dead letter that is answered",
                found,
            );
        } else if results.len() > expected || letters.len() > 1 {
            self.report.differs(Damage::Doubled, at(record), &key, "one result", found);
        }
        let Some(result) = results.first() else { return Ok(()) };
        if told.as_ref() != Some(&(result.job.clone(), result.number)) {
            let found = format!("{} chunk {}", result.job, result.number);
            self.report.differs(Damage::Wrong, at(record), &key, "the chunk's own result", found);
        }
        let told = &result.totals;
        if (told.flows, &told.sums, told.hash) != (flows.flows, &flows.sums, flows.hash) {
            self.report.differs(Damage::Torn, at(record), &key, summary(told), summary(&flows));
        }
        Ok(())
    }

    /// Whether a job ended before all of its chunks were in: those that are left need not be calculated.
    fn stopped(&self, job: &JobId) -> bool {
        self.jobs.get(job).is_some_and(|seen| seen.outcomes.iter().any(|(outcome, _)| !outcome.ending.complete()))
    }

    /// Each job by reference has each result of a partition at most once; whether all are there is for the outcome to say. What they count stands on
    /// `cash-flows`: `verify --job` adds it up.
    fn requests(&mut self) -> Result<(), Failure> {
        let mut shares = Shares::read(self.broker, self.schemas, self.snapshot, self.report)?;
        for input in self.snapshot.partitions(CALCULATION_REQUESTS) {
            let to = self.snapshot.stand(input).offset.unwrap_or(0);
            let mut cursor = Cursor::open(self.broker, input, 0, to)?;
            while let Some(record) = cursor.peek()? {
                self.request(&record, &mut shares)?;
                cursor.step();
            }
        }
        shares.finish(self.report);
        Ok(())
    }

    fn request(&mut self, record: &Record<'_>, shares: &mut Shares) -> Result<(), Failure> {
        let place = topics::place(record.cause());
        let letters = self.letters.take(place).len();
        let results = self.results.remove(&place).unwrap_or_default();
        let told = decode::<CalculationRequest>(self.schemas, record)?.ok().map(|(_, request)| request);
        self.report.counts.dead_letters += letters as u64;
        if letters > 1 || (letters == 0 && told.is_none()) {
            let damage = if letters > 1 { Damage::Doubled } else { Damage::Lost };
            let found = format!("{letters} dead letters");
            self.report.differs(damage, at(record), "", "a request, or one dead letter", found);
        }
        // One that is refused is answered to the job that its key names.
        let request = told.filter(|_| letters == 0);
        let own = share::numbers(record.from.partition);
        let mut numbers = BTreeSet::new();
        for ChunkResult { job: of, number, .. } in &results {
            if !own.contains(number) || request.as_ref().is_some_and(|request| request.job != *of) {
                let found = format!("{of} result {number}");
                self.report.differs(Damage::Wrong, at(record), "", "the partition's own results", found);
            }
            if !numbers.insert(number) {
                self.report.differs(Damage::Doubled, at(record), "", "each result once", number);
            }
        }
        shares.compare(place, request.as_ref(), numbers.len(), self.report);
        Ok(())
    }

    /// Results and flows of no chunk that was consumed: a turn under way, or a torn one.
    fn causeless(&mut self) {
        let places: Vec<_> = self.results.keys().chain(self.flows.keys()).copied().collect();
        for place in places {
            let Some(topic) = topics::coded(place.topic) else { continue };
            let input = TopicPartition { topic, partition: place.partition };
            if self.snapshot.known(input).is_none_or(|stand| stand.still) {
                let name = format!("{input}@{}", place.offset);
                self.report.differs(Damage::Torn, name, "", "no result before the chunk is committed", "one");
            }
        }
    }

    fn read_control(&mut self) -> Result<(), Failure> {
        for input in self.snapshot.partitions(JOB_CONTROL) {
            let mut cursor = Cursor::open(self.broker, input, 0, self.snapshot.bounds(input).end)?;
            while let Some(record) = cursor.peek()? {
                if !self.consumed(&record) {
                    if let Ok((_, JobControl { job, .. })) = decode::<JobControl>(self.schemas, &record)? {
                        self.jobs.entry(job).or_default().ahead = true;
                    }
                    cursor.step();
                    continue;
                }
                let letters = self.letters.take(topics::place(record.cause()));
                self.report.counts.dead_letters += letters.len() as u64;
                match decode::<JobControl>(self.schemas, &record)? {
                    Ok((_, JobControl { job, word })) if letters.is_empty() => self.word(job, word),
                    _ if letters.len() == 1 => self.dead_word(&record, &letters[0]),
                    Ok(_) => self.report.differs(Damage::Doubled, at(&record), "", "one dead letter", letters.len()),
                    Err(error) => self.report.differs(Damage::Lost, at(&record), "", "one dead letter", error),
                }
                cursor.step();
            }
        }
        Ok(())
    }

    fn word(&mut self, job: JobId, word: ControlWord) {
        let seen = self.jobs.entry(job).or_default();
        match word {
            ControlWord::Started(started) => drop(seen.deadline.get_or_insert(started.deadline)),
            ControlWord::Planned { chunks, counts } => drop(seen.planned.get_or_insert((chunks, counts))),
            ControlWord::Cancelled { .. } => seen.cancelled = true,
            ControlWord::Rejected { .. } => seen.rejected = true,
        }
    }

    /// A word that is a dead letter rejects the job that its key names, unless that was announced before.
    fn dead_word(&mut self, record: &Record<'_>, letter: &Letter) {
        let named = record.key.and_then(|key| std::str::from_utf8(key).ok()).and_then(|key| JobId::new(key).ok());
        let home = |job: &JobId| self.snapshot.home(JOB_CONTROL, job.as_str()) == record.from;
        let Some(job) = named.filter(|job| letter.reason != WRONG_KEY && home(job)) else { return };
        let seen = self.jobs.entry(job).or_default();
        seen.rejected |= seen.deadline.is_none();
    }

    fn read_outcomes(&mut self) -> Result<(), Failure> {
        self.each::<Outcome>(CALCULATION_OUTCOMES, |audit, record, _, outcome| {
            let written = Timestamp(record.timestamp_us);
            audit.jobs.entry(outcome.job.clone()).or_default().outcomes.push((outcome, written));
        })
    }

    fn outcomes(&mut self, progresses: &Progresses<'_>) {
        for (job, seen) in std::mem::take(&mut self.jobs) {
            self.report.counts.jobs += 1;
            let complete = seen.deadline.is_some()
                && seen
                    .planned
                    .is_some_and(|(chunks, _)| (1..=chunks).all(|number| seen.results.contains_key(&number)));
            let Some((outcome, written)) = seen.outcomes.first() else {
                if progresses.ended(&job) {
                    continue; // told already
                }
                if complete || seen.cancelled || seen.rejected {
                    self.report.differs(Damage::Lost, CALCULATION_OUTCOMES, &job, "one outcome", "none");
                }
                progresses.running(&job, &seen, self.report);
                continue;
            };
            if seen.outcomes.len() > 1 {
                let found = format!("{} outcomes", seen.outcomes.len());
                self.report.differs(Damage::Doubled, CALCULATION_OUTCOMES, &job, "one outcome", found);
            }
            if let Some(what) = seen.unfounded(&outcome.ending, *written) {
                self.report.differs(Damage::Wrong, CALCULATION_OUTCOMES, &job, what, outcome.ending.name());
            }
            if !outcome.ending.complete() {
                continue;
            }
            match seen.planned.filter(|_| complete) {
                Some((_, counts)) => self.totals(&job, outcome, counts, &seen.results),
                None if seen.ahead => {}
                None => {
                    let found = format!("{:?}", outcome.ending);
                    self.report.differs(Damage::Torn, CALCULATION_OUTCOMES, &job, "all chunks before the end", found);
                }
            }
        }
    }

    fn totals(
        &mut self,
        job: &JobId,
        outcome: &Outcome,
        planned: Option<Counts>,
        results: &BTreeMap<u32, ControlTotals>,
    ) {
        let mut sum = sum(results);
        // The outcome says itself when the plan and the chunks differ.
        sum.errors += u64::from(planned.is_some_and(|planned| planned != sum.counts));
        if sum != outcome.totals {
            let (expected, found) = (summary(&sum), summary(&outcome.totals));
            self.report.differs(Damage::Torn, CALCULATION_OUTCOMES, job, expected, found);
        }
    }

    /// Whether the stage that reads this record had committed past it.
    fn consumed(&self, record: &Record<'_>) -> bool {
        self.snapshot.stand(record.from).offset.is_some_and(|offset| record.offset < offset)
    }

    fn each<M: Message<Cause = Place>>(
        &mut self,
        topic: &'static str,
        mut act: impl FnMut(&mut Self, &Record<'_>, Place, M),
    ) -> Result<(), Failure> {
        for partition in self.snapshot.partitions(topic) {
            let bounds = self.snapshot.bounds(partition);
            let mut cursor = Cursor::open(self.broker, partition, bounds.start, bounds.end)?;
            while let Some(record) = cursor.peek()? {
                match decode::<M>(self.schemas, &record)? {
                    Ok((cause, message)) => act(self, &record, cause, message),
                    Err(error) => {
                        self.report.differs(Damage::Wrong, at(&record), "", M::SCHEMA.as_str(), error);
                    }
                }
                cursor.step();
            }
        }
        Ok(())
    }
}

pub(super) fn sum(results: &BTreeMap<u32, ControlTotals>) -> ControlTotals {
    let mut sum = ControlTotals::default();
    results.values().for_each(|totals| sum.merge(totals));
    sum
}

pub(super) fn summary(totals: &ControlTotals) -> String {
    let sums: Vec<_> = totals
        .sums
        .iter()
        .map(|((currency, kind, status), sum)| format!("{} {} {sum} {currency}", status.name(), kind.name()))
        .collect();
    let ControlTotals { counts, flows, errors, warnings, hash, .. } = totals;
    format!("{counts}, {flows} flows, {errors} errors, {warnings} warnings, {}, hash {hash:032x}", sums.join(", "))
}
