//! Assignment: what the group gives and takes, and how a task becomes able to run.

use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::batch::Room;
use super::broker::{Broker, BrokerError, CommittedOffset, Consumer, Rebalance, TopicPartition};
use super::copy::{CopyIdentity, CopyStamp, Files, StateStore};
use super::mark::TurnMark;
use super::restore::{Progress, Restore};
use super::settings::{Planted, Settings};
use super::stop::Stop;
use super::task::{Status, Task};
use super::worker::Worker;
use crate::telemetry;

impl Worker {
    /// Answers a rebalance. The turn has been abandoned before.
    pub(super) fn on_rebalance(&mut self, event: Rebalance) -> Result<(), Stop> {
        let (kind, partitions) = event.described();
        telemetry::rebalanced(self.checked.spec.name, kind, partitions);
        match event {
            Rebalance::Assigned(partitions) => self.take_over(&partitions),
            Rebalance::Revoked(partitions) => {
                self.commit_clean_marks(&partitions)?;
                self.give_up(&partitions)
            }
            Rebalance::Lost(partitions) => self.give_up(&partitions),
        }
    }

    /// New tasks begin by asking the group where they stand; until then their partitions are paused.
    fn take_over(&mut self, partitions: &[i32]) -> Result<(), Stop> {
        let now = self.clock.elapsed();
        let mut added = Vec::new();
        for &partition in partitions {
            let inputs = self.inputs(partition);
            added.extend(inputs.iter().map(|&input| (input, 0)));
            let stage = (self.checked.spec.create)(partition);
            self.tasks.insert(partition, Task::new(partition, inputs, stage, now));
        }
        self.unchecked_since_assignment = true;
        self.joined_as = self.consumer.membership().member_id;
        self.consumer.assign(&added).map_err(Stop::Broker)
    }

    fn give_up(&mut self, partitions: &[i32]) -> Result<(), Stop> {
        let gone: Vec<_> = partitions.iter().filter_map(|partition| self.tasks.get(partition)).collect();
        let inputs: Vec<_> = gone.iter().flat_map(|task| task.inputs.clone()).collect();
        if !self.planted(Planted::RevokedTaskKept) {
            self.tasks.retain(|partition, _| !partitions.contains(partition));
        }
        partitions.iter().for_each(|&partition| self.beat.gave_up(partition));
        self.consumer.unassign(&inputs).map_err(Stop::Broker)
    }

    /// Moves every task that does not run yet one step on.
    pub(super) fn advance_tasks(&mut self) -> Result<(), Stop> {
        self.find_marks()?;
        let partitions: Vec<_> = self.tasks.keys().copied().collect();
        partitions.iter().for_each(|&partition| self.spill(partition));
        self.restore_on()?;
        partitions.into_iter().try_for_each(|partition| self.wake(partition))
    }

    /// After an assignment, an empty one too: a kept partition whose mark is not ours any more was somebody else's. A task that waits or is being
    /// restored would go on from its old mark; one that has none yet asks for it anyway. False while the answer is not there.
    pub(super) fn check_kept_tasks(&mut self) -> Result<bool, Stop> {
        if !self.unchecked_since_assignment || self.planted(Planted::KeptTasksUnchecked) {
            return Ok(true);
        }
        let marked = |task: &&Task| task.restored() || task.restoring();
        let kept: Vec<_> = self.tasks.values().filter(marked).map(|task| task.partition).collect();
        let Some(found) = self.committed(&kept)? else { return Ok(false) };
        for (partition, (mark, offsets)) in kept.into_iter().zip(found) {
            if self.tasks.get(&partition).is_some_and(|task| task.mark != mark || task.offsets != offsets) {
                self.overtaken(partition)?;
            }
        }
        self.unchecked_since_assignment = false;
        Ok(true)
    }

