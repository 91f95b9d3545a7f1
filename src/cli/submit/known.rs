//! What is on the topics already: calendars and the business date, and the versions of what a file states. Each topic is read once.

use std::collections::HashMap;
use std::hash::Hash;

use chrono::NaiveDate;
use compact_str::CompactString;

use super::versions::Versions;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::tail::{From, Tail};
use crate::engine::batch::Record;
use crate::engine::broker::Broker;
use crate::messages::data_point::{DataKind, DataPoint, Value};
use crate::messages::document::calendars::Calendars;
use crate::messages::document::points::{About, without_version};
use crate::messages::document::standing::give_calendar;
use crate::messages::message::Message;
use crate::messages::schemas::{Schemas, Undecodable};
use crate::pipeline::topics::REFERENCE_DATA;

/// Versions by what they are of.
pub type Known<A, V> = HashMap<A, Versions<V>>;

/// What terms are resolved with.
#[derive(Default)]
pub struct Reference {
    pub calendars: Calendars,
    pub day: Option<NaiveDate>,
    versions: HashMap<CompactString, u32>,
}

impl Reference {
    pub fn read(broker: &dyn Broker, schemas: &Schemas) -> Result<Reference, Failure> {
        let mut reference = Reference::default();
        each::<DataPoint>(broker, schemas, REFERENCE_DATA, |point| reference.take(&point))?;
        Ok(reference)
    }

    pub fn take(&mut self, point: &DataPoint) {
        match (point.kind, &point.value) {
            (DataKind::Calendar, Value::Terms(json)) => {
                let version = self.versions.entry(point.name.clone()).or_default();
                if *version <= point.version {
                    *version = point.version;
                    // One that cannot be read is as if it were not there, as it is for the workers.
                    let _ = give_calendar(&point.name, json, &mut self.calendars);
                }
            }
            (DataKind::BusinessDate, Value::Terms(_)) => self.day = point.date,
            _ => {}
        }
    }
}

/// Takes in what the topic knows of these values; the others would only take room.
pub fn points(
    broker: &dyn Broker,
    schemas: &Schemas,
    topic: &'static str,
    known: &mut Known<About, Value>,
) -> Result<(), Failure> {
    each::<DataPoint>(broker, schemas, topic, |point| {
        let DataPoint { kind, name, detail, date, version, value } = point;
        if let Some(versions) = known.get_mut(&About { kind, name, detail, date }) {
            versions.know(version, plain(value));
        }
    })
}

/// Terms without the version that dividends carry in them.
fn plain(value: Value) -> Value {
    match value {
        Value::Terms(json) => Value::Terms(without_version(&json).unwrap_or(json)),
        value => value,
    }
}

/// Hands out every record of a topic that can be read.
pub fn each<M: Message>(
    broker: &dyn Broker,
    schemas: &Schemas,
    topic: &'static str,
    mut take: impl FnMut(M),
) -> Result<(), Failure> {
    Tail::open(broker, topic, From::Start)?.to_end(|record| {
        if let Some(message) = decoded(schemas, record)? {
            take(message);
        }
        Ok(())
    })
}

/// The message in a record; none in a tombstone, or in what nobody can read, which workers pass over, too.
pub fn decoded<M: Message>(schemas: &Schemas, record: &Record<'_>) -> Result<Option<M>, Failure> {
    let Some(value) = record.value else { return Ok(None) };
    match schemas.decode::<M>(value) {
        Ok((_, message)) => Ok(Some(message)),
        Err(Undecodable::Registry(error)) => Err(error.into()),
        Err(_) => Ok(None),
    }
}

/// Starts to know nothing of these.
pub fn nothing<'a, A: Hash + Eq + Clone + 'a, V>(of: impl Iterator<Item = &'a A>) -> Known<A, V> {
    of.map(|about| (about.clone(), Versions::default())).collect()
}

/// A file as a whole, or standard input.
pub fn content(file: &str) -> Result<Vec<u8>, Failure> {
    let read = match file {
        "-" => {
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut std::io::stdin(), &mut bytes).map(|_| bytes)
        }
        file => std::fs::read(file),
    };
    read.map_err(|error| Failure::new(Exit::Failed, error.to_string()).during(file))
}
