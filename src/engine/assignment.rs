//! Assignment: what the group gives and takes, and how a task becomes able to run.

use std::time::Duration;

use super::batch::Room;
use super::broker::{BrokerError, CommittedOffset, Consumer, Rebalance, TopicPartition};
use super::copy::{CopyIdentity, CopyStamp, Files};
use super::mark::TurnMark;
use super::restore::Restore;
use super::settings::Planted;
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
        self.consumer.assign(&added).map_err(Stop::Broker)
    }

    fn give_up(&mut self, partitions: &[i32]) -> Result<(), Stop> {
        let gone: Vec<_> = partitions.iter().filter_map(|partition| self.tasks.get(partition)).collect();
        let inputs: Vec<_> = gone.iter().flat_map(|task| task.inputs.clone()).collect();
        if !self.planted(Planted::RevokedTaskKept) {
            self.tasks.retain(|partition, _| !partitions.contains(partition));
        }
        self.consumer.unassign(&inputs).map_err(Stop::Broker)
    }

    /// Moves every task that does not run yet one step on.
    pub(super) fn advance_tasks(&mut self) -> Result<(), Stop> {
        self.find_marks()?;
        let partitions: Vec<_> = self.tasks.keys().copied().collect();
        for partition in partitions {
            self.restore_on(partition)?;
            self.wake(partition)?;
        }
        Ok(())
    }

    /// After an assignment, an empty one too: a kept partition whose mark is not ours any more was somebody else's.
    /// False while the answer is not there.
    pub(super) fn check_kept_tasks(&mut self) -> Result<bool, Stop> {
        if !self.unchecked_since_assignment {
            return Ok(true);
        }
        let kept: Vec<_> = self.tasks.values().filter(|task| task.running()).map(|task| task.partition).collect();
        let Some(found) = self.committed(&kept)? else { return Ok(false) };
        for (partition, (mark, offsets)) in kept.into_iter().zip(found) {
            let Some(task) = self.tasks.get_mut(&partition) else { continue };
            if task.mark != mark || task.offsets != offsets {
                telemetry::task_overtaken(self.checked.spec.name, partition);
                self.consumer.pause(&task.inputs).map_err(Stop::Broker)?;
                task.restart(self.clock.elapsed());
            }
        }
        self.unchecked_since_assignment = false;
        Ok(true)
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
        let finding = |task: &&Task| matches!(task.status, Status::Finding { from } if from <= now);
        let partitions: Vec<_> = self.tasks.values().filter(finding).map(|task| task.partition).collect();
        if partitions.is_empty() || !self.views.complete() {
            return Ok(());
        }
        let Some(found) = self.committed(&partitions)? else {
            let from = now + self.backoff(0);
            for partition in partitions {
                self.tasks.entry(partition).and_modify(|task| task.status = Status::Finding { from });
            }
            return Ok(());
        };
        for (partition, (mark, offsets)) in partitions.into_iter().zip(found) {
            if self.views.cover(&mark) {
                self.begin_restore(partition, mark, offsets)?;
            }
            // Brokers that come back take their time to answer: the group hears of us in between, and the others are found after it.
            if self.clock.elapsed().saturating_sub(now) > FINDING {
                break;
            }
        }
        Ok(())
    }

    fn begin_restore(&mut self, partition: i32, mark: TurnMark, mut offsets: Vec<i64>) -> Result<(), Stop> {
        let identity = self.copy_identity(partition);
        let latest = self.planted(Planted::ResumesAtLogEnd);
        let Some(task) = self.tasks.get_mut(&partition) else { return Ok(()) };
        let mut ends = Vec::new();
        for (&input, wanted) in task.inputs.iter().zip(&mut offsets) {
            let bounds = match self.consumer.bounds(input) {
                Ok(bounds) => bounds,
                Err(error) => return self.find_later(partition, error),
            };
            if *wanted < bounds.start {
                return Err(Stop::InputLost { partition: input, wanted: *wanted, start: bounds.start });
            }
            if latest {
                *wanted = bounds.end;
            }
            ends.push(bounds.end);
        }
        let now = (self.clock.now_us(), self.clock.elapsed());
        let (broker, store) = (self.broker.as_ref(), self.store.as_ref());
        let restore = match Restore::start(broker, store, &identity, &mark, task.stage.as_mut(), &self.settings, now) {
            Ok(restore) => restore,
            Err(Stop::Broker(error)) => return self.find_later(partition, error),
            Err(stop) => return Err(stop),
        };
        task.found(mark, offsets, ends, self.settings.turn_records, self.life);
        task.status = Status::Restoring(Box::new(restore));
        Ok(())
    }

    /// Where the log stands cannot be told now: the task is found again after a pause.
    fn find_later(&mut self, partition: i32, error: BrokerError) -> Result<(), Stop> {
        self.tolerate(error)?;
        let from = self.clock.elapsed() + self.backoff(0);
        self.tasks.entry(partition).and_modify(|task| task.restart(from));
        Ok(())
    }

    fn restore_on(&mut self, partition: i32) -> Result<(), Stop> {
        let room = Room { records: self.settings.restore_records, bytes: self.settings.turn_bytes };
        let (now, patience) = (self.clock.elapsed(), self.settings.session_timeout);
        self.spill(partition);
        let Some(task) = self.tasks.get_mut(&partition) else { return Ok(()) };
        let Status::Restoring(restore) = &mut task.status else { return Ok(()) };
        let restored = match restore.advance(task.stage.as_mut(), room, RESTORE_WAIT, now) {
            Err(torn @ Stop::Torn { .. }) => return self.torn_or_overtaken(partition, torn),
            other => other?,
        };
        if !restored && self.settings.planted != Some(Planted::RunsBeforeRestored) {
            self.beat.restoring(partition, restore.progress(now));
            return check_for_loss(self.consumer.as_mut(), restore.stuck(now, patience));
        }
        let progress = restore.progress(now);
        telemetry::task_restored(self.checked.spec.name, partition, progress.read, progress.elapsed);
        self.beat.restored(partition);
        task.stage.on_restored();
        task.stage.tables(&mut |table| table.keep_turn());
        task.committed_at = now;
        task.copied_at = now;
        self.run(partition)
    }

    /// State past the mark was torn from its turn, unless the mark is not the last one any more: while we restore, the task
    /// may become somebody else's before we hear of it.
    fn torn_or_overtaken(&mut self, partition: i32, torn: Stop) -> Result<(), Stop> {
        let found = self.committed(&[partition])?;
        let Some(task) = self.tasks.get_mut(&partition) else { return Ok(()) };
        if found.is_some_and(|found| found == [(task.mark.clone(), task.offsets.clone())]) {
            return Err(torn);
        }
        telemetry::task_overtaken(self.checked.spec.name, partition);
        self.beat.restored(partition);
        task.restart(self.clock.elapsed());
        Ok(())
    }

    fn wake(&mut self, partition: i32) -> Result<(), Stop> {
        let now = self.clock.elapsed();
        match self.tasks.get(&partition).map(|task| &task.status) {
            Some(Status::Waiting { until }) if *until <= now => self.run(partition),
            _ => Ok(()),
        }
    }

    /// Fetching begins where the last committed turn ended.
    fn run(&mut self, partition: i32) -> Result<(), Stop> {
        let Some(task) = self.tasks.get_mut(&partition) else { return Ok(()) };
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
        if let Err(error) = saved {
            telemetry::copy_not_written(self.checked.spec.name, partition, &error);
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
            Err(error) => telemetry::segment_not_written(self.checked.spec.name, partition, &error),
        });
        if left > 0 {
            task.stage.on_spilled();
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

/// How long finding tasks may hold the thread between two polls of the group, and one question more.
const FINDING: Duration = Duration::from_secs(1);
/// How long a restoring task may hold the thread waiting for changelog records, between two polls of the group.
const RESTORE_WAIT: Duration = Duration::from_millis(10);

/// The end of the log itself is asked for: the last stable offset stays behind while a marker is late.
fn check_for_loss(consumer: &mut dyn Consumer, stuck: Vec<(TopicPartition, i64)>) -> Result<(), Stop> {
    for (partition, wanted) in stuck {
        match consumer.bounds(partition) {
            Ok(bounds) if bounds.end < wanted => {
                return Err(Stop::StateLost { partition, end: bounds.end, wanted });
            }
            // Not known now: it is asked again while the restore stands still.
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
