//! `watch`: the records of a topic decoded, or how a job stands.

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value, json};

use super::exit::Exit;
use super::failure::Failure;
use super::known_job;
use super::output::{Ink, Output, line};
use super::parts;
use super::session::Session;
use super::shown_job;
use super::tail::{From, Tail};
use crate::domain::jobs::collect::Stage;
use crate::engine::batch::Record;
use crate::engine::broker::Broker;
use crate::messages::schemas::Schemas;
use crate::messages::view;
use crate::pipeline::topics;

/// Shows committed records of a topic decoded, or a job until it ends
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Name of a topic or of a job
    what: String,
    /// Name of a job that is called like a topic, after `job`
    job: Option<String>,
    /// Where to begin; `end` follows
    #[arg(long, value_enum, default_value = "start")]
    from: From,
    /// Go on when everything that is there has been shown
    #[arg(short, long)]
    follow: bool,
    /// End after this many records
    #[arg(long, value_name = "N")]
    max: Option<u64>,
    /// Only records with this key
    #[arg(long)]
    key: Option<String>,
}

pub fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let job = match (arguments.what.as_str(), &arguments.job) {
        ("job", Some(job)) => Some(job.as_str()),
        (what, Some(extra)) => {
            return Err(Failure::usage(format!(
                "{extra}: {what} takes no further name; did you mean `watch job {extra}`?"
            )));
        }
        (what, None) => Some(what).filter(|what| topics::named(what).is_none()),
    };
    let config = session.config()?;
    let broker = parts::broker(&config)?;
    let schemas = parts::schemas(&config)?;
    match (job, topics::named(&arguments.what)) {
        (None, Some(topic)) => watch_topic(arguments, topic, session, broker.as_ref(), &schemas),
        _ => watch_job(job.unwrap_or(&arguments.what), session, broker.as_ref(), &schemas),
    }
}

fn watch_topic(
    arguments: &Arguments,
    topic: &'static str,
    session: &Session,
    broker: &dyn Broker,
    schemas: &Arc<Schemas>,
) -> Result<Exit, Failure> {
    let follow = arguments.follow || arguments.from == From::End;
    let most = arguments.max.unwrap_or(u64::MAX);
    let mut tail = match &arguments.key {
        Some(key) => Tail::of_key(broker, topic, key.as_bytes(), arguments.from)?,
        None => Tail::open(broker, topic, arguments.from)?,
    };
    let mut shown = 0;
    while shown < most && (follow || !tail.caught_up()) {
        tail.round(|record| {
            let wanted = arguments.key.as_ref().is_none_or(|key| record.key == Some(key.as_bytes()));
            if wanted && shown < most {
                shown += 1;
                say(record, schemas, &session.output)?;
            }
            Ok(())
        })?;
    }
    Ok(Exit::Ok)
}

fn say(record: &Record<'_>, schemas: &Schemas, output: &Output) -> Result<(), Failure> {
    let (value, good) = value(record.value, schemas);
    let place = format!("{}@{}", record.from, record.offset);
    let key = record.key.map_or(Value::Null, view::bytes);
    let human = || {
        let ink = if good { Ink::Faint } else { Ink::Bad };
        format!("{} {} {value}", output.ink(ink, &place), line(key.as_str().unwrap_or("(no key)")))
    };
    let human = human();
    let headers: Map<_, _> =
        record.headers.iter().map(|header| (header.name.clone(), view::bytes(&header.value))).collect();
    let json = json!({
        "topic": record.from.topic,
        "partition": record.from.partition,
        "offset": record.offset,
        "timestamp": instant(record.timestamp_us),
        "key": key,
        "headers": headers,
        "value": value,
    });
    output.say(json, human)
}

/// A value decoded, or what it is instead; and whether it could be decoded.
pub fn value(bytes: Option<&[u8]>, schemas: &Schemas) -> (Value, bool) {
    let Some(bytes) = bytes else { return (Value::Null, true) };
    match view::record(schemas, bytes) {
        Ok(value) => (value, true),
        Err(error) => (json!({ "undecodable": error.to_string(), "bytes": view::bytes(bytes) }), false),
    }
}

pub fn instant(us: i64) -> Value {
    DateTime::from_timestamp_micros(us)
        .map_or(us.into(), |instant| instant.to_rfc3339_opts(SecondsFormat::Micros, true).into())
}

fn watch_job(name: &str, session: &Session, broker: &dyn Broker, schemas: &Schemas) -> Result<Exit, Failure> {
    let job = known_job::named(name)?;
    let known = known_job::known(broker, schemas, &job)?.or_unknown(&job).map_err(|failure| {
        let names: Vec<_> = topics::all().collect();
        let next = failure.next.clone().unwrap_or_default();
        failure.next(format!("{next}; topics are {}", names.join(", ")))
    })?;
    let output = &session.output;
    if let Some(outcome) = known.outcome {
        return shown_job::show(&outcome, output);
    }
    let mut exit = Exit::Ok;
    known_job::follow(broker, schemas, &job, None, |progress| {
        match &progress.stage {
            Stage::Ended(outcome) => exit = shown_job::show(outcome, output)?,
            Stage::Collecting(_) => {
                output.say(shown_job::progress_json(&progress), shown_job::progress_text(&progress))?
            }
        }
        Ok(matches!(progress.stage, Stage::Ended(_)))
    })?;
    Ok(exit)
}
