//! May this schema follow those before it? Full and transitive: every version reads every other, and loses nothing.
//!
//! Avro's own rules let meaning change under the same bytes: a date may become a number, a lost enum symbol its default.
//! Records of ours are kept for years and audited, so such steps count as differences here too.

use apache_avro::Schema;
use apache_avro::schema::{EnumSchema, RecordSchema, SchemaKind, UnionSchema};

use crate::messages::resolved::Resolved;
use crate::messages::view::DEPTH_MAX;

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
    let mut found = Vec::new();
    for (index, earlier) in history.iter().enumerate() {
        let (earlier, next) = match (Resolved::new(earlier.clone()), Resolved::new(next.clone())) {
            (Ok(earlier), Ok(next)) => (earlier, next),
            (Err(error), _) | (_, Err(error)) => {
                found.push(Difference { path: "record".into(), problem: error.to_string() });
                continue;
            }
        };
        let forth = Comparison { keep_symbols: true, ..Comparison::new(&earlier, &next) }.run();
        let back = can_read(&next, &earlier);
        for (differences, direction) in [(forth, "reading its records"), (back, "its reading ours")] {
            found.extend(differences.into_iter().map(|difference| Difference {
                problem: format!("{} (version {}, {direction})", difference.problem, index + 1),
                ..difference
            }));
        }
    }
    found
}

/// Every reason why records of `writer` cannot be read by `reader` with their full meaning.
///
/// A symbol that the reader does not know is allowed: it is read as UNKNOWN and refused record by record.
pub fn can_read(writer: &Resolved, reader: &Resolved) -> Vec<Difference> {
    Comparison::new(writer, reader).run()
}

/// A walk over two schemas side by side, by field name.
struct Comparison<'a> {
    /// A later version of our own knows every symbol that was ever written.
    keep_symbols: bool,
    written: &'a Resolved,
    read: &'a Resolved,
    found: Vec<Difference>,
}

impl<'a> Comparison<'a> {
    fn new(written: &'a Resolved, read: &'a Resolved) -> Self {
        Comparison { keep_symbols: false, written, read, found: Vec::new() }
    }

    fn run(mut self) -> Vec<Difference> {
        self.value(self.written.root(), self.read.root(), "", 0);
        self.found
    }

    fn value(&mut self, writer: &'a Schema, reader: &'a Schema, path: &str, depth: usize) {
        if depth > DEPTH_MAX {
            return self.differ(path, "nested too deep");
        }
        let (writer, reader) = match (self.written.named(writer), self.read.named(reader)) {
            (Ok(writer), Ok(reader)) => (writer, reader),
            (Err(error), _) | (_, Err(error)) => return self.differ(path, error.to_string()),
        };
        match (writer, reader) {
            (Schema::Record(writer), Schema::Record(reader)) => self.fields(writer, reader, path, depth),
            (Schema::Array(writer), Schema::Array(reader)) => {
                self.value(&writer.items, &reader.items, &format!("{path}[]"), depth + 1);
            }
            (Schema::Map(writer), Schema::Map(reader)) => {
                self.value(&writer.types, &reader.types, &format!("{path}{{}}"), depth + 1);
            }
            (Schema::Union(writer), Schema::Union(reader)) => self.variants(writer, reader, path, depth),
            (Schema::Enum(writer), Schema::Enum(reader)) => self.symbols(writer, reader, path),
            (Schema::Decimal(writer), Schema::Decimal(reader)) => {
                let (ours, theirs) = ((reader.precision, reader.scale), (writer.precision, writer.scale));
                if ours != theirs {
                    self.differ(path, format!("decimal{theirs:?} is not decimal{ours:?}"));
                }
            }
            (Schema::Fixed(writer), Schema::Fixed(reader)) if writer.size != reader.size => {
                self.differ(path, format!("{} bytes are not {}", writer.size, reader.size));
            }
            _ => {
                let (ours, theirs) = (SchemaKind::from(reader), SchemaKind::from(writer));
                if ours != theirs {
                    self.differ(path, format!("{theirs:?} is not {ours:?}"));
                }
            }
        }
    }

    fn fields(&mut self, writer: &'a RecordSchema, reader: &'a RecordSchema, path: &str, depth: usize) {
        if writer.name.name() != reader.name.name() {
            self.differ(path, format!("record {} is not {}", writer.name.name(), reader.name.name()));
        }
        for field in &reader.fields {
            let path = if path.is_empty() { field.name.clone() } else { format!("{path}.{}", field.name) };
            match writer.fields.iter().find(|written| written.name == field.name) {
                Some(written) => self.value(&written.schema, &field.schema, &path, depth + 1),
                None if field.default.is_none() => self.differ(&path, "not written, and no default to read instead"),
                None => {}
            }
        }
    }

    fn variants(&mut self, writer: &'a UnionSchema, reader: &'a UnionSchema, path: &str, depth: usize) {
        for variant in writer.variants() {
            let kind = self.written.named(variant).map(SchemaKind::from);
            let same = |other: &&Schema| self.read.named(other).map(SchemaKind::from) == kind;
            match reader.variants().iter().find(same) {
                Some(other) => self.value(variant, other, path, depth + 1),
                None => self.differ(path, format!("{:?} is not among the variants", SchemaKind::from(variant))),
            }
        }
    }

    fn symbols(&mut self, writer: &EnumSchema, reader: &EnumSchema, path: &str) {
        for symbol in writer.symbols.iter().filter(|symbol| !reader.symbols.contains(symbol)) {
            if self.keep_symbols {
                self.differ(path, format!("symbol {symbol} is gone"));
            } else if reader.default.is_none() {
                self.differ(path, format!("symbol {symbol} is unknown, and there is no default to read instead"));
            }
        }
    }