    /// A mark that is not ours says that the task has been somebody else's: it is restored.
    pub(super) fn overtaken(&mut self, partition: i32) -> Result<(), Stop> {
        let Some(task) = self.tasks.get_mut(&partition) else { return Ok(()) };
        telemetry::task_overtaken(self.checked.spec.name, partition);
        self.beat.restored(partition);
        self.consumer.pause(&task.inputs).map_err(Stop::Broker)?;
        task.restart(self.clock.elapsed());
        Ok(())
    }

    /// The committed marks and offsets of these tasks; `None` when they cannot be had now.
    pub(super) fn committed(&mut self, partitions: &[i32]) -> Result<Option<Vec<Found>>, Stop> {
        let mut inputs = Vec::new();
        let mut counts = Vec::new();
        for partition in partitions {
            let task_inputs = self.tasks.get(partition).map(|task| task.inputs.clone()).unwrap_or_default();
            counts.push(task_inputs.len());
            inputs.extend(task_inputs);
        }
        if inputs.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let committed = match self.consumer.committed(&inputs, self.settings.committed_wait) {
            Ok(committed) => committed,
            Err(error) => {
                self.tolerate(error)?;
                let none = |count| (TurnMark::default(), vec![0; count]);
                let found = self.planted(Planted::PendingTakenForNone);
                return Ok(found.then(|| counts.into_iter().map(none).collect()));
            }
        };
        let mut answers = inputs.into_iter().zip(committed);
        counts.into_iter().map(|count| read_marks(answers.by_ref().take(count))).collect::<Result<_, _>>().map(Some)
    }

    fn find_marks(&mut self) -> Result<(), Stop> {
        let now = self.clock.elapsed();
        let finding = |task: &&Task| matches!(task.status, Status::Finding { from, .. } if from <= now);
        let partitions: Vec<_> = self.tasks.values().filter(finding).map(|task| task.partition).collect();
        let older_views = self.planted(Planted::OlderViewsTaken);
        if partitions.is_empty() || !(self.views.complete() || older_views) {
            return Ok(());
        }
        let found = self.committed(&partitions)?;
        self.alive();
        let Some(found) = found else {
            let later = now + self.backoff(0);
            for partition in partitions {
                self.tasks.entry(partition).and_modify(|task| {
                    if let Status::Finding { from, .. } = &mut task.status {
                        *from = later;
                    }
                });
            }
            return Ok(());
        };
        for (partition, (mark, offsets)) in partitions.into_iter().zip(found) {
            match self.views.behind(&mark).filter(|_| !older_views) {
                Some(wanted) => self.await_view(partition, wanted, now)?,
                None => self.begin_restore(partition, mark, offsets)?,
            }
            // Brokers that come back take their time to answer: the group hears of us in between, and the others are found after it.
            if self.clock.elapsed().saturating_sub(now) > FINDING {
                break;
            }
        }
        Ok(())
    }

    /// A view may only be late; but one whose log ends below where the task has used it will never come there.
    fn await_view(&mut self, partition: i32, wanted: (TopicPartition, i64), now: Duration) -> Result<(), Stop> {
        let waits = self.tasks.get(&partition).map_or(0, |task| task.waits);
        let from = now + self.backoff(waits);
        let Some(task) = self.tasks.get_mut(&partition) else { return Ok(()) };
        let Status::Finding { behind, .. } = task.status else { return Ok(()) };
        let since = behind.unwrap_or(now);
        task.status = Status::Finding { from, behind: Some(since) };
        task.waits += 1;
        let what = format!("its view to come to {} of {}", wanted.1, wanted.0);
        telemetry::task_waiting(self.checked.spec.name, partition, &what, waits);
        let stuck = now.saturating_sub(since) > self.settings.session_timeout;
        check_for_loss(self.consumer.as_mut(), stuck.then_some(wanted))
    }

