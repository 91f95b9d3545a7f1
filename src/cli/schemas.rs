//! `schemas`: may the schemas of this version follow those before them? And: make them known to the registry.

use apache_avro::Schema;
use serde_json::json;

use super::exit::Exit;
use super::failure::Failure;
use super::parts;
use super::session::Session;
use crate::kafka::registry::Registry;
use crate::messages::compatibility::full_transitive;
use crate::messages::schemas::{SchemaIds, SchemaName, subject};
use crate::pipeline::topic_files::{self, Compatibility};

/// Checks schemas against their history and registers them
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Every schema against all its earlier versions, and against the registry if one is set
    Check,
    /// Registers the schema of every topic
    Register,
}

pub fn run(command: &Command, session: &Session) -> Result<Exit, Failure> {
    let differences = differences();
    if !differences.is_empty() {
        let lines: Vec<_> = differences.iter().map(|(schema, problem)| format!("{schema}: {problem}")).collect();
        session.output.say(json!({ "compatible": false, "differences": lines }), lines.join("\n"))?;
        return Ok(Exit::Precondition);
    }
    let config = session.config()?;
    let registry = config.registry.as_deref().map(Registry::new).transpose()?;
    match (command, registry) {
        (Command::Check, registry) => {
            let refused = match &registry {
                Some(registry) => refused(registry, &|topic| parts::full_name(&config, topic))?,
                None => Vec::new(),
            };
            let checked = if registry.is_some() { "history and registry" } else { "history" };
            let human = match refused.is_empty() {
                true => format!("{} schemas are compatible with their {checked}", SchemaName::ALL.len()),
                false => format!("the registry would refuse: {}", refused.join(", ")),
            };
            session
                .output
                .say(json!({ "compatible": refused.is_empty(), "checked": checked, "refused": refused }), human)?;
            Ok(if refused.is_empty() { Exit::Ok } else { Exit::Precondition })
        }
        (Command::Register, Some(registry)) => {
            for (topic, schema) in topic_files::subjects() {
                let subject = subject(&parts::full_name(&config, topic));
                let id = registry.id(&subject, schema.current())?;
                session.output.say(
                    json!({ "subject": subject, "schema": schema.as_str(), "id": id }),
                    format!("{subject}: {} has id {id}", schema.as_str()),
                )?;
            }
            Ok(Exit::Ok)
        }
        (Command::Register, None) => Err(Failure::usage("registry.url is not set: there is nothing to register with")
            .next("set BOOKFLOW_REGISTRY__URL; without a registry, schemas are compiled in")),
    }
}

/// Every reason why a schema may not follow its earlier versions.
fn differences() -> Vec<(&'static str, String)> {
    let free: Vec<_> = topic_files::embedded()
        .into_iter()
        .filter(|spec| spec.compatibility == Compatibility::None)
        .map(|spec| spec.schema)
        .collect();
    let mut differences = Vec::new();
    for &name in SchemaName::ALL.iter().filter(|name| !free.contains(name)) {
        let parse = |text: &&str| Schema::parse_str(text).expect("a test parses every schema that is compiled in");
        let history: Vec<_> = name.history().iter().map(parse).collect();
        let found = full_transitive(&history, &name.parsed());
        differences.extend(found.into_iter().map(|difference| (name.as_str(), difference.to_string())));
    }
    differences
}

fn refused(registry: &Registry, full_name: &dyn Fn(&str) -> String) -> Result<Vec<String>, Failure> {
    let mut refused = Vec::new();
    for (topic, schema) in topic_files::subjects() {
        let subject = subject(&full_name(topic));
        if !registry.compatible(&subject, schema.current())? {
            refused.push(subject);
        }
    }
    Ok(refused)
}
