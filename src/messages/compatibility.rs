//! May this schema follow those before it? Full and transitive: every version reads every other, and loses nothing.
//!
//! Avro's own rules let meaning change under the same bytes: a date may become a number, a lost enum symbol its default.
//! Records of ours are kept for years and audited, so such steps count as differences here too.

use apache_avro::Schema;
use apache_avro::schema::{EnumSchema, RecordSchema, SchemaKind, UnionSchema};
use apache_avro::schema_compatibility::{Compatibility, SchemaCompatibility};

/// One reason why a reader cannot do without loss what a writer wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct Difference {
    /// Field names from the record's root.
    pub path: String,
    pub problem: String,
}

/// Every reason why `next` may not follow the versions before it: both directions, each version.
pub fn full_transitive(history: &[Schema], next: &Schema) -> Vec<Difference> {
    let mut differences = Vec::new();
    for (index, earlier) in history.iter().enumerate() {
        let version = index + 1;
        let directions = [(earlier, next, "reading its records"), (next, earlier, "it reading ours")];
        for (writer, reader, direction) in directions {
            differences.extend(can_read(writer, reader).into_iter().map(|difference| Difference {
                problem: format!("{} (version {version}, {direction})", difference.problem),
                ..difference
            }));
        }
        differences.extend(lost_symbols(earlier, next, version));
    }
    differences
}

/// Every reason why records of `writer` cannot be read by `reader` with their full meaning.
///
/// A symbol that the reader does not know is allowed: it is read as UNKNOWN and refused record by record.
pub fn can_read(writer: &Schema, reader: &Schema) -> Vec<Difference> {
    let mut differences = Vec::new();
    compare(writer, reader, "", &mut |_| (), &mut differences);
    if differences.is_empty() {
        match SchemaCompatibility::can_read(writer, reader) {
            Ok(Compatibility::Full) => {}
            Ok(Compatibility::Partial) => differences.push(difference("", "only some of its values can be read")),
            Err(error) => differences.push(difference("", error.to_string())),
        }
    }
    differences
}

fn lost_symbols(earlier: &Schema, next: &Schema, version: usize) -> Vec<Difference> {
    let mut lost = Vec::new();
    let mut enums = |(path, before, after): (&str, &EnumSchema, &EnumSchema)| {
        for symbol in before.symbols.iter().filter(|symbol| !after.symbols.contains(symbol)) {
            lost.push(difference(path, format!("symbol {symbol} of version {version} is gone")));
        }
    };
    compare(earlier, next, "", &mut enums, &mut Vec::new());
    lost
}

/// Walks both schemas side by side, by field name; `enums` sees every pair of enums.
fn compare(
    writer: &Schema,
    reader: &Schema,
    path: &str,
    enums: &mut dyn FnMut((&str, &EnumSchema, &EnumSchema)),
    differences: &mut Vec<Difference>,
) {
    match (writer, reader) {
        (Schema::Record(writer), Schema::Record(reader)) => fields(writer, reader, path, enums, differences),
        (Schema::Array(writer), Schema::Array(reader)) => {
            compare(&writer.items, &reader.items, &format!("{path}[]"), enums, differences);
        }
        (Schema::Map(writer), Schema::Map(reader)) => {
            compare(&writer.types, &reader.types, &format!("{path}{{}}"), enums, differences);
        }
        (Schema::Union(writer), Schema::Union(reader)) => variants(writer, reader, path, enums, differences),
        (Schema::Enum(writer), Schema::Enum(reader)) => {
            enums((path, writer, reader));
            if reader.default.is_none() && writer.symbols.iter().any(|symbol| !reader.symbols.contains(symbol)) {
                differences.push(difference(path, "symbols without a default for readers that do not know them"));
            }
        }
        (Schema::Decimal(writer), Schema::Decimal(reader)) => {
            if (writer.precision, writer.scale) != (reader.precision, reader.scale) {
                let problem = format!(
                    "decimal({},{}) is not decimal({},{})",
                    writer.precision, writer.scale, reader.precision, reader.scale
                );
                differences.push(difference(path, problem));
            }
        }
        (Schema::Fixed(writer), Schema::Fixed(reader)) if writer.size != reader.size => {
            differences.push(difference(path, format!("{} bytes are not {}", writer.size, reader.size)));
        }
        (Schema::Ref { name: writer }, Schema::Ref { name: reader }) if writer.name() != reader.name() => {
            differences.push(difference(path, format!("{writer} is not {reader}")));
        }
        // A type that is spelled out in one version may be a reference in the other: the Avro library follows neither, and
        // moving a definition is never needed.
        _ if SchemaKind::from(writer) != SchemaKind::from(reader) => {
            let problem = format!("{:?} is not {:?}", SchemaKind::from(writer), SchemaKind::from(reader));
            differences.push(difference(path, problem));
        }
        _ => {}
    }
}

fn fields(
    writer: &RecordSchema,
    reader: &RecordSchema,
    path: &str,
    enums: &mut dyn FnMut((&str, &EnumSchema, &EnumSchema)),
    differences: &mut Vec<Difference>,
) {
    if writer.name.name() != reader.name.name() {
        differences.push(difference(path, format!("record {} is not {}", writer.name.name(), reader.name.name())));
    }
    for field in &reader.fields {
        let path = if path.is_empty() { field.name.clone() } else { format!("{path}.{}", field.name) };
        match writer.fields.iter().find(|written| written.name == field.name) {
            Some(written) => compare(&written.schema, &field.schema, &path, enums, differences),
            None if field.default.is_none() => {
                differences.push(difference(&path, "not written, and no default to read instead"));
            }
            None => {}
        }
    }
}

fn variants(
    writer: &UnionSchema,
    reader: &UnionSchema,
    path: &str,
    enums: &mut dyn FnMut((&str, &EnumSchema, &EnumSchema)),
    differences: &mut Vec<Difference>,
) {
    for variant in writer.variants() {
        let kind = SchemaKind::from(variant);
        match reader.variants().iter().find(|candidate| SchemaKind::from(*candidate) == kind) {
            Some(candidate) => compare(variant, candidate, path, enums, differences),
            None => differences.push(difference(path, format!("{kind:?} is not among the variants"))),
        }
    }
}

fn difference(path: &str, problem: impl Into<String>) -> Difference {
    let path = if path.is_empty() { "record" } else { path };
    Difference { path: path.into(), problem: problem.into() }
}
