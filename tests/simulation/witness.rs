//! Sees which records are handed to which life of a task, so that the judge knows whom a record may be accused by; and lets
//! mischief into the stages.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bookflow::engine::batch::Record;
use bookflow::engine::broker::TopicPartition;
use bookflow::engine::stage::{Context, ProcessError, Stage};
use bookflow::engine::table::Undoable;
use bookflow::engine::topology::StageSpec;

use super::history::LONGEST_STALL;
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
    pub mischief: Mischief,
    lives: AtomicU64,
    pub stalls: AtomicU64,
    /// By life and turn: what was in hand.
    hands: Mutex<BTreeMap<(u64, u64), BTreeSet<Place>>>,
}

impl Witness {
    pub fn new(mischief: Mischief, telling: bool) -> Witness {
        Witness { telling, mischief, lives: AtomicU64::new(0), stalls: AtomicU64::new(0), hands: Mutex::default() }
    }

    /// The same stage under watch: each task that is created is a life of its own.
    pub fn watch(self: &Arc<Self>, spec: &mut StageSpec) {
        let (create, witness) = (spec.create.clone(), self.clone());
        spec.create = Arc::new(move |partition| {
            let life = witness.lives.fetch_add(1, Ordering::Relaxed);
            Box::new(Watched { stage: create(partition), life, spoilt: Hand::default(), witness: witness.clone() })
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

    fn handed(&self, life: u64, turn: u64, record: Place) {
        if self.telling {
            println!("    life {life} turn {turn} has {}@{} in hand", record.0, record.1);
        }
        self.hands.lock().expect("nobody panics with this lock").entry((life, turn)).or_default().insert(record);
    }
}

struct Watched {
    stage: Box<dyn Stage>,
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
    }

    fn on_spilled(&mut self) {
        self.stage.on_spilled();
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
