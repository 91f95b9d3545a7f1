//! What is on the topics already: calendars and the business date, and the versions of what a file states. Each topic is read once.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use chrono::NaiveDate;
use compact_str::CompactString;

use super::versions::Versions;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::tail::{From, Tail};
use crate::domain::names::{IndexName, Symbol};
use crate::engine::batch::Record;
use crate::engine::broker::Broker;
use crate::messages::data_point::{DataKind, DataPoint, Value};
use crate::messages::document::calendars::Calendars;
use crate::messages::document::points::{About, without_version};
use crate::messages::document::securities::Security;
use crate::messages::document::standing::{give_calendar, read_index, read_security};
use crate::messages::message::Message;
use crate::messages::request::InvalidValue;
use crate::messages::schemas::{Schemas, Undecodable};
use crate::pipeline::knowledge::Subject;
use crate::pipeline::topics::REFERENCE_DATA;

/// Versions by what they are of.
pub type Known<A, V> = HashMap<A, Versions<V>>;

/// What terms are resolved with, and what else stands on calendars.
#[derive(Default)]
pub struct Reference {
    pub calendars: Calendars,
    pub day: Option<NaiveDate>,
    versions: HashMap<(DataKind, CompactString), u32>,
    indices: HashMap<IndexName, BTreeSet<CompactString>>,
    securities: HashMap<Symbol, Security>,
}

impl Reference {
    pub fn read(broker: &dyn Broker, schemas: &Schemas) -> Result<Reference, Failure> {
        let mut reference = Reference::default();
        each::<DataPoint>(broker, schemas, REFERENCE_DATA, |point| reference.take(&point))?;
        Ok(reference)
    }

    /// One that cannot be read is as if it were not there, as it is for the workers.
    pub fn take(&mut self, point: &DataPoint) {
        self.day = point.business_date().or(self.day);
        let Value::Terms(json) = &point.value else { return };
        let version = self.versions.entry((point.kind, point.name.clone())).or_default();
        if *version > point.version {
            return;
        }
        *version = point.version;
        match point.kind {
            DataKind::Calendar => drop(give_calendar(&point.name, json, &mut self.calendars)),
            DataKind::Index => {
                let Ok(name) = IndexName::new(&point.name) else { return };
                self.calendars.looked_for();
                drop(read_index(&name, json, &mut self.calendars));
                self.indices.insert(name, self.calendars.looked_for());
            }
            DataKind::Security => {
                if let (Ok(name), Ok(security)) = (Symbol::new(&point.name), read_security(json)) {
                    self.securities.insert(name, security);
                }
            }
            _ => {}
        }
    }

    /// What stands on a calendar itself, whatever terms name it.
    pub fn standing_on(&self, calendar: &str) -> impl Iterator<Item = Subject> {
        let indices = self.indices.iter().filter(move |(_, days)| days.contains(calendar));
        let securities = self.securities.iter().filter(move |(_, security)| security.stands_on(calendar));
        let indices = indices.map(|(index, _)| Subject::Index(index.clone()));
        indices.chain(securities.map(|(of, _)| Subject::Underlier(of.clone())))
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

/// A file that cannot be read as a whole.
pub fn unreadable(file: &str, invalid: &InvalidValue) -> Failure {
    Failure::new(Exit::Partial, format!("{file}: {invalid}"))
        .next("nothing was sent: mend it and submit it again; docs/data.md has the forms, and JSON knows no NaN")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_business_date_is_what_it_is_for_the_workers() {
        let day = |day| NaiveDate::from_ymd_opt(2025, 3, day);
        let mut reference = Reference::default();
        for (date, value, known) in [
            (day(10), Value::Terms("{}".into()), day(10)),
            (day(11), Value::Number(1.into()), day(11)),
            (day(12), Value::Withdrawn, day(11)),
            (None, Value::Terms("{}".into()), day(11)),
            (day(7), Value::Number(0.into()), day(7)),
        ] {
            let (kind, name, detail) = (DataKind::BusinessDate, "".into(), "".into());
            reference.take(&DataPoint { kind, name, detail, date, version: 0, value });
            assert_eq!(reference.day, known);
        }
    }
}
