//! A broker without time of its own, and faults that a test plans call by call.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bookflow::engine::broker::*;
use bookflow::engine::clock::Clock;
use bookflow::memory::MemoryBroker;
use bookflow::memory::interference::{Call, CallKind, Fault, Interference};
use bookflow::memory::settings::Settings;

use crate::cluster::*;

/// A broker, the hand on its clock, and what will go wrong next.
pub struct Stand {
    pub broker: MemoryBroker,
    pub clock: Arc<HandClock>,
    plan: Arc<Plan>,
}

impl Stand {
    pub fn new() -> Stand {
        Stand::with(Settings::default())
    }

    pub fn with(settings: Settings) -> Stand {
        let (clock, plan) = (Arc::new(HandClock::default()), Arc::new(Plan::default()));
        Stand { broker: MemoryBroker::simulated(settings, clock.clone(), plan.clone()), clock, plan }
    }

    pub fn topic(&self, partitions: i32) -> &'static str {
        self.topic_with(partitions, &[])
    }

    pub fn topic_with(&self, partitions: i32, config: &[(&str, &str)]) -> &'static str {
        let name = unique("topic");
        self.broker.create_topic(name, partitions, config).expect("topic is created");
        name
    }

    pub fn producer(&self, id: &str) -> Box<dyn Producer> {
        self.broker.producer(id).expect("producer")
    }

    /// The next call of this kind meets this fault.
    pub fn plan(&self, kind: CallKind, fault: Fault) {
        self.happen(kind, move || fault);
    }

    /// Before the next call of this kind this happens; it may panic to kill the worker that calls.
    pub fn happen(&self, kind: CallKind, what: impl FnOnce() -> Fault + Send + 'static) {
        self.plan.next.lock().expect("nobody panics with this lock").push((kind, Box::new(what)));
    }

    /// How long each poll since the last look might have waited; none of them did.
    pub fn waits(&self) -> Vec<Duration> {
        std::mem::take(&mut self.plan.waits.lock().expect("nobody panics with this lock"))
    }

    /// Lets time pass, and what is due in it happen.
    pub fn pass(&self, time: Duration) {
        self.clock.sleep(time);
        self.broker.tick();
    }

    pub fn values(&self, partition: TopicPartition) -> Vec<String> {
        values(&self.broker, partition)
    }
}

/// Begins and delivers these values.
pub fn begin_with(producer: &mut dyn Producer, to: TopicPartition, values: &[&str]) {
    producer.begin().expect("begin");
    for value in values {
        producer.send(record(to, value)).expect("send");
    }
    producer.drain().expect("drain");
}

pub fn offset(partition: TopicPartition, offset: i64) -> OffsetToCommit {
    OffsetToCommit { partition, offset, metadata: String::new() }
}

#[derive(Default)]
pub struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now_us(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    fn elapsed(&self) -> Duration {
        Duration::from_micros(self.now_us() as u64)
    }

    fn sleep(&self, time: Duration) {
        self.0.fetch_add(time.as_micros() as i64, Ordering::SeqCst);
    }
}

#[derive(Default)]
struct Plan {
    next: Mutex<Vec<(CallKind, Happening)>>,
    waits: Mutex<Vec<Duration>>,
}

type Happening = Box<dyn FnOnce() -> Fault + Send>;

impl Interference for Plan {
    fn before(&self, call: Call<'_>) -> Fault {
        if call.kind == CallKind::Poll {
            self.waits.lock().expect("nobody panics with this lock").push(call.wait);
        }
        let next = {
            let mut plan = self.next.lock().expect("nobody panics with this lock");
            let next = plan.iter().position(|(kind, _)| *kind == call.kind);
            next.map(|next| plan.remove(next).1)
        };
        next.map_or(Fault::None, |happening| happening())
    }
}
