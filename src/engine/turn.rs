//! The turn: polled records become effects, each all or nothing; what fails as a whole is undone and comes again.

use std::collections::BTreeMap;
use std::time::Duration;

use super::batch::{Batch, Record};
use super::broker::{BrokerError, ErrorKind, GroupMembership, TopicPartition};
use super::commit::{DELIVERY, late_ok};
use super::mark::{Life, TurnMark};
use super::settings::Planted;
use super::size::Search;
use super::stage::{Context, Outbox, ProcessError};
use super::stop::Stop;
use super::task::{Condemned, Letter, Status, Task, guarded};
use super::topology::{Checked, DeadLetter};
use super::view::Views;
use super::worker::{NO_MEMBER, Producing, Turn, Worker};
use crate::telemetry;

/// A turn on its way.
pub(super) struct Open {
    pub membership: GroupMembership,
    pub started: Duration,
    pub records: usize,
    pub bytes: usize,
    /// Since when a transaction is open.
    pub begun: Option<Duration>,
    /// Whether a tick has had effects in it.
    pub ticked: bool,
    /// Whether it has left records of its last poll, which are fetched again.
    pub cut: bool,
    /// Partition, input and offset of the record that was taken last.
    pub last: Option<(i32, usize, i64)>,
}

/// How far over its time a turn may go with what one poll has brought: the group waits for the next one, and all partitions of the thread do.
const OVERRUN: Duration = Duration::from_secs(1);
/// After so many records it is looked at.
const TIMED_RECORDS: usize = 16;

pub(super) const DAMAGED: &str = "a segment cannot be read";

