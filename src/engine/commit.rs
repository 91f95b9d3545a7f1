//! How a turn is committed: state changes, outputs, drain, offsets with marks, commit, and only then the state is kept.

use std::time::Duration;

use super::broker::{BrokerError, ErrorKind, OffsetToCommit, Producer, TopicPartition};
use super::mark::TurnMark;
use super::settings::Planted;
use super::stop::Stop;
use super::table::Undoable;
use super::task::Task;
use super::turn::{DAMAGED, Failure, Open};
use super::worker::{Producing, Turn, Worker};
use crate::telemetry;

impl Worker {
    pub(super) fn commit(&mut self, open: &mut Open) -> Result<Turn, Failure> {
        let now = self.clock.elapsed();
        for task in self.tasks.values_mut().filter(|task| task.running()) {
            let again = if task.next == task.offsets { RECOMMIT_AFTER } else { self.settings.pass_after };
            task.touched |= now.saturating_sub(task.committed_at) > again;
        }
        if !self.tasks.values().any(|task| task.touched) {
            return Ok(Turn::Idle);
        }
        if self.damaged().is_some() {
            return Err(Failure::Undo(DAMAGED));
        }
        self.queue_state_changes(|_| true)?;
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
        self.stands(open.records, open.started);
        let alone = self.alone.and_then(|(partition, _)| self.tasks.get(&partition));
        if let Some(task) = alone.filter(|task| task.running() && task.caution.is_some()) {
            // A suspect that has passed makes room for the task's other inputs.
            let resumed = self.consumer.resume(task.fetched());
            resumed.map_err(|error| Failure::Stop(Stop::Broker(error)))?;
        }
        Ok(Turn::Committed { records: open.records })
    }

    /// A turn is known to be committed, at once or after a doubt.
    pub(super) fn stands(&mut self, records: usize, started: Duration) {
        self.beat.committed(records);
        telemetry::turn_committed(self.checked.spec.name, records, self.clock.elapsed().saturating_sub(started));
        self.search.take_if(|search| search.passed(records));
    }

    /// What tables do not keep for the turn's end: the broker works on it meanwhile.
    pub(super) fn queue_prompt_changes(&mut self) -> Result<(), Failure> {
        self.queue_state_changes(|table| table.prompt())
    }

