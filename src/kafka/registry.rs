//! Schema ids from a registry with the Confluent API. What has been learnt stays known: a registry that goes down later
//! changes nothing for schemas already seen.

use std::collections::HashMap;
use std::error::Error as _;
use std::hash::Hash;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use schema_registry_converter::blocking::schema_registry::{
    SrSettings, get_schema_by_id, is_compatible_schema, post_schema,
};
use schema_registry_converter::error::SRCError;
use schema_registry_converter::schema_registry_common::{RawError, SchemaType, SuppliedSchema};

use crate::messages::schemas::{RegistryUnavailable, SchemaIds};

/// An answer takes milliseconds; a worker must not hang on a registry longer than this.
const PATIENCE: Duration = Duration::from_secs(5);

/// A registry's own code for "there is no such schema", and the subject's or version's counterparts.
const NOT_FOUND: [u32; 3] = [40401, 40402, 40403];

/// What a registry says to all but one of those who register the same schema at once, each in its own words and codes. Who asks
/// again is told the id; a schema that is not compatible is in conflict each time.
const CONFLICT: &str = "409";
const TRIES: u32 = 3;

/// The registry at one address, with everything that it has told.
pub struct Registry {
    settings: SrSettings,
    ids: RwLock<HashMap<(String, String), u32>>,
    schemas: RwLock<HashMap<u32, String>>,
}

impl Registry {
    /// `url` is where the Confluent API starts. Asks nothing yet.
    pub fn new(url: &str) -> Result<Self, RegistryUnavailable> {
        let settings = SrSettings::new_builder(url.trim_end_matches('/').to_owned())
            .set_timeout(PATIENCE)
            .build()
            .map_err(|error| unavailable("use this address", &error))?;
        Ok(Registry { settings, ids: RwLock::default(), schemas: RwLock::default() })
    }

    /// Whether the registry would take this schema as the subject's next version.
    pub fn compatible(&self, subject: &str, schema: &str) -> Result<bool, RegistryUnavailable> {
        match is_compatible_schema(&self.settings, subject.to_owned(), avro(schema)) {
            // The first version has nothing to be compatible with.
            Err(error) if not_found(&error) => Ok(true),
            answer => answer.map_err(|error| unavailable(&format!("check the next schema of {subject}"), &error)),
        }
    }
}

impl SchemaIds for Registry {
    fn id(&self, subject: &str, schema: &str) -> Result<u32, RegistryUnavailable> {
        let asked = (subject.to_owned(), schema.to_owned());
        known(&self.ids, asked, || {
            let register = || post_schema(&self.settings, subject.to_owned(), avro(schema));
            let mut registered = register();
            for _ in 1..TRIES {
                if !registered.as_ref().is_err_and(in_conflict) {
                    break;
                }
                registered = register();
            }
            let registered =
                registered.map_err(|error| unavailable(&format!("register the schema of {subject}"), &error))?;
            Ok(Some(registered.id))
        })?
        .ok_or_else(|| RegistryUnavailable(format!("no id for the schema of {subject}")))
    }

    /// "Not there" is not remembered: the schema may be registered a moment later.
    fn schema(&self, id: u32) -> Result<Option<String>, RegistryUnavailable> {
        // Registries count in positive 32-bit integers; what they say of others is no answer.
        if i32::try_from(id).is_err() {
            return Ok(None);
        }
        known(&self.schemas, id, || match get_schema_by_id(id, &self.settings) {
            Ok(registered) => Ok(Some(registered.schema)),
            Err(error) if not_found(&error) => Ok(None),
            Err(error) => Err(unavailable(&format!("read schema {id}"), &error)),
        })
    }
}

/// The remembered answer, or the one that is asked for now.
fn known<K: Hash + Eq, V: Clone>(
    answers: &RwLock<HashMap<K, V>>,
    key: K,
    ask: impl FnOnce() -> Result<Option<V>, RegistryUnavailable>,
) -> Result<Option<V>, RegistryUnavailable> {
    if let Some(answer) = answers.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return Ok(Some(answer.clone()));
    }
    let answer = ask()?;
    if let Some(answer) = &answer {
        answers.write().unwrap_or_else(PoisonError::into_inner).insert(key, answer.clone());
    }
    Ok(answer)
}

fn avro(schema: &str) -> SuppliedSchema {
    SuppliedSchema::new(None, SchemaType::Avro, schema.to_owned())
}

fn not_found(error: &SRCError) -> bool {
    let told = error.source().and_then(|source| source.downcast_ref::<RawError>());
    told.is_some_and(|told| NOT_FOUND.contains(&told.error_code))
}

/// By the HTTP status, which the client has in its words only.
fn in_conflict(error: &SRCError) -> bool {
    error.error.contains(CONFLICT)
}

fn unavailable(tried: &str, error: &SRCError) -> RegistryUnavailable {
    let cause = error.cause.as_deref().map(|cause| format!(": {cause}")).unwrap_or_default();
    RegistryUnavailable(format!("cannot {tried}: {}{cause}", error.error))
}
