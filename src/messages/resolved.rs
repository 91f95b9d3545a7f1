//! A schema together with what the names inside it stand for.

use std::collections::HashMap;

use apache_avro::schema::{Name, ResolvedSchema};
use apache_avro::{AvroResult, Schema};

use crate::messages::wire::{Unreadable, invalid};

/// A schema that can be walked from its root without meeting an unknown name.
pub struct Resolved {
    root: Schema,
    names: HashMap<Name, Schema>,
}

impl Resolved {
    pub fn new(root: Schema) -> AvroResult<Resolved> {
        let names = ResolvedSchema::new(&root)?;
        let names = names.get_names().iter().map(|(name, schema)| (name.clone(), (*schema).clone())).collect();
        Ok(Resolved { root, names })
    }

    pub fn root(&self) -> &Schema {
        &self.root
    }

    /// The schema itself, where a name stands for it.
    pub fn named<'a>(&'a self, schema: &'a Schema) -> Result<&'a Schema, Unreadable> {
        match schema {
            Schema::Ref { name } => self.names.get(name).ok_or_else(|| invalid("schema")("a name refers to nothing")),
            schema => Ok(schema),
        }
    }
}