    fn begin_restore(&mut self, partition: i32, mark: TurnMark, mut offsets: Vec<i64>) -> Result<(), Stop> {
        self.alive();
        let identity = self.copy_identity(partition);
        let latest = self.planted(Planted::ResumesAtLogEnd);
        let Some(task) = self.tasks.get_mut(&partition) else { return Ok(()) };
        let mut logs = Vec::new();
        for (&input, wanted) in task.inputs.iter().zip(&mut offsets) {
            let bounds = match self.consumer.bounds(input) {
                Ok(bounds) => bounds,
                Err(error) => return self.find_later(partition, error),
            };
            if *wanted < bounds.start {
                if !self.settings.skip_lost_input {
                    return Err(Stop::InputLost { partition: input, wanted: *wanted, start: bounds.start });
                }
                telemetry::input_skipped(self.checked.spec.name, &input, *wanted, bounds.start);
            }
            if latest {
                *wanted = bounds.end;
            }
            logs.push(bounds);
        }
        task.found(mark, offsets, &logs, self.settings.turn_records, self.life);
        task.status = Status::Opening(identity);
        Ok(())
    }

    /// Where the log stands cannot be told now: the task is found again after a pause.
    fn find_later(&mut self, partition: i32, error: BrokerError) -> Result<(), Stop> {
        self.tolerate(error)?;
        let from = self.clock.elapsed() + self.backoff(0);
        self.tasks.entry(partition).and_modify(|task| task.restart(from));
        Ok(())
    }

    /// Lets every task that is being restored read on, some of them at the same time: about as long as a turn of the running ones takes, but each of
    /// them one step at least. With a step between two turns, a takeover under load took ten seconds.
    fn restore_on(&mut self) -> Result<(), Stop> {
        let (now_us, began) = (self.clock.now_us(), self.clock.elapsed());
        let Worker { tasks, broker, store, settings, clock, beat, .. } = self;
        let (broker, store, settings) = (broker.as_ref(), store.as_ref(), &*settings);
        let restoring = tasks.values_mut().filter(|task| task.restoring()).collect();
        let restored = side_by_side(settings.restore_threads, restoring, |task: &mut Task| {
            let mut left = settings.restore_records;
            let mut restored = Ok(None);
            for step in 0..RESTORE_STEPS {
                let now = clock.elapsed();
                beat.tick(now);
                // As with finding: the others are opened after it.
                let spent = now.saturating_sub(began);
                let late = if task.opening() { spent > FINDING } else { step > 0 && spent >= settings.turn_time };
                if late || left == 0 || !matches!(restored, Ok(None)) {
                    break;
                }
                restored = read_on(task, broker, store, settings, &mut left, (now_us, now));
            }
            (task.partition, restored)
        });
        restored.into_iter().try_for_each(|(partition, restored)| self.restored(partition, restored, began))
    }

    /// What came of reading on. Fetching begins where the turn of the mark ended.
    fn restored(
        &mut self,
        partition: i32,
        restored: Result<Option<Progress>, Stop>,
        now: Duration,
    ) -> Result<(), Stop> {
        match restored {
            Ok(Some(Progress { read, elapsed, .. })) => {
                telemetry::task_restored(self.checked.spec.name, partition, read, elapsed);
                self.beat.restored(partition);
                self.rewind(partition)
            }
            Ok(None) => {
                let task = self.tasks.get(&partition);
                let Some(Status::Restoring(restore)) = task.map(|task| &task.status) else { return Ok(()) };
                self.beat.restoring(partition, restore.progress(now));
                check_for_loss(self.consumer.as_mut(), restore.stuck(now, self.settings.session_timeout))
            }
            Err(torn @ Stop::Torn { .. }) => self.torn_or_overtaken(partition, torn),
            Err(Stop::Broker(error)) => self.find_later(partition, error),
            Err(stop) => Err(stop),
        }
    }

    /// State past the mark was torn from its turn, unless the mark is not the last one any more: while we restore, the task
    /// may become somebody else's before we hear of it.
    fn torn_or_overtaken(&mut self, partition: i32, torn: Stop) -> Result<(), Stop> {
        let found = self.committed(&[partition])?;
        let Some(task) = self.tasks.get(&partition) else { return Ok(()) };
        if found.is_some_and(|found| found == [(task.mark.clone(), task.offsets.clone())]) {
            return Err(torn);
        }
        self.overtaken(partition)
    }

