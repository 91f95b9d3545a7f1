//! A task: one stage on one partition, from the moment the group gives it to us until it is taken away.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::batch::Record;
use super::broker::{Bounds, TopicPartition};
use super::copy::CopyIdentity;
use super::mark::{Life, TurnMark};
use super::restore::Restore;
use super::stage::{Context, ProcessError, Stage, all_or_nothing};
use crate::telemetry;

/// ```text
/// Finding ──► Opening ──► Restoring ──► Running ◄──► Waiting
///    ▲           │            │            │            │
///    └───────────┴────────────┴────────────┴────────────┘  the mark is not ours any more
/// ```
pub enum Status {
    /// Asking the group where the last turn ended; not before `from`.
    Finding {
        from: Duration,
        /// Since when a view has not been where the task last used it.
        behind: Option<Duration>,
    },
    /// Looking for its local copy and its topics.
    Opening(CopyIdentity),
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
    /// Per input where its log began when the task was found: what was deleted unread before it is skipped, if we come here at all.
    pub starts: Vec<i64>,
    /// How many records this turn has taken, of all inputs.
    pub taken: usize,
    /// Whether this turn has anything of this task to commit.
    pub touched: bool,
    /// What was sent with the offsets of a turn whose end is not known yet.
    pub pending: Option<Pending>,
    pub attempt: Attempt,
    /// What is being committed before its first record is touched.
    pub begins: Option<Begin>,
    /// How many records a turn may have, for so many records more: owners of this task have died.
    pub caution: Option<Caution>,
    /// Per input where the log ended when the task was found: what came later has killed nobody.
    pub suspects_end: Vec<i64>,
    /// What cannot be processed for a reason that its handler does not see, by input: two may stand at their heads, and whichever is read next must not
    /// bring the other's up again.
    pub condemned: BTreeMap<usize, Condemned>,
    /// This turn's dead letters: they count once it is kept.
    pub letters: Vec<Letter>,
    /// Waits in a row, for the back-off.
    pub waits: u32,
    pub committed_at: Duration,
    pub copied_at: Duration,
}

/// A mark on its way, and where the attempts stand once it is committed.
pub struct Pending {
    pub mark: TurnMark,
    pub attempt: Attempt,
}

/// Whether the mark must say that an attempt begins before a record may be touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The last turn was ours, and it was committed.
    Free,
    /// This attempt has to be committed first.
    Owed(u32),
    /// The mark says so.
    Begun,
}

