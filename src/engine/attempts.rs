//! Attempts: what is tried is committed before it is touched, so that a record that kills the process is found.
//!
//! ```text
//! attempt 1   a turn as always       2   small turns       3, 4   one record, which the mark names       5   dead letter
//! ```
//! The number grows when an owner dies, stays when it leaves in order, and is forgotten when a turn is committed.

use std::time::Duration;

use super::batch::Batch;
use super::broker::{GroupMembership, OffsetToCommit};
use super::commit::{late_ok, offsets_of, ready};
use super::stop::Stop;
use super::task::{Attempt, CONDEMNED_ATTEMPT, Condemned, Pending, Task};
use super::turn::{Failure, Open, owner};
use super::worker::{Producing, Worker};
use crate::telemetry;

impl Worker {
    /// Commits which attempts begin with these records, before any of them is touched. False when a turn is under way:
    /// it is committed first, and the records come again. (Not aborted: a new transaction right after an abort makes
    /// librdkafka wait for its retry back-off, and records that were purged leave holes in its sequence numbers.)
    pub(super) fn begin_attempts(&mut self, batch: &Batch, open: &Open) -> Result<bool, Failure> {
        let mut due = false;
        for record in batch.iter() {
            let Some((task, input)) = owner(self.tasks.values_mut(), &record) else { continue };
            if !task.running() || record.offset < task.next[input] || task.seen.is_some() {
                continue;
            }
            let Some(begin) = task.due_attempt(input, record.offset) else { continue };
            if begin.attempt >= CONDEMNED_ATTEMPT && begin.suspect.is_some() {
                let message = format!("the process died {} times on this record", begin.attempt - 1);
                task.condemned = Some(Condemned { input, offset: record.offset, reason: "kills_process", message });
                continue;
            }
            task.seen = Some(begin);
            due = true;
        }
        if !due {
            return Ok(true);
        }
        if open.begun || open.records > 0 {
            return Ok(false);
        }
        self.commit_seen_attempts(&open.membership).map(|()| true)
    }

    /// No turn is under way.
    pub(super) fn commit_seen_attempts(&mut self, member: &GroupMembership) -> Result<(), Failure> {
        let mut offsets = Vec::new();
        for task in self.tasks.values_mut() {
            let Some(begin) = task.seen.take() else { continue };
            let mark = task.begin_mark(begin);
            offsets.extend(mark_alone(task, mark, member));
        }
        self.commit_marks_alone(&offsets, member)
    }

    /// A task whose owners have died is read alone: its small turns would hold the others up, whose records in turn could
    /// keep it from ever being read.
    pub(super) fn choose_alone(&mut self) -> Result<(), Stop> {
        let cautious = |task: &Task| task.running() && task.caution.is_some();
        if self.alone.is_some_and(|(partition, _)| self.tasks.get(&partition).is_some_and(cautious)) {
            return Ok(());
        }
        let before = self.alone.take();
        let next = self.tasks.values().find(|task| cautious(task));
        self.alone = next.map(|task| (task.partition, Duration::ZERO));
        match (before, self.alone) {
            (None, None) => Ok(()),
            _ => self.rewind_running(),
        }
    }

    /// Whether nobody else is to be read alone.
    pub(super) fn readable(&self, partition: i32) -> bool {
        self.alone.is_none_or(|(alone, _)| alone == partition)
    }

    /// No records, no danger: the others must not wait for a task that has been read to its end.
    pub(super) fn relieve_if_quiet(&mut self, waited: Duration) {
        let Some((partition, quiet)) = &mut self.alone else { return };
        *quiet = if self.batch.is_empty() { *quiet + waited } else { Duration::ZERO };
        if *quiet >= QUIET
            && let Some(task) = self.tasks.get_mut(partition)
        {
            task.caution = None;
        }
    }

    /// What the task waits for is not the record's fault: its attempt does not count.
    pub(super) fn excuse_attempt(&mut self, partition: i32) -> Result<(), Stop> {
        match self.tasks.get(&partition).map(|task| task.attempt) {
            Some(Attempt::Begun) => self.commit_clean_marks(&[partition]),
            _ => Ok(()),
        }
    }

    /// Tells the next owners of these tasks that nothing was left half done. Where that fails they are only slower.
    pub(super) fn commit_clean_marks(&mut self, partitions: &[i32]) -> Result<(), Stop> {
        let Some(member) = self.membership().filter(|_| matches!(self.producing, Producing::Ready(_))) else {
            return Ok(());
        };
        let mut offsets = Vec::new();
        for partition in partitions {
            let Some(task) = self.tasks.get_mut(partition) else { continue };
            if task.restored() && !task.mark.clean {
                let mark = task.clean_mark();
                offsets.extend(mark_alone(task, mark, &member));
            }
        }
        match self.commit_marks_alone(&offsets, &member) {
            Err(Failure::Doubt(cause, error)) => {
                telemetry::producer_doubtful(self.checked.spec.name, cause, &error);
                self.doubt(cause, error)
            }
            Err(Failure::Stop(stop)) => Err(stop),
            _ => Ok(()),
        }
    }

    /// A transaction of nothing but offsets and marks; no turn is open.
    fn commit_marks_alone(&mut self, offsets: &[OffsetToCommit], member: &GroupMembership) -> Result<(), Failure> {
        if offsets.is_empty() {
            return Ok(());
        }
        let began = self.clock.elapsed();
        let producer = ready(&mut self.producing)?;
        let ended =
            producer.begin().and_then(|()| producer.send_offsets(offsets, member)).and_then(|()| producer.commit());
        ended.map_err(|error| Failure::Doubt("commit of a mark", error))?;
        if self.slow(began) {
            return Err(Failure::Doubt("commit of a mark was slow", late_ok()));
        }
        self.keep_touched();
        Ok(())
    }
}

/// Without a record for so long, a task has been read to its end: an order above a fetch. Where the broker is slower than that,
/// the worst that follows is one death more.
const QUIET: Duration = Duration::from_millis(500);

/// What commits a mark without a turn; the task is pending until it is known to be committed.
fn mark_alone(task: &mut Task, pending: Pending, member: &GroupMembership) -> Vec<OffsetToCommit> {
    let Pending { mut mark, attempt } = pending;
    mark.turn += 1;
    mark.generation = member.generation;
    let offsets = offsets_of(task, &task.offsets, &mark);
    task.pending = Some(Pending { mark, attempt });
    task.touched = true;
    offsets
}
