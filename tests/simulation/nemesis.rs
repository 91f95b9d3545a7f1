//! What goes wrong with the calls of workers, rolled anew for each call while the nemesis is armed.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bookflow::memory::interference::{Call, CallKind, Fault, Interference};
use bookflow::memory::settings::MarkerDelays;
use rand::RngExt;
use rand::rngs::SmallRng;

use super::baton::Baton;
use super::facts::Facts;
use super::swarm::{Swarm, happens};

pub struct Nemesis {
    baton: Arc<Baton>,
    swarm: Swarm,
    armed: AtomicBool,
    telling: bool,
    rolling: Mutex<Rolling>,
}

struct Rolling {
    dice: SmallRng,
    facts: Facts,
}

impl Nemesis {
    pub fn new(baton: Arc<Baton>, swarm: Swarm, dice: SmallRng, telling: bool) -> Self {
        let rolling = Mutex::new(Rolling { dice, facts: Facts::default() });
        Nemesis { baton, swarm, armed: AtomicBool::new(true), telling, rolling }
    }

    pub fn disarm(&self) {
        self.armed.store(false, Ordering::Relaxed);
    }

    pub fn facts(&self) -> Facts {
        self.rolling.lock().expect("nobody panics with this lock").facts.clone()
    }
}

impl Interference for Nemesis {
    fn before(&self, call: Call<'_>) -> Fault {
        if !self.baton.step() {
            return Fault::None; // the scheduler's own calls
        }
        if self.telling {
            println!("    {} {:?}", call.client, call.kind);
        }
        if !self.armed.load(Ordering::Relaxed) {
            return Fault::None;
        }
        let mut rolling = self.rolling.lock().expect("nobody panics with this lock");
        let (fault, fact) = roll(&self.swarm, call.kind, &mut rolling.dice);
        if let Some(fact) = fact {
            *rolling.facts.entry(fact.into()).or_default() += 1;
            if self.telling {
                println!("    ! {fact}: {fault:?}");
            }
        }
        fault
    }
}

fn roll(swarm: &Swarm, kind: CallKind, dice: &mut SmallRng) -> (Fault, Option<&'static str>) {
    let doubled = match kind {
        CallKind::Commit => Some("doubled_commit"),
        CallKind::Abort => Some("doubled_abort"),
        CallKind::SendOffsets => Some("doubled_offsets"),
        CallKind::AddPartitions | CallKind::AddOffsets => Some("doubled_partitions"),
        _ => None,
    };
    let ends = matches!(kind, CallKind::Commit | CallKind::Abort);
    let mut time = |longest: Duration| longest.mul_f64(dice.random_range(0.0..1.0));
    let (late, a_while, markers) =
        (time(swarm.doubled_late), time(Duration::from_millis(400)), time(swarm.markers_late));
    if doubled.is_some() && happens(dice, swarm.doubled) {
        return (Fault::Doubled { late }, doubled);
    }
    if ends && happens(dice, swarm.late_markers) {
        return (Fault::Markers(MarkerDelays { offsets: markers / 10, data: markers }), Some("late_markers"));
    }
    match kind {
        CallKind::Send if happens(dice, swarm.delivered_early) => (Fault::Delivered, Some("delivered_early")),
        CallKind::Send => (Fault::None, None),
        CallKind::Drain if happens(dice, swarm.delivery_failed) => {
            (Fault::DeliveryFailed { delivered: dice.random_range(0..5) }, Some("delivery_failed"))
        }
        CallKind::Poll if happens(dice, swarm.muted) => (Fault::Muted(Duration::from_secs(3)), Some("muted")),
        // A subscription or an assignment happens in the client itself.
        CallKind::Subscribe | CallKind::Assign | CallKind::Unassign | CallKind::Close => (Fault::None, None),
        _ if happens(dice, swarm.answer_lost) => (Fault::AnswerLost, Some("answer_lost")),
        _ if happens(dice, swarm.not_done) => (Fault::NotDone, Some("not_done")),
        _ if happens(dice, swarm.slow) => (Fault::Slow(a_while), Some("slow")),
        _ => (Fault::None, None),
    }
}
