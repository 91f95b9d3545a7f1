//! The worker: one thread's consumer, producer and tasks, and the loop that turns them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::batch::{Batch, Room};
use super::broker::{Broker, BrokerError, Consumer, ErrorKind, GroupMembership, Member, Producer, TopicPartition};
use super::clock::Clock;
use super::copy::StateStore;
use super::health::Beat;
use super::mark::Life;
use super::settings::{Planted, Settings};
use super::size::{Pace, Search};
use super::stage::Outbox;
use super::stop::Stop;
use super::task::Task;
use super::topology::Checked;
use super::view::Views;
use crate::telemetry;

/// What a worker is put together from.
pub struct Parts {
    pub checked: Checked,
    pub settings: Settings,
    pub broker: Arc<dyn Broker>,
    pub store: Arc<dyn StateStore>,
    pub clock: Arc<dyn Clock>,
    pub beat: Beat,
    /// The process's.
    pub life: Life,
    /// Which of the stage's threads in this process.
    pub thread: usize,
}

pub struct Worker {
    pub(super) checked: Checked,
    pub(super) settings: Settings,
    pub(super) broker: Arc<dyn Broker>,
    pub(super) store: Arc<dyn StateStore>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) beat: Beat,
    /// What its marks are known by; a new one once records have held it up for so long that it might as well have died.
    pub(super) life: Life,
    pub(super) member: Member,
    pub(super) consumer: Box<dyn Consumer>,
    pub(super) producing: Producing,
    pub(super) tasks: BTreeMap<i32, Task>,
    pub(super) views: Views,
    pub(super) batch: Batch,
    pub(super) outbox: Outbox,
    /// The turn whose end is in doubt: its records, and when it began.
    pub(super) undecided: Option<(usize, Duration)>,
    /// A turn failed as a whole: the record at fault is to be found.
    pub(super) search: Option<Search>,
    /// What the brokers take in time.
    pub(super) pace: Pace,
    /// The task that is read alone, with caution, and for how long nothing has come of it.
    pub(super) alone: Option<(i32, Duration)>,
    /// The group has just assigned: kept partitions may have been somebody else's in between.
    pub(super) unchecked_since_assignment: bool,
    /// Its member id when the group last assigned. With another one it has been put out and has come back, and has not heard yet of what it still has.
    pub(super) joined_as: String,
    pub(super) next_tick: Duration,
    pub(super) fenced_at: Option<Duration>,
    pub(super) jitter: u64,
}

/// The producer, and what is known about its last transaction.
pub(super) enum Producing {
    Ready(Box<dyn Producer>),
    /// Its last transaction may have ended either way, and an old copy of a request may still be under way.
    /// Only a new producer and the committed turn marks can tell.
    Doubtful {
        cause: &'static str,
        next_try: Duration,
        tries: u32,
    },
}

