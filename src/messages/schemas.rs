//! Schemas and their ids: own schemas are compiled in, ids come from the registry or from the content, others are asked for once.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, PoisonError, RwLock};

use apache_avro::Schema;
use sha2::{Digest, Sha256};

use crate::messages::framing::{self, FramingError};
use crate::messages::message::{Cause, Message};
use crate::messages::resolution::Resolution;
use crate::messages::resolved::Resolved;
use crate::messages::wire::{Decoder, Encoder, Unreadable, Unwritable};

/// No record of ours comes near this size: topic files bound records at about a quarter of it.
pub const RECORD_BYTES_MAX: usize = 16 << 20;
/// Foreign ids that are remembered: real topics see a handful, an attacker may invent billions.
const FOREIGN_IDS_MAX: usize = 1_000;

macro_rules! schema_names {
    ($($variant:ident $name:literal: $($version:literal)+;)+) => {
        /// The schemas of this version, each named after its file in `schemas/`.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum SchemaName { $($variant),+ }

        impl SchemaName {
            pub const ALL: &[SchemaName] = &[$(SchemaName::$variant),+];

            /// The name of the schema's file without its ending.
            pub fn as_str(self) -> &'static str {
                match self { $(SchemaName::$variant => $name),+ }
            }

            /// The schema as it is written now.
            pub fn current(self) -> &'static str {
                match self { $(SchemaName::$variant => include_str!(concat!("../../schemas/", $name, ".avsc"))),+ }
            }

            /// Every version that was ever published, oldest first; the last one is the current one.
            pub fn history(self) -> &'static [&'static str] {
                match self {
                    $(SchemaName::$variant => &[
                        $(include_str!(concat!("../../schemas/history/", $name, "/", $version, ".avsc"))),+
                    ]),+
                }
            }
        }
    };
}

schema_names! {
    Trade "trade": 1 2 3 4 5;
    CapturedTrade "captured_trade": 1 2 3 4;
    Position "position": 1 2;
    Lot "lot": 1 2;
    Blotter "blotter": 1;
    Chunk "chunk": 1 2 3 4 5;
    JobCashFlows "job_cash_flows": 1 2 3 4 5;
    ChunkResult "chunk_result": 1 2 3;
    JobControl "job_control": 1 2;
    JobProgress "job_progress": 1 2 3 4;
    Outcome "outcome": 1 2 3 4;
    DeadLetter "dead_letter": 1;
    Contract "contract": 1;
    DataPoint "data_point": 1;
    PositionFlows "position_flows": 1 2;
    MarketSnapshot "market_snapshot": 1;
    CalculationRequest "calculation_request": 1;
    RecalculationShare "recalculation_share": 1 2 3;
    CapturedAction "captured_action": 1 2;
}

impl SchemaName {
    pub fn from_name(name: &str) -> Option<SchemaName> {
        SchemaName::ALL.iter().copied().find(|schema| schema.as_str() == name)
    }

    /// The schema as it is written now, parsed.
    pub fn parsed(self) -> Schema {
        Schema::parse_str(self.current()).expect("a test parses every schema that is compiled in")
    }
}

/// Where schema ids come from.
pub trait SchemaIds: Send + Sync {
    /// The id of this schema under this subject, registering it when it is new.
    fn id(&self, subject: &str, schema: &str) -> Result<u32, RegistryUnavailable>;

    /// The schema with this id, `None` when the registry knows there is none.
    fn schema(&self, id: u32) -> Result<Option<String>, RegistryUnavailable>;
}

/// The registry did not answer: nothing is known, ask again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("schema registry unavailable: {0}")]
pub struct RegistryUnavailable(pub String);

/// The embedded default: the schemas compiled in, with ids made from their content.
pub struct EmbeddedIds;

/// The subject under which a topic's schema stands in the registry.
pub fn subject(topic: &str) -> String {
    format!("{topic}-value")
}

/// A positive id made from a schema's content; white space and the order of attributes do not count.
pub fn content_id(schema: &str) -> u32 {
    let content = serde_json::from_str::<serde_json::Value>(schema).map_or(schema.into(), |json| json.to_string());
    let digest = Sha256::digest(content.as_bytes());
    u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]) & 0x7fff_ffff
}

