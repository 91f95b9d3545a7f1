//! What an operator may set for the engine; defaults and reasons stand in `default.toml`.

use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Settings {
    /// Stable and unique per process; part of the transactional id.
    pub instance: String,
    /// Static group membership: quicker restarts than the session time-out, but no leaving on close.
    pub static_membership: bool,
    /// A turn is full with this many records, bytes of input, or after this time; one that runs out of input is committed before.
    pub turn_records: usize,
    pub turn_bytes: usize,
    pub turn_time: Duration,
    /// A turn whose records took this long to be delivered, from the first one on, is followed by smaller ones: half of the time after which they
    /// count as not delivered, so that twice as many might not be.
    pub delivery_time: Duration,
    /// How much one poll may bring into a turn: whether the turn is over is asked between polls.
    pub poll_records: usize,
    pub poll_bytes: usize,
    /// Of what leaves before a turn's end, so many bytes of keys and values at a time. Less costs more, as the client's thread and ours are in
    /// each other's way, with lock and cache: after each poll it took 3 to 10 % more CPU a trade.
    pub portion_bytes: usize,
    /// How long an idle worker waits for a record.
    pub poll_wait: Duration,
    /// So long after its last turn a task commits that it has passed markers: once retention has deleted them, the log begins behind them, and an
    /// offset before that means a loss. They count as lag, too.
    pub pass_after: Duration,
    /// `send_offsets`, `commit` or `abort` that took this long may have been retried silently and have a twin under way: 80 % of the 500 ms after
    /// which librdkafka sends a lost TxnOffsetCommit again, whatever is set (measured: 506 ms). Others it sends again after `kafka::settings::RETRY_BACKOFF`.
    pub doubt_after: Duration,
    /// How long one question for committed offsets may take before it is asked again.
    pub committed_wait: Duration,
    /// Changelog records restored between two polls.
    pub restore_records: usize,
    /// How many threads read the state of a worker's tasks.
    pub restore_threads: usize,
    /// First and longest pause of a task that waits for something.
    pub backoff: Duration,
    pub backoff_max: Duration,
    /// How often a task's local copy is written.
    pub copy_every: Duration,
    /// A local copy older than this may bring back what compaction has forgotten: half of `delete.retention.ms`.
    pub copy_max_age: Duration,
    /// Entries that a table which ages keeps in memory.
    pub recent_entries: usize,
    /// Processors that a process whose stages all give way leaves to others.
    pub spare_processors: usize,
    /// When the group has put out a member that it does not hear of. A second fencing within this time means that we are the zombie, records that
    /// take it up count as a death, and what stands still for longer is asked whether it has been lost.
    pub session_timeout: Duration,
    /// Whether a worker goes on where retention has deleted input that nobody has read, instead of stopping. Said on purpose, and counted.
    pub skip_lost_input: bool,
    /// A bug switched on to show that the auditor or the simulation finds it. Never set outside a proof.
    pub planted: Option<Planted>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            instance: "worker".into(),
            static_membership: false,
            turn_records: 50_000,
            turn_bytes: 16 << 20,
            turn_time: Duration::from_millis(100),
            delivery_time: Duration::from_millis(7_500),
            poll_records: 2_000,
            poll_bytes: 1 << 20,
            portion_bytes: 2 << 20,
            poll_wait: Duration::from_millis(50),
            pass_after: Duration::from_secs(60),
            doubt_after: Duration::from_millis(400),
            committed_wait: Duration::from_secs(5),
            restore_records: 20_000,
            restore_threads: 1,
            backoff: Duration::from_millis(100),
            backoff_max: Duration::from_secs(30),
            copy_every: Duration::from_secs(300),
            copy_max_age: Duration::from_secs(7 * 24 * 3600 / 2),
            recent_entries: 250_000,
            spare_processors: 1,
            session_timeout: Duration::from_secs(45),
            skip_lost_input: false,
            planted: None,
        }
    }
}

/// The bugs that the proof must catch, by the rule of `docs/exactly-once.md` that each breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    // Rule 2
    OffsetsBeforeOutputs,
    RejectedKeepsEffects,
    // Rule 3
    UnfencedTick,
    // Rule 4
    MembershipTakenLate,
    // Rule 5
    DoubtfulProducerKept,
    SlowOkTrusted,
    // Rule 6
    ErrorCodeTrusted,
    DoubtTakenForDone,
    // Rule 7
    WaitingRecordOvertaken,
    RejectedForgotten,
    // Rule 9
    AssignWithoutLead,
    // Rule 10
    RevokedTaskKept,
    RunsBeforeRestored,
    // Rule 11
    KeptTasksUnchecked,
    // Rule 12
    RestoreToStableOffset,
    PendingTakenForNone,
    DerivedStateForgotten,
    // Rule 13
    ResumesAtLogEnd,
    // Rule 14
    FencedTakenForDone,
    // Rule 15
    AttemptsUncounted,
    // Rule 16
    StateKeptBeforeCommit,
    AddInsteadOfReplace,
    WholeTurnCondemned,
    // Rule 17
    OldCopyTrusted,
    CopyBeforeCommit,
    DamageIgnored,
    // Rule 18
    OlderViewsTaken,
}
