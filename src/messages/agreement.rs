//! Every message against its schema, with the Avro library as the second opinion; and against bytes that are no message.

use std::fmt::Debug;
use std::sync::LazyLock;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::writer::datum::GenericDatumWriter;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use crate::messages::framing::{self, HEADER_BYTES};
use crate::messages::message::Message;
use crate::messages::resolution::Resolution;
use crate::messages::resolved::Resolved;
use crate::messages::schemas::{RegistryUnavailable, SchemaIds, SchemaName, Schemas, Undecodable, content_id};
use crate::messages::wire::Unreadable;
use crate::messages::{flow_samples, job_samples, samples, view};

static SCHEMAS: LazyLock<Schemas> = LazyLock::new(Schemas::embedded);
static NEWER: LazyLock<Schemas> =
    LazyLock::new(|| Schemas::connect(Box::new(Newer), &[]).expect("it is always available"));

/// Ours writes -> ours reads; ours writes -> the library reads and writes -> the same bytes; no byte can be missing or too many.
fn agrees<M>(message: M, cause: M::Cause) -> TestCaseResult
where
    M: Message + PartialEq + Debug,
    M::Cause: Clone + PartialEq + Debug,
{
    let schemas = &*SCHEMAS;
    let mut record = Vec::new();
    schemas.encode(&message, cause.clone(), &mut record).expect("samples fit their fields");
    let (cause_back, back) = schemas.decode::<M>(&record).expect("written by ourselves");
    prop_assert_eq!(&back, &message);
    prop_assert_eq!(cause_back, cause);

    let body = &record[HEADER_BYTES..];
    let schema = M::SCHEMA.parsed();
    let mut rest = body;
    let value = GenericDatumReader::builder(&schema).build().expect("valid").read_value(&mut rest).expect("agrees");
    prop_assert!(rest.is_empty(), "the library leaves {} bytes", rest.len());
    let again = GenericDatumWriter::builder(&schema).build().expect("valid").write_value_to_vec(value).expect("agrees");
    prop_assert_eq!(&again[..], body);

    view::record(schemas, &record).expect("what can be read can be shown");
    for end in 0..record.len() {
        prop_assert!(schemas.decode::<M>(&record[..end]).is_err(), "cut at {end}");
        prop_assert!(view::record(schemas, &record[..end]).is_err(), "cut at {end}");
    }
    record.push(0);
    let trailing = Err(Undecodable::Unreadable(Unreadable::Trailing(1)));
    prop_assert_eq!(schemas.decode::<M>(&record).map(|_| ()), trailing);
    Ok(())
}

/// Whatever the bytes are, they are read or refused; what is read is written back and read again as the same.
fn survives<M>(body: &[u8]) -> TestCaseResult
where
    M: Message + PartialEq + Debug,
{
    let schemas = &*SCHEMAS;
    let mut record = Vec::new();
    schemas.frame(M::SCHEMA, &mut record);
    record.extend_from_slice(body);
    let shown = view::record(schemas, &record);
    if let Ok((cause, message)) = schemas.decode::<M>(&record) {
        prop_assert!(shown.is_ok(), "read but not shown: {:?}", shown);
        let mut again = Vec::new();
        if schemas.encode(&message, cause, &mut again).is_ok() {
            let (_, back) = schemas.decode::<M>(&again).expect("written by ourselves");
            prop_assert_eq!(back, message);
        }
    }
    Ok(())
}

/// A newer program, whose schema has a field more, writes it and reads it: both directions between the two versions.
fn evolves<M>(message: M, cause: M::Cause) -> TestCaseResult
where
    M: Message + PartialEq + Debug,
{
    let mut record = Vec::new();
    SCHEMAS.encode(&message, cause, &mut record).expect("samples fit their fields");
    let resolved = |schema| Resolved::new(schema).expect("valid");
    let (own, later) = (resolved(M::SCHEMA.parsed()), resolved(later(M::SCHEMA)));
    let way = Resolution::new(own.into(), later.into()).expect("it has a default");
    let theirs = way.apply(&record[HEADER_BYTES..]).expect("sound");
    prop_assert_eq!(theirs.len(), record.len() - HEADER_BYTES + 1, "one more field, null");

    let mut record = Vec::new();
    framing::frame(NEWER_ID + M::SCHEMA as u32, &mut record);
    record.extend_from_slice(&theirs);
    prop_assert_eq!(NEWER.decode::<M>(&record).expect("one field more").1, message);
    for end in (HEADER_BYTES..record.len()).step_by(7) {
        prop_assert!(NEWER.decode::<M>(&record[..end]).is_err(), "cut at {end}");
    }
    Ok(())
}

const NEWER_ID: u32 = 1_000;