    fn wake(&mut self, partition: i32) -> Result<(), Stop> {
        let now = self.clock.elapsed();
        let Some(task) = self.tasks.get_mut(&partition) else { return Ok(()) };
        if !matches!(task.status, Status::Waiting { until } if until <= now) {
            return Ok(());
        }
        task.status = Status::Running;
        self.rewind(partition)
    }

    /// Writes at most one copy, so that a turn waits for one task's copy only.
    pub(super) fn copy_one_task(&mut self) {
        let now = self.clock.elapsed();
        let due = |task: &&Task| task.running() && now.saturating_sub(task.copied_at) >= self.settings.copy_every;
        if let Some(partition) = self.tasks.values().find(due).map(|task| task.partition) {
            self.copy_task(partition);
        }
    }

    /// A copy that cannot be written costs a longer restart, nothing else.
    pub(super) fn copy_task(&mut self, partition: i32) {
        let identity = self.copy_identity(partition);
        let saved_at_us = self.clock.now_us();
        let now = self.clock.elapsed();
        let early = self.planted(Planted::CopyBeforeCommit);
        let whole = |task: &&mut Task| task.running() && (early || !task.touched);
        let Some(task) = self.tasks.get_mut(&partition).filter(whole) else { return };
        task.copied_at = now;
        let mut stamp =
            CopyStamp { turn: task.mark.turn, ends: task.mark.ends.clone(), saved_at_us, segments: Vec::new() };
        let stage = &mut task.stage;
        let mut number = 0;
        stage.tables(&mut |table| {
            if table.topic().is_some() {
                stamp.segments.extend(table.segments().into_iter().map(|segment| (number, segment)));
                number += 1;
            }
        });
        let saved = self.store.save(&identity, &stamp, &mut |write| {
            let mut number = 0;
            let mut failed = Ok(());
            stage.tables(&mut |table| {
                if table.topic().is_some() && failed.is_ok() {
                    failed = table.entries(&mut |key, value| write((number, key, value)));
                    number += 1;
                }
            });
            failed
        });
        match saved {
            Ok(()) => self.beat.written(partition),
            Err(error) => {
                telemetry::copy_not_written(self.checked.spec.name, partition, &error);
                self.beat.unwritten(partition, error.to_string());
            }
        }
    }

    /// Lets what nothing has touched for a while leave memory, of tasks between two turns.
    pub(super) fn spill_tasks(&mut self) {
        let partitions: Vec<_> = self.tasks.keys().copied().collect();
        partitions.into_iter().for_each(|partition| self.spill(partition));
    }

    /// Where it cannot leave, memory grows: nothing else is lost.
    fn spill(&mut self, partition: i32) {
        let keep = self.settings.recent_entries;
        let settled = |task: &&mut Task| !task.touched && matches!(task.status, Status::Running | Status::Restoring(_));
        let Some(task) = self.tasks.get_mut(&partition).filter(settled) else { return };
        let mut overfull = false;
        task.stage.tables(&mut |table| overfull |= table.overfull(keep));
        if !overfull || !self.store.takes_segments() {
            return;
        }
        let identity = self.copy_identity(partition);
        let files = Files { store: self.store.as_ref(), identity: &identity };
        let Some(task) = self.tasks.get_mut(&partition) else { return };
        let mut left = 0;
        task.stage.tables(&mut |table| match table.spill(keep, &files) {
            Ok(entries) => left += entries,
            Err(error) => {
                telemetry::segment_not_written(self.checked.spec.name, partition, &error);
                self.beat.unwritten(partition, error.to_string());
            }
        });
        if left > 0 {
            task.stage.on_spilled();
            task.stage.tables(&mut |table| table.part());
            telemetry::entries_spilled(self.checked.spec.name, partition, left);
        }
    }