/// What the mark has to say before a record may be touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begin {
    pub attempt: u32,
    pub suspect: Option<(usize, i64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caution {
    pub turn_records: usize,
    pub records_left: usize,
}

pub struct Condemned {
    pub offset: i64,
    pub reason: &'static str,
    pub message: String,
}

/// What is told of a dead letter.
pub struct Letter {
    pub stage: &'static str,
    pub reason: &'static str,
    pub message: String,
    pub from: TopicPartition,
    pub offset: i64,
}

/// From this attempt on turns are small, so that few records are left to be tried one by one.
const SMALL_ATTEMPT: u32 = 2;
/// Tried one by one, with two transactions each, in a few seconds; 50,000 records, a full turn, take no more in turns of so many.
const SMALL_TURN: usize = 100;
/// From this attempt on, turns have one record: the one that kills the process is found.
pub const SOLO_ATTEMPT: u32 = 3;
/// A record that was alone twice when the process died is not tried again.
pub const CONDEMNED_ATTEMPT: u32 = SOLO_ATTEMPT + 2;

impl Task {
    pub fn new(partition: i32, inputs: Vec<TopicPartition>, stage: Box<dyn Stage>, now: Duration) -> Self {
        let next = vec![0; inputs.len()];
        Task {
            partition,
            inputs,
            stage,
            status: Status::Finding { from: now, behind: None },
            mark: TurnMark::default(),
            offsets: next.clone(),
            suspects_end: next.clone(),
            starts: next.clone(),
            next,
            taken: 0,
            touched: false,
            pending: None,
            attempt: Attempt::Free,
            begins: None,
            caution: None,
            condemned: BTreeMap::new(),
            letters: Vec::new(),
            waits: 0,
            committed_at: now,
            copied_at: now,
        }
    }

    pub fn running(&self) -> bool {
        matches!(self.status, Status::Running)
    }

    /// Whether it has a mark, and not yet the state of it.
    pub fn restoring(&self) -> bool {
        matches!(self.status, Status::Opening(_) | Status::Restoring(_))
    }

    /// Whether it is still asked where its copy and its topics begin.
    pub fn opening(&self) -> bool {
        match &self.status {
            Status::Opening(_) => true,
            Status::Restoring(restore) => restore.asks(),
            _ => false,
        }
    }

    /// Whether its mark is its own to write.
    pub fn restored(&self) -> bool {
        matches!(self.status, Status::Running | Status::Waiting { .. })
    }

    /// Which of the inputs this is.
    pub fn input(&self, from: TopicPartition) -> Option<usize> {
        self.inputs.iter().position(|input| *input == from)
    }

    /// Why what it sees of its state may be less than there is.
    pub fn damage(&mut self) -> Option<String> {
        let mut damage = None;
        self.stage.tables(&mut |table| damage = damage.take().or_else(|| table.damage().map(str::to_owned)));
        damage
    }

    /// Forgets everything and asks the group again.
    pub fn restart(&mut self, now: Duration) {
        self.stage.tables(&mut |table| table.clear());
        self.status = Status::Finding { from: now, behind: None };
        self.taken = 0;
        self.touched = false;
        self.pending = None;
        self.condemned.clear();
        self.letters.clear();
    }

    /// Takes what the group has; the state is to be restored to it. A first turn may always turn out to be deadly,
    /// so an attempt is owed after a clean mark too. An attempt of our own process, whose task was taken away or fenced, has
    /// not killed it. `turn_records` is what a turn that died may have had, `logs` where the log of each input begins and ends.
    pub fn found(&mut self, mark: TurnMark, offsets: Vec<i64>, logs: &[Bounds], turn_records: usize, life: Life) {
        let died = !mark.clean && mark.life != life;
        let attempt = (mark.attempt + u32::from(died)).max(1);
        self.attempt = Attempt::Owed(attempt);
        self.begins = None;
        self.caution = match attempt {
            SOLO_ATTEMPT.. => Some(Caution { turn_records: 1, records_left: SMALL_TURN }),
            SMALL_ATTEMPT => Some(Caution { turn_records: SMALL_TURN, records_left: turn_records }),
            _ => None,
        };
        self.mark = mark;
        self.suspects_end = logs.iter().map(|log| log.end).collect();
        self.starts = logs.iter().map(|log| log.start).collect();
        self.offsets = offsets;
        self.rewind();
        if self.past_suspects() {
            self.caution = None;
        }
    }

    /// Its state is what its mark names.
    pub fn run_restored(&mut self, now: Duration, derive: bool) {
        if derive {
            self.stage.on_restored();
        }
        self.stage.tables(&mut |table| table.keep_turn());
        self.status = Status::Running;
        self.committed_at = now;
        self.copied_at = now;
    }

    /// Lets the stage handle a record. A panic is a rejection: the record is kept, the others go on.
    pub fn handle(&mut self, record: &Record<'_>, context: &mut Context<'_>) -> Result<(), ProcessError> {
        all_or_nothing(self.stage.as_mut(), context, |stage, context| stage.on_record(record, context))
    }

    /// Lets the stage answer for a record that becomes a dead letter.
    pub fn answer_for(
        &mut self,
        record: &Record<'_>,
        reason: &'static str,
        message: &str,
        context: &mut Context<'_>,
    ) -> Result<(), ProcessError> {
        all_or_nothing(self.stage.as_mut(), context, |stage, context| {
            stage.on_rejected(record, reason, message, context)
        })
    }

    /// Whether nothing has to be committed before any record of it may be touched.
    pub fn settled(&self) -> bool {
        match self.attempt {
            Attempt::Free => true,
            Attempt::Begun => self.caution.is_none() && self.mark.suspect.is_none(),
            Attempt::Owed(_) => false,
        }
    }

    /// What must be committed before this record may be touched.
    pub fn due_attempt(&self, input: usize, offset: i64) -> Option<Begin> {
        let alone = self.caution.is_some_and(|caution| caution.turn_records == 1);
        let suspect = alone.then_some((input, offset));
        let same = self.mark.suspect == suspect;
        match self.attempt {
            Attempt::Free => None,
            Attempt::Begun if same => None,
            Attempt::Owed(attempt) if same || !alone => Some(Begin { attempt, suspect }),
            // Another record than the one that the mark names: it has not been alone with a death yet.
            Attempt::Begun | Attempt::Owed(_) => Some(Begin { attempt: SOLO_ATTEMPT, suspect }),
        }
    }

    /// The how-manieth attempt at the next record this is.
    pub fn attempts(&self) -> u32 {
        match self.attempt {
            Attempt::Free => 1,
            Attempt::Begun => self.mark.attempt,
            Attempt::Owed(attempt) => attempt,
        }
    }

    /// What may be fetched: a suspect comes before the other inputs, whatever order they are read in.
    pub fn fetched(&self) -> &[TopicPartition] {
        match self.mark.suspect {
            Some((input, offset)) if self.offsets.get(input).is_some_and(|&next| next <= offset) => {
                &self.inputs[input..=input]
            }
            _ => &self.inputs,
        }
    }

    /// The mark that commits this turn, and where the attempts stand then: as before where no record was taken.
    pub fn next_mark(&self, generation: i32, life: Life) -> Pending {
        let mark = TurnMark { turn: self.mark.turn + 1, generation, life, ..self.mark.clone() };
        if self.taken == 0 {
            return Pending { mark, attempt: self.attempt };
        }
        let over = |caution: &Caution| caution.records_left <= self.taken || self.past_suspects();
        let (attempt, then) = match self.caution.filter(|caution| !over(caution)) {
            // All that the turn may have had that its owner died in is behind us.
            None => (0, Attempt::Free),
            // A death from here on is followed by turns of one record.
            Some(Caution { turn_records: 1, .. }) => (SOLO_ATTEMPT - 1, Attempt::Owed(SOLO_ATTEMPT)),
            Some(_) => (SOLO_ATTEMPT - 1, Attempt::Free),
        };
        Pending { mark: TurnMark { attempt, suspect: None, clean: false, ..mark }, attempt: then }
    }

    /// The mark that says which attempt begins.
    pub fn begin_mark(&self, Begin { attempt, suspect }: Begin) -> Pending {
        let mark = TurnMark { attempt, suspect, clean: false, ..self.mark.clone() };
        Pending { mark, attempt: Attempt::Begun }
    }

    /// The mark that says that no attempt has killed us.
    pub fn clean_mark(&self) -> Pending {
        let attempt = match self.attempt {
            Attempt::Owed(attempt) => attempt,
            Attempt::Free | Attempt::Begun => self.mark.attempt,
        };
        let mark = TurnMark { attempt, clean: true, ..self.mark.clone() };
        Pending { mark, attempt: Attempt::Owed(attempt.max(1)) }
    }

    /// What has been handed out has all been taken: markers behind it hold nothing that the next owner would have to read.
    pub fn pass_markers(&mut self, position: impl Fn(TopicPartition) -> Option<i64>) {
        for (&input, next) in self.inputs.iter().zip(&mut self.next) {
            *next = position(input).map_or(*next, |position| position.max(*next));
        }
    }

    pub fn undo_turn(&mut self) {
        self.stage.tables(&mut |table| table.undo_turn());
        self.rewind();
        self.taken = 0;
        self.touched = false;
        self.pending = None;
        self.letters.clear();
    }

    /// Back to what the group has, and not before the log.
    fn rewind(&mut self) {
        self.next.clear();
        self.next.extend(self.offsets.iter().zip(&self.starts).map(|(&offset, &start)| offset.max(start)));
    }

    /// The turn is known to be committed: the state may be kept.
    pub fn keep_turn(&mut self, now: Duration) {
        self.stage.tables(&mut |table| table.keep_turn());
        for Letter { stage, reason, message, from, offset } in self.letters.drain(..) {
            telemetry::dead_letter(stage, reason, &message, &from, offset);
        }
        if let Some(Pending { mark, attempt }) = self.pending.take() {
            self.mark = mark;
            self.attempt = attempt;
        }
        let taken = std::mem::take(&mut self.taken);
        if taken > 0 {
            self.relax(taken);
            self.waits = 0;
        }
        self.offsets.clone_from(&self.next);
        let offsets = &self.offsets;
        self.condemned.retain(|input, condemned| offsets[*input] <= condemned.offset);
        self.touched = false;
        self.committed_at = now;
    }

    fn past_suspects(&self) -> bool {
        self.next.iter().zip(&self.suspects_end).all(|(next, end)| next >= end)
    }

    fn relax(&mut self, taken: usize) {
        let past = self.past_suspects();
        let Some(caution) = &mut self.caution else { return };
        caution.records_left = caution.records_left.saturating_sub(taken);
        if past || caution.records_left == 0 {
            self.caution = None;
            self.attempt = Attempt::Free;
        }
    }
}

/// A panic is a rejection.
pub fn guarded(handle: impl FnOnce() -> Result<(), ProcessError>) -> Result<(), ProcessError> {
    let handled = catch_unwind(AssertUnwindSafe(handle));
    handled.unwrap_or_else(|panic| Err(ProcessError::rejected("panic", panic_message(panic.as_ref()))))
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| text.to_string());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic without a message".into())
}