/// A registry that knows a later version of every schema.
struct Newer;

impl SchemaIds for Newer {
    fn id(&self, _subject: &str, schema: &str) -> Result<u32, RegistryUnavailable> {
        Ok(content_id(schema))
    }

    fn schema(&self, id: u32) -> Result<Option<String>, RegistryUnavailable> {
        let name = id.checked_sub(NEWER_ID).and_then(|index| SchemaName::ALL.get(index as usize));
        Ok(name.map(|name| serde_json::to_string(&later(*name)).expect("a schema is JSON")))
    }
}

fn later(name: SchemaName) -> Schema {
    let mut schema: serde_json::Value = serde_json::from_str(name.current()).expect("valid");
    let field = serde_json::json!({"name": "later", "type": ["null", "string"], "default": null});
    schema["fields"].as_array_mut().expect("a record").push(field);
    Schema::parse(&schema).expect("valid")
}

/// A sound body with a few bytes changed, taken out or put in.
fn damaged<M: Message>(message: &M, cause: M::Cause, damage: &[(prop::sample::Index, u8, u8)]) -> Vec<u8> {
    let mut record = Vec::new();
    SCHEMAS.encode(message, cause, &mut record).expect("samples fit their fields");
    let mut body = record.split_off(HEADER_BYTES);
    for (index, how, byte) in damage {
        let at = index.index(body.len().max(1));
        match how % 3 {
            0 if at < body.len() => body[at] = *byte,
            1 if at < body.len() => drop(body.remove(at)),
            _ => body.insert(at.min(body.len()), *byte),
        }
    }
    body
}

macro_rules! messages {
    ($($name:ident: $message:ty, $sample:expr, $cause:expr;)+) => {
        $(mod $name {
            use super::*;

            proptest! {
                #[test]
                fn agrees_with_its_schema(message in $sample, cause in $cause) {
                    agrees(message, cause)?;
                }

                #[test]
                fn is_read_in_its_next_version(message in $sample, cause in $cause) {
                    evolves(message, cause)?;
                }

                #[test]
                fn survives_any_damage(
                    message in $sample,
                    cause in $cause,
                    damage in prop::collection::vec(any::<(prop::sample::Index, u8, u8)>(), 1..4),
                    noise in prop::collection::vec(any::<u8>(), 0..300),
                ) {
                    survives::<$message>(&damaged(&message, cause, &damage))?;
                    survives::<$message>(&noise)?;
                }
            }
        })+

        const COVERED: &[SchemaName] = &[$(<$message as Message>::SCHEMA),+];
    };
}

messages! {
    trade: crate::messages::trade::Delivery, samples::delivery(), prop::option::of(samples::place());
    captured_trade: crate::domain::trade::captured::CapturedTrade, samples::captured_trade(), samples::place();
    position: crate::domain::lots::position::Position, samples::position(), samples::place();
    lot: crate::domain::lots::lot::Lot, samples::lot(), samples::place();
    blotter: crate::messages::blotter::BlotterRow, samples::blotter_row(), samples::place();
    chunk: crate::messages::any_chunk::AnyChunk, job_samples::any_chunk(), prop::option::of(samples::place());
    job_cash_flows: crate::messages::cash_flows::JobCashFlows, job_samples::job_cash_flows(), samples::place();
    chunk_result: crate::domain::jobs::chunk::ChunkResult, job_samples::chunk_result(), samples::place();
    job_control: crate::messages::job_control::JobControl, job_samples::job_control(), prop::option::of(samples::place());
    job_progress: crate::domain::jobs::collect::Progress, job_samples::progress(), samples::place();
    outcome: crate::domain::jobs::job::Outcome, job_samples::outcome(), samples::place();
    dead_letter: crate::messages::dead_letter::DeadLetter, job_samples::dead_letter(), samples::place();
    contract: crate::messages::contract::ContractVersion, flow_samples::contract(), prop::option::of(samples::place());
    data_point: crate::messages::data_point::DataPoint, flow_samples::data_point(), prop::option::of(samples::place());
    position_flows: crate::messages::position_flows::PositionFlows, flow_samples::position_flows(), samples::place();
    market_snapshot: crate::domain::market::snapshot::MarketSnapshot, flow_samples::market_snapshot(), prop::option::of(samples::place());
    calculation_request: crate::messages::calculation_request::CalculationRequest, job_samples::calculation_request(), prop::option::of(samples::place());
    recalculation_share: crate::domain::jobs::share::Share, job_samples::share(), samples::place();
    captured_action: crate::messages::captured_action::CapturedAction, samples::captured_action(), samples::place();
}

#[test]
fn no_schema_is_without_these_tests() {
    assert_eq!(COVERED, SchemaName::ALL);
}
