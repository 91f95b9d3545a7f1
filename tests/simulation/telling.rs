//! A history told: what it does to its workers, and the marks of their tasks whenever they change.

use std::collections::BTreeMap;
use std::time::Duration;

use bookflow::engine::broker::{Broker, Member, TopicPartition};
use bookflow::engine::clock::Clock;

use super::history::History;

/// The marks that have been told.
#[derive(Default)]
pub struct Told(BTreeMap<(&'static str, TopicPartition), String>);

impl History {
    pub(super) fn tell(&self, what: impl FnOnce() -> String) {
        if self.told.is_some() {
            println!("-- {} {}", self.clock.elapsed().as_millis(), what());
        }
    }

    pub(super) fn tell_marks(&mut self) {
        let Some(mut told) = self.told.take() else { return };
        for seat in &self.seats {
            let spec = self.topology.stage(seat.stage).expect("a stage of ours");
            let member = Member { group: spec.group(), client_id: "teller".into(), instance_id: None };
            let mut consumer = self.broker.consumer(&member).expect("nobody disturbs the scheduler");
            for input in (0..self.swarm.partitions).flat_map(|partition| spec.inputs(partition)) {
                let Ok(committed) = consumer.committed(&[input], Duration::ZERO) else { continue };
                for committed in committed.into_iter().flatten() {
                    let mark = format!("{} {}", committed.offset, committed.metadata);
                    if told.0.insert((seat.stage, input), mark.clone()).as_ref() != Some(&mark) {
                        println!("-- {} {} {input} at {mark}", self.clock.elapsed().as_millis(), seat.stage);
                    }
                }
            }
        }
        self.told = Some(told);
    }
}
