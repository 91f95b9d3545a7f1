//! Views: whole topics, read-only, held by a worker thread and pinned for the length of a turn; and as they once were, for whoever asks.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
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

/// A view as it once was. The same past has the same content for ever, as long as nothing of its topics is compacted away.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Past {
    pub view: &'static str,
    /// Where each of its partitions ended: the offset after the last record.
    pub ends: Vec<(TopicPartition, i64)>,
    /// Topics and values of records that come after those here, and nowhere else.
    pub then: Arc<[(&'static str, Vec<u8>)]>,
}

/// All views of one worker thread. They move only between turns.
#[derive(Default)]
pub struct Views {
    specs: Vec<ViewSpec>,
    views: Vec<View>,
    /// Those that somebody asks for.
    pasts: Vec<(Past, View)>,
}

struct View {
    name: &'static str,
    /// Of all its topics, each with the offset after the last record that was applied.
    partitions: Vec<(TopicPartition, i64)>,
    reader: Box<dyn Reader>,
    table: Box<dyn ViewTable>,
    /// Where the logs ended at the start, or end for ever: until then nothing may be computed.
    first_end: Vec<i64>,
    batch: Batch,
}

impl Views {
    pub fn open(specs: &[ViewSpec], broker: &dyn Broker) -> Result<Views, BrokerError> {
        let views = specs.iter().map(|spec| View::open(spec, broker, &|| {})).collect::<Result<_, _>>()?;
        Ok(Views { specs: specs.to_vec(), views, pasts: Vec::new() })
    }

    pub fn get<T: 'static>(&self, name: &str) -> Option<&T> {
        downcast(self.views.iter().find(|view| view.name == name)?)
    }

    /// A past that was asked for, once it is read and the view itself has come as far.
    pub fn past<T: 'static>(&self, past: &Past) -> Option<&T> {
        let now = self.views.iter().find(|view| view.name == past.view)?;
        if now.is_at(past) {
            return downcast(now);
        }
        let view = self.pasts.iter().find(|(known, _)| known == past).map(|(_, view)| view)?;
        (view.complete() && now.has_passed(&past.ends)).then(|| downcast(view))?
    }

    /// Opens the pasts that are asked for, and drops the others. Calls `alive` between questions to the broker.
    pub fn keep(&mut self, asked: Vec<Past>, broker: &dyn Broker, alive: &dyn Fn()) -> Result<(), BrokerError> {
        self.pasts.retain(|(known, _)| asked.contains(known));
        for past in asked {
            let here = |view: &View| view.name == past.view && view.is_at(&past);
            if self.views.iter().any(here) || self.pasts.iter().any(|(known, _)| *known == past) {
                continue;
            }
            if let Some(spec) = self.specs.iter().find(|spec| spec.name == past.view) {
                let view = View::open_past(spec, &past, broker, alive)?;
                self.pasts.push((past, view));
            }
        }
        Ok(())
    }

    /// Reads on, at most `room` a view; called between turns.
    pub fn advance(&mut self, room: Room) -> Result<(), BrokerError> {
        self.views.iter_mut().try_for_each(|view| view.advance(room))?;
        self.pasts.iter_mut().try_for_each(|(past, view)| view.advance_to(past, room))
    }

    /// Whether every view has been read to the end that it had at the start.
    pub fn complete(&self) -> bool {
        self.views.iter().all(View::complete)
    }

    /// Where the views are not yet as far as when the task last used them: with older data a restart would compute something else.
    pub fn behind(&self, mark: &TurnMark) -> Option<(TopicPartition, i64)> {
        let used = |at: &TopicPartition| mark.views.get(at.topic)?.get(usize::try_from(at.partition).ok()?).copied();
        let mut positions = self.views.iter().flat_map(View::positions);
        positions.find_map(|(at, position)| Some((at, used(&at).filter(|used| position < *used)?)))
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

fn downcast<T: 'static>(view: &View) -> Option<&T> {
    (view.table.as_ref() as &dyn Any).downcast_ref()
}

