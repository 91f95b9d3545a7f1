//! The turn: poll, effects per record, produce, drain, offsets with marks, commit, and only then keep the state.

use std::time::Duration;

use super::batch::{Batch, Record};
use super::broker::{BrokerError, ErrorKind, GroupMembership, OffsetToCommit, Outgoing, Producer, TopicPartition};
use super::mark::TurnMark;
use super::settings::Planted;
use super::stage::{Context, Outbox, ProcessError};
use super::stop::Stop;
use super::task::{CONDEMNED_ATTEMPT, Status, Task};
use super::topology::{Checked, DeadLetter};
use super::view::Views;
use super::worker::{Condemned, Producing, Turn, Worker};
use crate::telemetry;

/// A turn on its way.
struct Open {
    membership: GroupMembership,
    started: Duration,
    records: usize,
    bytes: usize,
    /// Whether a transaction has been begun.
    begun: bool,
}

/// Why a turn cannot be committed.
enum Failure {
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
            return Ok(Turn::Waiting("not a member of the group"));
        };
        let mut open = Open { membership, started: self.clock.elapsed(), records: 0, bytes: 0, begun: false };
        loop {
            self.batch.clear();
            let wait = if open.records == 0 { self.idle_wait() } else { Duration::ZERO };
            if let Some(event) = self.poll(wait)? {
                self.abandon(&mut open)?;
                self.on_rebalance(event)?;
                return Ok(Turn::Rebalanced);
            }
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
            let full = open.records >= self.settings.turn_records || open.bytes >= self.settings.turn_bytes;
            if full || self.room().records == 1 || now.saturating_sub(open.started) >= self.settings.turn_time {
                break;
            }
        }
        match self.tick_if_due(&mut open).and_then(|()| self.commit(&mut open)) {
            Ok(turn) => Ok(turn),
            Err(failure) => self.fail(failure, &mut open),
        }
    }

    /// How long the first poll of a turn may wait.
    fn idle_wait(&self) -> Duration {
        let unfinished = |task: &Task| matches!(task.status, Status::Finding { .. } | Status::Restoring(_));
        if self.tasks.values().any(unfinished) {
            return Duration::ZERO;
        }
        self.settings.poll_wait.min(self.next_tick.saturating_sub(self.clock.elapsed()))
    }

    /// Processes what was polled and hands it to the producer. Answers the task that has to wait, if one has.
    fn take(&mut self, batch: &Batch, open: &mut Open) -> Result<Option<(i32, String)>, Failure> {
        self.commit_owed_attempts(batch, open)?;
        for record in batch.iter() {
            if let Some(waiting) = self.process(&record, open)? {
                return Ok(Some(waiting));
            }
        }
        self.produce(open)?;
        Ok(None)
    }

    fn process(&mut self, record: &Record<'_>, open: &mut Open) -> Result<Option<(i32, String)>, Failure> {
        let Worker { checked, views, outbox, tasks, condemned, clock, .. } = self;
        let Some((task, input)) = owner(tasks.values_mut(), record) else { return Ok(None) };
        // A record that was fetched before a seek may be handed out once more.
        if !task.running() || record.offset < task.next[input] {
            return Ok(None);
        }
        let now_us = clock.now_us();
        let verdict = match condemned.as_ref().filter(|found| found.at == record.from && found.offset == record.offset)
        {
            Some(found) => Err(ProcessError::rejected(found.reason, &found.message)),
            None => task.handle(record, &mut context(task.partition, &task.mark, open, now_us, views, checked, outbox)),
        };
        match verdict {
            Ok(()) => {}
            Err(ProcessError::Unavailable { what }) => return Ok(Some((task.partition, what))),
            Err(ProcessError::Rejected { reason, message }) => {
                let attempts = task.mark.attempt + 1;
                let stage = checked.spec.name;
                dead_letter(
                    &DeadLetter { record: *record, stage, reason, message: &message, attempts, now_us },
                    checked,
                    outbox,
                )?;
            }
        }
        task.next[input] = record.offset + 1;
        task.touched = true;
        open.records += 1;
        open.bytes += record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
        Ok(None)
    }

    fn tick_if_due(&mut self, open: &mut Open) -> Result<(), Failure> {
        let Some(every) = self.checked.spec.tick else { return Ok(()) };
        let now = self.clock.elapsed();
        if now < self.next_tick {
            return Ok(());
        }
        self.next_tick = now + every;
        let now_us = self.clock.now_us();
        let Worker { checked, views, outbox, tasks, .. } = self;
        for task in tasks.values_mut().filter(|task| task.running()) {
            task.stage.tables(&mut |table| table.begin_record());
            let point = outbox.point();
            let mut context = context(task.partition, &task.mark, open, now_us, views, checked, outbox);
            if let Err(error) = task.stage.on_tick(&mut context) {
                task.stage.tables(&mut |table| table.undo_record());
                outbox.cut_back(point);
                if let ProcessError::Rejected { message, .. } = error {
                    return Err(Stop::TickFailed { stage: checked.spec.name, message }.into());
                }
                continue;
            }
            let mut changed = outbox.point().differs(point);
            task.stage.tables(&mut |table| changed |= table.changed());
            task.touched |= changed;
        }
        Ok(())
    }

    fn commit(&mut self, open: &mut Open) -> Result<Turn, Failure> {
        let now = self.clock.elapsed();
        for task in self.tasks.values_mut().filter(|task| task.running()) {
            // Offsets that nobody commits expire after a week, those of companions and idle partitions too.
            task.touched |= now.saturating_sub(task.committed_at) > RECOMMIT_AFTER;
        }
        if !self.tasks.values().any(|task| task.touched) {
            return Ok(Turn::Idle);
        }
        self.queue_state_changes()?;
        if self.planted(Planted::OffsetsBeforeOutputs) {
            let outputs = std::mem::take(&mut self.outbox);
            self.end_transaction(open)?;
            self.outbox = outputs;
            self.produce(open)?;
            self.commit_without_offsets()?;
        } else {
            self.produce(open)?;
            self.end_transaction(open)?;
        }
        let took = self.clock.elapsed().saturating_sub(open.started);
        telemetry::turn_committed(self.checked.spec.name, open.records, took);
        self.solo_turns = self.solo_turns.saturating_sub(1);
        self.condemned = None;
        Ok(Turn::Committed { records: open.records })
    }

    /// One changelog record per changed entry, to the task's own partition number whatever the key.
    fn queue_state_changes(&mut self) -> Result<(), Failure> {
        let Worker { tasks, outbox, .. } = self;
        for task in tasks.values_mut().filter(|task| task.touched) {
            let partition = task.partition;
            let mut failed = None;
            task.stage.tables(&mut |table| {
                let Some(topic) = table.topic() else { return };
                let to = TopicPartition { topic, partition };
                let queued = table.changes(&mut |key, value| outbox.push(to, key, value, Vec::new()));
                failed = queued.err().or(failed.take());
            });
            if let Some(message) = failed {
                return Err(Failure::TooMuch("state_bound", message));
            }
        }
        Ok(())
    }

    /// Hands the outbox to the producer; the transaction begins with the first record.
    fn produce(&mut self, open: &mut Open) -> Result<(), Failure> {
        if self.outbox.is_empty() {
            return Ok(());
        }
        let Worker { producing, outbox, .. } = self;
        let producer = ready(producing)?;
        begin(producer, open)?;
        let sent = send_all(producer, outbox.iter());
        outbox.clear();
        sent
    }

    /// Drains, checks the membership again, sends offsets with marks and commits.
    fn end_transaction(&mut self, open: &mut Open) -> Result<(), Failure> {
        begin(ready(&mut self.producing)?, open)?;
        ready(&mut self.producing)?.drain().map_err(delivery_failure)?;
        if self.planted(Planted::StateKeptBeforeCommit) {
            let now = self.clock.elapsed();
            self.tasks.values_mut().filter(|task| task.touched).for_each(|task| {
                task.stage.tables(&mut |table| table.keep_turn());
                task.committed_at = now;
            });
        }
        if self.membership().as_ref() != Some(&open.membership) {
            return Err(Failure::Undo("the group has moved on"));
        }
        let offsets = self.marks(open)?;
        let unfenced = self.planted(Planted::UnfencedTick) && open.records == 0;
        let began = self.clock.elapsed();
        let mut doubt = None;
        if !unfenced {
            let sent = ready(&mut self.producing)?.send_offsets(&offsets, &open.membership);
            sent.map_err(|error| Failure::Doubt("send_offsets", error))?;
            doubt = self.slow(began).then_some("send_offsets was slow");
        }
        let began = self.clock.elapsed();
        ready(&mut self.producing)?.commit().map_err(|error| Failure::Doubt("commit", error))?;
        open.begun = false;
        match doubt.or(self.slow(began).then_some("commit was slow")) {
            Some(cause) if !self.planted(Planted::SlowOkTrusted) => Err(Failure::Doubt(
                cause,
                BrokerError::new(ErrorKind::Unavailable, "Ok came late: it may be a retry's"),
            )),
            _ => {
                self.keep_touched();
                Ok(())
            }
        }
    }

    /// Ok after librdkafka's first silent retry is no proof: an old copy may still end the next transaction.
    pub(super) fn slow(&self, began: Duration) -> bool {
        self.clock.elapsed().saturating_sub(began) >= self.settings.doubt_after
    }

    /// The offsets of every touched task, moved or not: an empty list would be unfenced.
    fn marks(&mut self, open: &Open) -> Result<Vec<OffsetToCommit>, Failure> {
        let views = self.views.version();
        let Worker { producing, tasks, .. } = self;
        let producer = ready(producing)?;
        let mut offsets = Vec::new();
        for task in tasks.values_mut().filter(|task| task.touched) {
            let mut mark = task.next_mark(open.membership.generation);
            task.stage.tables(&mut |table| {
                let Some(topic) = table.topic() else { return };
                if let Some(end) = producer.delivered(TopicPartition { topic, partition: task.partition }) {
                    mark.ends.insert(topic.to_string(), end);
                }
            });
            mark.views.clone_from(&views);
            offsets.extend(offsets_of(task, &task.next, &mark));
            task.pending = Some(mark);
        }
        Ok(offsets)
    }

    pub(super) fn keep_touched(&mut self) {
        let now = self.clock.elapsed();
        self.tasks.values_mut().filter(|task| task.touched).for_each(|task| task.keep_turn(now));
    }

    /// Before the first turn after an unclean end: the attempt is committed, so that a record that kills us is found.
    fn commit_owed_attempts(&mut self, batch: &Batch, open: &mut Open) -> Result<(), Failure> {
        let mut offsets = Vec::new();
        for record in batch.iter() {
            let Some((task, input)) = owner(self.tasks.values_mut(), &record) else { continue };
            let Some(attempt) = task.owed_attempt.filter(|_| task.running()) else { continue };
            if attempt >= CONDEMNED_ATTEMPT && record.offset >= task.next[input] {
                let message = format!("the process died {} times on this record", attempt - 1);
                let (at, offset) = (record.from, record.offset);
                self.condemned = Some(Condemned { at, offset, reason: "kills_process", message });
            }
            task.owed_attempt = None;
            let generation = open.membership.generation;
            let mark = TurnMark { attempt, turn: task.mark.turn + 1, generation, clean: false, ..task.mark.clone() };
            offsets.extend(offsets_of(task, &task.offsets, &mark));
            task.pending = Some(mark);
            task.touched = true;
        }
        match offsets.is_empty() {
            true => Ok(()),
            false => self.commit_marks_alone(&offsets, &open.membership),
        }
    }

    /// A transaction of nothing but offsets and marks.
    fn commit_marks_alone(&mut self, offsets: &[OffsetToCommit], member: &GroupMembership) -> Result<(), Failure> {
        let began = self.clock.elapsed();
        let producer = ready(&mut self.producing)?;
        let ended =
            producer.begin().and_then(|()| producer.send_offsets(offsets, member)).and_then(|()| producer.commit());
        ended.map_err(|error| Failure::Doubt("commit of a mark", error))?;
        if self.slow(began) {
            let late = BrokerError::new(ErrorKind::Unavailable, "Ok came late: it may be a retry's");
            return Err(Failure::Doubt("commit of a mark was slow", late));
        }
        self.keep_touched();
        Ok(())
    }

    /// Tells the next owners that nothing was left half done.
    pub(super) fn commit_clean_marks(&mut self) -> Result<(), Stop> {
        let Some(member) = self.membership() else { return Ok(()) };
        let mut offsets = Vec::new();
        for task in self.tasks.values_mut().filter(|task| task.running() && !task.mark.clean) {
            let (turn, generation) = (task.mark.turn + 1, member.generation);
            let mark = TurnMark { turn, generation, attempt: 0, clean: true, ..task.mark.clone() };
            offsets.extend(offsets_of(task, &task.offsets, &mark));
            task.pending = Some(mark);
            task.touched = true;
        }
        if offsets.is_empty() || !matches!(self.producing, Producing::Ready(_)) {
            return Ok(());
        }
        match self.commit_marks_alone(&offsets, &member) {
            // Not clean is only slower for the next owner; copies of these tasks are not to be written, though.
            Err(Failure::Doubt(cause, error)) => {
                telemetry::producer_doubtful(self.checked.spec.name, cause, &error);
                self.tasks.retain(|_, task| !task.touched);
                Ok(())
            }
            Err(Failure::Stop(stop)) => Err(stop),
            _ => Ok(()),
        }
    }

    /// The second half of the planted bug that commits offsets before outputs.
    fn commit_without_offsets(&mut self) -> Result<(), Failure> {
        let producer = ready(&mut self.producing)?;
        let ended = producer.drain().and_then(|()| producer.commit());
        ended.map_err(|error| Failure::Doubt("commit", error))
    }

    /// A task has to wait for something: the turn is undone, the others go on without it.
    fn wait_for(&mut self, partition: i32, what: &str, open: &mut Open) -> Result<Turn, Stop> {
        self.abandon(open)?;
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
        match failure {
            Failure::Stop(stop) => Err(stop),
            Failure::Undo(cause) => {
                self.abandon(open)?;
                Ok(Turn::Aborted(cause))
            }
            Failure::TooMuch(reason, message) => {
                self.isolate(reason, message, open);
                self.abandon(open)?;
                Ok(Turn::Aborted(reason))
            }
            Failure::Doubt(cause, error) => {
                if error.kind == ErrorKind::TooLarge {
                    self.isolate("too_large", error.message.clone(), open);
                }
                telemetry::producer_doubtful(self.checked.spec.name, cause, &error);
                self.doubt(cause, error)?;
                Ok(Turn::Aborted(cause))
            }
        }
    }

    /// A turn that fails as a whole is repeated with turns of one record; one that fails alone is that record's fault.
    fn isolate(&mut self, reason: &'static str, message: String, open: &Open) {
        if open.records > 1 {
            self.solo_turns = self.solo_turns.max(open.records);
            return;
        }
        let moved = self.tasks.values().find_map(|task| {
            let moved = |&(input, _): &(usize, &TopicPartition)| task.next[input] > task.offsets[input];
            let (input, &at) = task.inputs.iter().enumerate().find(moved)?;
            Some((at, task.next[input] - 1))
        });
        self.condemned = moved.map(|(at, offset)| Condemned { at, offset, reason, message });
    }

    /// Aborts what was begun, undoes what was touched and fetches the same records again.
    fn abandon(&mut self, open: &mut Open) -> Result<(), Stop> {
        self.outbox.clear();
        self.tasks.values_mut().filter(|task| task.touched).for_each(Task::undo_turn);
        if std::mem::take(&mut open.begun) {
            telemetry::turn_aborted(self.checked.spec.name);
            let began = self.clock.elapsed();
            let aborted = match &mut self.producing {
                Producing::Ready(producer) => producer.abort(),
                Producing::Doubtful { .. } => Ok(()),
            };
            match aborted {
                Err(error) => self.doubt("abort", error)?,
                Ok(()) if self.slow(began) && !self.planted(Planted::SlowOkTrusted) => {
                    self.doubt("abort was slow", BrokerError::new(ErrorKind::Unavailable, "Ok came late"))?;
                }
                Ok(()) => {}
            }
        }
        self.rewind_running()
    }
}

