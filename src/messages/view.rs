//! Any record as JSON for people: decimals, dates and instants as they are read, enums by name, bytes as text or hex.

use apache_avro::Schema;
use apache_avro::schema::{DecimalSchema, InnerDecimalSchema, UuidSchema};
use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value as Json, json};

use crate::messages::resolved::Resolved;
use crate::messages::schemas::{Schemas, Undecodable};
use crate::messages::wire::{Decoder, Unreadable, invalid};
use crate::messages::{decimal, framing};

/// Schemas that refer to themselves may nest without end; ours go five deep.
pub(super) const DEPTH_MAX: usize = 32;

/// A framed record as JSON.
pub fn record(schemas: &Schemas, record: &[u8]) -> Result<Json, Undecodable> {
    let (id, bytes) = framing::unframe(record)?;
    let schema = schemas.schema(id)?;
    Ok(body(&schema, bytes)?)
}

/// A record's body as JSON; refuses what is cut short, too long or not what its schema says.
pub fn body(schema: &Resolved, bytes: &[u8]) -> Result<Json, Unreadable> {
    let mut input = Decoder::new(bytes);
    let json = value(schema.root(), schema, &mut input, 0)?;
    input.finish()?;
    Ok(json)
}

/// Bytes as text when they are printable, else as hex.
pub fn bytes(bytes: &[u8]) -> Json {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains(|c: char| c.is_control() && !c.is_whitespace()) => text.into(),
        _ => hex(bytes).into(),
    }
}

/// One value as JSON, at `depth` within its record.
pub(super) fn value(schema: &Schema, names: &Resolved, input: &mut Decoder, depth: usize) -> Result<Json, Unreadable> {
    if depth > DEPTH_MAX {
        return Err(invalid("schema")("nested too deep"));
    }
    Ok(match names.named(schema)? {
        Schema::Null => Json::Null,
        Schema::Boolean => input.boolean()?.into(),
        Schema::Int | Schema::TimeMillis => input.int()?.into(),
        Schema::Long | Schema::TimeMicros => input.long()?.into(),
        Schema::Date => input.date()?.to_string().into(),
        Schema::TimestampMillis | Schema::LocalTimestampMillis => instant(input.long()?, 1_000),
        Schema::TimestampMicros | Schema::LocalTimestampMicros => instant(input.long()?, 1_000_000),
        Schema::TimestampNanos | Schema::LocalTimestampNanos => instant(input.long()?, 1_000_000_000),
        Schema::Float => number(f32::from_le_bytes(input.fixed()?).into()),
        Schema::Double => number(f64::from_le_bytes(input.fixed()?)),
        Schema::String | Schema::Uuid(UuidSchema::String) => input.text()?.into(),
        Schema::Bytes | Schema::BigDecimal | Schema::Uuid(UuidSchema::Bytes) => bytes(input.bytes()?),
        Schema::Fixed(fixed) | Schema::Uuid(UuidSchema::Fixed(fixed)) | Schema::Duration(fixed) => {
            hex(input.take(fixed.size)?).into()
        }
        Schema::Decimal(decimal) => digits(decimal, input)?.into(),
        Schema::Array(array) => input.array(|input| value(&array.items, names, input, depth + 1))?.into(),
        Schema::Map(map) => {
            let entry =
                |input: &mut Decoder| Ok((input.text()?.to_string(), value(&map.types, names, input, depth + 1)?));
            Json::Object(input.array(entry)?.into_iter().collect())
        }
        Schema::Union(union) => {
            let variant: usize = input.ranged("a union")?;
            let variant = union.variants().get(variant).ok_or_else(|| invalid("union")("no such variant"))?;
            value(variant, names, input, depth + 1)?
        }
        Schema::Enum(schema) => {
            let symbol: usize = input.ranged("an enum")?;
            let symbol = schema.symbols.get(symbol).ok_or_else(|| invalid("enum")("no such symbol"))?;
            symbol.as_str().into()
        }
        Schema::Record(record) => {
            let mut fields = Map::new();
            for field in &record.fields {
                fields.insert(field.name.clone(), value(&field.schema, names, input, depth + 1)?);
            }
            Json::Object(fields)
        }
        Schema::Ref { .. } => return Err(invalid("schema")("a name that refers to a name")),
    })
}

fn instant(ticks: i64, ticks_per_second: i64) -> Json {
    let nanos = ticks.rem_euclid(ticks_per_second) * (1_000_000_000 / ticks_per_second);
    match DateTime::from_timestamp(ticks.div_euclid(ticks_per_second), nanos as u32) {
        Some(instant) => instant.to_rfc3339_opts(SecondsFormat::AutoSi, true).into(),
        None => ticks.into(),
    }
}

/// JSON has no word for what is not a number.
fn number(value: f64) -> Json {
    if value.is_finite() { json!(value) } else { value.to_string().into() }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::from("0x"), |text, byte| text + &format!("{byte:02x}"))
}

/// The number in digits, whatever its precision: other writers may have more of them than ours.
fn digits(decimal: &DecimalSchema, input: &mut Decoder) -> Result<String, Unreadable> {
    let bytes = match &decimal.inner {
        InnerDecimalSchema::Bytes => input.bytes()?,
        InnerDecimalSchema::Fixed(fixed) => input.take(fixed.size)?,
    };
    let integer = decimal::integer(bytes)?;
    let text = format!("{:0>width$}", integer.unsigned_abs(), width = decimal.scale + 1);
    let (whole, fraction) = text.split_at(text.len() - decimal.scale);
    let fraction = fraction.trim_end_matches('0');
    let sign = if integer < 0 { "-" } else { "" };
    Ok(if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
}
