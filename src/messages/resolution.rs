//! Records of other versions of a schema, brought into our own version by field name in one pass over the bytes.
//!
//! Not by the Avro library: its resolution refuses decimals shorter than their precision, takes what is cut short for
//! null, and sets aside room for any count it is told.

use std::sync::Arc;

use apache_avro::Schema;
use apache_avro::schema::{EnumSchema, RecordSchema, SchemaKind, UnionSchema};
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;

use crate::messages::compatibility;
use crate::messages::resolved::Resolved;
use crate::messages::view::{self, DEPTH_MAX};
use crate::messages::wire::{Decoder, Encoder, Unreadable, invalid};

/// The way from a writer's schema to ours; found once, used for each of the writer's records.
pub struct Resolution {
    written: Arc<Resolved>,
    read: Arc<Resolved>,
}

impl Resolution {
    /// The first reason why `reader` cannot read what `writer` writes, if there is one.
    pub fn new(writer: Arc<Resolved>, reader: Arc<Resolved>) -> Result<Resolution, compatibility::Difference> {
        match compatibility::can_read(&writer, &reader).into_iter().next() {
            Some(difference) => Err(difference),
            None => Ok(Resolution { written: writer, read: reader }),
        }
    }

    /// The body as a writer with the reader's schema would have written it.
    pub fn apply(&self, body: &[u8]) -> Result<Vec<u8>, Unreadable> {
        let mut input = Decoder::new(body);
        let mut out = Vec::with_capacity(body.len());
        self.value(self.written.root(), self.read.root(), &mut input, &mut out, 0)?;
        input.finish()?;
        Ok(out)
    }

    /// Kinds of leaves are the same in both, or there were no resolution.
    fn value(
        &self,
        writer: &Schema,
        reader: &Schema,
        input: &mut Decoder,
        out: &mut Vec<u8>,
        depth: usize,
    ) -> Result<(), Unreadable> {
        if depth > DEPTH_MAX {
            return Err(invalid("schema")("nested too deep"));
        }
        let (writer, reader) = (self.written.named(writer)?, self.read.named(reader)?);
        match (writer, reader) {
            (Schema::Record(writer), Schema::Record(reader)) => self.record(writer, reader, input, out, depth),
            (Schema::Enum(writer), Schema::Enum(reader)) => symbol(writer, reader, input, out),
            (Schema::Union(writer), Schema::Union(reader)) => self.variant(writer, reader, input, out, depth),
            (Schema::Array(writer), Schema::Array(reader)) => {
                self.blocks(input, out, |input, out| self.value(&writer.items, &reader.items, input, out, depth + 1))
            }
            (Schema::Map(writer), Schema::Map(reader)) => self.blocks(input, out, |input, out| {
                Encoder::new(out).text(input.text()?);
                self.value(&writer.types, &reader.types, input, out, depth + 1)
            }),
            (leaf, _) => {
                out.extend_from_slice(input.span(|input| view::value(leaf, &self.written, input, depth).map(drop))?);
                Ok(())
            }
        }
    }

    /// The writer's fields come in the writer's order and leave in the reader's.
    fn record(
        &self,
        writer: &RecordSchema,
        reader: &RecordSchema,
        input: &mut Decoder,
        out: &mut Vec<u8>,
        depth: usize,
    ) -> Result<(), Unreadable> {
        let mut fields: Vec<Option<Vec<u8>>> = vec![None; reader.fields.len()];
        for field in &writer.fields {
            match reader.fields.iter().position(|wanted| wanted.name == field.name) {
                Some(index) => {
                    let bytes = fields[index].insert(Vec::new());
                    self.value(&field.schema, &reader.fields[index].schema, input, bytes, depth + 1)?;
                }
                None => drop(view::value(&field.schema, &self.written, input, depth + 1)?),
            }
        }
        for (field, bytes) in reader.fields.iter().zip(fields) {
            match (bytes, &field.default) {
                (Some(bytes), _) => out.extend_from_slice(&bytes),
                (None, Some(default)) => out.extend(encoded(default, &field.schema)?),
                (None, None) => return Err(invalid("schema")(format!("{} is not written", field.name))),
            }
        }
        Ok(())
    }

    fn variant(
        &self,
        writer: &UnionSchema,
        reader: &UnionSchema,
        input: &mut Decoder,
        out: &mut Vec<u8>,
        depth: usize,
    ) -> Result<(), Unreadable> {
        let index: usize = input.ranged("a union")?;
        let variant = writer.variants().get(index).ok_or_else(|| invalid("union")("no such variant"))?;
        let variant = self.written.named(variant)?;
        for (index, candidate) in reader.variants().iter().enumerate() {
            let candidate = self.read.named(candidate)?;
            if SchemaKind::from(candidate) == SchemaKind::from(variant) {
                Encoder::new(out).count(index as u64);
                return self.value(variant, candidate, input, out, depth + 1);
            }
        }
        Err(invalid("union")("a variant that this version does not know"))
    }

    fn blocks(
        &self,
        input: &mut Decoder,
        out: &mut Vec<u8>,
        mut element: impl FnMut(&mut Decoder, &mut Vec<u8>) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        loop {
            let count = input.block()?;
            Encoder::new(out).count(count as u64);
            if count == 0 {
                return Ok(());
            }
            for _ in 0..count {
                element(input, out)?;
            }
        }
    }
}

/// A symbol that the reader does not know becomes its default, UNKNOWN.
fn symbol(writer: &EnumSchema, reader: &EnumSchema, input: &mut Decoder, out: &mut Vec<u8>) -> Result<(), Unreadable> {
    let index: usize = input.ranged("an enum")?;
    let symbol = writer.symbols.get(index).ok_or_else(|| invalid("enum")("no such symbol"))?;
    let known = |symbol: &String| reader.symbols.iter().position(|known| known == symbol);
    let index = known(symbol).or_else(|| known(reader.default.as_ref()?));
    Encoder::new(out).count(index.ok_or_else(|| invalid("enum")(format!("{symbol} is unknown")))? as u64);
    Ok(())
}

/// A field's default in the reader's schema.
fn encoded(default: &serde_json::Value, schema: &Schema) -> Result<Vec<u8>, Unreadable> {
    let bytes = || -> apache_avro::AvroResult<Vec<u8>> {
        let value = Value::try_from(default.clone())?.resolve(schema)?;
        GenericDatumWriter::builder(schema).build()?.write_value_to_vec(value)
    };
    bytes().map_err(invalid("default"))
}