/// Why a turn cannot be committed.
pub(super) enum Failure {
    /// Nothing has been asked of the coordinator yet that could still happen: abort and undo.
    Undo(&'static str),
    /// One of the calls leaves the end of the transaction unknown.
    Doubt(&'static str, BrokerError),
    /// The turn as a whole breaks a bound: find the record with turns of one.
    TooMuch(&'static str, String),
    Stop(Stop),
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        Failure::Stop(stop)
    }
}

impl Worker {
    pub(super) fn turn(&mut self) -> Result<Turn, Stop> {
        let Some(membership) = self.membership() else {
            self.poll_without_records()?;
            return Ok(Turn::Waiting(NO_MEMBER));
        };
        let mut open = Open {
            membership,
            started: self.clock.elapsed(),
            records: 0,
            bytes: 0,
            begun: None,
            ticked: false,
            cut: false,
            last: None,
        };
        self.choose_alone()?;
        loop {
            self.batch.clear();
            let wait = if open.records == 0 { self.idle_wait() } else { self.gathering(&open) };
            if let Some(event) = self.poll(wait)? {
                self.abandon(&mut open)?;
                self.on_rebalance(event)?;
                return Ok(Turn::Rebalanced);
            }
            self.relieve_if_quiet(wait);
            if self.batch.is_empty() {
                break;
            }
            let batch = std::mem::take(&mut self.batch);
            let taken = self.take(&batch, &mut open);
            self.batch = batch;
            match taken {
                Ok(None) => {}
                Ok(Some((partition, what))) => return self.wait_for(partition, &what, &mut open),
                Err(failure) => return self.fail(failure, &mut open),
            }
            let now = self.clock.elapsed();
            let full = open.records >= self.turn_records() || open.bytes >= self.settings.turn_bytes;
            if full || now.saturating_sub(open.started) >= self.settings.turn_time {
                break;
            }
        }
        if !open.cut {
            let Worker { tasks, consumer, .. } = self;
            let running = tasks.values_mut().filter(|task| task.running());
            running.for_each(|task| task.pass_markers(|input| consumer.position(input)));
        }
        match self.tick_if_due(&mut open).and_then(|()| self.end_turn(&mut open)) {
            Ok(None) => {}
            Ok(Some((partition, what))) => return self.wait_for(partition, &what, &mut open),
            Err(failure) => return self.fail(failure, &mut open),
        }
        let committed = self.commit(&mut open);
        if open.cut && committed.is_ok() {
            self.rewind_running()?;
        }
        match committed {
            Ok(Turn::Idle) if self.alone.is_some() => Ok(Turn::Waiting("one task is read alone")),
            Ok(turn) => Ok(turn),
            Err(failure) => self.fail(failure, &mut open),
        }
    }

    /// How long the first poll of a turn may wait.
    fn idle_wait(&self) -> Duration {
        let due = |task: &Task| match task.status {
            Status::Opening(_) | Status::Restoring(_) => Some(Duration::ZERO),
            Status::Finding { from, .. } => Some(from),
            Status::Running | Status::Waiting { .. } => None,
        };
        let next = self.tasks.values().filter_map(due).fold(self.next_tick, Duration::min);
        self.settings.poll_wait.min(next.saturating_sub(self.clock.elapsed()))
    }

    /// How long it waits for more records before it is committed: at most a tenth of a turn's time.
    fn gathering(&self, open: &Open) -> Duration {
        let gathers = self.pace.gathers(open.records, self.settings.turn_time / 10);
        (open.started + gathers).saturating_sub(self.clock.elapsed())
    }

    /// Processes what was polled and hands its outcome to the producer, portion by portion. Answers the task that has to wait, and for what.
    fn take(&mut self, batch: &Batch, open: &mut Open) -> Result<Option<(i32, String)>, Failure> {
        self.begin_attempts(batch, open)?;
        let (began, now_us) = (self.clock.elapsed(), self.clock.now_us());
        for (number, record) in batch.iter().enumerate() {
            if let Some(waiting) = self.process(&record, open, now_us)? {
                return Ok(Some(waiting));
            }
            let late = || self.clock.elapsed().saturating_sub(open.started) >= self.settings.turn_time + OVERRUN;
            if number % TIMED_RECORDS == TIMED_RECORDS - 1 && late() {
                open.cut = true;
                break;
            }
        }
        if self.clock.elapsed().saturating_sub(began) >= self.settings.session_timeout {
            // That the task is lost over it is the records' doing: it must count as a death.
            self.life = Life(self.clock.now_us());
        }
        self.queue_prompt_changes()?;
        if self.outbox.bytes() >= self.settings.portion_bytes {
            self.produce(open)?;
        }
        Ok(None)
    }

    fn process(&mut self, record: &Record<'_>, open: &mut Open, now_us: i64) -> Result<Option<(i32, String)>, Failure> {
        let planted = self.settings.planted;
        let Worker { checked, views, outbox, tasks, .. } = self;
        let Some((task, input)) = owner(tasks, record) else { return Ok(None) };
        // A record that was fetched before a seek may be handed out once more.
        if !task.running() || record.offset < task.next[input] {
            return Ok(None);
        }
        outbox.follow(record.headers);
        let known = task.condemned.get(&input).filter(|known| known.offset == record.offset);
        let verdict = match known {
            Some(known) => Err(ProcessError::rejected(known.reason, &known.message)),
            None if planted == Some(Planted::RejectedKeepsEffects) => {
                let mut context = context(task.partition, &task.mark, open, now_us, views, checked, outbox);
                guarded(|| task.stage.on_record(record, &mut context))
            }
            None => task.handle(record, &mut context(task.partition, &task.mark, open, now_us, views, checked, outbox)),
        };
        match verdict {
            Ok(()) => {}
            Err(ProcessError::Unavailable { .. }) if planted == Some(Planted::WaitingRecordOvertaken) => {
                return Ok(None);
            }
            Err(ProcessError::Unavailable { what }) => return Ok(Some((task.partition, what))),
            Err(ProcessError::Rejected { .. }) if planted == Some(Planted::RejectedForgotten) => {}
            Err(ProcessError::Rejected { reason, mut message }) => {
                let mut context = context(task.partition, &task.mark, open, now_us, views, checked, outbox);
                match task.answer_for(record, reason, &message, &mut context) {
                    Ok(()) => {}
                    Err(ProcessError::Unavailable { what }) => return Ok(Some((task.partition, what))),
                    Err(unanswered) => message = format!("{message}; not answered either: {unanswered}"),
                }
                let attempts = task.attempts();
                let stage = checked.spec.name;
                dead_letter(
                    &DeadLetter { record: *record, stage, reason, message: &message, attempts, now_us },
                    checked,
                    outbox,
                )?;
                task.letters.push(Letter { stage, reason, message, from: record.from, offset: record.offset });
            }
        }
        outbox.follow(&[]);
        task.next[input] = record.offset + 1;
        task.taken += 1;
        task.touched = true;
        open.last = Some((task.partition, input, record.offset));
        open.records += 1;
        open.bytes += record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
        Ok(None)
    }

    fn tick_if_due(&mut self, open: &mut Open) -> Result<(), Failure> {
        let Some(every) = self.checked.spec.tick else { return Ok(()) };
        let now = self.clock.elapsed();
        // A turn of one record has nothing else in it that could be at fault.
        if now < self.next_tick || (open.records > 0 && self.turn_records() == 1) {
            return Ok(());
        }
        self.next_tick = now + every;
        let now_us = self.clock.now_us();
        let Worker { checked, views, outbox, tasks, .. } = self;
        for task in tasks.values_mut().filter(|task| task.running()) {
            task.stage.tables(&mut |table| table.begin_record());
            let point = outbox.point();
            let mut context = context(task.partition, &task.mark, open, now_us, views, checked, outbox);
            // A panic goes the way of a rejection: it may be that of a segment that cannot be read.
            if let Err(error) = guarded(|| task.stage.on_tick(&mut context)) {
                task.stage.tables(&mut |table| table.undo_record());
                outbox.cut_back(point);
                match error {
                    ProcessError::Rejected { message, .. } => {
                        return Err(Stop::TickFailed { stage: checked.spec.name, message }.into());
                    }
                    ProcessError::Unavailable { what } => {
                        telemetry::tick_waiting(checked.spec.name, task.partition, &what);
                        continue;
                    }
                }
            }
            let mut changed = outbox.point().differs(point);
            task.stage.tables(&mut |table| changed |= table.changed());
            task.touched |= changed;
            open.ticked |= changed;
        }
        Ok(())
    }

    /// Lets every touched task do what is due once a turn. Answers the task that has to wait, and for what.
    pub(super) fn end_turn(&mut self, open: &mut Open) -> Result<Option<(i32, String)>, Failure> {
        let now_us = self.clock.now_us();
        let Worker { checked, views, outbox, tasks, .. } = self;
        for task in tasks.values_mut().filter(|task| task.running() && task.touched) {
            let mut context = context(task.partition, &task.mark, open, now_us, views, checked, outbox);
            match guarded(|| task.stage.on_turn_end(&mut context)) {
                Ok(()) => {}
                Err(ProcessError::Unavailable { what }) => return Ok(Some((task.partition, what))),
                Err(ProcessError::Rejected { reason, message }) => return Err(Failure::TooMuch(reason, message)),
            }
        }
        Ok(None)
    }

    /// A task has to wait for something: the turn is undone, the others go on without it.
    fn wait_for(&mut self, partition: i32, what: &str, open: &mut Open) -> Result<Turn, Stop> {
        self.abandon(open)?;
        self.excuse_attempt(partition)?;
        let waits = self.tasks.get(&partition).map_or(0, |task| task.waits);
        let until = self.clock.elapsed() + self.backoff(waits);
        telemetry::task_waiting(self.checked.spec.name, partition, what, waits);
        if let Some(task) = self.tasks.get_mut(&partition) {
            self.consumer.pause(&task.inputs).map_err(Stop::Broker)?;
            task.status = Status::Waiting { until };
            task.waits += 1;
        }
        Ok(Turn::Waiting("a task waits for something unavailable"))
    }

    fn fail(&mut self, failure: Failure, open: &mut Open) -> Result<Turn, Stop> {
        self.outbox.clear();
        let failure = match failure {
            // A turn that has seen less than there is may fail for any reason.
            Failure::Stop(_) | Failure::TooMuch(..) if self.damaged().is_some() => Failure::Undo(DAMAGED),
            failure => failure,
        };
        match failure {
            Failure::Stop(stop) => Err(stop),
            Failure::Undo(cause) => {
                self.abandon(open)?;
                self.restart_damaged()?;
                Ok(Turn::Aborted(cause))
            }
            Failure::TooMuch(reason, message) => {
                self.isolate(reason, message, open)?;
                self.abandon(open)?;
                Ok(Turn::Aborted(reason))
            }
            Failure::Doubt(cause, error) => {
                if error.kind == ErrorKind::TooLarge {
                    self.isolate("too_large", error.message.clone(), open)?;
                } else if cause == DELIVERY {
                    self.pace.failed(open.records);
                }
                telemetry::producer_doubtful(self.checked.spec.name, cause, &error);
                self.undecided = Some((open.records, open.started));
                self.doubt(cause, error)?;
                Ok(Turn::Aborted(cause))
            }
        }
    }

    /// A task whose segments cannot be read.
    pub(super) fn damaged(&mut self) -> Option<i32> {
        if self.planted(Planted::DamageIgnored) {
            return None;
        }
        self.tasks.values_mut().find_map(|task| task.damage().map(|_| task.partition))
    }

    /// A task that cannot read its segments is restored: from its copy if that is whole after all, or else from the changelog.
    fn restart_damaged(&mut self) -> Result<(), Stop> {
        let now = self.clock.elapsed();
        for task in self.tasks.values_mut() {
            if let Some(damage) = task.damage() {
                telemetry::segment_damaged(self.checked.spec.name, task.partition, &damage);
                self.consumer.pause(&task.inputs).map_err(Stop::Broker)?;
                task.restart(now);
            }
        }
        Ok(())
    }

    /// A turn that fails as a whole is repeated in halves; what fails alone, a record or a tick, is at fault itself.
    fn isolate(&mut self, reason: &'static str, message: String, open: &Open) -> Result<(), Stop> {
        let stage = self.checked.spec.name;
        let whole = self.planted(Planted::WholeTurnCondemned);
        if !whole && (open.records > 1 || (open.records == 1 && open.ticked)) {
            self.search = Some(Search::after(self.search, open.records));
            return Ok(());
        }
        let last = open.last.filter(|_| open.records > 0);
        let at_fault =
            last.and_then(|(partition, input, offset)| Some((self.tasks.get_mut(&partition)?, input, offset)));
        let Some((task, input, offset)) = at_fault else { return Err(Stop::TickFailed { stage, message }) };
        if task.condemned.get(&input).is_some_and(|known| known.offset == offset) {
            return Err(Stop::NoDeadLetter { stage, message });
        }
        task.condemned.insert(input, Condemned { offset, reason, message });
        Ok(())
    }

    /// Aborts what was begun, undoes what was touched and fetches the same records again.
    fn abandon(&mut self, open: &mut Open) -> Result<(), Stop> {
        self.outbox.clear();
        self.undo_touched();
        if open.begun.take().is_some() {
            telemetry::turn_aborted(self.checked.spec.name);
            self.alive();
            let began = self.clock.elapsed();
            let aborted = match &mut self.producing {
                Producing::Ready(producer) => producer.abort(),
                Producing::Doubtful { .. } => Ok(()),
            };
            match aborted {
                Err(error) => self.doubt("abort", error)?,
                Ok(()) if self.slow(began) && !self.planted(Planted::SlowOkTrusted) => {
                    self.doubt("abort was slow", late_ok())?;
                }
                Ok(()) => {}
            }
        }
        self.rewind_running()
    }
}

fn context<'a>(
    partition: i32,
    mark: &TurnMark,
    open: &Open,
    now_us: i64,
    views: &'a Views,
    checked: &'a Checked,
    outbox: &'a mut Outbox,
) -> Context<'a> {
    let generation = open.membership.generation;
    Context { partition, turn: mark.turn + 1, generation, now_us, views, routes: &checked.routes, outbox }
}

