//! The workers of the demo: processes in every respect but that they share this one.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};

use crate::cli::embedded;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::engine::broker::Broker;
use crate::engine::run::Process;
use crate::engine::settings::Settings;
use crate::engine::stop::Stop;
use crate::engine::topology::Topology;

pub struct Team {
    topology: Arc<Topology>,
    broker: Arc<dyn Broker>,
    settings: Settings,
    workers: Vec<Running>,
}

struct Running {
    process: Process,
    /// An error is the panic that killed it.
    thread: JoinHandle<Result<Result<(), Stop>, Box<dyn Any + Send>>>,
}

impl Team {
    pub fn new(topology: Arc<Topology>, broker: Arc<dyn Broker>, settings: Settings) -> Team {
        Team { topology, broker, settings, workers: Vec::new() }
    }

    /// Starts one more worker with all stages; answers its name.
    pub fn start_worker(&mut self) -> String {
        let name = format!("worker-{}", self.workers.len() + 1);
        let stages = self.topology.stages.iter().map(|stage| stage.name);
        let settings = Settings { instance: name.clone(), ..self.settings.clone() };
        let process = embedded::process(&self.topology, &self.broker, stages, settings);
        let body = process.clone();
        let thread = thread::spawn(move || std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| body.run())));
        self.workers.push(Running { process, thread });
        name
    }

    /// Records of stage `book` in committed turns, those of the dead included.
    pub fn booked(&self) -> u64 {
        let reports = self.workers.iter().flat_map(|worker| worker.process.health.reports());
        reports.filter(|(thread, _)| thread.starts_with("book-")).map(|(_, report)| report.records).sum()
    }

    /// Lets all workers drain; answers how many had been killed.
    pub fn stop(self) -> Result<u64, Failure> {
        for worker in &self.workers {
            worker.process.stopping.store(true, Ordering::Relaxed);
        }
        let mut crashes = 0;
        for worker in self.workers {
            match worker.thread.join() {
                Ok(Ok(ended)) => ended?,
                Ok(Err(_)) => crashes += 1,
                Err(_) => return Err(Failure::new(Exit::Failed, "a worker's thread ended by itself")),
            }
        }
        Ok(crashes)
    }
}