impl SchemaIds for EmbeddedIds {
    fn id(&self, _subject: &str, schema: &str) -> Result<u32, RegistryUnavailable> {
        Ok(content_id(schema))
    }

    fn schema(&self, id: u32) -> Result<Option<String>, RegistryUnavailable> {
        let mut versions = SchemaName::ALL.iter().flat_map(|name| name.history());
        Ok(versions.find(|schema| content_id(schema) == id).map(|schema| schema.to_string()))
    }
}

/// Why a record could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undecodable {
    #[error("record of {0} bytes is larger than {RECORD_BYTES_MAX}")]
    Oversized(usize),
    #[error(transparent)]
    Framing(#[from] FramingError),
    #[error("schema id {0} is not in the registry")]
    UnknownSchema(u32),
    #[error("schema id {id} cannot be read as {name}: {reason}")]
    Incompatible { id: u32, name: &'static str, reason: String },
    #[error("{0}")]
    Unreadable(#[from] Unreadable),
    #[error("{0}")]
    Registry(#[from] RegistryUnavailable),
}

impl Undecodable {
    /// Whether the same bytes may be readable later: wait and try again, do not write a dead letter.
    pub fn temporary(&self) -> bool {
        matches!(self, Undecodable::Registry(_))
    }
}

/// Encodes and decodes messages; shared by all threads of a worker.
pub struct Schemas {
    ids: Box<dyn SchemaIds>,
    own: Vec<Own>,
    foreign: RwLock<HashMap<u32, Foreign>>,
    ways: RwLock<HashMap<(u32, SchemaName), Way>>,
}

struct Own {
    /// The id we write.
    id: u32,
    /// Ids of the same schema under other topics: registries differ in whether content decides the id.
    others: Vec<u32>,
    schema: Arc<Resolved>,
}

impl Own {
    fn writes(&self, id: u32) -> bool {
        self.id == id || self.others.contains(&id)
    }
}

/// What is known of an id that is not ours.
#[derive(Clone)]
enum Foreign {
    Absent,
    Known(Arc<Resolved>),
}

/// The way from a foreign schema to one of ours, or why there is none.
type Way = Result<Arc<Resolution>, String>;

impl Schemas {
    /// Ids from the content alone: no registry needed.
    pub fn embedded() -> Schemas {
        Schemas::connect(Box::new(EmbeddedIds), &[]).expect("the embedded ids are always available")
    }

    /// Asks for the ids of all own schemas once; after that a registry that is down changes nothing.
    ///
    /// `topics` are (topic, schema) pairs; a schema without a topic has the id of its content.
    pub fn connect(ids: Box<dyn SchemaIds>, topics: &[(&str, SchemaName)]) -> Result<Schemas, RegistryUnavailable> {
        apache_avro::util::max_allocation_bytes(RECORD_BYTES_MAX);
        let mut own = Vec::with_capacity(SchemaName::ALL.len());
        for name in SchemaName::ALL {
            let mut found = Vec::new();
            for (topic, _) in topics.iter().filter(|(_, schema)| schema == name) {
                found.push(ids.id(&subject(topic), name.current())?);
            }
            let id = found.first().copied().unwrap_or_else(|| content_id(name.current()));
            found.retain(|other| *other != id);
            let schema = Resolved::new(name.parsed()).expect("a test resolves every schema of ours");
            own.push(Own { id, others: found, schema: Arc::new(schema) });
        }
        Ok(Schemas { ids, own, foreign: RwLock::default(), ways: RwLock::default() })
    }

    /// Appends the framed record of a message.
    pub fn encode<M: Message>(&self, message: &M, cause: M::Cause, out: &mut Vec<u8>) -> Result<(), Unwritable> {
        self.frame(M::SCHEMA, out);
        let mut encoder = Encoder::new(out);
        cause.write(&mut encoder);
        message.write(&mut encoder);
        encoder.finish()
    }

    /// Appends the framing's header alone.
    pub fn frame(&self, schema: SchemaName, out: &mut Vec<u8>) {
        framing::frame(self.own[schema as usize].id, out);
    }

    /// The body of a record that was written in our own version of a schema.
    pub fn own_body<'a>(&self, schema: SchemaName, record: &'a [u8]) -> Option<&'a [u8]> {
        let (id, body) = framing::unframe(record).ok().filter(|_| record.len() <= RECORD_BYTES_MAX)?;
        self.own[schema as usize].writes(id).then_some(body)
    }

    /// Reads a framed record, whoever wrote it, to its last byte.
    pub fn decode<M: Message>(&self, record: &[u8]) -> Result<(M::Cause, M), Undecodable> {
        if record.len() > RECORD_BYTES_MAX {
            return Err(Undecodable::Oversized(record.len()));
        }
        let (id, body) = framing::unframe(record)?;
        let own = &self.own[M::SCHEMA as usize];
        if own.writes(id) {
            return Ok(read(body)?);
        }
        match self.way(id, M::SCHEMA)? {
            Ok(way) => Ok(read(&way.apply(body)?)?),
            Err(reason) => Err(Undecodable::Incompatible { id, name: M::SCHEMA.as_str(), reason }),
        }
    }

    /// The schema with this id: an own one, or one the registry was asked for.
    pub fn schema(&self, id: u32) -> Result<Arc<Resolved>, Undecodable> {
        let known = known(&self.foreign, &id);
        let foreign = match known {
            Some(foreign) => foreign,
            None => remember(&self.foreign, id, self.ask(id)?),
        };
        match foreign {
            Foreign::Known(schema) => Ok(schema),
            Foreign::Absent => Err(Undecodable::UnknownSchema(id)),
        }
    }

    fn ask(&self, id: u32) -> Result<Foreign, Undecodable> {
        if let Some(own) = self.own.iter().find(|own| own.writes(id)) {
            return Ok(Foreign::Known(own.schema.clone()));
        }
        let told = self.ids.schema(id)?;
        let schema = told.and_then(|text| Resolved::new(Schema::parse_str(&text).ok()?).ok());
        // A schema that is no Avro is of no more use than none.
        Ok(schema.map_or(Foreign::Absent, |schema| Foreign::Known(Arc::new(schema))))
    }

    fn way(&self, id: u32, name: SchemaName) -> Result<Way, Undecodable> {
        if let Some(way) = known(&self.ways, &(id, name)) {
            return Ok(way);
        }
        let way = Resolution::new(self.schema(id)?, self.own[name as usize].schema.clone());
        Ok(remember(&self.ways, (id, name), way.map(Arc::new).map_err(|difference| difference.to_string())))
    }
}

fn known<K: Eq + Hash, V: Clone>(answers: &RwLock<HashMap<K, V>>, key: &K) -> Option<V> {
    answers.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
}

fn remember<K: Eq + Hash, V: Clone>(answers: &RwLock<HashMap<K, V>>, key: K, answer: V) -> V {
    let mut answers = answers.write().unwrap_or_else(PoisonError::into_inner);
    if answers.len() >= FOREIGN_IDS_MAX {
        answers.clear(); // they are only asked for again
    }
    answers.insert(key, answer.clone());
    answer
}

fn read<M: Message>(body: &[u8]) -> Result<(M::Cause, M), Unreadable> {
    let mut input = Decoder::new(body);
    let cause = M::Cause::read(&mut input)?;
    let message = M::read(&mut input)?;
    input.finish()?;
    Ok((cause, message))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    use super::*;
    use crate::domain::key::PositionKey;
    use crate::domain::lots::position::{Costing, Position};
    use crate::domain::money::{Currency, Money};
    use crate::domain::trade::captured::Place;

    /// Gives every subject an id of its own, counts questions, and may be down.
    #[derive(Default)]
    struct Fake {
        asked: AtomicU32,
        down: AtomicBool,
    }

    impl SchemaIds for Arc<Fake> {
        fn id(&self, subject: &str, _schema: &str) -> Result<u32, RegistryUnavailable> {
            self.answer(content_id(&format!("\"{subject}\"")))
        }

        fn schema(&self, id: u32) -> Result<Option<String>, RegistryUnavailable> {
            self.answer((id == 5).then(|| SchemaName::Position.current().to_string()))
        }
    }

    impl Fake {
        fn answer<T>(&self, answer: T) -> Result<T, RegistryUnavailable> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            if self.down.load(Ordering::Relaxed) { Err(RegistryUnavailable("down".into())) } else { Ok(answer) }
        }
    }

    const CAUSE: Place = Place { topic: 1, partition: 2, offset: 3 };

    fn position() -> Position {
        let money = Money::zero(Currency::new("USD").expect("in the table"));
        Position {
            key: PositionKey::new("A", "B", "S").expect("three names"),
            revision: 1,
            quantity: 5.into(),
            currency: money.currency,
            realised: money,
            cost: money,
            costing: Costing::ByLot,
            open_lots: 1,
            relief: Default::default(),
        }
    }

    fn record(schemas: &Schemas, id: Option<u32>) -> Vec<u8> {
        let mut record = Vec::new();
        schemas.encode(&position(), CAUSE, &mut record).expect("it fits");
        if let Some(id) = id {
            record[1..framing::HEADER_BYTES].copy_from_slice(&id.to_be_bytes());
        }
        record
    }

    #[test]
    fn a_registry_that_goes_down_after_the_start_changes_nothing() {
        let fake = Arc::new(Fake::default());
        let topics = [("positions", SchemaName::Position), ("positions.copy", SchemaName::Position)];
        let schemas = Schemas::connect(Box::new(fake.clone()), &topics).expect("it is up");
        assert_eq!(fake.asked.load(Ordering::Relaxed), 2);
        let foreign = record(&schemas, Some(5));
        assert_eq!(schemas.decode::<Position>(&foreign), Ok((CAUSE, position())));
        fake.down.store(true, Ordering::Relaxed);
        let copy = record(&schemas, Some(content_id("\"positions.copy-value\"")));
        for record in [record(&schemas, None), copy, foreign] {
            assert_eq!(schemas.decode::<Position>(&record), Ok((CAUSE, position())));
        }
        assert_eq!(fake.asked.load(Ordering::Relaxed), 3, "asked once for the foreign id");
    }

    #[test]
    fn an_unknown_id_is_asked_for_once_and_a_registry_that_is_down_is_asked_again() {
        let fake = Arc::new(Fake::default());
        let schemas = Schemas::connect(Box::new(fake.clone()), &[]).expect("nothing to ask for");
        let record = record(&schemas, Some(6));
        fake.down.store(true, Ordering::Relaxed);
        for _ in 0..2 {
            let error = schemas.decode::<Position>(&record).expect_err("down");
            assert!(error.temporary(), "{error}");
        }
        fake.down.store(false, Ordering::Relaxed);
        for _ in 0..2 {
            let error = schemas.decode::<Position>(&record).expect_err("there is none");
            assert_eq!(error, Undecodable::UnknownSchema(6));
            assert!(!error.temporary());
        }
        assert_eq!(fake.asked.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn another_message_is_not_read_as_this_one() {
        let schemas = Schemas::embedded();
        let mut record = record(&schemas, None);
        record[1..framing::HEADER_BYTES].copy_from_slice(&content_id(SchemaName::Lot.current()).to_be_bytes());
        let error = schemas.decode::<Position>(&record).expect_err("a lot is no position");
        assert!(matches!(&error, Undecodable::Incompatible { reason, .. } if reason.contains("Lot")), "{error}");
    }

    #[test]
    fn records_out_of_all_proportion_are_not_looked_at() {
        let record = vec![0; RECORD_BYTES_MAX + 1];
        assert_eq!(Schemas::embedded().decode::<Position>(&record), Err(Undecodable::Oversized(RECORD_BYTES_MAX + 1)));
    }

    #[test]
    fn ids_from_content_are_positive_distinct_and_deaf_to_layout() {
        let ids: Vec<_> = SchemaName::ALL.iter().map(|name| content_id(name.current())).collect();
        assert!(ids.iter().enumerate().all(|(index, id)| *id < 1 << 31 && !ids[..index].contains(id)));
        assert_eq!(content_id(r#"{"type":"int", "a":1}"#), content_id(r#"{ "a": 1, "type": "int" }"#));
        assert_eq!(ids[0], content_id(SchemaName::from_name("trade").expect("it is one").current()));
    }
}