/// Offsets of companions and of idle partitions are committed again at least this often: they expire after 7 days.
const RECOMMIT_AFTER: Duration = Duration::from_secs(12 * 3600);

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

/// The task whose input the record comes from.
fn owner<'a>(mut tasks: impl Iterator<Item = &'a mut Task>, record: &Record<'_>) -> Option<(&'a mut Task, usize)> {
    tasks.find_map(|task| task.input(record.from).map(|input| (task, input)))
}

fn offsets_of(task: &Task, offsets: &[i64], mark: &TurnMark) -> Vec<OffsetToCommit> {
    let metadata = mark.to_string();
    let inputs = task.inputs.iter().zip(offsets);
    inputs.map(|(&partition, &offset)| OffsetToCommit { partition, offset, metadata: metadata.clone() }).collect()
}

fn ready(producing: &mut Producing) -> Result<&mut dyn Producer, Failure> {
    match producing {
        Producing::Ready(producer) => Ok(producer.as_mut()),
        Producing::Doubtful { cause, .. } => Err(Failure::Undo(cause)),
    }
}

fn begin(producer: &mut dyn Producer, open: &mut Open) -> Result<(), Failure> {
    if !open.begun {
        producer.begin().map_err(|error| Failure::Doubt("begin", error))?;
        open.begun = true;
    }
    Ok(())
}

fn send_all<'a>(producer: &mut dyn Producer, mut records: impl Iterator<Item = Outgoing<'a>>) -> Result<(), Failure> {
    records.try_for_each(|record| producer.send(record)).map_err(delivery_failure)
}

fn delivery_failure(error: BrokerError) -> Failure {
    Failure::Doubt("delivery", error)
}

fn dead_letter(letter: &DeadLetter<'_>, checked: &Checked, outbox: &mut Outbox) -> Result<(), Stop> {
    let stage = checked.spec.name;
    telemetry::dead_letter(stage, letter);
    let mut bytes = Vec::new();
    (checked.dead_letters.write)(letter, &mut bytes).map_err(|message| Stop::NoDeadLetter { stage, message })?;
    let topic = checked.dead_letters.topic;
    let partitions = checked.routes.partitions(topic).unwrap_or(1);
    let to = TopicPartition { topic, partition: letter.record.from.partition.rem_euclid(partitions) };
    outbox.push(to, letter.record.key.unwrap_or_default(), Some(&bytes), letter.headers());
    Ok(())
}
