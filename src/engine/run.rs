//! Runs the threads of a worker process until it is told to stop or has to.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::broker::Broker;
use super::clock::Clock;
use super::copy::StateStore;
use super::health::{Beat, Health};
use super::mark::Life;
use super::priority::{give_way, session_gives_way};
use super::settings::Settings;
use super::stop::Stop;
use super::topology::{StageSpec, Topology};
use super::worker::{Parts, Turn, Worker};
use crate::telemetry;

/// A stage and how many threads run it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    pub stage: String,
    pub threads: usize,
}

#[derive(Clone)]
pub struct Process {
    pub topology: Arc<Topology>,
    pub lanes: Vec<Lane>,
    pub settings: Settings,
    pub broker: Arc<dyn Broker>,
    pub store: Arc<dyn StateStore>,
    pub clock: Arc<dyn Clock>,
    pub health: Health,
    /// Set by the first SIGTERM: drain, commit, leave.
    pub stopping: Arc<AtomicBool>,
}

impl Process {
    /// Returns when all threads have ended. One that stops by itself ends the process: the restart is the recovery.
    pub fn run(&self) -> Result<(), Stop> {
        let life = Life(self.clock.now_us());
        let mut workers = Vec::new();
        for lane in &self.lanes {
            let spec = self.topology.stage(&lane.stage)?;
            let (preparing, others) = mpsc::channel();
            let others = Arc::new(Mutex::new(others));
            for number in 0..lane.threads {
                let start = Start { preparing: preparing.clone(), others: others.clone() };
                workers.push((format!("{}-{number}", spec.name), spec.clone(), number, start));
            }
        }
        if workers.iter().all(|(_, spec, ..)| spec.gives_way) {
            session_gives_way(self.settings.spare_processors);
        }
        thread::scope(|scope| {
            let mut threads = Vec::new();
            for (name, spec, number, start) in workers {
                let body = move || self.thread(&spec, number, life, start);
                let builder = thread::Builder::new().name(name.clone());
                let started = builder.spawn_scoped(scope, body).expect("the system has a thread for each lane");
                threads.push((name, started));
            }
            let mut first = Ok(());
            for (name, thread) in threads {
                let ended = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                if let Err(stop) = ended {
                    telemetry::worker_stopped(&name, &stop);
                    first = first.and(Err(stop));
                }
            }
            first
        })
    }

    fn thread(&self, spec: &StageSpec, number: usize, life: Life, start: Start) -> Result<(), Stop> {
        let beat = self.health.beat(format!("{}-{number}", spec.name));
        // Whatever ends one thread, a panic included, ends the process: half a worker must not look alive.
        let _others_follow = Following(self.stopping.clone());
        if spec.gives_way {
            give_way();
        }
        let ended = self.turns(spec, number, life, beat.clone(), start);
        if let Err(stop) = &ended {
            beat.stopped(&stop.to_string());
        }
        ended
    }

    fn turns(&self, spec: &StageSpec, thread: usize, life: Life, beat: Beat, start: Start) -> Result<(), Stop> {
        let checked = self.topology.await_topics(spec, self.broker.as_ref(), self.clock.as_ref())?;
        let worker = Worker::prepare(Parts {
            checked,
            settings: self.settings.clone(),
            broker: self.broker.clone(),
            store: self.store.clone(),
            clock: self.clock.clone(),
            beat,
            life,
            thread,
        })?;
        start.await_others();
        let mut worker = worker.join()?;
        while !self.stopping.load(Ordering::Relaxed) {
            match worker.run_once() {
                Ok(Turn::Aborted(cause)) => telemetry::turn_repeats(spec.name, cause),
                Ok(Turn::Committed { .. } | Turn::Rebalanced | Turn::Waiting(_) | Turn::Idle) => {}
                Err(stop) => {
                    worker.leave(&stop);
                    return Err(stop);
                }
            }
        }
        worker.close()
    }
}

struct Following(Arc<AtomicBool>);

impl Drop for Following {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The threads of a stage join its group together: for one that comes later the group is dealt out twice more, and what moves
/// to it stands still until each member has heard of that with a heartbeat. One that has failed is not waited for.
struct Start {
    /// Held while a thread prepares: the channel ends with the last one.
    preparing: Sender<Infallible>,
    others: Arc<Mutex<Receiver<Infallible>>>,
}

impl Start {
    fn await_others(self) {
        drop(self.preparing);
        // Nothing is ever sent.
        let _ = self.others.lock().unwrap_or_else(PoisonError::into_inner).recv();
    }
}