    fn copy_identity(&self, partition: i32) -> CopyIdentity {
        let spec = &self.checked.spec;
        let topics =
            spec.state.iter().map(|&topic| (topic.to_string(), self.checked.topics[topic].id.clone())).collect();
        let (cluster_id, state_version) = (self.checked.cluster_id.clone(), spec.state_version);
        CopyIdentity { cluster_id, stage: spec.name, partition, state_version, topics }
    }
}

/// How long finding and opening tasks may hold the thread between two polls of the group, and one question more.
const FINDING: Duration = Duration::from_secs(1);
/// How long a restoring task may hold the thread waiting for changelog records, between two polls of the group.
const RESTORE_WAIT: Duration = Duration::from_millis(10);
/// So many steps between two polls: with their waits they take about as long as a turn.
const RESTORE_STEPS: usize = 10;

/// One step of a restore, of so many records at most; a task that has become what its mark names runs.
fn read_on(
    task: &mut Task,
    broker: &dyn Broker,
    store: &dyn StateStore,
    settings: &Settings,
    left: &mut usize,
    (now_us, now): (i64, Duration),
) -> Result<Option<Progress>, Stop> {
    let stage = task.stage.as_mut();
    match &mut task.status {
        Status::Opening(identity) => {
            let restore = Restore::start(broker, store, identity, &task.mark, stage, settings, (now_us, now))?;
            task.status = Status::Restoring(Box::new(restore));
        }
        Status::Restoring(restore) => {
            let room = Room { records: *left, bytes: settings.turn_bytes };
            let before = restore.progress(now).read;
            let complete = restore.advance(stage, room, RESTORE_WAIT, now)?;
            *left = left.saturating_sub((restore.progress(now).read - before) as usize);
            if complete || settings.planted == Some(Planted::RunsBeforeRestored) {
                let progress = restore.progress(now);
                task.run_restored(now, settings.planted != Some(Planted::DerivedStateForgotten));
                return Ok(Some(progress));
            }
        }
        Status::Finding { .. } | Status::Running | Status::Waiting { .. } => {}
    }
    Ok(None)
}

/// Does this with each of them on so many threads, ours among them; one thread takes them in their order.
fn side_by_side<T: Send, R: Send>(threads: usize, items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let others = threads.min(items.len()).saturating_sub(1);
    let left = Mutex::new(items.into_iter());
    let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
    let all = || std::iter::from_fn(next).map(&work).collect::<Vec<_>>();
    thread::scope(|scope| {
        let others: Vec<_> = (0..others).map(|_| scope.spawn(all)).collect();
        let mut done = all();
        for other in others {
            done.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        done
    })
}

/// The end of the log itself is asked for: the last stable offset stays behind while a marker is late.
fn check_for_loss(
    consumer: &mut dyn Consumer,
    stuck: impl IntoIterator<Item = (TopicPartition, i64)>,
) -> Result<(), Stop> {
    for (partition, wanted) in stuck {
        match consumer.bounds(partition) {
            Ok(bounds) if bounds.end < wanted => {
                return Err(Stop::StateLost { partition, end: bounds.end, wanted });
            }
            // Not known now: it is asked again while nothing moves.
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}

/// What the group has of one task: its mark, and per input the next offset.
pub(super) type Found = (TurnMark, Vec<i64>);

/// All inputs of a task carry the same mark: the newest one that was committed with each of them.
fn read_marks(answers: impl Iterator<Item = (TopicPartition, Option<CommittedOffset>)>) -> Result<Found, Stop> {
    let (mut newest, mut offsets) = (TurnMark::default(), Vec::new());
    for (partition, committed) in answers {
        let committed = committed.ok_or(Stop::NeverStarted { partition })?;
        let mark: TurnMark = committed.metadata.parse().map_err(|mark| Stop::NotAMark { partition, mark })?;
        if offsets.is_empty() || mark.turn > newest.turn {
            newest = mark;
        }
        offsets.push(committed.offset);
    }
    Ok((newest, offsets))
}
