//! Sees which records are handed to which life of a task, so that the judge knows whom a record may be accused by; and lets
//! mischief into the stages.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bookflow::domain::jobs::share::Share;
use bookflow::engine::batch::Record;
use bookflow::engine::broker::TopicPartition;
use bookflow::engine::stage::{Context, ProcessError, Stage};
use bookflow::engine::table::Undoable;
use bookflow::engine::topology::StageSpec;
use bookflow::engine::view::Past;
use bookflow::memory::{LogEntry, MemoryBroker};
use bookflow::pipeline::topics::RECALCULATION_SHARES;

use super::history::{LONGEST_STALL, SCHEMAS};
use super::mischief::{Mischief, REJECTED_LATE, SPOILS_ITS_TURN};

/// Where a record stands.
pub type Place = (TopicPartition, i64);

/// Against a record.
pub enum Evidence {
    None,
    /// One life had it alone in hand, in a turn that was not committed.
    Once,
    /// Another life did in the very next turn: between two attempts lies nothing but the mark of the second. Had the first
    /// life committed anything or left in order, the turns would be further apart.
    Twice,
}

pub struct Witness {
    telling: bool,
    broker: MemoryBroker,
    pub mischief: Mischief,
    lives: AtomicU64,
    pub stalls: AtomicU64,
    /// Lives that began with a job by reference half done.
    pub resumed: AtomicU64,
    /// By life and turn: what was in hand.
    hands: Mutex<BTreeMap<(u64, u64), BTreeSet<Place>>>,
}

impl Witness {
    pub fn new(mischief: Mischief, broker: MemoryBroker, telling: bool) -> Witness {
        let (lives, stalls, resumed) = Default::default();
        Witness { telling, broker, mischief, lives, stalls, resumed, hands: Mutex::default() }
    }

    /// The same stage under watch: each task that is created is a life of its own.
    pub fn watch(self: &Arc<Self>, spec: &mut StageSpec) {
        let (create, witness) = (spec.create.clone(), self.clone());
        let shares = spec.state.iter().copied().find(|topic| *topic == RECALCULATION_SHARES);
        spec.create = Arc::new(move |partition| {
            let life = witness.lives.fetch_add(1, Ordering::Relaxed);
            let (stage, witness) = (create(partition), witness.clone());
            let shares = shares.map(|topic| TopicPartition { topic, partition });
            Box::new(Watched { stage, shares, life, spoilt: Hand::default(), witness })
        });
    }

    /// What a record may be condemned for: that lives of its task ended while they had nothing else in hand.
    pub fn evidence(&self, place: Place) -> Evidence {
        let hands = self.hands.lock().expect("nobody panics with this lock");
        let alone = hands.iter().filter(|(_, hand)| hand.len() == 1 && hand.contains(&place));
        let alone: BTreeSet<_> = alone.map(|(&(life, turn), _)| (turn, life)).collect();
        let right_after =
            |(turn, life): (u64, u64)| alone.range((turn + 1, 0)..(turn + 2, 0)).any(move |&(_, other)| other != life);
        match alone.len() {
            0 => Evidence::None,
            _ if alone.iter().copied().any(right_after) => Evidence::Twice,
            _ => Evidence::Once,
        }
    }

    fn restored(&self, shares: TopicPartition) {
        let mut last = BTreeMap::new();
        for entry in self.broker.entries(shares).expect("a topic of ours") {
            if let LogEntry::Record { key, value: Some(value), .. } = entry {
                last.insert(key, SCHEMAS.decode::<Share>(&value).expect("a share").1);
            }
        }
        let half_done = last.into_values().any(|share| share.end.is_none() && share.after.is_some());
        self.resumed.fetch_add(u64::from(half_done), Ordering::Relaxed);
    }

    fn handed(&self, life: u64, turn: u64, record: Place) {
        if self.telling {
            println!("    life {life} turn {turn} has {}@{} in hand", record.0, record.1);
        }
        self.hands.lock().expect("nobody panics with this lock").entry((life, turn)).or_default().insert(record);
    }
}

struct Watched {
    stage: Box<dyn Stage>,
    /// Of jobs by reference, where it works on some.
    shares: Option<TopicPartition>,
    life: u64,
    /// Records of this turn over which it will fail.
    spoilt: Hand,
    witness: Arc<Witness>,
}

impl Stage for Watched {
    fn tables(&mut self, visit: &mut dyn FnMut(&mut dyn Undoable)) {
        self.stage.tables(visit);
        visit(&mut self.spoilt);
    }

    fn on_restored(&mut self) {
        self.stage.on_restored();
        self.shares.into_iter().for_each(|shares| self.witness.restored(shares));
    }

    fn on_spilled(&mut self) {
        self.stage.on_spilled();
    }

    fn pasts(&self, ask: &mut dyn FnMut(&Past)) {
        self.stage.pasts(ask);
    }

    fn on_record(&mut self, record: &Record<'_>, context: &mut Context<'_>) -> Result<(), ProcessError> {
        let place = (record.from, record.offset);
        self.witness.handed(self.life, context.turn, place);
        let mischief = &self.witness.mischief;
        if mischief.stall(LONGEST_STALL) {
            self.witness.stalls.fetch_add(1, Ordering::Relaxed);
        }
        mischief.kill(place);
        if mischief.outage() {
            return Err(ProcessError::unavailable("what it needs"));
        }
        self.stage.on_record(record, context)?;
        if mischief.rejects(place) {
            return Err(ProcessError::rejected(REJECTED_LATE, "all its work was done"));
        }
        self.spoilt.now += usize::from(mischief.spoils(place));
        Ok(())
    }

    fn on_rejected(
        &mut self,
        record: &Record<'_>,
        reason: &'static str,
        message: &str,
        context: &mut Context<'_>,
    ) -> Result<(), ProcessError> {
        self.stage.on_rejected(record, reason, message, context)
    }

    fn on_turn_end(&mut self, context: &mut Context<'_>) -> Result<(), ProcessError> {
        self.stage.on_turn_end(context)?;
        match self.spoilt.now {
            0 => Ok(()),
            _ => Err(ProcessError::rejected(SPOILS_ITS_TURN, "a record of this turn, and nobody says which")),
        }
    }

    fn on_tick(&mut self, context: &mut Context<'_>) -> Result<(), ProcessError> {
        self.stage.on_tick(context)
    }
}

/// A number of records in hand, forgotten with their turn.
#[derive(Default)]
struct Hand {
    now: usize,
    before: usize,
}

impl Undoable for Hand {
    fn begin_record(&mut self) {
        self.before = self.now;
    }

    fn undo_record(&mut self) {
        self.now = self.before;
    }

    fn undo_turn(&mut self) {
        self.now = 0;
    }

    fn keep_turn(&mut self) {
        self.now = 0;
    }

    fn changed(&self) -> bool {
        false
    }

    fn clear(&mut self) {
        self.now = 0;
    }

    fn len(&self) -> usize {
        self.now
    }
}
