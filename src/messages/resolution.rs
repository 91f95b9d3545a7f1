//! Records of other versions of a schema, brought into our own version by field name in one pass over the bytes.
//!
//! Not by the Avro library: its resolution refuses decimals shorter than their precision, takes what is cut short for
//! null, and sets aside room for any count it is told.

use apache_avro::Schema;
use apache_avro::schema::{EnumSchema, NamesRef, RecordSchema, ResolvedSchema, SchemaKind, UnionSchema};
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;

use crate::messages::compatibility;
use crate::messages::schemas::Undecodable;
use crate::messages::view::{self, DEPTH_MAX};
use crate::messages::wire::{Decoder, Encoder, Unreadable, invalid};

/// The body as a writer with `reader` for its schema would have written it.
pub fn resolve(
    writer: &Schema,
    reader: &Schema,
    body: &[u8],
    incompatible: impl Fn(String) -> Undecodable,
) -> Result<Vec<u8>, Undecodable> {
    if let Some(difference) = compatibility::can_read(writer, reader).into_iter().next() {
        return Err(incompatible(difference.to_string()));
    }
    let names = |schema| ResolvedSchema::new(schema).map_err(|error| incompatible(error.to_string()));
    let (written, read) = (names(writer)?, names(reader)?);
    let resolution = Resolution { written: written.get_names(), read: read.get_names() };
    let mut input = Decoder::new(body);
    let mut out = Vec::with_capacity(body.len());
    resolution.value(writer, reader, &mut input, &mut out, 0)?;
    input.finish()?;
    Ok(out)
}

/// Two schemas of which it is known that the one can read the other: kinds of leaves are the same.
struct Resolution<'a> {
    written: &'a NamesRef<'a>,
    read: &'a NamesRef<'a>,
}

impl Resolution<'_> {
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
        let (writer, reader) = (view::named(writer, self.written)?, view::named(reader, self.read)?);
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
                out.extend_from_slice(input.span(|input| view::value(leaf, self.written, input, depth).map(drop))?);
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
                None => drop(view::value(&field.schema, self.written, input, depth + 1)?),
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
        let variant = view::named(variant, self.written)?;
        for (index, candidate) in reader.variants().iter().enumerate() {
            let candidate = view::named(candidate, self.read)?;
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