/// What one call of `run_once` came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    Committed {
        records: usize,
    },
    /// Undone; the same records come again.
    Aborted(&'static str),
    Rebalanced,
    /// Nothing can be done before something else comes back.
    Waiting(&'static str),
    Idle,
}

pub(super) const NO_MEMBER: &str = "not a member of the group";

impl Worker {
    pub fn start(parts: Parts) -> Result<Worker, Stop> {
        Worker::prepare(parts)?.join()
    }

    /// Everything but joining the group, which counts on a member to poll from then on.
    pub fn prepare(parts: Parts) -> Result<Worker, Stop> {
        let Parts { checked, settings, broker, store, clock, beat, life, thread } = parts;
        let group = checked.spec.group();
        let client_id = format!("{group}-{}-{thread}", settings.instance);
        let instance_id = settings.static_membership.then(|| client_id.clone());
        let member = Member { group, client_id, instance_id };
        let producer = broker.producer(&member.client_id).map_err(|error| Stop::of(error, &member.client_id))?;
        let views = Views::open(&checked.spec.views, broker.as_ref()).map_err(Stop::Broker)?;
        let consumer = broker.consumer(&member).map_err(|error| Stop::of(error, &member.client_id))?;
        let next_tick = checked.spec.tick.map_or(Duration::MAX, |tick| clock.elapsed() + tick);
        // Any seed will do: back-off only has to differ between threads.
        let jitter = xxhash_rust::xxh3::xxh3_64(member.client_id.as_bytes()) | 1;
        Ok(Worker {
            checked,
            settings,
            broker,
            store,
            clock,
            beat,
            life,
            member,
            consumer,
            producing: Producing::Ready(producer),
            tasks: BTreeMap::new(),
            views,
            batch: Batch::default(),
            outbox: Outbox::default(),
            undecided: None,
            search: None,
            pace: Pace::default(),
            alone: None,
            unchecked_since_assignment: false,
            joined_as: String::new(),
            next_tick,
            fenced_at: None,
            jitter,
        })
    }

    pub fn join(mut self) -> Result<Worker, Stop> {
        self.consumer.subscribe(self.checked.spec.lead).map_err(Stop::Broker)?;
        Ok(self)
    }

    /// One turn, or one step towards being able to make one. Never blocks for longer than a call to the broker may.
    pub fn run_once(&mut self) -> Result<Turn, Stop> {
        self.alive();
        let undecided = self.undecided.is_some();
        if !self.resolve_doubt()? {
            self.poll_without_records()?;
            return Ok(Turn::Waiting("producer is doubtful"));
        }
        if undecided {
            self.between_turns();
        }
        self.advance_views()?;
        self.advance_tasks()?;
        if !self.check_kept_tasks()? {
            self.poll_without_records()?;
            return Ok(Turn::Waiting("committed offsets are pending"));
        }
        let turn = self.turn()?;
        if let Turn::Committed { .. } = turn {
            self.between_turns();
        }
        self.report_health(turn != Turn::Waiting(NO_MEMBER));
        Ok(turn)
    }

    /// The loop moves. Said between calls to the broker too: several may take longer than a loop that hangs is waited for (`gateway/probes.rs`).
    pub(super) fn alive(&self) {
        self.beat.tick(self.clock.elapsed());
    }

    /// What a committed turn may have made due.
    fn between_turns(&mut self) {
        self.spill_tasks();
        self.copy_one_task();
    }

    /// Ends in order: nothing is open, marks say so, copies are written, the group is left.
    pub fn close(mut self) -> Result<(), Stop> {
        let partitions: Vec<_> = self.tasks.keys().copied().collect();
        self.commit_clean_marks(&partitions)?;
        for partition in partitions {
            self.copy_task(partition);
        }
        // The consumer first: the group must not wait for a member whose producer is gone.
        self.consumer.close();
        drop(self.producing);
        Ok(())
    }

    /// Ends after a stop: no record has killed this process. Where that cannot be said the next owner is only slower.
    pub fn leave(mut self, stop: &Stop) {
        // Fenced or a twin: somebody else writes the marks now.
        if !matches!(stop, Stop::Fenced { .. } | Stop::Twin { .. }) {
            self.producing = Producing::Doubtful { cause: "stop", next_try: Duration::ZERO, tries: 0 };
            let partitions: Vec<_> = self.tasks.keys().copied().collect();
            let left = self.resolve_doubt().and_then(|_| self.commit_clean_marks(&partitions));
            match (left, &self.producing) {
                (Err(error), _) => telemetry::left_in_disorder(self.checked.spec.name, &error),
                (Ok(()), Producing::Doubtful { .. }) => {
                    telemetry::left_in_disorder(self.checked.spec.name, &"how the last transaction ended is unknown");
                }
                (Ok(()), Producing::Ready(_)) => {}
            }
        }
        self.consumer.close();
    }

    pub(super) fn planted(&self, bug: Planted) -> bool {
        self.settings.planted == Some(bug)
    }

    /// The input partitions that partition p of the lead topic brings.
    pub(super) fn inputs(&self, partition: i32) -> Vec<TopicPartition> {
        let mut inputs = self.checked.spec.inputs(partition);
        if self.planted(Planted::AssignWithoutLead) {
            // As if the group had dealt out the companions by itself.
            for input in inputs.iter_mut().skip(1) {
                input.partition = (partition + 1) % self.checked.partitions;
            }
        }
        inputs
    }

    pub(super) fn room(&self) -> Room {
        let Settings { poll_records, poll_bytes, turn_bytes, .. } = self.settings;
        Room { records: poll_records.min(self.turn_records()), bytes: poll_bytes.min(turn_bytes) }
    }

    /// How many records a turn may have.
    pub(super) fn turn_records(&self) -> usize {
        let alone = self.alone.and_then(|(partition, _)| self.tasks.get(&partition));
        let cautious = alone.and_then(|task| Some(task.caution?.turn_records));
        let searching = self.search.map(|search| search.turn_records);
        let bounds = cautious.into_iter().chain(searching).chain(self.pace.turn_records);
        bounds.fold(self.settings.turn_records, usize::min)
    }

    /// The membership a turn may be opened with.
    pub(super) fn membership(&self) -> Option<GroupMembership> {
        let membership = self.consumer.membership();
        let known = membership.valid() && membership.member_id == self.joined_as;
        (known && !self.consumer.assignment_lost()).then_some(membership)
    }

    /// Keeps the membership alive and hears of rebalances while no record may be taken.
    pub(super) fn poll_without_records(&mut self) -> Result<(), Stop> {
        let inputs: Vec<_> = self.tasks.values().flat_map(|task| task.inputs.clone()).collect();
        self.consumer.pause(&inputs).map_err(Stop::Broker)?;
        self.batch.clear();
        let polled = self.poll(self.settings.poll_wait)?;
        // What was fetched before the pause is dropped here and fetched again from the task's own offset.
        self.batch.clear();
        if let Some(event) = polled {
            self.on_rebalance(event)?;
        }
        self.rewind_running()
    }

    /// Polls into the batch; a broker that cannot be reached is only waited for.
    pub(super) fn poll(&mut self, wait: Duration) -> Result<Option<super::broker::Rebalance>, Stop> {
        let room = self.room();
        match self.consumer.poll(wait, room, &mut self.batch) {
            Ok(event) => Ok(event),
            Err(error) => self.tolerate(error).map(|()| None),
        }
    }

    /// An error that passes by itself is waited out; the others stop the worker.
    pub(super) fn tolerate(&self, error: BrokerError) -> Result<(), Stop> {
        match error.kind {
            ErrorKind::Unavailable | ErrorKind::NotMember => Ok(()),
            _ => Err(Stop::of(error, &self.member.client_id)),
        }
    }

    /// Lets running tasks fetch again from where they stand.
    pub(super) fn rewind_running(&mut self) -> Result<(), Stop> {
        let running: Vec<_> = self.tasks.values().filter(|task| task.running()).map(|task| task.partition).collect();
        running.into_iter().try_for_each(|partition| self.rewind(partition))
    }

    /// Lets a task fetch from where it stands, unless another one is read alone. That its partitions have been taken away
    /// is heard of soon: nothing is committed until then.
    pub(super) fn rewind(&mut self, partition: i32) -> Result<(), Stop> {
        let readable = self.readable(partition);
        let Worker { tasks, consumer, beat, clock, .. } = self;
        let Some(task) = tasks.get(&partition) else { return Ok(()) };
        let mut moves = task.inputs.iter().zip(&task.next);
        let moved = moves.try_for_each(|(&input, &offset)| {
            beat.tick(clock.elapsed());
            consumer.seek(input, offset)
        });
        let fetched = moved.and_then(|()| match readable {
            true => consumer.resume(task.fetched()),
            false => consumer.pause(&task.inputs),
        });
        fetched.or_else(|error| match error.kind {
            ErrorKind::NotMember => Ok(()),
            _ => Err(Stop::of(error, &self.member.client_id)),
        })
    }

    /// Grows with every wait in a row, with half of it left to chance so that workers do not return together.
    pub(super) fn backoff(&mut self, waits: u32) -> Duration {
        self.jitter ^= self.jitter << 13;
        self.jitter ^= self.jitter >> 7;
        self.jitter ^= self.jitter << 17;
        let full = self.settings.backoff.saturating_mul(1 << waits.min(16)).min(self.settings.backoff_max);
        full / 2 + full.mul_f64((self.jitter >> 11) as f64 / (1u64 << 53) as f64) / 2
    }

    fn report_health(&self, member: bool) {
        let running = self.tasks.values().filter(|task| task.running()).count();
        self.beat.tasks(member, running, self.tasks.len());
    }

    fn advance_views(&mut self) -> Result<(), Stop> {
        let room = Room { records: self.settings.restore_records, bytes: self.settings.turn_bytes };
        let mut asked = Vec::new();
        for task in self.tasks.values().filter(|task| task.running()) {
            task.stage.pasts(&mut |past| {
                if !asked.contains(past) {
                    asked.push(past.clone());
                }
            });
        }
        let Worker { views, broker, beat, clock, .. } = self;
        let kept = views.keep(asked, broker.as_ref(), &|| beat.tick(clock.elapsed()));
        match kept.and_then(|()| self.views.advance(room)) {
            Ok(()) => Ok(()),
            Err(error) => self.tolerate(error),
        }
    }
}
