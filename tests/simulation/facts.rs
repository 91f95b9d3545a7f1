//! What happened, and how often: counted here, or said by the engine itself in its metrics.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use metrics::{Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

pub type Facts = BTreeMap<String, u64>;

pub fn add(all: &mut Facts, one: Facts) {
    for (fact, times) in one {
        *all.entry(fact).or_default() += times;
    }
}

/// Hears the counters of one history: `bookflow_txn_total{result="fenced"}` is the fact `txn_total fenced`.
#[derive(Clone, Default)]
pub struct Ear(Arc<Mutex<Facts>>);

impl Ear {
    /// How often it was said so far.
    pub fn count(&self, fact: &str) -> u64 {
        self.0.lock().expect("nobody panics with this lock").get(fact).copied().unwrap_or(0)
    }

    pub fn heard(&self) -> Facts {
        std::mem::take(&mut self.0.lock().expect("nobody panics with this lock"))
    }
}

impl Recorder for Ear {
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let mut fact = key.name().trim_start_matches("bookflow_").to_owned();
        for label in key.labels().filter(|label| label.key() != "stage") {
            fact = format!("{fact} {}", label.value());
        }
        Counter::from_arc(Arc::new(Counted { fact, ear: self.clone() }))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }

    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
}

struct Counted {
    fact: String,
    ear: Ear,
}

impl CounterFn for Counted {
    fn increment(&self, times: u64) {
        let mut facts = self.ear.0.lock().expect("nobody panics with this lock");
        *facts.entry(self.fact.clone()).or_default() += times;
    }

    fn absolute(&self, times: u64) {
        self.increment(times);
    }
}