    /// One changelog record per changed entry, to the task's own partition number whatever the key.
    fn queue_state_changes(&mut self, which: fn(&dyn Undoable) -> bool) -> Result<(), Failure> {
        let Worker { tasks, outbox, .. } = self;
        for task in tasks.values_mut().filter(|task| task.touched) {
            let partition = task.partition;
            let mut failed = None;
            task.stage.tables(&mut |table| {
                let Some(topic) = table.topic().filter(|_| which(table)) else { return };
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
    pub(super) fn produce(&mut self, open: &mut Open) -> Result<(), Failure> {
        if self.outbox.is_empty() {
            return Ok(());
        }
        self.alive();
        let Worker { producing, outbox, clock, .. } = self;
        let producer = ready(producing)?;
        begin(producer, open, clock.elapsed())?;
        let sent = producer.send_all(&mut outbox.iter()).map_err(delivery_failure);
        outbox.clear();
        sent
    }

    /// Drains, checks the membership again, sends offsets with marks and commits.
    fn end_transaction(&mut self, open: &mut Open) -> Result<(), Failure> {
        let now = self.clock.elapsed();
        let since = begin(self.producer()?, open, now)?;
        self.producer()?.drain().map_err(delivery_failure)?;
        let (took, limit) = (self.clock.elapsed().saturating_sub(since), self.settings.delivery_time);
        if took >= limit {
            telemetry::turn_late(self.checked.spec.name, open.records, took);
        }
        self.pace.delivered(open.records, took, limit);
        if self.planted(Planted::StateKeptBeforeCommit) {
            self.keep_effects();
        }
        if self.planted(Planted::CopyBeforeCommit) {
            self.tasks.keys().copied().collect::<Vec<_>>().into_iter().for_each(|partition| self.copy_task(partition));
        }
        if self.planted(Planted::MembershipTakenLate) {
            open.membership = self.consumer.membership();
        } else if self.membership().as_ref() != Some(&open.membership) {
            return Err(Failure::Undo("the group has moved on"));
        }
        let offsets = self.marks(open)?;
        let unfenced = self.planted(Planted::UnfencedTick) && open.records == 0;
        let began = self.clock.elapsed();
        let mut doubt = None;
        if !unfenced {
            let sent = self.producer()?.send_offsets(&offsets, &open.membership);
            sent.map_err(|error| Failure::Doubt("send_offsets", error))?;
            doubt = self.slow(began).then_some("send_offsets was slow");
        }
        let began = self.clock.elapsed();
        self.producer()?.commit().map_err(|error| Failure::Doubt("commit", error))?;
        open.begun = None;
        match doubt.or(self.slow(began).then_some("commit was slow")) {
            Some(cause) if !self.planted(Planted::SlowOkTrusted) => Err(Failure::Doubt(cause, late_ok())),
            _ => {
                self.keep_touched();
                Ok(())
            }
        }
    }

    /// For the next step of a transaction, each of which may take nearly as long as the transaction itself.
    pub(super) fn producer(&mut self) -> Result<&mut dyn Producer, Failure> {
        self.alive();
        ready(&mut self.producing)
    }

    /// Ok after librdkafka's first silent retry is no proof: an old copy may still end the next transaction.
    pub(super) fn slow(&self, began: Duration) -> bool {
        self.clock.elapsed().saturating_sub(began) >= self.settings.doubt_after
    }

    /// The offsets of every touched task, moved or not: an empty list would be unfenced.
    fn marks(&mut self, open: &Open) -> Result<Vec<OffsetToCommit>, Failure> {
        let views = self.views.version();
        let Worker { producing, tasks, life, .. } = self;
        let producer = ready(producing)?;
        let mut offsets = Vec::new();
        for task in tasks.values_mut().filter(|task| task.touched) {
            let mut pending = task.next_mark(open.membership.generation, *life);
            task.stage.tables(&mut |table| {
                let Some(topic) = table.topic() else { return };
                if let Some(end) = producer.delivered(TopicPartition { topic, partition: task.partition }) {
                    pending.mark.ends.insert(topic.to_string(), end);
                }
            });
            pending.mark.views.clone_from(&views);
            offsets.extend(offsets_of(task, &pending.mark));
            task.pending = Some(pending);
        }
        Ok(offsets)
    }

    pub(super) fn keep_touched(&mut self) {
        let now = self.clock.elapsed();
        self.tasks.values_mut().filter(|task| task.touched).for_each(|task| task.keep_turn(now));
    }

    pub(super) fn undo_touched(&mut self) {
        if self.planted(Planted::AddInsteadOfReplace) {
            self.keep_effects();
        }
        self.tasks.values_mut().filter(|task| task.touched).for_each(Task::undo_turn);
    }

    /// Planted bugs only: what the turn did stays in memory although the turn may not have been.
    pub(super) fn keep_effects(&mut self) {
        let touched = self.tasks.values_mut().filter(|task| task.touched);
        touched.for_each(|task| task.stage.tables(&mut |table| table.keep_turn()));
    }

    /// The second half of the planted bug that commits offsets before outputs.
    fn commit_without_offsets(&mut self) -> Result<(), Failure> {
        let producer = self.producer()?;
        let ended = producer.drain().and_then(|()| producer.commit());
        ended.map_err(|error| Failure::Doubt("commit", error))
    }
}

pub(super) const DELIVERY: &str = "delivery";

/// Offsets of companions and of idle partitions are committed again at least this often: they expire after 7 days.
const RECOMMIT_AFTER: Duration = Duration::from_secs(12 * 3600);

/// Ok after librdkafka's first silent retry: it may have been the retry's.
pub(super) fn late_ok() -> BrokerError {
    BrokerError::new(ErrorKind::Unavailable, "Ok came late: it may be a retry's")
}

pub(super) fn offsets_of(task: &Task, mark: &TurnMark) -> Vec<OffsetToCommit> {
    let metadata = mark.to_string();
    let inputs = task.inputs.iter().zip(&task.next);
    inputs.map(|(&partition, &offset)| OffsetToCommit { partition, offset, metadata: metadata.clone() }).collect()
}

fn ready(producing: &mut Producing) -> Result<&mut dyn Producer, Failure> {
    match producing {
        Producing::Ready(producer) => Ok(producer.as_mut()),
        Producing::Doubtful { cause, .. } => Err(Failure::Undo(cause)),
    }
}

/// Begins the transaction, unless it is open already. Answers since when it is.
fn begin(producer: &mut dyn Producer, open: &mut Open, now: Duration) -> Result<Duration, Failure> {
    if let Some(since) = open.begun {
        return Ok(since);
    }
    producer.begin().map_err(|error| Failure::Doubt("begin", error))?;
    Ok(*open.begun.insert(now))
}

fn delivery_failure(error: BrokerError) -> Failure {
    Failure::Doubt(DELIVERY, error)
}
