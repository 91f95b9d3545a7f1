//! Views: whole topics, read-only, held by a worker thread and pinned for the length of a turn.

use std::any::Any;
use std::collections::BTreeMap;
use std::time::Duration;

use super::batch::{Batch, Record, Room};
use super::broker::{Broker, BrokerError, Reader, TopicPartition};
use super::mark::TurnMark;
use super::topology::ViewSpec;
use crate::telemetry;

/// The typed content of a view.
pub trait ViewTable: Any + Send {
    /// Takes one record, each topic's in order; no value removes the key. What cannot be read counts for nothing; the error says
    /// why.
    fn apply(&mut self, record: &Record<'_>) -> Result<(), String>;
}

/// All views of one worker thread. They move only between turns.
#[derive(Default)]
pub struct Views {
    views: Vec<View>,
}

struct View {
    name: &'static str,
    /// Of all its topics.
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

    pub fn get<T: 'static>(&self, name: &str) -> Option<&T> {
        let view = self.views.iter().find(|view| view.name == name)?;
        (view.table.as_ref() as &dyn Any).downcast_ref()
    }

    /// Reads on, at most `room` a view; called between turns.
    pub fn advance(&mut self, room: Room) -> Result<(), BrokerError> {
        self.views.iter_mut().try_for_each(|view| view.advance(room))
    }

    /// Whether every view has been read to the end that it had at the start.
    pub fn complete(&self) -> bool {
        self.views.iter().all(|view| view.positions().zip(&view.first_end).all(|((_, position), end)| position >= *end))
    }

    /// Whether the views are at least where the task last used them: otherwise a restart would compute with older data.
    pub fn cover(&self, mark: &TurnMark) -> bool {
        let used = |at: &TopicPartition| mark.views.get(at.topic)?.get(usize::try_from(at.partition).ok()?);
        self.views
            .iter()
            .all(|view| view.positions().all(|(at, position)| used(&at).is_none_or(|used| position >= *used)))
    }

    /// The version that a turn pins.
    pub fn version(&self) -> BTreeMap<String, Vec<i64>> {
        let mut version: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for (at, position) in self.views.iter().flat_map(View::positions) {
            version.entry(at.topic.to_owned()).or_default().push(position);
        }
        version
    }
}

impl View {
    fn open(spec: &ViewSpec, broker: &dyn Broker) -> Result<View, BrokerError> {
        let mut partitions = Vec::new();
        for &topic in &spec.topics {
            let count = broker.topic(topic)?.map_or(0, |info| info.partitions);
            partitions.extend((0..count).map(|partition| TopicPartition { topic, partition }));
        }
        let mut reader = broker.reader()?;
        let bounds = partitions.iter().map(|&at| reader.bounds(at)).collect::<Result<Vec<_>, _>>()?;
        let starts: Vec<_> = partitions.iter().zip(&bounds).map(|(&at, bounds)| (at, bounds.start)).collect();
        reader.assign(&starts)?;
        let first_end = bounds.iter().map(|bounds| bounds.end).collect();
        let table = (spec.create)();
        Ok(View { name: spec.name, partitions, reader, table, first_end, batch: Batch::default() })
    }

    fn advance(&mut self, room: Room) -> Result<(), BrokerError> {
        self.batch.clear();
        self.reader.poll(Duration::ZERO, room, &mut self.batch)?;
        for record in self.batch.iter() {
            if let Err(problem) = self.table.apply(&record) {
                telemetry::view_record_skipped(self.name, &record.from, record.offset, &problem);
            }
        }
        Ok(())
    }

    fn positions(&self) -> impl Iterator<Item = (TopicPartition, i64)> {
        self.partitions.iter().map(|&at| (at, self.reader.position(at).unwrap_or(0)))
    }
}