/// The task whose input the record comes from: that of its partition.
pub(super) fn owner<'a>(tasks: &'a mut BTreeMap<i32, Task>, record: &Record<'_>) -> Option<(&'a mut Task, usize)> {
    let task = tasks.get_mut(&record.from.partition)?;
    let input = task.input(record.from)?;
    Some((task, input))
}

/// Longer than any key that is not an attack.
const LETTER_KEY_BYTES_MAX: usize = 4 << 10;

fn dead_letter(letter: &DeadLetter<'_>, checked: &Checked, outbox: &mut Outbox) -> Result<(), Stop> {
    let stage = letter.stage;
    let mut bytes = Vec::new();
    (checked.dead_letters.write)(letter, &mut bytes).map_err(|message| Stop::NoDeadLetter { stage, message })?;
    let topic = checked.dead_letters.topic;
    let partitions = checked.routes.partitions(topic).unwrap_or(1);
    let to = TopicPartition { topic, partition: letter.record.from.partition.rem_euclid(partitions) };
    // All of the key stands in the letter; here it only has to fit beside it.
    let key = letter.record.key.unwrap_or_default();
    outbox.push(to, &key[..key.len().min(LETTER_KEY_BYTES_MAX)], Some(&bytes), letter.headers());
    Ok(())
}