impl View {
    fn open(spec: &ViewSpec, broker: &dyn Broker, alive: &dyn Fn()) -> Result<View, BrokerError> {
        let mut partitions = Vec::new();
        for &topic in &spec.topics {
            alive();
            let count = broker.topic(topic)?.map_or(0, |info| info.partitions);
            partitions.extend((0..count).map(|partition| (TopicPartition { topic, partition }, 0)));
        }
        let mut reader = broker.reader()?;
        let mut bounds = Vec::new();
        for (at, _) in &partitions {
            alive();
            bounds.push(reader.bounds(*at)?);
        }
        let starts: Vec<_> = partitions.iter().zip(&bounds).map(|((at, _), bounds)| (*at, bounds.start)).collect();
        reader.assign(&starts)?;
        let first_end = bounds.iter().map(|bounds| bounds.end).collect();
        let table = (spec.create)();
        Ok(View { name: spec.name, partitions, reader, table, first_end, batch: Batch::default() })
    }

    fn open_past(spec: &ViewSpec, past: &Past, broker: &dyn Broker, alive: &dyn Fn()) -> Result<View, BrokerError> {
        let mut view = View::open(spec, broker, alive)?;
        view.first_end = view.partitions.iter().map(|(at, _)| past.end(*at)).collect();
        Ok(view)
    }

    fn advance(&mut self, room: Room) -> Result<(), BrokerError> {
        self.read(room, |_| true)
    }

    /// Reads on up to the past's end, and then what comes after it.
    fn advance_to(&mut self, past: &Past, room: Room) -> Result<(), BrokerError> {
        if self.complete() {
            return Ok(());
        }
        let read = self.read(room, |record| record.offset < past.end(record.from));
        if self.complete() {
            for (topic, value) in past.then.iter() {
                let from = TopicPartition { topic, partition: 0 };
                let value = Some(value.as_slice());
                self.apply(&Record { from, offset: past.end(from), timestamp_us: 0, key: None, value, headers: &[] });
            }
        }
        read
    }

    fn read(&mut self, room: Room, belongs: impl Fn(&Record<'_>) -> bool) -> Result<(), BrokerError> {
        self.batch.clear();
        // What it has brought before an error is not read again.
        let polled = self.reader.poll(Duration::ZERO, room, &mut self.batch);
        let batch = std::mem::take(&mut self.batch);
        batch.iter().filter(|record| belongs(record)).for_each(|record| self.apply(&record));
        self.batch = batch;
        polled
    }

    fn apply(&mut self, record: &Record<'_>) {
        if let Err(problem) = self.table.apply(record) {
            telemetry::view_record_skipped(self.name, &record.from, record.offset, &problem);
        }
        let partition = self.partitions.iter_mut().find(|(at, _)| *at == record.from);
        partition.into_iter().for_each(|(_, applied)| *applied = record.offset + 1);
    }

    fn complete(&self) -> bool {
        self.positions().zip(&self.first_end).all(|((_, position), end)| position >= *end)
    }

    /// Whether its content is just that of a past.
    fn is_at(&self, past: &Past) -> bool {
        let before_end = self.partitions.iter().all(|(at, applied)| *applied <= past.end(*at));
        before_end && past.then.is_empty() && self.has_passed(&past.ends)
    }

    fn has_passed(&self, ends: &[(TopicPartition, i64)]) -> bool {
        ends.iter().all(|(at, end)| self.positions().any(|(partition, position)| partition == *at && position >= *end))
    }

    fn positions(&self) -> impl Iterator<Item = (TopicPartition, i64)> {
        self.partitions.iter().map(|(at, _)| (*at, self.reader.position(*at).unwrap_or(0)))
    }
}

impl Past {
    fn end(&self, at: TopicPartition) -> i64 {
        self.ends.iter().find(|(partition, _)| *partition == at).map_or(0, |(_, end)| *end)
    }
}
