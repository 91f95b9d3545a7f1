//! Attempts: what is tried is committed before it is touched, so that a record that kills the process is found.
//!
//! ```text
//! attempt 1   a turn as always       2   small turns       3, 4   one record, which the mark names       5   dead letter
//! ```
//! The number grows when an owner dies, or loses the task to another process in the middle of it, because from outside the
//! two look alike. It stays when the owner leaves in order or gets the task back, and is forgotten when a turn is committed.

use std::time::Duration;

use super::batch::Batch;
use super::broker::{GroupMembership, OffsetToCommit};
use super::commit::{late_ok, offsets_of};
use super::mark::Life;
use super::settings::Planted;
use super::stop::Stop;
use super::task::{Attempt, Begin, CONDEMNED_ATTEMPT, Condemned, Pending, Task};
use super::turn::{Failure, Open, owner};
use super::worker::{Producing, Worker};
use crate::telemetry;

impl Worker {
    /// Commits which attempts begin with these records, before any of them is touched.
    pub(super) fn begin_attempts(&mut self, batch: &Batch, open: &mut Open) -> Result<(), Failure> {
        let due = |task: &Task, input: usize, offset: i64| match task.running() && offset >= task.next[input] {
            true => task.due_attempt(input, offset),
            false => None,
        };
        if self.tasks.values().all(Task::settled) || self.planted(Planted::AttemptsUncounted) {
            return Ok(());
        }
        let any = batch.iter().any(|record| {
            owner(&mut self.tasks, &record).is_some_and(|(task, input)| due(task, input, record.offset).is_some())
        });
        if !any {
            return Ok(());
        }
        self.make_way(open)?;
        for record in batch.iter() {
            let Some((task, input)) = owner(&mut self.tasks, &record) else { continue };
            let Some(begin) = due(task, input, record.offset).filter(|_| task.begins.is_none()) else { continue };
            if begin.attempt >= CONDEMNED_ATTEMPT && begin.suspect.is_some() {
                let message = format!("the process died {} times on this record", begin.attempt - 1);
                task.condemned.insert(input, Condemned { offset: record.offset, reason: "kills_process", message });
                continue;
            }
            task.begins = Some(begin);
        }
        // First attempts begin together: one transaction for all that has been taken over. A second one only where records
        // are touched right after it, because it accuses them.
        for task in self.tasks.values_mut().filter(|task| task.running() && task.attempt == Attempt::Owed(1)) {
            task.begins = Some(Begin { attempt: 1, suspect: None });
        }
        let mut offsets = Vec::new();
        for task in self.tasks.values_mut() {
            let Some(begin) = task.begins.take() else { continue };
            let mark = task.begin_mark(begin);
            offsets.extend(mark_alone(task, mark, &open.membership, self.life));
        }
        self.commit_marks_alone(&offsets, &open.membership)
    }

    /// Ends the turn so far, so that an attempt is committed right before its records are touched: one that is committed
    /// for later would accuse them of a death that others have caused. (Not aborted: records that were purged leave holes
    /// in librdkafka's sequence numbers.)
    fn make_way(&mut self, open: &mut Open) -> Result<(), Failure> {
        if open.records > 0 {
            if self.end_turn(open)?.is_some() {
                return Err(Failure::Undo("a task waits for something unavailable"));
            }
            self.commit(open)?;
            (open.records, open.bytes) = (0, 0);
        }
        Ok(())
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
            if task.restored() && !(task.mark.clean && task.next == task.offsets) {
                let mark = task.clean_mark();
                offsets.extend(mark_alone(task, mark, &member, self.life));
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
        let producer = self.producer()?;
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
fn mark_alone(task: &mut Task, pending: Pending, member: &GroupMembership, life: Life) -> Vec<OffsetToCommit> {
    let Pending { mut mark, attempt } = pending;
    mark.turn += 1;
    (mark.generation, mark.life) = (member.generation, life);
    let offsets = offsets_of(task, &mark);
    task.pending = Some(Pending { mark, attempt });
    task.touched = true;
    offsets
}