    fn differ(&mut self, path: &str, problem: impl Into<String>) {
        let path = if path.is_empty() { "record" } else { path };
        self.found.push(Difference { path: path.into(), problem: problem.into() });
    }
}

#[cfg(test)]
mod tests {
    use apache_avro::schema_compatibility::{Compatibility, SchemaCompatibility};

    use super::*;
    use crate::messages::schemas::SchemaName;

    /// What is said when the trade schema, changed by `change`, would follow the trade schema.
    fn after(change: impl FnOnce(&mut serde_json::Value)) -> Vec<String> {
        let mut next: serde_json::Value = serde_json::from_str(SchemaName::Trade.current()).expect("valid");
        change(&mut next);
        let (now, next) = (SchemaName::Trade.parsed(), Schema::parse(&next).expect("the test makes valid schemas"));
        let differences = full_transitive(std::slice::from_ref(&now), &next);
        // The Avro library's opinion may be milder than ours, never stricter.
        if differences.is_empty() {
            assert_eq!(SchemaCompatibility::mutual_read(&now, &next), Ok(Compatibility::Full));
        }
        differences.iter().map(ToString::to_string).collect()
    }

    fn field<'a>(schema: &'a mut serde_json::Value, name: &str) -> &'a mut serde_json::Value {
        let fields = schema["fields"].as_array_mut().expect("a record");
        fields.iter_mut().find(|field| field["name"] == name).expect("the field is there")
    }

    fn refused(differences: Vec<String>, wanted: &str) {
        assert!(differences.iter().any(|difference| difference.contains(wanted)), "{differences:?}");
    }

    #[test]
    fn every_schema_may_follow_its_history_and_is_its_last_version() {
        for name in SchemaName::ALL {
            let history: Vec<_> = name.history().iter().map(|text| Schema::parse_str(text).expect("valid")).collect();
            assert_eq!(full_transitive(&history, &name.parsed()), [], "{}", name.as_str());
            assert_eq!(
                name.history().last(),
                Some(&name.current()),
                "copy schemas/{0}.avsc to schemas/history/{0}/{1}.avsc and add the version to `schema_names!`",
                name.as_str(),
                history.len() + 1
            );
        }
    }

    #[test]
    fn additions_with_a_default_and_new_symbols_may_follow() {
        let more = after(|schema| {
            let later = serde_json::json!({"name": "later", "type": ["null", "string"], "default": null});
            schema["fields"].as_array_mut().expect("a record").push(later);
            field(schema, "event")["type"]["symbols"].as_array_mut().expect("symbols").push("NOVATE".into());
            field(schema, "account")["doc"] = "Another comment.".into();
        });
        assert_eq!(more, [""; 0]);
    }

    #[test]
    fn a_field_without_a_default_neither_comes_nor_goes() {
        let more = after(|schema| {
            schema["fields"]
                .as_array_mut()
                .expect("a record")
                .push(serde_json::json!({"name": "desk", "type": "string"}));
        });
        refused(more, "desk: not written, and no default");
        let fewer = after(|schema| {
            schema["fields"].as_array_mut().expect("a record").retain(|field| field["name"] != "book");
        });
        refused(fewer, "book: not written, and no default");
    }

    #[test]
    fn a_nullable_field_may_go_but_not_become_required() {
        let gone = after(|schema| {
            schema["fields"].as_array_mut().expect("a record").retain(|field| field["name"] != "rebook");
        });
        assert_eq!(gone, [""; 0]);
        let required = after(|schema| {
            let terms = field(schema, "terms");
            terms["type"] = terms["type"][1].clone();
            terms.as_object_mut().expect("a field").remove("default");
        });
        refused(required, "terms: Union is not Record");
    }

    #[test]
    fn a_symbol_stays_for_ever() {
        let gone = after(|schema| {
            field(schema, "event")["type"]["symbols"].as_array_mut().expect("symbols").retain(|name| name != "FORCE");
        });
        refused(gone, "event: symbol FORCE is gone");
        let no_default = after(|schema| {
            let event = &mut field(schema, "event")["type"];
            event["symbols"].as_array_mut().expect("symbols").push("NOVATE".into());
            event.as_object_mut().expect("an enum").remove("default");
        });
        assert_eq!(no_default, [""; 0], "the older reader has a default, the newer one knows every symbol");
    }

    #[test]
    fn types_neither_narrow_nor_widen_nor_change_their_meaning() {
        let terms = |change: fn(&mut serde_json::Value)| after(|schema| change(&mut field(schema, "terms")["type"][1]));
        refused(after(|schema| field(schema, "version")["type"] = "long".into()), "version: Int is not Long");
        refused(terms(|terms| field(terms, "source_seq")["type"] = "int".into()), "source_seq: Long is not Int");
        refused(terms(|terms| field(terms, "trade_date")["type"] = "int".into()), "terms.trade_date: Date is not Int");
        refused(terms(|terms| field(terms, "quantity")["type"] = "bytes".into()), "quantity: Decimal is not Bytes");
        refused(
            terms(|terms| field(terms, "price")["type"]["scale"] = 8.into()),
            "decimal(28, 10) is not decimal(28, 8)",
        );
        refused(
            terms(|terms| field(terms, "exec_time")["type"]["logicalType"] = "timestamp-millis".into()),
            "exec_time: TimestampMicros is not TimestampMillis",
        );
        refused(after(|schema| field(schema, "account")["type"] = "bytes".into()), "account: String is not Bytes");
    }

    #[test]
    fn a_field_that_changes_its_name_is_another_field() {
        refused(after(|schema| field(schema, "account")["name"] = "client".into()), "account: not written");
        refused(after(|schema| schema["name"] = "Deal".into()), "record Deal is not Trade");
    }
}
