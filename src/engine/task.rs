//! A task: one stage on one partition, from the moment the group gives it to us until it is taken away.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::batch::Record;
use super::broker::TopicPartition;
use super::mark::TurnMark;
use super::restore::Restore;
use super::stage::{Context, ProcessError, Stage};

/// ```text
/// Finding ──► Restoring ──► Running ◄──► Waiting
///    ▲            │            │            │
///    └────────────┴────────────┴────────────┘  the mark is not ours any more
/// ```
pub enum Status {
    /// Asking the group where the last turn ended; not before `from`.
    Finding {
        from: Duration,
    },
    Restoring(Box<Restore>),
    Running,
    /// Paused until then, because something was unavailable.
    Waiting {
        until: Duration,
    },
}

pub struct Task {
    pub partition: i32,
    pub inputs: Vec<TopicPartition>,
    pub stage: Box<dyn Stage>,
    pub status: Status,
    /// What the group has: the mark, and per input the next offset to consume.
    pub mark: TurnMark,
    pub offsets: Vec<i64>,
    /// Where this turn stands, per input.
    pub next: Vec<i64>,
    /// Whether this turn has anything of this task to commit.
    pub touched: bool,
    /// What was sent with the offsets of a turn whose end is not known yet.
    pub pending: Option<TurnMark>,
    /// The attempt that must be committed before the first turn.
    pub owed_attempt: Option<u32>,
    /// Records for that first turn are there.
    pub attempt_due: bool,
    /// Turns of one record that are still to be made after crashes.
    pub solo_turns: u32,
    /// Waits in a row, for the back-off.
    pub waits: u32,
    pub committed_at: Duration,
    pub copied_at: Duration,
}

/// From this attempt on, turns have one record: the one that kills the process is found.
pub const SOLO_ATTEMPT: u32 = 3;
/// Dying twice more without any progress condemns the first record.
pub const CONDEMNED_ATTEMPT: u32 = SOLO_ATTEMPT + 2;
/// Turns of one record after which crashes are forgotten.
const SOLO_TURNS: u32 = 100;

impl Task {
    pub fn new(partition: i32, inputs: Vec<TopicPartition>, stage: Box<dyn Stage>, now: Duration) -> Self {
        let next = vec![0; inputs.len()];
        Task {
            partition,
            inputs,
            stage,
            status: Status::Finding { from: now },
            mark: TurnMark::default(),
            offsets: next.clone(),
            next,
            touched: false,
            pending: None,
            owed_attempt: None,
            attempt_due: false,
            solo_turns: 0,
            waits: 0,
            committed_at: now,
            copied_at: now,
        }
    }

    pub fn running(&self) -> bool {
        matches!(self.status, Status::Running)
    }

    /// Which of the inputs this is.
    pub fn input(&self, from: TopicPartition) -> Option<usize> {
        self.inputs.iter().position(|&input| input == from)
    }

    /// Whether this record is behind the task for good.
    pub fn passed(&self, from: TopicPartition, offset: i64) -> bool {
        self.input(from).is_some_and(|input| self.offsets[input] > offset)
    }

    /// Forgets everything and asks the group again.
    pub fn restart(&mut self, now: Duration) {
        self.stage.tables(&mut |table| table.clear());
        self.status = Status::Finding { from: now };
        self.touched = false;
        self.pending = None;
    }

    /// Takes what the group has; the state is to be restored to it.
    pub fn found(&mut self, mark: TurnMark, offsets: Vec<i64>) {
        self.owed_attempt = (!mark.clean).then_some(mark.attempt + 1);
        self.solo_turns = if mark.attempt + 1 >= SOLO_ATTEMPT { SOLO_TURNS } else { 0 };
        self.mark = mark;
        self.next = offsets.clone();
        self.offsets = offsets;
    }

    /// Lets the stage handle a record, all or nothing. A panic is a rejection: the record is kept, the others go on.
    pub fn handle(&mut self, record: &Record<'_>, context: &mut Context<'_>) -> Result<(), ProcessError> {
        self.stage.tables(&mut |table| table.begin_record());
        let point = context.outbox.point();
        let stage = &mut self.stage;
        let handled = catch_unwind(AssertUnwindSafe(|| stage.on_record(record, context)));
        let outcome =
            handled.unwrap_or_else(|panic| Err(ProcessError::rejected("panic", panic_message(panic.as_ref()))));
        if outcome.is_err() {
            self.stage.tables(&mut |table| table.undo_record());
            context.outbox.cut_back(point);
        }
        outcome
    }

    /// The mark that commits this turn.
    pub fn next_mark(&self, generation: i32) -> TurnMark {
        let attempt = if self.solo_turns > 1 { SOLO_ATTEMPT } else { 0 };
        TurnMark { turn: self.mark.turn + 1, generation, attempt, clean: false, ..self.mark.clone() }
    }

    pub fn undo_turn(&mut self) {
        self.stage.tables(&mut |table| table.undo_turn());
        self.next.clone_from(&self.offsets);
        self.touched = false;
        self.pending = None;
    }

    /// The turn is known to be committed: the state may be kept.
    pub fn keep_turn(&mut self, now: Duration) {
        self.stage.tables(&mut |table| table.keep_turn());
        if let Some(mark) = self.pending.take() {
            self.mark = mark;
        }
        self.offsets.clone_from(&self.next);
        self.touched = false;
        self.waits = 0;
        self.solo_turns = self.solo_turns.saturating_sub(1);
        self.committed_at = now;
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| text.to_string());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic without a message".into())
}
