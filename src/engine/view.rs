//! Views: whole compacted topics, read-only, held by a worker thread and pinned for the length of a turn.

use std::any::Any;
use std::collections::BTreeMap;
use std::time::Duration;

use super::batch::{Batch, Room};
use super::broker::{Broker, BrokerError, Reader, TopicPartition};
use super::mark::TurnMark;
use super::topology::ViewSpec;

/// The typed content of a view.
pub trait ViewTable: Any + Send {
    /// Takes one record; no value removes the key. What cannot be read is counted and skipped by the view itself.
    fn apply(&mut self, key: &[u8], value: Option<&[u8]>);
}

/// All views of one worker thread. They move only between turns.
#[derive(Default)]
pub struct Views {
    views: Vec<View>,
}

struct View {
    topic: &'static str,
    partitions: Vec<TopicPartition>,
    reader: Box<dyn Reader>,
    table: Box<dyn ViewTable>,
    /// Where the logs ended at the start: until then nothing may be computed.
    first_end: Vec<i64>,
    batch: Batch,
}

impl Views {
    pub fn open(specs: &[ViewSpec], broker: &dyn Broker) -> Result<Views, BrokerError> {
        let views = specs.iter().map(|spec| View::open(spec, broker)).collect::<Result<_, _>>()?;
        Ok(Views { views })
    }

    pub fn get<T: 'static>(&self, topic: &str) -> Option<&T> {
        let view = self.views.iter().find(|view| view.topic == topic)?;
        (view.table.as_ref() as &dyn Any).downcast_ref()
    }

    /// Reads on, at most `room` a view; called between turns.
    pub fn advance(&mut self, room: Room) -> Result<(), BrokerError> {
        self.views.iter_mut().try_for_each(|view| view.advance(room))
    }

    /// Whether every view has been read to the end that it had at the start.
    pub fn complete(&self) -> bool {
        self.views.iter().all(|view| view.reached(&view.first_end))
    }

    /// Whether the views are at least where the task last used them: otherwise a restart would compute with older data.
    pub fn cover(&self, mark: &TurnMark) -> bool {
        self.views.iter().all(|view| mark.views.get(view.topic).is_none_or(|used| view.reached(used)))
    }

    /// The version that a turn pins.
    pub fn version(&self) -> BTreeMap<String, Vec<i64>> {
        self.views.iter().map(|view| (view.topic.to_string(), view.positions())).collect()
    }
}

impl View {
    fn open(spec: &ViewSpec, broker: &dyn Broker) -> Result<View, BrokerError> {
        let partitions = broker.topic(spec.topic)?.map_or(0, |info| info.partitions);
        let partitions: Vec<_> =
            (0..partitions).map(|partition| TopicPartition { topic: spec.topic, partition }).collect();
        let mut reader = broker.reader()?;
        let bounds = partitions.iter().map(|&at| reader.bounds(at)).collect::<Result<Vec<_>, _>>()?;
        let starts: Vec<_> = partitions.iter().zip(&bounds).map(|(&at, bounds)| (at, bounds.start)).collect();
        reader.assign(&starts)?;
        let first_end = bounds.iter().map(|bounds| bounds.end).collect();
        let table = (spec.create)();
        Ok(View { topic: spec.topic, partitions, reader, table, first_end, batch: Batch::default() })
    }

    fn advance(&mut self, room: Room) -> Result<(), BrokerError> {
        self.batch.clear();
        self.reader.poll(Duration::ZERO, room, &mut self.batch)?;
        for record in self.batch.iter() {
            self.table.apply(record.key.unwrap_or_default(), record.value);
        }
        Ok(())
    }

    fn positions(&self) -> Vec<i64> {
        self.partitions.iter().map(|&at| self.reader.position(at).unwrap_or(0)).collect()
    }

    fn reached(&self, wanted: &[i64]) -> bool {
        self.positions().iter().zip(wanted).all(|(position, wanted)| position >= wanted)
    }
}
